#!lua flags=allow-oom
-- Forget records themselves, or what stands in sets of those that have expired.
-- KEYS: all keys, those of visible records, the set in which they were found, then one for each record.
-- ARGV: how the names of secondary sets begin, their fields (msgpack), '1': only of records that are gone; then the keys.
local prefix, fields, only_expired = ARGV[1], cmsgpack.unpack(ARGV[2]), ARGV[3] == '1'
for number = 4, #KEYS do
  local key, old = ARGV[number], redis.call('GET', KEYS[number])
  if old and not only_expired then
    local values = cmsgpack.unpack(string.sub(old, 81))
    for _, field in ipairs(fields) do
      if values[field] then redis.call('ZREM', prefix .. field .. ':' .. values[field], key) end
    end
    redis.call('DEL', KEYS[number])
    old = false
  end
  if not old then
    for set = 1, 3 do redis.call('ZREM', KEYS[set], key) end
  end
end
return #KEYS - 3
