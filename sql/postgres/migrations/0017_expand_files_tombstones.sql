CREATE INDEX files_tombstones
    ON files (file_id) INCLUDE (updated_at, revision, deleted_at) WHERE deleted_at IS NOT NULL;
