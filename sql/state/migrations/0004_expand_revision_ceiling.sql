CREATE TABLE revision_ceiling (
    one          INTEGER NOT NULL PRIMARY KEY CHECK (one = 1), -- the table has one row
    instance     INTEGER NOT NULL CHECK (instance BETWEEN 1 AND 1023),
    folder       TEXT    NOT NULL, -- identity of the data folder that the number was given to
    ceiling_tick INTEGER NOT NULL  -- milliseconds since 2020; no revision at or above it was given
);
