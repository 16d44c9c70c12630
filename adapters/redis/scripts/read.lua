#!lua flags=no-writes
-- The frames behind a number, as many as fit into a number of bytes, one at least.
-- KEYS: frames.  ARGV: behind what, most bytes, most frames.
local frames, room, from = {}, tonumber(ARGV[2]), '(' .. ARGV[1] .. '-0'
while #frames < tonumber(ARGV[3]) do
  local entry = redis.call('XRANGE', KEYS[1], from, '+', 'COUNT', 1)[1]
  if not entry then break end
  room = room - #(entry[2][4] or '')
  if room < 0 and #frames > 0 then break end
  frames[#frames + 1] = entry
  from = '(' .. entry[1]
end
return frames
