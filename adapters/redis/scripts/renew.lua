#!lua flags=allow-oom
-- Hold a lease for longer.  KEYS: lease, state.  ARGV: token, milliseconds, how the drain fares.
-- Returns up to where somebody waits, or nil where the lease is another's.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return false end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
if redis.call('HGET', KEYS[2], 'fares') ~= ARGV[3] then redis.call('HSET', KEYS[2], 'fares', ARGV[3]) end
return redis.call('HGET', KEYS[2], 'wanted') or '0'
