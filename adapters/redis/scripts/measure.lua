#!lua flags=no-writes
-- How far a log reaches, and what waits for a reader.  KEYS: state, frames.  ARGV: reader.
-- Returns where it began, head, watermark, bytes that wait, head of the oldest frame that waits; nil: no log.
local found = redis.call('HMGET', KEYS[1], 'first', 'head', 'mark:' .. ARGV[1], 'total', 'quarantined')
if not found[1] then return false end
local oldest = redis.call('XRANGE', KEYS[2], '(' .. found[3] .. '-0', '+', 'COUNT', 1)[1]
local bytes, head = 0, ''
if oldest and oldest[2][6] then
  bytes, head = tonumber(found[4]) - tonumber(oldest[2][6]) + #oldest[2][4], oldest[2][2]
end
return {found[1], found[2], found[3], bytes, head, found[5] or '0'}
