"""Writes what is computed in docs/cost.md: ``python -m scripts.cost``, after a change of prices, measurements or functions."""

import json

from infra.baseline import always_on, break_even, fast_function, functions_usd, memory_row, share_saved, slow_function, tracking
from infra.cost import LAMBDA, SECONDS, Bill, Deployed, Model, saving, transaction_units
from infra.measured import RESULTS, template
from infra.prices import prices
from scripts.pages import ROOT, filled, table

PAGE = ROOT / "docs" / "cost.md"
SIZES = ((1e6, "1 M"), (100e6, "100 M"), (10e9, "10 B"))
SERVICES = (LAMBDA, "CloudWatch", "X-Ray", "Kinesis", "DynamoDB", "S3", "transfer", "KMS")
HUNDRED_MILLION = 100e6
TRACKED_RATE = 20_000  # requests a second (requirement CST-05)


def usd(amount: float) -> str:
    """Dollars as one reads them: cents only of small sums."""
    if amount == 0:
        return ""
    return f"${amount:,.0f}" if amount >= 100 else f"${amount:,.2f}" if amount >= 0.005 else "< $0.01"


def _bills(model: Model, size: float) -> list[Bill]:
    return [model.single(size), model.bulk(size), model.batch(size), model.assignments(size), model.events(size, 20)]


def by_service() -> str:
    """A row for each kind and size of traffic."""
    model = Model()
    rows = []
    for size, name in SIZES:
        for bill in _bills(model, size):
            found = bill.services()
            rows.append([name, bill.what, f"**{usd(bill.usd())}**", *(usd(found.get(service, 0)) for service in SERVICES)])
    standing = model.standing()
    rows.append(["", "nothing at all", f"**{usd(standing.usd())}**", *(usd(standing.usd(each)) for each in SERVICES)])
    return table(["a month", "of", "in all", *SERVICES], rows)


def front_doors() -> str:
    """An HTTP API beside the functions' own URLs, which cost nothing."""
    model = Model()
    rows = []
    for size, name in SIZES:
        bill, behind = model.front_door(size), model.single(size)
        found = bill.services()
        share = f"{bill.usd() / behind.usd():.0%}"
        rows.append(
            [name, usd(found["API Gateway"]), usd(found["CloudWatch"]), f"**{usd(bill.usd())}**", usd(behind.usd()), share]
        )
    head = ["requests a month", "the API", "its log and alarms", "in all", "one flag each, by Function URLs", "on top"]
    return table(head, rows)


def lines() -> str:
    """Every line of two bills."""
    model = Model()
    rows = []
    for bill in (model.standing(), model.single(HUNDRED_MILLION)):
        for line in bill.lines:
            price = model.prices.price[line.price]
            rows.append([bill.what, line.service, line.what, _amount(line.amount), price.unit, usd(line.usd)])
    return table(["bill", "service", "what", "amount", "unit", "a month"], rows)


def options() -> str:
    """What settings add."""
    model = Model()
    rows = [
        [line.what, line.service, _amount(line.amount), model.prices.price[line.price].unit, usd(line.usd)]
        for line in model.options().lines
    ]
    return table(["setting", "service", "amount", "unit", "a month"], rows)


def _amount(amount: float) -> str:
    return f"{amount / 1e6:,.2f} M" if amount >= 1e6 else f"{amount:,.0f}" if amount >= 1e3 else f"{amount:,.3g}"


def durations() -> str:
    """Measured, and billed for it."""
    model, times = Model(), Model().times
    row = [
        ["one flag", f"{times.flag_ms:.3f}", "", 512, model.flag_billed_ms()],
        ["bulk, 100 flags", f"{times.bulk_ms:.3f}", "", 512, model.billed_ms(times.bulk_ms, 0, 512)],
        ["batch of 100 keys", f"{times.batch_ms:.3f}", "", 512, model.billed_ms(times.batch_ms, 0, 512)],
        [
            "a first assignment",
            f"{times.assignment_ms:.3f}",
            "1 call, 1 flush",
            512,
            model.billed_ms(times.assignment_ms, 10.7, 512),
        ],
        ["500 events", f"{times.event_batch_ms:.1f}", f"{times.event_calls} calls", 1024, model.event_billed_ms(500)],
        ["sync, nothing changed", f"{times.sync_ms:,.0f}", "", 1769, model.billed_ms(times.sync_ms, 0, 1769)],
    ]
    made = table(
        ["invocation", "processor, ms", "waits for", "MB", "billed, ms"], [[str(cell) for cell in each] for each in row]
    )
    return made + "\nFrom " + ", ".join(f"`benchmarks/results/{name}`" for name in times.files) + ".\n"


def switches() -> str:
    """What two settings of the deployment are worth."""
    rows = []
    for size, name in SIZES:
        cells = [name]
        for lines, traced in ((True, True), (False, True), (True, False), (False, False)):
            cells.append(usd(Model(Deployed(platform_lines=lines, traced=traced)).single(size).usd()))
        cells.append(usd(Model(Deployed(log_rate=1, platform_lines=True, traced=True)).single(size).usd()))
        rows.append(cells)
    head = [
        "evaluations a month",
        "with both",
        "no START, END, REPORT",
        "no X-Ray",
        "neither",
        "with both, `BURGEE_LOG_RATE` 1",
    ]
    now = template()
    own, traces = ("on" if each else "off" for each in (now.platform_lines, now.traced))
    return table(head, rows) + f"\nAs deployed (`infra/golden/burgee-prod.json`): Lambda's own lines {own}, X-Ray {traces}.\n"


def own_rate() -> float:
    """Requests a second of processor time that `burgee serve` answers, as measured."""
    (path,) = RESULTS.glob("edge-*.json")
    return float(json.loads(path.read_text(encoding="utf-8"))["serve"]["requests/s of processor time"])


def baselines() -> str:
    """The three comparisons of requirement CST-02."""
    slow, fast = slow_function(HUNDRED_MILLION), fast_function(HUNDRED_MILLION)
    slow_time, fast_time = slow.lines[1].usd, fast.lines[1].usd
    ours = functions_usd(HUNDRED_MILLION)
    rows = [
        [
            "computing: a function on x86 that takes the required 15 ms",
            usd(slow_time),
            usd(fast_time),
            f"{saving(fast_time, slow_time):.0%}",
        ],
        ["the same with the fee for requests", usd(slow.usd()), usd(fast.usd()), f"{saving(fast.usd(), slow.usd()):.0%}"],
    ]
    for rate, what in (
        (prices().given("always-on-rate"), "an always-on service of the usual kind"),
        (own_rate(), "`burgee serve`, always on"),
    ):
        processors, cost = always_on(rate)
        words = f"{what}: {processors} processors at {rate:,.0f} requests/s each"
        rows.append([words, usd(cost), usd(ours), f"{saving(ours, cost):.0%}"])
    return table(["100 M single flags a month, against", "baseline", "ours", "saved"], rows)


def break_evens() -> str:
    """Up to how much traffic the functions are cheaper."""
    rows = []
    for rate, what in ((prices().given("always-on-rate"), "the usual kind"), (own_rate(), "`burgee serve`")):
        _, cost = always_on(rate)
        rows.append([what, usd(cost), _millions(break_even(cost * 0.4)), _millions(break_even(cost))])
    return table(["always-on service", "a month", "60 % saved up to", "as dear at"], rows)


def _millions(requests: float) -> str:
    return f"{requests / 1e6:,.0f} M requests" if requests > 1e6 else "never"


def memory() -> str:
    """A flag's time and price by memory."""
    rows = []
    for size in (128, 256, 512, 1024, 1769):
        billed, cost = memory_row(size, HUNDRED_MILLION)
        rows.append([f"{size} MB", f"{billed} ms", usd(cost), usd(Model().prices.usd("lambda-requests", HUNDRED_MILLION))])
    return table(["memory", "billed for one flag", "computing, 100 M", "the fee for the requests"], rows)


def tracked() -> str:
    """20,000 requests a second, tracked in every way there is."""
    rows = []
    for each in sorted(tracking(TRACKED_RATE), key=lambda way: -way.share):
        rows.append([f"{each.share:.0%}", each.what, f"{each.events / 1e9:,.2f} B", usd(each.usd)])
    return table(["of users", "how", "events a month", "a month"], rows)


def event_rates() -> str:
    """A million events behind the stream, by how many there are."""
    model = Model()
    rows = []
    for rate in (1, 10, 40, 200, 1_000, 4_000):
        events = float(rate * SECONDS)
        cells = [f"{rate:,}"]
        for shards in (None, model.shards_for(events)):
            lines = model.streamed(events, shards)
            total = sum(line.usd for line in lines)
            cells += [f"{events / model.batches(events, shards):,.0f}", usd(total / events * 1e6), usd(total)]
        rows.append(cells)
    head = ["events a second"]
    for kind in ("on demand", "as few shards as will do"):
        head += [f"{kind}: events a batch", "a million events", "a month"]
    return table(head, rows)


def listed() -> str:
    """The prices."""
    known = prices()
    rows = [
        [
            f"`{name}`",
            f"${row.usd:.10g}".rstrip("."),
            f"{row.per:,.0f}",
            row.unit,
            f"[{row.source.split('/')[3]}]({row.source})",
            row.date,
        ]
        for name, row in known.price.items()
    ]
    return table(["price", "US dollars", "for", "unit", "source", "as of"], rows)


def assumed() -> str:
    """The assumptions."""
    return table(
        ["assumption", "value", "what"],
        [[f"`{name}`", f"{row.value:,g}", row.what] for name, row in prices().assumption.items()],
    )


def summary() -> str:
    """The verdicts, in words."""
    model = Model()
    single, assigned = model.single(HUNDRED_MILLION), model.assignments(HUNDRED_MILLION)
    ready = model.standing().usd(LAMBDA)
    saved = share_saved(HUNDRED_MILLION, prices().given("always-on-rate"))
    dearest = max(single.usd(LAMBDA), assigned.usd(LAMBDA)) + ready
    units = transaction_units(8232 + 300)
    lambdas = (
        f"{usd(single.usd(LAMBDA))} for flags, {usd(assigned.usd(LAMBDA))} for assignments, {usd(ready)} for what stands ready"
    )
    rows = [
        f"- **CST-01** Lambda for 100 M requests: {lambdas}; so {usd(dearest)} at most. The bar is $500.",
        f"- **CST-02** {saved:.0%} less than an always-on service that is ready for {TRACKED_RATE:,} requests a second, as"
        " required. Section 5 has the formula, the baselines, and where it isn't so.",
        "- The largest items aren't the functions: they are traces, Lambda's own log lines, and the counters of distinct users,"
        f" one of which takes {units} write units in a transaction (sections 4 and 8).",
    ]
    return "\n".join(rows) + "\n"


PARTS = {
    "summary": summary, "by-service": by_service, "front-doors": front_doors, "lines": lines, "options": options,
    "durations": durations, "switches": switches, "baselines": baselines, "break-even": break_evens, "memory": memory,
    "tracking": tracked, "event-rates": event_rates, "prices": listed, "assumptions": assumed,
}  # fmt: skip


def page_text(page: str) -> str:
    """The page with the figures of now."""
    return filled(page, PARTS)


def main() -> None:
    PAGE.write_text(page_text(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
