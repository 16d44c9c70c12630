"""The founding stack as a competent engineer writes it in an afternoon: the peer of ``make bench``."""
