CREATE TABLE IF NOT EXISTS users (
    user_id          VARBINARY(255) NOT NULL PRIMARY KEY,
    email            VARCHAR(254)   NOT NULL, -- as it was sent
    email_normalized VARCHAR(318),            -- what no two users share; null in a tombstone
    name             VARCHAR(255),
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
