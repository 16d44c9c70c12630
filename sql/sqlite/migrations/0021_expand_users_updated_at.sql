CREATE INDEX users_updated_at
    ON users (updated_at, user_id, deleted_at);
