#!lua flags=allow-oom
-- Keep letters, each once, unless one is new and the store is full.
-- KEYS: order, values, counts.  ARGV: the most records, the most bytes, then place, value, cause, weight of each.
-- Counts: by 'n' and 'w' of all, and by a cause with "\0n" and "\0w" behind it.  Returns {1} or {0, records, bytes}.
local records = tonumber(redis.call('HGET', KEYS[3], 'n') or '0')
local weight = tonumber(redis.call('HGET', KEYS[3], 'w') or '0')
local full = records >= tonumber(ARGV[1]) or weight >= tonumber(ARGV[2])
if full then
  for i = 3, #ARGV, 4 do
    if redis.call('HEXISTS', KEYS[2], ARGV[i]) == 0 then return {0, records, weight} end
  end
end
for i = 3, #ARGV, 4 do
  if redis.call('HSETNX', KEYS[2], ARGV[i], ARGV[i + 1]) == 1 then
    redis.call('ZADD', KEYS[1], 0, ARGV[i])
    for _, name in ipairs({'', ARGV[i + 2] .. '\0'}) do
      redis.call('HINCRBY', KEYS[3], name .. 'n', 1)
      redis.call('HINCRBY', KEYS[3], name .. 'w', ARGV[i + 3])
    end
  end
end
return {1}
