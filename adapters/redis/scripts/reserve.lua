#!lua flags=allow-oom
-- Raise the ceiling of an instance number.  KEYS: instances.  ARGV: token, number, ceiling.
-- Returns the ceiling, or nil where the number is another's by now.
local owner, ceiling = 'owner:' .. ARGV[2], 'ceiling:' .. ARGV[2]
if redis.call('HGET', KEYS[1], owner) ~= ARGV[1] then return false end
local highest = math.max(tonumber(redis.call('HGET', KEYS[1], ceiling)), tonumber(ARGV[3]))
redis.call('HSET', KEYS[1], ceiling, string.format('%.0f', highest))
return highest
