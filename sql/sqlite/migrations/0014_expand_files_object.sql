CREATE INDEX files_object
    ON files (object, file_id, deleted_at);
