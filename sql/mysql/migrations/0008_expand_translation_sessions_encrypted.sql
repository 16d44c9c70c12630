-- An encrypted value is longer than what was sent: its column has room for the longest one.
ALTER TABLE translation_sessions
    MODIFY name VARCHAR(5632);
