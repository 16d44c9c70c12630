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
    detail      TEXT    NOT NULL,
    PRIMARY KEY (lane, sequence, revision)
);

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
);
