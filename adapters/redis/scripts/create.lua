#!lua flags=allow-oom
-- Begin the log of a partition where there is none, or declare a reader of the one that is there.
-- KEYS: state, frames.  ARGV: where numbers begin, what is known to be applied of a former log, readers.
local state, frames = KEYS[1], KEYS[2]
local function number(value) return string.format('%.0f', value) end
local first = redis.call('HGET', state, 'first')
if not first then
  local start, mark = tonumber(ARGV[1]), tonumber(ARGV[1])
  local oldest = redis.call('XRANGE', frames, '-', '+', 'COUNT', 1)[1]
  if oldest then  -- only the state was lost: what waits is kept
    local newest = redis.call('XREVRANGE', frames, '+', '-', 'COUNT', 1)[1]
    start = math.max(start, tonumber(string.match(newest[1], '^%d+')))
    mark = tonumber(string.match(oldest[1], '^%d+')) - 1
  end
  first = number(start)
  redis.call('HSET', state, 'first', first, 'head', first, 'total', '0', 'survived', ARGV[2])
  for i = 3, #ARGV do redis.call('HSET', state, 'mark:' .. ARGV[i], number(mark)) end
else
  local survived = tonumber(ARGV[2])
  if survived < tonumber(first) and survived > tonumber(redis.call('HGET', state, 'survived')) then
    redis.call('HSET', state, 'survived', ARGV[2])
  end
  local head = redis.call('HGET', state, 'head')
  for i = 3, #ARGV do redis.call('HSETNX', state, 'mark:' .. ARGV[i], head) end
end
return redis.call('HMGET', state, 'first', 'head')
