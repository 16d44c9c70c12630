CREATE TABLE logs (
    log_id     TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    level      TEXT COLLATE "C" NOT NULL,
    service    TEXT COLLATE "C",
    logger     TEXT COLLATE "C",
    instance   TEXT COLLATE "C",
    trace_id   TEXT COLLATE "C",
    session_id TEXT COLLATE "C",
    task_id    TEXT COLLATE "C",
    created_at BIGINT           NOT NULL, -- when it was logged: microseconds since 1970, UTC; so are all times
    updated_at BIGINT           NOT NULL, -- first half of the version
    revision   BIGINT           NOT NULL, -- second half of the version
    deleted_at BIGINT,                    -- set on a tombstone, which no answer shows
    context    TEXT COLLATE "C" NOT NULL, -- the JSON object as it was sent
    message    TEXT COLLATE "C" NOT NULL
);
