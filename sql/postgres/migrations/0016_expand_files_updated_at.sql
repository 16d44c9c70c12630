CREATE INDEX files_updated_at
    ON files (updated_at, file_id) WHERE deleted_at IS NULL;
