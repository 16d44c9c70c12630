CREATE TABLE idempotency_keys (
    caller         TEXT    NOT NULL, -- empty: nobody in particular
    operation      TEXT    NOT NULL, -- method and route
    key            TEXT    NOT NULL, -- as the caller sent it
    part           INTEGER NOT NULL, -- of the request, from 0
    digest         BLOB    NOT NULL, -- SHA-256 of the part as it was sent
    lane           TEXT    NOT NULL,
    epoch          INTEGER NOT NULL, -- of the lane, as the receipt names it
    first          INTEGER NOT NULL, -- sequence of the part's first record ...
    last           INTEGER NOT NULL, -- ... and of its last
    first_revision INTEGER NOT NULL,
    accepted_at    INTEGER NOT NULL, -- microseconds since 1970; a key is kept for 24 hours
    keys           TEXT    NOT NULL, -- JSON array: the records of a change, in order
    PRIMARY KEY (caller, operation, key, part)
);
