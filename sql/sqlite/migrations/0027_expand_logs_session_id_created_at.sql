CREATE INDEX logs_session_id_created_at
    ON logs (session_id, created_at, log_id, deleted_at);
