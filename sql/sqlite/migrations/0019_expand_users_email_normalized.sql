CREATE UNIQUE INDEX users_email_normalized
    ON users (email_normalized);
