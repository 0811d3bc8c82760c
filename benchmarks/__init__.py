"""Benchmarks: Chainrule and its peers on the same work, in turn. Run `python -m benchmarks`."""
