CREATE INDEX idempotency_keys_accepted_at ON idempotency_keys (accepted_at); -- what is purged is the oldest
