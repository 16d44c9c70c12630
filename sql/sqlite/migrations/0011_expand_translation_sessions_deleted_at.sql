CREATE INDEX translation_sessions_deleted_at
    ON translation_sessions (deleted_at) WHERE deleted_at IS NOT NULL;
