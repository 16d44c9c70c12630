CREATE INDEX api_keys_deleted_at
    ON api_keys (deleted_at) WHERE deleted_at IS NOT NULL;
