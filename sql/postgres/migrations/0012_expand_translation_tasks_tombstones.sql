CREATE INDEX translation_tasks_tombstones
    ON translation_tasks (task_id) INCLUDE (updated_at, revision, deleted_at) WHERE deleted_at IS NOT NULL;
