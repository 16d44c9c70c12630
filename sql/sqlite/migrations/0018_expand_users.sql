CREATE TABLE users (
    user_id          TEXT    NOT NULL PRIMARY KEY,
    email            TEXT    NOT NULL, -- as it was sent
    email_normalized TEXT,             -- what no two users share; null in a tombstone
    name             TEXT,
    preferences      TEXT    NOT NULL, -- the JSON object as it was sent
    created_at       INTEGER NOT NULL, -- microseconds since 1970, UTC; so are all times
    updated_at       INTEGER NOT NULL, -- first half of the version
    revision         INTEGER NOT NULL, -- second half of the version
    deleted_at       INTEGER,          -- set on a tombstone, which no answer shows
    metadata         TEXT    NOT NULL  -- the JSON object as it was sent
);
