"""Ceilings on what is read, so that no document can exhaust memory or time. Each has a diagnostic of its own."""

MAX_SOURCE_BYTES = 64 * 1024 * 1024  # of one document
MAX_FILES = 10_000  # in one directory
MAX_DEPTH = 100  # of nested lists and mappings
MAX_VALUES = 5_000_000  # of one document, a YAML alias counted as often as it is used

MIN_INTEGER = -(2**63)
MAX_INTEGER = 2**63 - 1
