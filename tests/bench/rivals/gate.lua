-- Copyright (C) the Sallyport authors
--
-- The gate's checks in Lua, as fast as they can be written: SHA-256 by
-- libcrypto through the FFI, decoded records kept by each worker for five
-- seconds, the state of a bucket as a C structure in a shared dictionary.

local cjson = require "cjson.safe"
local ffi = require "ffi"
local lrucache = require "resty.lrucache"

ffi.cdef [[
    typedef struct { unsigned char opaque[128]; } bench_sha256_t;
    int SHA256_Init(bench_sha256_t *c);
    int SHA256_Update(bench_sha256_t *c, const void *data, size_t len);
    int SHA256_Final(unsigned char *md, bench_sha256_t *c);
    typedef struct { double tokens; double last; } bench_bucket_t;
]]

local C = ffi.C
local context = ffi.new("bench_sha256_t")
local digest = ffi.new("unsigned char[32]")
local bucket = ffi.new("bench_bucket_t")
local bucket_ptr = ffi.typeof("const bench_bucket_t *")
local records = lrucache.new(20000)
local tiers

local _M = {}


local function bytes_of(hex)
    return (hex:gsub("%x%x", function(pair)
        return string.char(tonumber(pair, 16))
    end))
end


function _M.load(file, models)
    local f = assert(io.open(file))
    local all = cjson.decode(f:read("*a"))

    f:close()
    tiers = models

    for hex, record in pairs(all) do
        assert(ngx.shared.accounts:set(bytes_of(hex), cjson.encode(record)))
    end
end


local function refuse(status, why)
    ngx.log(ngx.NOTICE, "refused: ", why)

    return ngx.exit(status)
end


local function record_of(id)
    local record = records:get(id)

    if record == nil then
        local text = ngx.shared.accounts:get(id)

        if text == nil then
            return nil
        end

        record = cjson.decode(text)
        records:set(id, record, 5)
    end

    return record
end


local function has_room(record)
    local now = ngx.now()
    local state = ngx.shared.buckets:get(record.id)
    local tokens = record.burst

    if state ~= nil then
        local old = ffi.cast(bucket_ptr, state)

        tokens = math.min(tokens,
            old.tokens + (now - old.last) * record.rate)
    end

    if tokens < 1 then
        return false
    end

    bucket.tokens = tokens - 1
    bucket.last = now
    ngx.shared.buckets:set(record.id, ffi.string(bucket, 16))

    return true
end


function _M.check()
    local var = ngx.var

    if var.refused == "1" then
        return refuse(451, "country")
    end

    local given = var.http_authorization

    if given == nil or given:sub(1, 7) ~= "Bearer " then
        return refuse(401, "no key")
    end

    local key = given:sub(8)

    C.SHA256_Init(context)
    C.SHA256_Update(context, key, #key)
    C.SHA256_Final(digest, context)

    local record = record_of(ffi.string(digest, 32))

    if record == nil then
        return refuse(401, "unknown key")
    end

    if record.status ~= "verified" or record.screening ~= "clear"
        or record.expires < ngx.time()
    then
        return refuse(403, "record")
    end

    ngx.req.read_body()

    local text = ngx.req.get_body_data()
    local body = text and cjson.decode(text)

    if type(body) ~= "table" then
        return refuse(400, "body")
    end

    local tier = tiers[body.model]

    if tier == nil or tier > record.level then
        return refuse(403, "model")
    end

    if not has_room(record) then
        return refuse(429, "rate")
    end
end


return _M
