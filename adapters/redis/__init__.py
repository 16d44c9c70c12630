"""Redis: the pending log that many instances share, and what must be known beside it."""
