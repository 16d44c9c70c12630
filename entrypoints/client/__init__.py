"""A client of the HTTP API, as far as the command line needs one."""
