CREATE TABLE conditional_writes (
    collection TEXT COLLATE "C" NOT NULL,
    revision   BIGINT           NOT NULL, -- of a write that was stored on the state it named; kept for two days
    PRIMARY KEY (collection, revision)
);
