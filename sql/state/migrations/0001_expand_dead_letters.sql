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
