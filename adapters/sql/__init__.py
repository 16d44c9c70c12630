"""Statement building shared by the SQL backends."""
