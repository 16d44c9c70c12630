#!lua flags=allow-oom
-- Move a reader's watermark, never back, and free exactly what all readers have passed.
-- KEYS: state, frames, lease.  ARGV: token of the lease, reader, through, readers.
-- Returns the watermark, or nil where another holds the lease or there is no such log.
local state, frames, lease = KEYS[1], KEYS[2], KEYS[3]
if (redis.call('GET', lease) or '') ~= ARGV[1] then return false end
local head, mark = unpack(redis.call('HMGET', state, 'head', 'mark:' .. ARGV[2]))
if not head then return false end
local through = math.min(tonumber(ARGV[3]), tonumber(head))
if through <= tonumber(mark) then return mark end
redis.call('HSET', state, 'mark:' .. ARGV[2], string.format('%.0f', through))
local lowest = through
for i = 4, #ARGV do lowest = math.min(lowest, tonumber(redis.call('HGET', state, 'mark:' .. ARGV[i]))) end
redis.call('XTRIM', frames, 'MINID', '=', string.format('%.0f-0', lowest + 1))
return string.format('%.0f', through)
