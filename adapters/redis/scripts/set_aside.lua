#!lua flags=allow-oom
-- Keep a copy of an entry that is no frame, and count it once.  KEYS: state, quarantine.  ARGV: copy.
local kept = redis.call('SADD', KEYS[2], ARGV[1])
if kept == 1 then redis.call('HINCRBY', KEYS[1], 'quarantined', 1) end
return kept
