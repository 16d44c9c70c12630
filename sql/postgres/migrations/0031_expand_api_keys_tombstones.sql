CREATE INDEX api_keys_tombstones
    ON api_keys (key_id) INCLUDE (updated_at, revision, deleted_at) WHERE deleted_at IS NOT NULL;
