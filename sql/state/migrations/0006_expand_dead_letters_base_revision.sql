ALTER TABLE dead_letters ADD COLUMN base_revision INTEGER;
