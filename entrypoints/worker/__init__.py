"""The worker: the flush engine as a process of its own, and the service's side of it."""
