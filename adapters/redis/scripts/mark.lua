#!lua flags=no-writes
-- How far a partition is applied.  KEYS: state.
-- Returns where its log began, and the watermark; nil: no log.
local found = redis.call('HMGET', KEYS[1], 'first', 'mark:primary')
if not (found[1] and found[2]) then return false end
return found
