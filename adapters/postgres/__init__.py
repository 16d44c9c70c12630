"""PostgreSQL as a storage backend."""
