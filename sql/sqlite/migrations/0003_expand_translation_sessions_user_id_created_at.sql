CREATE INDEX translation_sessions_user_id_created_at
    ON translation_sessions (user_id, created_at, session_id, deleted_at);
