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
