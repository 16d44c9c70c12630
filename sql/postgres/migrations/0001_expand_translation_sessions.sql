CREATE TABLE translation_sessions (
    session_id  TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    user_id     TEXT COLLATE "C",
    name        TEXT COLLATE "C",
    status      TEXT COLLATE "C" NOT NULL,
    source_lang TEXT COLLATE "C" NOT NULL,
    target_lang TEXT COLLATE "C" NOT NULL,
    total_tasks INTEGER          NOT NULL,
    created_at  BIGINT           NOT NULL, -- microseconds since 1970, UTC; so are all times
    updated_at  BIGINT           NOT NULL, -- first half of the version
    revision    BIGINT           NOT NULL, -- second half of the version
    deleted_at  BIGINT,                    -- set on a tombstone, which no answer shows
    metadata    TEXT COLLATE "C" NOT NULL  -- the JSON object as it was sent
);
