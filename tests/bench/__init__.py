"""Benchmarks: whole processes beside their peers, in the same run, on the same input. Run by `make bench`."""
