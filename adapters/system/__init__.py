"""The machine's clock and ids."""
