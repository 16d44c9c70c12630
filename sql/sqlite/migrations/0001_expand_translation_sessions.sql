CREATE TABLE translation_sessions (
    session_id   TEXT    NOT NULL PRIMARY KEY,
    user_id      TEXT,
    name         TEXT,
    status       TEXT    NOT NULL,
    source_lang  TEXT    NOT NULL,
    target_lang  TEXT    NOT NULL,
    total_tasks  INTEGER NOT NULL,
    created_at   INTEGER NOT NULL, -- microseconds since 1970, UTC; so are all times
    updated_at   INTEGER NOT NULL, -- first half of the version
    revision     INTEGER NOT NULL, -- second half of the version
    deleted_at   INTEGER,          -- set on a tombstone, which no answer shows
    metadata     TEXT    NOT NULL  -- the JSON object as it was sent
);
