"""What the cost is compared with (requirement CST-02), and what else it could be: memory, tracking, batching. No CDK here."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from infra.cost import GB, HOURS, KB, LAMBDA, SECONDS, Bill, Deployed, Model, saving
from infra.functions import function
from infra.prices import prices

REQUIRED_P50_MS = 15  # of a flag (requirement PRF-01)
OWN_SERVICE_RATE = 16_000  # requests a second and processor of `burgee serve`; scripts/cost.py takes the measured one


@dataclass(frozen=True, slots=True)
class Tracking:
    """A way to track evaluations at one rate, and what a month of it costs."""

    what: str
    share: float
    events: float
    usd: float


def slow_function(requests: float) -> Bill:
    """Time and requests of a function on x86 with the same memory that takes exactly the median that is required."""
    row = function("flags")
    slow = Model(Deployed(x86=True))
    return Bill("x86, 15 ms", tuple(slow.invocations(row, requests, REQUIRED_P50_MS)))


def fast_function(requests: float) -> Bill:
    """The same of ours."""
    model = Model()
    return Bill("arm64, as measured", tuple(model.invocations(function("flags"), requests, model.flag_billed_ms())))


def always_on(rate: float) -> tuple[int, float]:
    """A service that is always ready for the required peak: how many processors, and dollars a month.

    ``rate``: requests a second that one processor answers. At least two, in two zones; 2 GB for each; a load balancer.
    """
    known = prices()
    processors = max(2, ceil(known.given("always-on-peak") / (rate * known.given("always-on-load"))))
    hourly = known.usd("fargate-cpu", processors) + known.usd("fargate-memory", 2 * processors) + known.usd("load-balancer", 1)
    return processors, hourly * HOURS


def functions_usd(requests: float) -> float:
    """Lambda's part of the bill for so many single flags, with what stands ready."""
    model = Model()
    return model.single(requests).usd(LAMBDA) + model.standing().usd(LAMBDA)


def break_even(limit_usd: float) -> float:
    """At how many requests a month the functions cost so many dollars."""
    standing, million = functions_usd(1e-6), functions_usd(1e9) / 1e3
    low, high = 0.0, max(1.0, (limit_usd - standing) / (million - standing / 1e3) * 1e6 * 4)
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if functions_usd(middle) < limit_usd else (low, middle)
    return low


def memory_row(memory_mb: int, requests: float) -> tuple[int, float]:
    """A flag's billed milliseconds at so much memory, and dollars for so many requests without their fee."""
    model = Model(Deployed(memory_mb=memory_mb))
    billed = model.flag_billed_ms()
    return billed, model.prices.usd("lambda-arm64", requests * billed / 1e3 * memory_mb / KB)


def tracking(rate: float) -> list[Tracking]:
    """Every way to track a flag function of so many requests a second (requirement CST-05)."""
    evaluations = rate * SECONDS
    known = prices()
    found = []
    for share in (1.0, 0.1, 0.01):
        events = evaluations * share
        model = Model(Deployed(tracked=share))
        behind = sum(line.usd for line in model.streamed(events))
        waiting = known.usd("lambda-arm64", events * known.given("flush-ms") / 1e3 * model.memory_mb(function("flags")) / KB)
        found.append(Tracking("the stream, on demand, counted and archived", share, events, behind + waiting))
        shards = model.shards_for(events)
        provisioned = sum(line.usd for line in model.streamed(events, shards))
        found.append(
            Tracking(f"the same with {shards:,} provisioned shards, a day's retention", share, events, provisioned + waiting)
        )
        size = known.given("event-bytes") + known.given("entry-bytes")
        found.append(
            Tracking("log lines, kept 30 days, nobody counts them", share, events, known.usd("logs", events * size / GB))
        )
    counted = Model()
    requests = counted.logged(function("flags"), evaluations, 1)[0]
    found.append(Tracking("no events: counts by reason, in request lines that are there anyway", 0.0, 0.0, requests.usd))
    return found


def share_saved(requests: float, rate: float) -> float:
    """Of the always-on service's dollars."""
    return saving(functions_usd(requests), always_on(rate)[1])
