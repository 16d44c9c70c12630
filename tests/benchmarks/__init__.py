"""Benchmarks: every figure beside what a bare driver, or a handler that does nothing, reaches in the same run."""
