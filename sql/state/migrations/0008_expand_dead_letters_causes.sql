CREATE INDEX dead_letters_causes
    ON dead_letters (lane, code, sequence, revision, weight);
