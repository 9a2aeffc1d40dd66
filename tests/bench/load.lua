-- Copyright (C) the Sallyport authors
--
-- wrk's side: cycles through the requests of a file (a line: KEY ADDRESS),
-- prints what it measured as one line of JSON.
--
--   wrk ... -s load.lua URL -- FILE [FIRST]

local requests, at, total = {}, 0, 0

local text = string.rep("The door is guarded on both sides, and someone asks. ", 17)
local body = '{"messages":[{"role":"system","content":"Be brief."},' ..
    '{"role":"user","content":"' .. text .. '"}],"temperature":0.2,' ..
    '"model":"gpt-4o","max_tokens":64}'

function init(args)
    for line in io.lines(args[1]) do
        local key, address = line:match("^(%S+) (%S+)$")

        requests[#requests + 1] = wrk.format("POST", "/v1/chat/completions", {
            ["Host"] = "models.test",
            ["Authorization"] = "Bearer " .. key,
            ["X-Forwarded-For"] = address,
            ["Content-Type"] = "application/json",
        }, body)
    end

    total = #requests
    at = tonumber(args[2] or 0) % total
end

function request()
    at = at % total + 1

    return requests[at]
end

function done(summary, latency)
    local e = summary.errors

    io.write(string.format(
        '\n{"requests":%d,"duration_us":%d,"p50_us":%d,"p99_us":%d,' ..
        '"refused":%d,"errors":%d}\n', summary.requests, summary.duration,
        latency:percentile(50), latency:percentile(99), e.status,
        e.connect + e.read + e.write + e.timeout))
end
