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
