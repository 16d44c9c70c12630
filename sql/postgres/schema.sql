-- The whole current schema of the PostgreSQL backend, for reading; a test holds it equal to the sum of the migrations.
-- Text compares by code point (COLLATE "C" on UTF-8). Every index ends with the key, which breaks ties and places
-- cursors, and leaves tombstones out, as every list does: so counts are answered from the index alone. Where the
-- first column takes null, null comes first, as in every answer. Each batch asks the index of tombstones for its keys.

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

CREATE INDEX translation_sessions_status_created_at
    ON translation_sessions (status, created_at, session_id) WHERE deleted_at IS NULL;

CREATE INDEX translation_sessions_user_id_created_at
    ON translation_sessions (user_id NULLS FIRST, created_at, session_id) WHERE deleted_at IS NULL;

CREATE INDEX translation_sessions_created_at
    ON translation_sessions (created_at, session_id) WHERE deleted_at IS NULL;

CREATE INDEX translation_sessions_updated_at
    ON translation_sessions (updated_at, session_id) WHERE deleted_at IS NULL;

CREATE INDEX translation_sessions_tombstones
    ON translation_sessions (session_id) INCLUDE (updated_at, revision, deleted_at) WHERE deleted_at IS NOT NULL;

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

CREATE INDEX translation_tasks_session_id_status
    ON translation_tasks (session_id, status, task_id) WHERE deleted_at IS NULL;

CREATE INDEX translation_tasks_session_id_created_at
    ON translation_tasks (session_id, created_at, task_id) WHERE deleted_at IS NULL;

CREATE INDEX translation_tasks_batch_id
    ON translation_tasks (batch_id NULLS FIRST, task_id) WHERE deleted_at IS NULL;

CREATE INDEX translation_tasks_status_updated_at
    ON translation_tasks (status, updated_at, task_id) WHERE deleted_at IS NULL;

CREATE INDEX translation_tasks_tombstones
    ON translation_tasks (task_id) INCLUDE (updated_at, revision, deleted_at) WHERE deleted_at IS NOT NULL;

CREATE TABLE files (
    file_id      TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    name         TEXT COLLATE "C" NOT NULL,
    content_type TEXT COLLATE "C" NOT NULL,
    size         BIGINT           NOT NULL, -- bytes
    sha256       TEXT COLLATE "C" NOT NULL, -- of the content, hexadecimal
    object       TEXT COLLATE "C" NOT NULL, -- the content's name in the object store
    created_at   BIGINT           NOT NULL, -- microseconds since 1970, UTC; so are all times
    updated_at   BIGINT           NOT NULL, -- first half of the version
    revision     BIGINT           NOT NULL, -- second half of the version
    deleted_at   BIGINT,                    -- set on a tombstone, which no answer shows
    metadata     TEXT COLLATE "C" NOT NULL  -- the JSON object as it was sent
);

CREATE INDEX files_object
    ON files (object, file_id) WHERE deleted_at IS NULL;

CREATE INDEX files_created_at
    ON files (created_at, file_id) WHERE deleted_at IS NULL;

CREATE INDEX files_updated_at
    ON files (updated_at, file_id) WHERE deleted_at IS NULL;

CREATE INDEX files_tombstones
    ON files (file_id) INCLUDE (updated_at, revision, deleted_at) WHERE deleted_at IS NOT NULL;

CREATE TABLE users (
    user_id          TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    email            TEXT COLLATE "C" NOT NULL, -- as it was sent
    email_normalized TEXT COLLATE "C",          -- what no two users share; null in a tombstone
    name             TEXT COLLATE "C",
    preferences      TEXT COLLATE "C" NOT NULL, -- the JSON object as it was sent
    created_at       BIGINT           NOT NULL, -- microseconds since 1970, UTC; so are all times
    updated_at       BIGINT           NOT NULL, -- first half of the version
    revision         BIGINT           NOT NULL, -- second half of the version
    deleted_at       BIGINT,                    -- set on a tombstone, which no answer shows
    metadata         TEXT COLLATE "C" NOT NULL  -- the JSON object as it was sent
);

CREATE UNIQUE INDEX users_email_normalized
    ON users (email_normalized NULLS FIRST);

CREATE INDEX users_created_at
    ON users (created_at, user_id) WHERE deleted_at IS NULL;

CREATE INDEX users_updated_at
    ON users (updated_at, user_id) WHERE deleted_at IS NULL;

CREATE INDEX users_tombstones
    ON users (user_id) INCLUDE (updated_at, revision, deleted_at) WHERE deleted_at IS NOT NULL;

CREATE TABLE conditional_writes (
    collection TEXT COLLATE "C" NOT NULL,
    revision   BIGINT           NOT NULL, -- of a write that was stored on the state it named; kept for two days
    PRIMARY KEY (collection, revision)
);

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

CREATE INDEX logs_created_at
    ON logs (created_at, log_id) WHERE deleted_at IS NULL;

CREATE INDEX logs_level_created_at
    ON logs (level, created_at, log_id) WHERE deleted_at IS NULL;

CREATE INDEX logs_session_id_created_at
    ON logs (session_id NULLS FIRST, created_at, log_id) WHERE deleted_at IS NULL;

CREATE INDEX logs_trace_id
    ON logs (trace_id NULLS FIRST, log_id) WHERE deleted_at IS NULL;

CREATE INDEX logs_tombstones
    ON logs (log_id) INCLUDE (updated_at, revision, deleted_at) WHERE deleted_at IS NOT NULL;

CREATE TABLE api_keys (
    key_id        TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    name          TEXT COLLATE "C" NOT NULL,
    scopes        TEXT COLLATE "C" NOT NULL, -- separated by blanks
    digest        TEXT COLLATE "C" NOT NULL, -- SHA-256 of the secret, hexadecimal
    former_digest TEXT COLLATE "C",          -- of the secret before, while that is still accepted
    former_until  BIGINT,
    expires_at    BIGINT,
    revoked_at    BIGINT,
    used_at       BIGINT,                    -- not older than about a minute
    changed_by    TEXT COLLATE "C" NOT NULL, -- who made, rotated or revoked it last
    created_at    BIGINT           NOT NULL, -- microseconds since 1970, UTC; so are all times
    updated_at    BIGINT           NOT NULL, -- first half of the version
    revision      BIGINT           NOT NULL, -- second half of the version
    deleted_at    BIGINT                     -- set on a tombstone, which no answer shows
);

CREATE INDEX api_keys_tombstones
    ON api_keys (key_id) INCLUDE (updated_at, revision, deleted_at) WHERE deleted_at IS NOT NULL;
