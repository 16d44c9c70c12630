"""The local journal: a segmented, checksummed, group-committed log."""
