-- Copyright (C) the Sallyport authors
--
-- Changes one record of the store in one step. The only way in which the
-- sallyport command writes, and a contract for whoever writes by other means:
-- README.md beside this file says what it takes and what it answers.

local record, meta, log = KEYS[1], KEYS[2], KEYS[3]
local by, why, dataset = ARGV[1], ARGV[2], ARGV[3]
local own = { ver = true, by = true, why = true, changed_at = true }
local flat = redis.call('HGETALL', record)
local was, at, account = {}, 5, nil

for i = 1, #flat, 2 do
  was[flat[i]] = flat[i + 1]
end

local ver = was.ver or '0'

-- What it was when the change was made: every field, not only the version,
-- so that a hand with redis-cli is noticed.

local expected = tonumber(ARGV[4])

if expected >= 0 then
  if #flat ~= 2 * expected then
    return { 'changed', ver }
  end

  for _ = 1, expected do
    if was[ARGV[at]] ~= ARGV[at + 1] then
      return { 'changed', ver }
    end

    at = at + 2
  end
end

-- What will be different.

local set, unset, entry = {}, {}, {}
local sets = tonumber(ARGV[at])

at = at + 1

for _ = 1, sets do
  local name, value = ARGV[at], ARGV[at + 1]

  if own[name] then
    return { 'own', name }
  end

  if was[name] ~= value then
    set[#set + 1] = name
    set[#set + 1] = value
    entry[#entry + 1] = 'set:' .. name
    entry[#entry + 1] = value

    if was[name] then
      entry[#entry + 1] = 'was:' .. name
      entry[#entry + 1] = was[name]
    end
  end

  if name == 'account' then
    account = value
  end

  at = at + 2
end

for i = at, #ARGV do
  if own[ARGV[i]] then
    return { 'own', ARGV[i] }
  end

  if was[ARGV[i]] then
    unset[#unset + 1] = ARGV[i]
    entry[#entry + 1] = 'unset:' .. ARGV[i]
    entry[#entry + 1] = was[ARGV[i]]
  end
end

if #set == 0 and #unset == 0 then
  return { 'same', ver }
end

-- Versions grow by one, and numbers of a script are exact up to 15 digits.

if not string.match(ver, '^%d+$') or #ver > 15 then
  return { 'version', ver }
end

local schema = redis.call('HGET', meta, 'schema')

if schema and schema ~= '1' then
  return { 'schema', schema }
end

if not schema then
  if dataset == '' then
    return { 'meta', '' }
  end

  redis.call('HSET', meta, 'schema', '1', 'dataset', dataset, 'term', '1')
end

ver = string.format('%.0f', tonumber(ver) + 1)

redis.call('HSET', record, 'ver', ver, 'by', by, 'why', why,
           'changed_at', redis.call('TIME')[1], unpack(set))

if #unset ~= 0 then
  redis.call('HDEL', record, unpack(unset))
end

account = account or was.account

if account then
  entry[#entry + 1] = 'account'
  entry[#entry + 1] = account
end

if log then
  redis.call('XADD', log, 'MAXLEN', '~', '1000000', '*', 'key', record,
             'ver', ver, 'by', by, 'why', why, unpack(entry))
end

return { 'done', ver }
