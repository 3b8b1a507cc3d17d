"""The errors that ``evaluator`` raises. Evaluation itself raises none: it answers with an error reason."""


class BurgeeError(Exception):
    """Base of every error this library raises on purpose."""


class SnapshotError(BurgeeError):
    """These bytes are no snapshot that this core can trust: truncated, corrupted, of another format, or inconsistent."""
