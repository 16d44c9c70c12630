#!lua flags=no-writes
-- What the log had of a request.  KEYS: list.  Returns number and description of each frame, in turn.
return redis.call('LRANGE', KEYS[1], 0, -1)
