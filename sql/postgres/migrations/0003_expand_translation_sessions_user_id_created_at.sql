CREATE INDEX translation_sessions_user_id_created_at
    ON translation_sessions (user_id NULLS FIRST, created_at, session_id) WHERE deleted_at IS NULL;
