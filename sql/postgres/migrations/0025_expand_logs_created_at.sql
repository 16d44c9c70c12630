CREATE INDEX logs_created_at
    ON logs (created_at, log_id) WHERE deleted_at IS NULL;
