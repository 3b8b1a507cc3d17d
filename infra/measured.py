"""What the cost model takes from what is committed: measurements (benchmarks/results) and the golden template. No CDK here."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).resolve().parent.parent / "benchmarks" / "results"
TEMPLATE = Path(__file__).parent / "golden" / "burgee-prod.json"
API_TEMPLATE = TEMPLATE.with_name("burgee-dev-api.json")  # what the HTTP API adds
FILES = ("edge", "events", "sync", "sustained")


@dataclass(frozen=True, slots=True)
class Measured:
    """Milliseconds of a processor, and what waits besides. ``files``: where they come from.

    ``flag_ms``, ``bulk_ms``, ``batch_ms``: a warm round trip of AWS's runtime client with one flag, all of 100, 100 by key;
    ``runtime_ms``: of it the client's own, with a function that does nothing. ``assignment_ms``: a first one without its call.
    ``event_batch_ms``: the event processor's ``event_records`` events with botocore, ``event_calls`` its calls when warm,
    ``event_wall_ms`` the median as it was, calls of 5 ms and other work on the machine included.
    ``sync_ms``: reading and compiling 5,000 flags that haven't changed.
    """

    files: tuple[str, ...]
    runtime_ms: float
    flag_ms: float
    bulk_ms: float
    batch_ms: float
    assignment_ms: float
    event_batch_ms: float
    event_calls: int
    event_wall_ms: float
    event_records: int
    sync_ms: float
    resident_mb: float
    sync_peak_mb: float


def measured(results: Path = RESULTS) -> Measured:
    """The committed figures. Raises ValueError when a kind has no file or more than one."""
    found: dict[str, Any] = {}
    names = []
    for kind in FILES:
        paths = sorted(results.glob(f"{kind}-*.json"))
        if len(paths) != 1:
            raise ValueError(f"there are {len(paths)} results of {kind}, and the model needs one")
        names.append(paths[0].name)
        found[kind] = json.loads(paths[0].read_text(encoding="utf-8"))
    edge, paired = found["edge"]["edge"]["pipe"]["latency"], found["edge"]["load"]["paired"]
    # Between two calls the runtime client takes the caches: what the handler then takes, over what it takes in a loop.
    woken = paired["over no-op us"] / edge["POST one flag"]["p50 us"]
    assignment, events, sync = found["edge"]["assignment"], found["events"]["events"], found["sync"]["sync"]
    records = events["records"]
    return Measured(
        files=tuple(names),
        runtime_ms=paired["no-op p50 us"] / 1e3,
        flag_ms=paired["one flag p50 us"] / 1e3,
        bulk_ms=(paired["no-op p50 us"] + woken * edge["OFREP bulk, 100 flags"]["p50 us"]) / 1e3,
        batch_ms=(paired["no-op p50 us"] + woken * edge["batch of 100 keys"]["p50 us"]) / 1e3,
        assignment_ms=(paired["no-op p50 us"] + assignment["over a bare call p50 us"]) / 1e3,
        event_batch_ms=records * events["own"]["us with botocore"] / 1e3,
        event_calls=sum(events["calls"]["warm"][kind] for kind in ("writes", "reads", "puts")),
        event_wall_ms=events["latency"]["p50 ms"],
        event_records=records,
        sync_ms=(sync["read cpu s"] + sync["unchanged compile and publish s"]) * 1e3,
        resident_mb=found["edge"]["edge"]["soak"]["resident MB after"],
        sync_peak_mb=sync["peak MB"],
    )


@dataclass(frozen=True, slots=True)
class Template:
    """What in production costs by being there. ``alarms`` counts the metrics that they look at, as their bill does.

    ``endpoint_zones`` counts the addresses of interface endpoints: one in each zone.
    ``traced``: whether functions trace whatever comes; ``platform_lines``: whether Lambda's START, END and REPORT are logged.
    """

    alarms: int
    dashboards: int
    keys: int
    endpoint_zones: int
    traced: bool
    platform_lines: bool


@cache
def template(path: Path = TEMPLATE) -> Template:
    """Read from the golden template, so that a change of the infrastructure is a change of the bill."""
    found = list(json.loads(path.read_text(encoding="utf-8"))["Resources"].values())

    def of(kind: str) -> list[dict[str, Any]]:
        return [each["Properties"] for each in found if each["Type"] == f"AWS::{kind}"]

    functions = of("Lambda::Function")
    quiet = ("WARN", "ERROR", "FATAL")
    return Template(
        alarms=sum(max(1, sum("MetricStat" in each for each in row.get("Metrics", ()))) for row in of("CloudWatch::Alarm")),
        dashboards=len(of("CloudWatch::Dashboard")),
        keys=len(of("KMS::Key")),
        endpoint_zones=sum(len(each.get("SubnetIds", ())) for each in of("EC2::VPCEndpoint")),
        traced=any(row.get("TracingConfig", {}).get("Mode") == "Active" for row in functions),
        platform_lines=any(row.get("LoggingConfig", {}).get("SystemLogLevel") not in quiet for row in functions),
    )
