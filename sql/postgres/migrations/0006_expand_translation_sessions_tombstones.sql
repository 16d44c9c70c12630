CREATE INDEX translation_sessions_tombstones
    ON translation_sessions (session_id) INCLUDE (updated_at, revision, deleted_at) WHERE deleted_at IS NOT NULL;
