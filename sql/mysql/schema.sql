-- The whole current schema of the MySQL and MariaDB backends, for reading; a test holds it equal to the sum of the
-- migrations on both.
--
-- Text compares by code point, blanks at the end included. MariaDB and MySQL have such a collation under different
-- names; each takes the comment that is meant for it (/*M! ... */ and /*!80017 ... */) and skips the other, so that one
-- schema serves both. Identifiers are bytes of UTF-8. Every index ends with the key, which breaks ties and places
-- cursors and which InnoDB keeps in it anyway, and with deleted_at, so that counts are answered from the index alone.
-- Indexes of a new table are made with it: MySQL has no CREATE INDEX IF NOT EXISTS to repeat after a crash.

CREATE TABLE IF NOT EXISTS translation_sessions (
    session_id   VARBINARY(255) NOT NULL PRIMARY KEY,
    user_id      VARCHAR(255),
    name         VARCHAR(5632),
    status       VARCHAR(16)    NOT NULL,
    source_lang  VARCHAR(35)    NOT NULL,
    target_lang  VARCHAR(35)    NOT NULL,
    total_tasks  INT            NOT NULL,
    created_at   BIGINT         NOT NULL, -- microseconds since 1970, UTC; so are all times
    updated_at   BIGINT         NOT NULL, -- first half of the version
    revision     BIGINT         NOT NULL, -- second half of the version
    deleted_at   BIGINT,                  -- set on a tombstone, which no answer shows
    metadata     MEDIUMTEXT     NOT NULL, -- the JSON object as it was sent
    KEY translation_sessions_status_created_at (status, created_at, session_id, deleted_at),
    KEY translation_sessions_user_id_created_at (user_id, created_at, session_id, deleted_at),
    KEY translation_sessions_created_at (created_at, session_id, deleted_at),
    KEY translation_sessions_updated_at (updated_at, session_id, deleted_at)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC DEFAULT CHARACTER SET = utf8mb4
  /*M! COLLATE = utf8mb4_nopad_bin */ /*!80017 COLLATE = utf8mb4_0900_bin */;

CREATE TABLE IF NOT EXISTS translation_tasks (
    task_id         VARBINARY(255) NOT NULL PRIMARY KEY,
    session_id      VARBINARY(255) NOT NULL, -- not a foreign key: a task may come before its session
    batch_id        VARBINARY(255),
    status          VARCHAR(16)    NOT NULL,
    source_lang     VARCHAR(35)    NOT NULL,
    target_lang     VARCHAR(35)    NOT NULL,
    priority        INT            NOT NULL,
    retry_count     INT            NOT NULL,
    created_at      BIGINT         NOT NULL, -- microseconds since 1970, UTC; so are all times
    updated_at      BIGINT         NOT NULL, -- first half of the version
    revision        BIGINT         NOT NULL, -- second half of the version
    deleted_at      BIGINT,                  -- set on a tombstone, which no answer shows
    metadata        MEDIUMTEXT     NOT NULL, -- the JSON object as it was sent
    error_message   MEDIUMTEXT,
    source_text     MEDIUMTEXT     NOT NULL,
    translated_text MEDIUMTEXT,
    KEY translation_tasks_session_id_status (session_id, status, task_id, deleted_at),
    KEY translation_tasks_session_id_created_at (session_id, created_at, task_id, deleted_at),
    KEY translation_tasks_batch_id (batch_id, task_id, deleted_at),
    KEY translation_tasks_status_updated_at (status, updated_at, task_id, deleted_at)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC DEFAULT CHARACTER SET = utf8mb4
  /*M! COLLATE = utf8mb4_nopad_bin */ /*!80017 COLLATE = utf8mb4_0900_bin */;

CREATE TABLE IF NOT EXISTS files (
    file_id      VARBINARY(255) NOT NULL PRIMARY KEY,
    name         VARCHAR(255)   NOT NULL,
    content_type VARCHAR(127)   NOT NULL,
    size         BIGINT         NOT NULL, -- bytes
    sha256       VARCHAR(64)    NOT NULL, -- of the content, hexadecimal
    object       VARCHAR(200)   NOT NULL, -- the content's name in the object store
    created_at   BIGINT         NOT NULL, -- microseconds since 1970, UTC; so are all times
    updated_at   BIGINT         NOT NULL, -- first half of the version
    revision     BIGINT         NOT NULL, -- second half of the version
    deleted_at   BIGINT,                  -- set on a tombstone, which no answer shows
    metadata     MEDIUMTEXT     NOT NULL, -- the JSON object as it was sent
    KEY files_object (object, file_id, deleted_at),
    KEY files_created_at (created_at, file_id, deleted_at),
    KEY files_updated_at (updated_at, file_id, deleted_at)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC DEFAULT CHARACTER SET = utf8mb4
  /*M! COLLATE = utf8mb4_nopad_bin */ /*!80017 COLLATE = utf8mb4_0900_bin */;

CREATE TABLE IF NOT EXISTS users (
    user_id          VARBINARY(255) NOT NULL PRIMARY KEY,
    email            VARCHAR(1536)  NOT NULL, -- as it was sent, or encrypted
    email_normalized VARCHAR(318),            -- what no two users share; null in a tombstone
    name             VARCHAR(1536),
    preferences      MEDIUMTEXT     NOT NULL, -- the JSON object as it was sent
    created_at       BIGINT         NOT NULL, -- microseconds since 1970, UTC; so are all times
    updated_at       BIGINT         NOT NULL, -- first half of the version
    revision         BIGINT         NOT NULL, -- second half of the version
    deleted_at       BIGINT,                  -- set on a tombstone, which no answer shows
    metadata         MEDIUMTEXT     NOT NULL, -- the JSON object as it was sent
    UNIQUE KEY users_email_normalized (email_normalized),
    KEY users_created_at (created_at, user_id, deleted_at),
    KEY users_updated_at (updated_at, user_id, deleted_at)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC DEFAULT CHARACTER SET = utf8mb4
  /*M! COLLATE = utf8mb4_nopad_bin */ /*!80017 COLLATE = utf8mb4_0900_bin */;

CREATE TABLE IF NOT EXISTS conditional_writes (
    collection VARBINARY(64) NOT NULL,
    revision   BIGINT        NOT NULL, -- of a write that was stored on the state it named; kept for two days
    PRIMARY KEY (collection, revision)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC;

CREATE TABLE IF NOT EXISTS logs (
    log_id     VARBINARY(255) NOT NULL PRIMARY KEY,
    level      VARCHAR(16)    NOT NULL,
    service    VARCHAR(255),
    logger     VARCHAR(255),
    instance   VARCHAR(255),
    trace_id   VARBINARY(255),
    session_id VARBINARY(255),
    task_id    VARBINARY(255),
    created_at BIGINT         NOT NULL, -- when it was logged: microseconds since 1970, UTC; so are all times
    updated_at BIGINT         NOT NULL, -- first half of the version
    revision   BIGINT         NOT NULL, -- second half of the version
    deleted_at BIGINT,                  -- set on a tombstone, which no answer shows
    context    MEDIUMTEXT     NOT NULL, -- the JSON object as it was sent
    message    MEDIUMTEXT     NOT NULL,
    KEY logs_created_at (created_at, log_id, deleted_at),
    KEY logs_level_created_at (level, created_at, log_id, deleted_at),
    KEY logs_session_id_created_at (session_id, created_at, log_id, deleted_at),
    KEY logs_trace_id (trace_id, log_id, deleted_at)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC DEFAULT CHARACTER SET = utf8mb4
  /*M! COLLATE = utf8mb4_nopad_bin */ /*!80017 COLLATE = utf8mb4_0900_bin */;

CREATE TABLE IF NOT EXISTS api_keys (
    key_id        VARBINARY(255) NOT NULL PRIMARY KEY,
    name          VARCHAR(200)   NOT NULL,
    scopes        VARCHAR(2000)  NOT NULL, -- separated by blanks
    digest        VARCHAR(64)    NOT NULL, -- SHA-256 of the secret, hexadecimal
    former_digest VARCHAR(64),             -- of the secret before, while that is still accepted
    former_until  BIGINT,
    expires_at    BIGINT,
    revoked_at    BIGINT,
    used_at       BIGINT,                  -- not older than about a minute
    changed_by    VARCHAR(200)   NOT NULL, -- who made, rotated or revoked it last
    created_at    BIGINT         NOT NULL, -- microseconds since 1970, UTC; so are all times
    updated_at    BIGINT         NOT NULL, -- first half of the version
    revision      BIGINT         NOT NULL, -- second half of the version
    deleted_at    BIGINT                   -- set on a tombstone, which no answer shows
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC DEFAULT CHARACTER SET = utf8mb4
  /*M! COLLATE = utf8mb4_nopad_bin */ /*!80017 COLLATE = utf8mb4_0900_bin */;
