CREATE INDEX logs_level_created_at
    ON logs (level, created_at, log_id) WHERE deleted_at IS NULL;
