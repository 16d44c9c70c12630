CREATE TABLE files (
    file_id      TEXT    NOT NULL PRIMARY KEY,
    name         TEXT    NOT NULL,
    content_type TEXT    NOT NULL,
    size         INTEGER NOT NULL, -- bytes
    sha256       TEXT    NOT NULL, -- of the content, hexadecimal
    object       TEXT    NOT NULL, -- the content's name in the object store
    created_at   INTEGER NOT NULL, -- microseconds since 1970, UTC; so are all times
    updated_at   INTEGER NOT NULL, -- first half of the version
    revision     INTEGER NOT NULL, -- second half of the version
    deleted_at   INTEGER,          -- set on a tombstone, which no answer shows
    metadata     TEXT    NOT NULL  -- the JSON object as it was sent
);
