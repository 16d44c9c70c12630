CREATE INDEX users_updated_at
    ON users (updated_at, user_id) WHERE deleted_at IS NULL;
