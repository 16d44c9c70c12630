CREATE TABLE api_keys (
    key_id        TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    name          TEXT COLLATE "C" NOT NULL,
    scopes        TEXT COLLATE "C" NOT NULL, -- separated by blanks
    digest        TEXT COLLATE "C" NOT NULL, -- SHA-256 of the secret, hexadecimal
    former_digest TEXT COLLATE "C",          -- of the secret before, while that is still accepted
    former_until  BIGINT,
    expires_at    BIGINT,
    revoked_at    BIGINT,
    used_at       BIGINT,                    -- not older than about a minute
    changed_by    TEXT COLLATE "C" NOT NULL, -- who made, rotated or revoked it last
    created_at    BIGINT           NOT NULL, -- microseconds since 1970, UTC; so are all times
    updated_at    BIGINT           NOT NULL, -- first half of the version
    revision      BIGINT           NOT NULL, -- second half of the version
    deleted_at    BIGINT                     -- set on a tombstone, which no answer shows
);
