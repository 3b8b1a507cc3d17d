"""Benchmarks: workloads, hand-written floors, measurements, budgets. Not in the wheel; imported by themselves and tests only."""
