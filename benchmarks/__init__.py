"""Benchmarks: each is measured side by side with something else on the same machine, and never asserted."""
