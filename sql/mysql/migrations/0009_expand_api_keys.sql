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
