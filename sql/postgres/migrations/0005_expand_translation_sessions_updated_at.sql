CREATE INDEX translation_sessions_updated_at
    ON translation_sessions (updated_at, session_id) WHERE deleted_at IS NULL;
