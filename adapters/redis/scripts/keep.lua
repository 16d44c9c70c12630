#!lua flags=allow-oom
-- Keep values under places, unless there is one already.  KEYS: order, values.  ARGV: place, value, place, value, ...
for i = 1, #ARGV, 2 do
  if redis.call('HSETNX', KEYS[2], ARGV[i], ARGV[i + 1]) == 1 then redis.call('ZADD', KEYS[1], 0, ARGV[i]) end
end
return 1
