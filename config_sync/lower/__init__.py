"""Lowering: from the rich, named IR to the flat, numbered tables of a snapshot. The only place that sees both.

``lower(project)`` takes a project that went through every pass (``config_sync.compile`` does that) and never fails on one.
Equal projects give equal bytes: flags are taken in key order, and everything shared is numbered at its first use.
"""

from config_sync.lower.project import Lowered, lower

__all__ = ["Lowered", "lower"]
