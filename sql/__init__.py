"""Schema and migrations, as SQL a DBA can read."""
