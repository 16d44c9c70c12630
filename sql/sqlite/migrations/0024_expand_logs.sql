CREATE TABLE logs (
    log_id     TEXT    NOT NULL PRIMARY KEY,
    level      TEXT    NOT NULL,
    service    TEXT,
    logger     TEXT,
    instance   TEXT,
    trace_id   TEXT,
    session_id TEXT,
    task_id    TEXT,
    created_at INTEGER NOT NULL, -- when it was logged: microseconds since 1970, UTC; so are all times
    updated_at INTEGER NOT NULL, -- first half of the version
    revision   INTEGER NOT NULL, -- second half of the version
    deleted_at INTEGER,          -- set on a tombstone, which no answer shows
    context    TEXT    NOT NULL, -- the JSON object as it was sent
    message    TEXT    NOT NULL
);
