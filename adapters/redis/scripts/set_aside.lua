#!lua flags=allow-oom
-- Keep a copy of an entry that is no frame, and count it once; -1 where there is no place for it.
-- KEYS: state, quarantine.  ARGV: copy, bytes that all copies may have.
if redis.call('SISMEMBER', KEYS[2], ARGV[1]) == 1 then return 0 end
local held = 0
if redis.call('EXISTS', KEYS[2]) == 1 then held = tonumber(redis.call('HGET', KEYS[1], 'set_aside') or 0) end
if held > 0 and held + #ARGV[1] > tonumber(ARGV[2]) then return -1 end
redis.call('SADD', KEYS[2], ARGV[1])
redis.call('HSET', KEYS[1], 'set_aside', held + #ARGV[1])
redis.call('HINCRBY', KEYS[1], 'quarantined', 1)
return 1
