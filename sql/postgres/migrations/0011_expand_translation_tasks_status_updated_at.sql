CREATE INDEX translation_tasks_status_updated_at
    ON translation_tasks (status, updated_at, task_id) WHERE deleted_at IS NULL;
