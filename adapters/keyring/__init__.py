"""Keys for values that are encrypted: from a file or the environment, used here in this process."""
