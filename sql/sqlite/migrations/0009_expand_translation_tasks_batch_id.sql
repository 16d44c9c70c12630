CREATE INDEX translation_tasks_batch_id
    ON translation_tasks (batch_id, task_id, deleted_at);
