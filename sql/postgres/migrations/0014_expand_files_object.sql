CREATE INDEX files_object
    ON files (object, file_id) WHERE deleted_at IS NULL;
