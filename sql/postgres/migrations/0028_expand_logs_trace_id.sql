CREATE INDEX logs_trace_id
    ON logs (trace_id NULLS FIRST, log_id) WHERE deleted_at IS NULL;
