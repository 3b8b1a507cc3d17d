"""A function whose module can't be imported. For ``test_runtime.py``."""

raise RuntimeError("the table's name is missing")
