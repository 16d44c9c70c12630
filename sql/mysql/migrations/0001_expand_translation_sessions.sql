CREATE TABLE IF NOT EXISTS translation_sessions (
    session_id   VARBINARY(255) NOT NULL PRIMARY KEY,
    user_id      VARCHAR(255),
    name         VARCHAR(1024),
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
