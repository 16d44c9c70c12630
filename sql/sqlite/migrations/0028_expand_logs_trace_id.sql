CREATE INDEX logs_trace_id
    ON logs (trace_id, log_id, deleted_at);
