"""Every port in plain Python: the reference implementation."""
