"""The pending log, and what is observed, between the service and its worker process."""
