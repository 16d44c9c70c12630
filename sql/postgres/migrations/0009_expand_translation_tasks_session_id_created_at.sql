CREATE INDEX translation_tasks_session_id_created_at
    ON translation_tasks (session_id, created_at, task_id) WHERE deleted_at IS NULL;
