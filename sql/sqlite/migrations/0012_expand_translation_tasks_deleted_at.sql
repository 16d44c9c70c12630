CREATE INDEX translation_tasks_deleted_at
    ON translation_tasks (deleted_at) WHERE deleted_at IS NOT NULL;
