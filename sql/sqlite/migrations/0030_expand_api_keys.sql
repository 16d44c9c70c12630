CREATE TABLE api_keys (
    key_id        TEXT    NOT NULL PRIMARY KEY,
    name          TEXT    NOT NULL,
    scopes        TEXT    NOT NULL, -- separated by blanks
    digest        TEXT    NOT NULL, -- SHA-256 of the secret, hexadecimal
    former_digest TEXT,             -- of the secret before, while that is still accepted
    former_until  INTEGER,
    expires_at    INTEGER,
    revoked_at    INTEGER,
    used_at       INTEGER,          -- not older than about a minute
    changed_by    TEXT    NOT NULL, -- who made, rotated or revoked it last
    created_at    INTEGER NOT NULL, -- microseconds since 1970, UTC; so are all times
    updated_at    INTEGER NOT NULL, -- first half of the version
    revision      INTEGER NOT NULL, -- second half of the version
    deleted_at    INTEGER           -- set on a tombstone, which no answer shows
);
