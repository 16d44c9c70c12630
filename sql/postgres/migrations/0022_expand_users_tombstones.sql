CREATE INDEX users_tombstones
    ON users (user_id) INCLUDE (updated_at, revision, deleted_at) WHERE deleted_at IS NOT NULL;
