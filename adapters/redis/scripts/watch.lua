#!lua flags=allow-oom
-- How far a partition is, and whether somebody drains it.  KEYS: state, lease.  ARGV: reader, up to where one waits here.
-- Returns where the log began, head, watermark, whether the lease is held, how the drain fares; nil: no log.
local found = redis.call('HMGET', KEYS[1], 'first', 'head', 'mark:' .. ARGV[1], 'wanted', 'fares')
if not found[1] then return false end
if tonumber(ARGV[2]) > math.max(tonumber(found[3]), tonumber(found[4] or '0')) then
  redis.call('HSET', KEYS[1], 'wanted', ARGV[2])
end
return {found[1], found[2], found[3], redis.call('EXISTS', KEYS[2]), found[5] or ''}
