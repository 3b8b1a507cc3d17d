"""The functions that are bundled, until the deployment's own table is here."""

from typing import NamedTuple


class Function(NamedTuple):
    """``hot``: somebody waits for its cold start."""

    name: str
    module: str
    hot: bool


FUNCTIONS = (
    Function("flags", "handlers.flags", True),
    Function("assignments", "handlers.assignments", True),
    Function("ingest", "handlers.ingest", True),
    Function("events", "handlers.events", False),
    Function("results", "handlers.results", False),
    Function("sync", "handlers.sync", False),
    Function("mirror", "handlers.assignment_mirror", False),
)
