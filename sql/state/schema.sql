-- The whole current schema of state.db, what outlives the journal's segments; for reading.
-- A test holds it equal to the sum of the migrations.

CREATE TABLE dead_letters (
    lane        TEXT    NOT NULL,
    sequence    INTEGER NOT NULL, -- of the record in its lane; may begin again if a journal was thrown away ...
    revision    INTEGER NOT NULL, -- ... which is why the revision, which never repeats, is part of the identity
    key         TEXT    NOT NULL,
    record      BLOB    NOT NULL, -- JSON, as received
    accepted_at TEXT    NOT NULL, -- RFC 3339
    failed_at   TEXT    NOT NULL, -- RFC 3339
    code        TEXT    NOT NULL,
    detail      TEXT    NOT NULL, kind INTEGER NOT NULL DEFAULT 1, base_revision INTEGER, weight INTEGER NOT NULL DEFAULT 512,
    PRIMARY KEY (lane, sequence, revision)
);
-- kind: 1 a whole record, 2 a tombstone; base_revision: that a conditional write builds on; weight: bytes in the bound

CREATE INDEX dead_letters_causes
    ON dead_letters (lane, code, sequence, revision, weight);

CREATE INDEX dead_letters_key
    ON dead_letters (key);

CREATE TABLE epochs (
    lane           TEXT    NOT NULL,
    number         INTEGER NOT NULL, -- new at each opening of the lane
    first_sequence INTEGER NOT NULL, -- of the first record that the epoch may give
    PRIMARY KEY (lane, number)
) WITHOUT ROWID;

CREATE TABLE write_exceptions (
    lane     TEXT    NOT NULL,
    sequence INTEGER NOT NULL, -- of the record in its lane
    key      TEXT    NOT NULL,
    verdict  TEXT    NOT NULL,
    code     TEXT    NOT NULL,
    detail   TEXT    NOT NULL,
    PRIMARY KEY (lane, sequence)
) WITHOUT ROWID;

CREATE TABLE revision_ceiling (
    one          INTEGER NOT NULL PRIMARY KEY CHECK (one = 1), -- the table has one row
    instance     INTEGER NOT NULL CHECK (instance BETWEEN 1 AND 1023),
    folder       TEXT    NOT NULL, -- identity of the data folder that the number was given to
    ceiling_tick INTEGER NOT NULL  -- milliseconds since 2020; no revision at or above it was given
, salt INTEGER NOT NULL DEFAULT 0);
-- salt: tells folders apart whose instances drew one number; 0: not drawn yet

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

CREATE INDEX idempotency_keys_accepted_at ON idempotency_keys (accepted_at); -- what is purged is the oldest
