CREATE INDEX users_deleted_at
    ON users (deleted_at) WHERE deleted_at IS NOT NULL;
