#!lua flags=allow-oom
-- Have an idempotency key for a while, or for longer.
-- KEYS: claim.  ARGV: token, milliseconds, whose it must be: the same token, or '' for nobody's.
-- Returns when the claim ends, in milliseconds by the clock of this server; nil where it is not to be had.
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[3] then return false end
local time = redis.call('TIME')
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[2])
