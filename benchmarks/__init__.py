"""Benchmarks: workloads, hand-written floors, measurements, budgets. Not in the wheel; only they and tests import them."""
