CREATE TABLE epochs (
    lane           TEXT    NOT NULL,
    number         INTEGER NOT NULL, -- new at each opening of the lane
    first_sequence INTEGER NOT NULL, -- of the first record that the epoch may give
    PRIMARY KEY (lane, number)
) WITHOUT ROWID;
