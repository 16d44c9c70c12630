-- The whole current schema of the SQLite backend, for reading; a test holds it equal to the sum of the migrations.
-- Text compares by code point (SQLite's BINARY collation). Every index ends with the key, which breaks ties and
-- places cursors, and with deleted_at, so that counts are answered from the index alone.

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

CREATE INDEX translation_sessions_status_created_at
    ON translation_sessions (status, created_at, session_id, deleted_at);

CREATE INDEX translation_sessions_user_id_created_at
    ON translation_sessions (user_id, created_at, session_id, deleted_at);

CREATE INDEX translation_sessions_created_at
    ON translation_sessions (created_at, session_id, deleted_at);

CREATE INDEX translation_sessions_updated_at
    ON translation_sessions (updated_at, session_id, deleted_at);

CREATE INDEX translation_sessions_deleted_at
    ON translation_sessions (deleted_at) WHERE deleted_at IS NOT NULL;

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

CREATE INDEX translation_tasks_session_id_status
    ON translation_tasks (session_id, status, task_id, deleted_at);

CREATE INDEX translation_tasks_session_id_created_at
    ON translation_tasks (session_id, created_at, task_id, deleted_at);

CREATE INDEX translation_tasks_batch_id
    ON translation_tasks (batch_id, task_id, deleted_at);

CREATE INDEX translation_tasks_status_updated_at
    ON translation_tasks (status, updated_at, task_id, deleted_at);

CREATE INDEX translation_tasks_deleted_at
    ON translation_tasks (deleted_at) WHERE deleted_at IS NOT NULL;

CREATE TABLE files (
    file_id      TEXT    NOT NULL PRIMARY KEY,
    name         TEXT    NOT NULL,
    content_type TEXT    NOT NULL,
    size         INTEGER NOT NULL, -- bytes
    sha256       TEXT    NOT NULL, -- of the content, hexadecimal
    object       TEXT    NOT NULL, -- the content's name in the object store
    created_at   INTEGER NOT NULL, -- microseconds since 1970, UTC; so are all times
    updated_at   INTEGER NOT NULL, -- first half of the version
    revision     INTEGER NOT NULL, -- second half of the version
    deleted_at   INTEGER,          -- set on a tombstone, which no answer shows
    metadata     TEXT    NOT NULL  -- the JSON object as it was sent
);

CREATE INDEX files_object
    ON files (object, file_id, deleted_at);

CREATE INDEX files_created_at
    ON files (created_at, file_id, deleted_at);

CREATE INDEX files_updated_at
    ON files (updated_at, file_id, deleted_at);

CREATE INDEX files_deleted_at
    ON files (deleted_at) WHERE deleted_at IS NOT NULL;

CREATE TABLE users (
    user_id          TEXT    NOT NULL PRIMARY KEY,
    email            TEXT    NOT NULL, -- as it was sent
    email_normalized TEXT,             -- what no two users share; null in a tombstone
    name             TEXT,
    preferences      TEXT    NOT NULL, -- the JSON object as it was sent
    created_at       INTEGER NOT NULL, -- microseconds since 1970, UTC; so are all times
    updated_at       INTEGER NOT NULL, -- first half of the version
    revision         INTEGER NOT NULL, -- second half of the version
    deleted_at       INTEGER,          -- set on a tombstone, which no answer shows
    metadata         TEXT    NOT NULL  -- the JSON object as it was sent
);

CREATE UNIQUE INDEX users_email_normalized
    ON users (email_normalized);

CREATE INDEX users_created_at
    ON users (created_at, user_id, deleted_at);

CREATE INDEX users_updated_at
    ON users (updated_at, user_id, deleted_at);

CREATE INDEX users_deleted_at
    ON users (deleted_at) WHERE deleted_at IS NOT NULL;

CREATE TABLE conditional_writes (
    collection TEXT    NOT NULL,
    revision   INTEGER NOT NULL, -- of a write that was stored on the state it named; kept for two days
    PRIMARY KEY (collection, revision)
) WITHOUT ROWID;

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

CREATE INDEX logs_created_at
    ON logs (created_at, log_id, deleted_at);

CREATE INDEX logs_level_created_at
    ON logs (level, created_at, log_id, deleted_at);

CREATE INDEX logs_session_id_created_at
    ON logs (session_id, created_at, log_id, deleted_at);

CREATE INDEX logs_trace_id
    ON logs (trace_id, log_id, deleted_at);

CREATE INDEX logs_deleted_at
    ON logs (deleted_at) WHERE deleted_at IS NOT NULL;

CREATE TABLE api_keys (
    key_id        TEXT    NOT NULL PRIMARY KEY,
    name          TEXT    NOT NULL,
    scopes        TEXT    NOT NULL, -- separated by blanks
    digest        TEXT    NOT NULL, -- SHA-256 of the secret, hexadecimal
    former_digest TEXT,             -- of the secret before, while that is still accepted
    former_until  INTEGER,
    expires_at    INTEGER,
    revoked_at    INTEGER,
    used_at       INTEGER,          -- not older than about a minute
    changed_by    TEXT    NOT NULL, -- who made, rotated or revoked it last
    created_at    INTEGER NOT NULL, -- microseconds since 1970, UTC; so are all times
    updated_at    INTEGER NOT NULL, -- first half of the version
    revision      INTEGER NOT NULL, -- second half of the version
    deleted_at    INTEGER           -- set on a tombstone, which no answer shows
);

CREATE INDEX api_keys_deleted_at
    ON api_keys (deleted_at) WHERE deleted_at IS NOT NULL;
