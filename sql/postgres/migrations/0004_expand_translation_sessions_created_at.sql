CREATE INDEX translation_sessions_created_at
    ON translation_sessions (created_at, session_id) WHERE deleted_at IS NULL;
