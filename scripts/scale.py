"""Writes what is computed in docs/scale.md: ``python -m scripts.scale``, after a change of limits or measurements."""

import json
from typing import Any

from benchmarks.simulate_fleet import RESULT
from handlers._counters import WRITE_SHARDS
from infra import scale
from infra.cost import Model, sketch_bytes
from infra.functions import FUNCTIONS
from infra.prices import prices
from scripts.cost import usd
from scripts.pages import ROOT, filled, table

PAGE = ROOT / "docs" / "scale.md"
REQUIRED = {"flags": 20_000, "assignments": 10_000}  # requests a second (requirement PRF-01)


def fleet() -> dict[str, Any]:
    """The simulation's committed result."""
    found: dict[str, Any] = json.loads(RESULT.read_text(encoding="utf-8"))
    return found


def concurrency() -> str:
    """Sandboxes for 100,000 requests a second."""
    model = Model()
    times = model.times
    kinds = (
        ("one flag", model.flag_billed_ms()),
        ("bulk, 100 flags", model.billed_ms(times.bulk_ms, 0, 512)),
        ("batch of 100 keys", model.billed_ms(times.batch_ms, 0, 512)),
        ("an assignment, written and tracked", model.billed_ms(times.assignment_ms, 10.7, 512)),
    )
    rows = []
    for name, billed in kinds:
        found = scale.concurrency(scale.RATE, billed)
        rows.append([name, f"{billed} ms", f"{found.busy:,}", f"{found.quota:,}", f"{found.ramp_s:,.0f} s"])
    return table(
        [f"{scale.RATE:,} requests a second of", "each", "busy at once", "concurrency to ask for", "from none to that"], rows
    )


def reserved() -> str:
    """What the table of functions lets through."""
    rows = []
    for row in FUNCTIONS:
        if row.url is not None:
            wanted = REQUIRED.get(row.name)
            needs = f"{scale.concurrency(wanted, 1).quota:,}" if wanted else ""
            rows.append(
                [
                    f"`{row.name}`",
                    f"{row.reserved:,}",
                    f"{scale.most_requests(row):,.0f}/s",
                    f"{wanted:,}/s" if wanted else "",
                    needs,
                ]
            )
    return table(["function", "reserved concurrency", "lets through at most", "required", "needs"], rows)


def setting() -> str:
    """What a deployment's file says to get there: the concurrency, and the quota that it takes."""
    wanted = {name: scale.concurrency(rate, 1).quota for name, rate in REQUIRED.items()}
    taken = sum(wanted.get(row.name, row.reserved) for row in FUNCTIONS)
    quota = taken + int(prices().at_most("lambda-unreserved"))
    document = {"stages": {"prod": {"account-concurrency": quota, "concurrency": wanted}}}
    return f"```json\n{json.dumps(document)}\n```\n"


def streams() -> str:
    """Shards and write units."""
    rows = []
    for events in (1_000, 10_000, 100_000, 500_000):
        found = scale.stream(events)
        rows.append([
            f"{events:,}", f"{found.shards:,}", f"{found.batches:,.0f}", f"{found.units:,.0f}", f"{found.hottest:,}",
            f"{found.hot_units:,.0f}",
        ])  # fmt: skip
    head = [
        "events a second",
        "shards",
        "batches a second",
        "write units a second",
        "lanes in the fullest partition",
        "its write units a second",
    ]
    made = table(head, rows)
    known = prices()
    slot, ids = scale.window_bytes(known.at_most("shard-records"))
    units, most = f"{known.at_most('partition-writes'):,.0f}", scale.most_shards()
    return made + (
        f"\nA partition takes {units} write units a second, a counter with a full sketch {scale.counter_units()} a batch, and "
        f"its lanes are spread over {WRITE_SHARDS} partitions: one variant's counter fits up to **{most} full shards**. "
        f"The ids of a full shard are {slot / 1e6:,.1f} MB for each five minutes, and {ids / 1e9:,.1f} GB for 14 days.\n"
    )


def users() -> str:
    """A billion users."""
    found = scale.assigned(scale.USERS)
    quickest = f"{found.days * 24:,.0f} hours at the {prices().at_most('table-writes'):,.0f} units a second of a new account"
    sketch = f"{sketch_bytes(10**6):,} bytes, {scale.sketch_error():.1%} standard error, as for 3,000 users"
    rows = [
        ["items of one experiment", f"{found.users:,}"],
        ["their size", f"{found.stored / 1e9:,.0f} GB: at least {found.partitions} partitions of 10 GB"],
        ["writing them", f"{usd(found.usd_written)}, and {quickest}"],
        ["keeping them", f"{usd(found.usd_kept)} a month, with point-in-time recovery"],
        ["distinct users of a counter", sketch],
        ["the flags", "nothing: a percentage is a hash, and no user is stored"],
    ]
    return table(["of a billion users", "what"], rows)


def store() -> str:
    """Looks at the store by the size of the fleet."""
    rows = []
    for lambdas, refresh in ((1_000, 5.0), (10_000, 5.0), (10_000, 30.0), (25_000, 5.0), (100_000, 5.0), (100_000, 30.0)):
        found = scale.followed(lambdas, refresh)
        share = found.gets / prices().at_most("s3-gets")
        rows.append(
            [f"{lambdas:,}", f"{refresh:g} s", f"{found.gets:,.0f}", f"{share:.0%}", usd(found.usd), usd(found.usd_express)]
        )
    head = ["Lambdas, always busy", "refresh", "GETs a second", "of one prefix's", "a month, S3", "a month, Express One Zone"]
    whole = fleet()["whole"]
    factor = whole["after publish"] / whole["steady"]
    with_room, without, express = (
        f"{scale.most_lambdas(limit, busiest):,}"
        for limit, busiest in (("s3-gets", factor), ("s3-gets", 1.0), ("s3-express-reads", factor))
    )
    return table(head, rows) + (
        f"\nThe busiest second after a publish has {factor:.1f} times as many requests (section 5), so one prefix carries "
        f"**{with_room} Lambdas** without telling anybody to slow down, and {without} when some are told; "
        f"a directory bucket {express}.\n"
    )


def simulated() -> str:
    """The simulation's figures."""
    whole, together = fleet()["whole"], fleet()["together"]
    scenario, waits = whole["scenario"], whole["waits ms"]
    limit = scenario["limit"]
    beyond = sum(count > limit for count in map(sum, zip(together["pointer"], together["object"], strict=True)))
    asked = scenario["lambdas"] * scenario["requests"]
    outage = f"{whole['in outage']:,.0f} attempts a second; {whole['peak']:,} in the worst, when first retries meet"
    again, old = (_spread(whole[name], "p50", "p99", "max") for name in ("recovered ms", "stale ms"))
    rows = [
        ["steady", f"{whole['steady']:,.0f} requests a second at the store, for {asked:,.0f} that clients ask"],
        ["the busiest second after a publish", f"{whole['after publish']:,}"],
        ["answers from the old version after a publish, at most until", old],
        ["while the store says nothing", outage],
        ["the busiest second after that", f"{whole['after outage']:,}"],
        ["each Lambda knows again that it is current", again],
        ["what a request waits that looks", f"p50 {waits['p50']:.0f} ms, p99 {waits['p99']:.0f} ms, max {waits['max']:.0f} ms"],
        ["all started in the same second", f"{together['peak']:,} requests in the first; {beyond} seconds above {limit:,}"],
    ]
    return table([f"{scenario['lambdas']:,} Lambdas, {scenario['requests']:g} requests a second each", "found"], rows)


def _spread(figures: dict[str, float], *names: str) -> str:
    return ", ".join(f"{name} {figures[name] / 1e3:.1f} s" for name in names)


def limits() -> str:
    """Every limit that this page reckons with."""
    rows = [[row.what, f"{row.value:,.0f}", f"[AWS]({row.source})", row.date] for row in prices().limit.values()]
    return table(["limit", "value", "source", "as of"], rows)


PARTS = {
    "concurrency": concurrency,
    "reserved": reserved,
    "setting": setting,
    "streams": streams,
    "users": users,
    "store": store,
    "simulated": simulated,
    "limits": limits,
}


def page_text(page: str) -> str:
    """The page with the figures of now."""
    return filled(page, PARTS)


def main() -> None:
    PAGE.write_text(page_text(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
