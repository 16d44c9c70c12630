CREATE INDEX translation_tasks_batch_id
    ON translation_tasks (batch_id NULLS FIRST, task_id) WHERE deleted_at IS NULL;
