CREATE TABLE users (
    user_id          TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    email            TEXT COLLATE "C" NOT NULL, -- as it was sent
    email_normalized TEXT COLLATE "C",          -- what no two users share; null in a tombstone
    name             TEXT COLLATE "C",
    preferences      TEXT COLLATE "C" NOT NULL, -- the JSON object as it was sent
    created_at       BIGINT           NOT NULL, -- microseconds since 1970, UTC; so are all times
    updated_at       BIGINT           NOT NULL, -- first half of the version
    revision         BIGINT           NOT NULL, -- second half of the version
    deleted_at       BIGINT,                    -- set on a tombstone, which no answer shows
    metadata         TEXT COLLATE "C" NOT NULL  -- the JSON object as it was sent
);
