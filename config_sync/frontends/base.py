"""What every front end is: a function from parsed documents to an IR project. Front ends import this and never each other."""

from collections.abc import Callable
from typing import Any

import msgspec

from config_sync.diagnostics import Diagnostics
from config_sync.ir import Origin, Project


class Source(msgspec.Struct, frozen=True):
    """One parsed document: its data (JSON types; DynamoDB's Decimal allowed) and the origin of its root."""

    data: Any
    origin: Origin


FrontEnd = Callable[[list[Source], Diagnostics], Project]
"""Never raises on bad input: it adds diagnostics, and turns a flag with errors into ``ir.Flag(error=…)``."""
