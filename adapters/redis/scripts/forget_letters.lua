#!lua flags=allow-oom
-- Forget letters.  KEYS: order, values, counts.  ARGV: place, cause, weight of each.  Returns how many there were.
local found = 0
for i = 1, #ARGV, 3 do
  if redis.call('HDEL', KEYS[2], ARGV[i]) == 1 then
    found = found + 1
    redis.call('ZREM', KEYS[1], ARGV[i])
    for _, name in ipairs({'', ARGV[i + 1] .. '\0'}) do
      if redis.call('HINCRBY', KEYS[3], name .. 'n', -1) == 0 then redis.call('HDEL', KEYS[3], name .. 'n') end
      if redis.call('HINCRBY', KEYS[3], name .. 'w', -ARGV[i + 2]) == 0 then redis.call('HDEL', KEYS[3], name .. 'w') end
    end
  end
end
return found
