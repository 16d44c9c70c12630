CREATE INDEX logs_tombstones
    ON logs (log_id) INCLUDE (updated_at, revision, deleted_at) WHERE deleted_at IS NOT NULL;
