CREATE INDEX files_deleted_at
    ON files (deleted_at) WHERE deleted_at IS NOT NULL;
