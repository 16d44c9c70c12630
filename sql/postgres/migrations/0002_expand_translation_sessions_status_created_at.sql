CREATE INDEX translation_sessions_status_created_at
    ON translation_sessions (status, created_at, session_id) WHERE deleted_at IS NULL;
