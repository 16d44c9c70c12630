"""SQLite: the embedded default backend, and the state that outlives the journal."""
