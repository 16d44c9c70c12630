CREATE INDEX users_created_at
    ON users (created_at, user_id) WHERE deleted_at IS NULL;
