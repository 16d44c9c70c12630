-- An encrypted value is longer than what was sent: its columns have room for the longest one.
ALTER TABLE users
    MODIFY email VARCHAR(1536) NOT NULL, -- as it was sent, or encrypted
    MODIFY name  VARCHAR(1536);
