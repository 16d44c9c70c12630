CREATE TABLE write_exceptions (
    lane     TEXT    NOT NULL,
    sequence INTEGER NOT NULL, -- of the record in its lane
    key      TEXT    NOT NULL,
    verdict  TEXT    NOT NULL,
    code     TEXT    NOT NULL,
    detail   TEXT    NOT NULL,
    PRIMARY KEY (lane, sequence)
) WITHOUT ROWID;
