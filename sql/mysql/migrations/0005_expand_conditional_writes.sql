CREATE TABLE IF NOT EXISTS conditional_writes (
    collection VARBINARY(64) NOT NULL,
    revision   BIGINT        NOT NULL, -- of a write that was stored on the state it named; kept for two days
    PRIMARY KEY (collection, revision)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC;
