"""The one table of the HTTP API's routes: which path is which function's, who may ask, and how often. No CDK here.

Paths are the handlers' own constants, as in the OpenAPI document (``burgee.openapi``); a test holds that both have the same
ones, and asks the handlers whether each path is really that function's. docs/deployment.md, section 11, says what is done
with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from handlers._access import IAM
from handlers._edge import ORIGINS
from handlers._ofrep import FLAGS_PATH, HEALTH_PATH
from handlers.assignments import PATHS as ASSIGN_PATHS
from handlers.flags import BATCH_PATH, EVALUATE_PATH
from handlers.ingest import BATCH_PATH as EVENTS_PATH
from handlers.ingest import EVENT_PATH
from handlers.results import PICTURE, PREFIX, RESULTS
from infra.functions import Auth, Function, function

PATHS: dict[str, str] = {
    EVALUATE_PATH: "flags",
    BATCH_PATH: "flags",
    FLAGS_PATH: "flags",
    FLAGS_PATH + "/{key}": "flags",
    ASSIGN_PATHS[0]: "assignments",
    EVENT_PATH: "ingest",
    EVENTS_PATH: "ingest",
    f"{PREFIX}{{key}}{RESULTS}": "results",
    f"{PREFIX}{{key}}{PICTURE}": "results",
    HEALTH_PATH: "flags",
}
"""The documented paths, and whose they are. Any other path is API Gateway's own 404: it costs no invocation."""

ANY, PREFLIGHT = "ANY", "OPTIONS"
HELD_MS, RESULTS_MS = 100, 500
"""For so long a request holds a sandbox: Lambda takes ten a second for each unit of concurrency (``lambda-rate`` in
prices.toml), however short they are, and no target is longer. A look at results takes longer (``results-ms``)."""
OPEN_PART, OPEN_RATE, OPEN_BURST = 10, 10, 20
"""What nobody has to show anything for, health and preflights, may take a tenth of a function's concurrency, or so little."""


@dataclass(frozen=True, slots=True)
class Limit:
    """Requests a second in the long run, and at once."""

    rate: int
    burst: int


@dataclass(frozen=True, slots=True)
class Route:
    """``key``: as API Gateway has it. ``iam``: it lets in only who has signed; else the function asks, or nobody does.

    ``open``: nobody is asked for anything.
    """

    method: str
    path: str
    function: str
    iam: bool
    open: bool

    @property
    def key(self) -> str:
        """A key at the end may have slashes in it: API Gateway decodes ``%2F`` before it looks for a route."""
        path = self.path.removesuffix("}") + "+}" if self.path.endswith("}") else self.path
        return f"{self.method} {path}"

    @property
    def name(self) -> str:
        """The same in letters and digits, for the template."""
        words = "".join(each if each.isalnum() else " " for each in f"{self.method} {self.path}").split()
        return "".join(word.capitalize() for word in words)


def routes(asks_for: dict[str, Auth]) -> Iterator[Route]:
    """All of them. ``asks_for``: what each function's callers must show.

    Methods are the function's to judge: it answers a wrong one with 405 and ``Allow``, and preflights by its own list of
    origins. But who must sign can't sign a preflight, so those have a route of their own, where pages may ask at all.
    """
    for path, name in PATHS.items():
        guarded = asks_for[name] == IAM and path != HEALTH_PATH
        yield Route(ANY, path, name, guarded, path == HEALTH_PATH)
        if guarded and ORIGINS in function(name).environment:
            yield Route(PREFLIGHT, path, name, iam=False, open=True)


def limit(route: Route, row: Function, reserved: int, most: Limit) -> Limit:
    """What a route lets through to a function with so much ``reserved`` concurrency; ``most``: the stage's.

    So many at once as there can be sandboxes, and so many a second as those answer: what is more gets 429 from API Gateway at
    once, where Lambda would refuse it and callers would see a 5xx.
    """
    held_ms = RESULTS_MS if row.name == "results" else HELD_MS
    rate, burst = min(most.rate, reserved * 1000 // held_ms), min(most.burst, reserved)
    if route.open:
        return Limit(max(rate // OPEN_PART, min(OPEN_RATE, rate)), max(burst // OPEN_PART, min(OPEN_BURST, burst)))
    return Limit(rate, burst)
