CREATE TABLE conditional_writes (
    collection TEXT    NOT NULL,
    revision   INTEGER NOT NULL, -- of a write that was stored on the state it named; kept for two days
    PRIMARY KEY (collection, revision)
) WITHOUT ROWID;
