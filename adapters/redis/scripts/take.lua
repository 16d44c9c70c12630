#!lua flags=allow-oom
-- Take a lease that nobody holds.  KEYS: lease.  ARGV: token, milliseconds.
return redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2])
