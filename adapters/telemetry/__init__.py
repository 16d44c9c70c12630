"""Observers: structured logs and Prometheus metrics."""
