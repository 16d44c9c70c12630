-- Number a frame and keep it, and what names its request; nothing at all where memory is short.
-- KEYS: state, frames, and where the request has a key: its list.
-- ARGV: where the log began, count, head, payload, and beside a key: what to tell of the frame, when the claim on the
-- key ends, for how many seconds the list is kept.
-- Returns the last number, or nil: another log, or 0: the claim has ended.
local state, frames, request = KEYS[1], KEYS[2], KEYS[3]
local found = redis.call('HMGET', state, 'first', 'head', 'total')
if found[1] ~= ARGV[1] then return false end
if request then
  local time = redis.call('TIME')
  if time[1] * 1000 + math.floor(time[2] / 1000) >= tonumber(ARGV[6]) then return 0 end
end
local last = string.format('%.0f', tonumber(found[2]) + tonumber(ARGV[2]))
local total = string.format('%.0f', tonumber(found[3]) + #ARGV[4])
redis.call('XADD', frames, last .. '-0', 'head', ARGV[3], 'payload', ARGV[4], 'total', total)
redis.call('HSET', state, 'head', last, 'total', total)
if request then
  redis.call('RPUSH', request, last, ARGV[5])
  redis.call('EXPIRE', request, ARGV[7])
end
return last
