"""Benchmarks: workloads, hand-written floors, measurements, budgets. Not part of the wheel; imported by nothing but themselves and tests."""
