CREATE INDEX logs_created_at
    ON logs (created_at, log_id, deleted_at);
