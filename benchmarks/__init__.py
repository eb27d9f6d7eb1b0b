"""Benchmarks: `python -m benchmarks.NAME` from the repository root; `benchmarks/README.md` says which there are."""
