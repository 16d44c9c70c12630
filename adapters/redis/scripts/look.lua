#!lua flags=no-writes
-- The states of records, as far as a portion may be large.
-- KEYS: one for each record.  ARGV: bytes; the record that passes them is the last one.
-- Returns the sizes of the states with blanks between them (0: there is none), and the states one behind the other.
local sizes, states, room = {}, {}, tonumber(ARGV[1])
for number, place in ipairs(KEYS) do
  local state = redis.call('GET', place) or ''
  sizes[number], states[number] = #state, state
  room = room - #state
  if room < 0 then break end
end
return {table.concat(sizes, ' '), table.concat(states)}
