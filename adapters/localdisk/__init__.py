"""The local disk as an object store."""
