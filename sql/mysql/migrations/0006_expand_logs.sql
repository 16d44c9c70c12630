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
