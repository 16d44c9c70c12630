#!lua
-- Give records other texts of some fields for the version that they have, all in one step.
-- KEYS: of the records.
-- ARGV: for each record its state, as `store.lua` describes it.
-- Whatever has another version by now, or was deleted, stays. Returns how many were rewritten.
local rewritten = 0
local NEVER = string.rep('0', 20)
for number, place in ipairs(KEYS) do
  local state, old = ARGV[number], redis.call('GET', place)
  if old and string.sub(old, 1, 40) == string.sub(state, 1, 40) and string.sub(old, 61, 80) == NEVER then
    redis.call('SET', place, string.sub(old, 1, 80) .. string.sub(state, 81), 'KEEPTTL')
    rewritten = rewritten + 1
  end
end
return rewritten
