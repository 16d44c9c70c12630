CREATE TABLE files (
    file_id      TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    name         TEXT COLLATE "C" NOT NULL,
    content_type TEXT COLLATE "C" NOT NULL,
    size         BIGINT           NOT NULL, -- bytes
    sha256       TEXT COLLATE "C" NOT NULL, -- of the content, hexadecimal
    object       TEXT COLLATE "C" NOT NULL, -- the content's name in the object store
    created_at   BIGINT           NOT NULL, -- microseconds since 1970, UTC; so are all times
    updated_at   BIGINT           NOT NULL, -- first half of the version
    revision     BIGINT           NOT NULL, -- second half of the version
    deleted_at   BIGINT,                    -- set on a tombstone, which no answer shows
    metadata     TEXT COLLATE "C" NOT NULL  -- the JSON object as it was sent
);
