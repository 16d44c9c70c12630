CREATE INDEX files_created_at
    ON files (created_at, file_id) WHERE deleted_at IS NULL;
