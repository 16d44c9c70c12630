#!lua flags=allow-oom
-- The next number in turn.  KEYS: counter.
return redis.call('INCR', KEYS[1])
