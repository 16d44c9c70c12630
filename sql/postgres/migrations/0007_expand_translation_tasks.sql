CREATE TABLE translation_tasks (
    task_id         TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    session_id      TEXT COLLATE "C" NOT NULL, -- not a foreign key: a task may come before its session
    batch_id        TEXT COLLATE "C",
    status          TEXT COLLATE "C" NOT NULL,
    source_lang     TEXT COLLATE "C" NOT NULL,
    target_lang     TEXT COLLATE "C" NOT NULL,
    priority        INTEGER          NOT NULL,
    retry_count     INTEGER          NOT NULL,
    created_at      BIGINT           NOT NULL, -- microseconds since 1970, UTC; so are all times
    updated_at      BIGINT           NOT NULL, -- first half of the version
    revision        BIGINT           NOT NULL, -- second half of the version
    deleted_at      BIGINT,                    -- set on a tombstone, which no answer shows
    metadata        TEXT COLLATE "C" NOT NULL, -- the JSON object as it was sent
    error_message   TEXT COLLATE "C",
    source_text     TEXT COLLATE "C" NOT NULL,
    translated_text TEXT COLLATE "C"
);
