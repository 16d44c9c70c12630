#!lua flags=allow-oom
-- Draw the next instance number in turn.  KEYS: instances.  ARGV: token, how many numbers, lowest ceiling.
-- Returns the number and its ceiling: revisions below may have been given under it.
local drawn = redis.call('HINCRBY', KEYS[1], 'drawn', 1)
local instance = (drawn - 1) % tonumber(ARGV[2]) + 1
local ceiling = math.max(tonumber(redis.call('HGET', KEYS[1], 'ceiling:' .. instance) or '0'), tonumber(ARGV[3]))
redis.call('HSET', KEYS[1], 'owner:' .. instance, ARGV[1], 'ceiling:' .. instance, string.format('%.0f', ceiling))
return {instance, ceiling}
