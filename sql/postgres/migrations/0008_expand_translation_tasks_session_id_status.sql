CREATE INDEX translation_tasks_session_id_status
    ON translation_tasks (session_id, status, task_id) WHERE deleted_at IS NULL;
