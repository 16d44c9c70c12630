CREATE INDEX logs_session_id_created_at
    ON logs (session_id NULLS FIRST, created_at, log_id) WHERE deleted_at IS NULL;
