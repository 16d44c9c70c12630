#!lua
-- Store the states of records by their versions, all in one step.
-- KEYS: all keys, those of visible records, revisions of stored writes with a base (sorted sets), then one for each record.
-- ARGV: how the names of secondary sets begin, how those of records do, milliseconds that a state lives (0: for ever),
--   the fields that have secondary sets (msgpack); then for each record its key, its state, and the revision that it
--   builds on ('': whatever).
-- A state is updated_at, revision, created_at, deleted_at, of 20 digits each, then all fields (msgpack).
-- Returns for each record 'stored', 'stale', 'buried' (stale behind a newer delete) or 'conflict'.
-- The secondary sets are in the slot of the other keys. A set of which every state expires does so behind the last of them.
local all, visible, prefix, record = KEYS[1], KEYS[2], ARGV[1], ARGV[2]
local life, fields = tonumber(ARGV[3]), cmsgpack.unpack(ARGV[4])
local NEVER = string.rep('0', 20)
local KEPT = 2 * 24 * 60 * 60 * 1000 -- milliseconds of revisions: far longer than a write is on its way again
local function part(state, number) return string.sub(state, number * 20 - 19, number * 20) end
local function version(state) return string.sub(state, 1, 40) end
local function is_deleted(state) return part(state, 4) ~= NEVER end

local function enter(set, key)
  local left = redis.call('PTTL', set)  -- -1: it has a state that never expires, -2: it is new
  redis.call('ZADD', set, 0, key)
  if life == 0 then redis.call('PERSIST', set) elseif left ~= -1 then redis.call('PEXPIRE', set, math.max(left, life)) end
end

local function list(state, key, change)
  if is_deleted(state) then return end
  local values = cmsgpack.unpack(string.sub(state, 81))
  for _, field in ipairs(fields) do
    local value = values[field]
    if value then change(prefix .. field .. ':' .. value, key) end
  end
end

local function leave(set, key) redis.call('ZREM', set, key) end

local function put(place, key, state, old)
  if old then list(old, key, leave) end
  if life > 0 then redis.call('SET', place, state, 'PX', life) else redis.call('SET', place, state) end
  list(state, key, enter)
  redis.call('ZADD', all, 0, key)
  if is_deleted(state) then redis.call('ZREM', visible, key) else redis.call('ZADD', visible, 0, key) end
end

local function dated(state, created)
  return version(state) .. created .. string.sub(state, 61)
end

local function judge(place, key, state, base)
  if base ~= '' and redis.call('ZSCORE', KEYS[3], part(state, 2)) then return 'stored' end
  local old = redis.call('GET', place)
  if base ~= '' and not (old and version(old) == version(state)) then
    if base ~= (old and part(old, 2) or NEVER) then return 'conflict' end
    if old and version(old) > version(state) then return 'stale' end
  end
  if not old then
    put(place, key, state)
    return 'stored'
  end
  local created = part(state, 3)
  if part(old, 3) < created then created = part(old, 3) end
  if version(state) > version(old) then
    put(place, key, dated(state, created), old)
    return 'stored'
  end
  if created < part(old, 3) then redis.call('SET', place, dated(old, created), 'KEEPTTL') end
  if version(state) == version(old) then return 'stored' end
  return is_deleted(old) and 'buried' or 'stale'
end

local function note(state)
  local tick = math.floor(tonumber(part(state, 2)) / 2 ^ 22) -- of the revision: milliseconds
  redis.call('ZADD', KEYS[3], tick, part(state, 2))
  redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', tick - KEPT)
end

local verdicts = {}
for number = 4, #KEYS do
  local at = 5 + (number - 4) * 3
  local key, state, base = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  verdicts[number - 3] = judge(KEYS[number], key, state, base)
  if base ~= '' and verdicts[number - 3] == 'stored' then note(state) end
end
if life > 0 then  -- two that were written before, for each that is: so at most as many as live are of states that expired
  for _, key in ipairs(redis.call('ZRANDMEMBER', all, 2 * #verdicts)) do
    if redis.call('EXISTS', record .. key) == 0 then
      leave(all, key)
      leave(visible, key)
    end
  end
end
return verdicts
