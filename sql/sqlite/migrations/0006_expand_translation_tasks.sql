CREATE TABLE translation_tasks (
    task_id         TEXT    NOT NULL PRIMARY KEY,
    session_id      TEXT    NOT NULL, -- not a foreign key: a task may come before its session
    batch_id        TEXT,
    status          TEXT    NOT NULL,
    source_lang     TEXT    NOT NULL,
    target_lang     TEXT    NOT NULL,
    priority        INTEGER NOT NULL,
    retry_count     INTEGER NOT NULL,
    created_at      INTEGER NOT NULL, -- microseconds since 1970, UTC; so are all times
    updated_at      INTEGER NOT NULL, -- first half of the version
    revision        INTEGER NOT NULL, -- second half of the version
    deleted_at      INTEGER,          -- set on a tombstone, which no answer shows
    metadata        TEXT    NOT NULL, -- the JSON object as it was sent
    error_message   TEXT,
    source_text     TEXT    NOT NULL, -- the long texts come last: a row that overflows its page keeps the rest on it
    translated_text TEXT
);
