"""What starts the service: HTTP, worker, command line, and the wiring."""
