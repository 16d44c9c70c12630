CREATE INDEX logs_deleted_at
    ON logs (deleted_at) WHERE deleted_at IS NOT NULL;
