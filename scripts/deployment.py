"""Writes what is made from the tables of ``infra``: the tables of docs/deployment.md and the picture of the architecture.

``python -m scripts.deployment`` after a change to ``infra.functions``, ``infra.stores``, ``infra.stages``, ``infra.alarms`` or
``infra.routes``.
"""

from collections.abc import Iterator
from pathlib import Path

from infra.alarms import ALARMS, Alarm
from infra.functions import FUNCTIONS, SECRETS, Function, Given, Needs, Ref
from infra.picture import draw
from infra.routes import Limit, Route, limit, routes
from infra.settings import Api, Settings
from infra.stages import CANARY_MINUTES, STAGES, Stage
from infra.stores import BUCKETS, QUEUES, TABLES

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "deployment.md"
PICTURE = ROOT / "docs" / "pictures" / "architecture.svg"
BEGIN, END = "<!-- {}: made by python -m scripts.deployment -->\n", "<!-- end of {} -->\n"
STARTS = {"plain": "plain", "snap-start": "SnapStart", "provisioned": "provisioned"}


def page_text(page: str) -> str:
    """The page with the tables of now. Raises ValueError when it has no place for one."""
    for name, lines in (
        ("stages", stages()),
        ("functions", functions()),
        ("permissions", permissions()),
        ("mappings", mappings()),
        ("variables", variables()),
        ("stores", stores()),
        ("alarms", alarms()),
        ("routes", api_routes()),
    ):
        page = _put(page, name, "".join(f"{line}\n" for line in lines))
    return page


def _put(page: str, name: str, text: str) -> str:
    opening, closing = BEGIN.format(name), END.format(name)
    before, begin, rest = page.partition(opening)
    _, end, after = rest.partition(closing)
    if not begin or not end:
        raise ValueError(f"{PAGE.name} has no place for {name}")
    return before + begin + text + end + after


def stages() -> Iterator[str]:
    yield "| stage | stores | logs | archive | stream | warm sandboxes, of each | concurrency | new versions | budget |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for stage in STAGES.values():
        kept = "kept, protected" if stage.keeps else "go with the stack"
        archive = "for ever" if stage.archive_days is None else f"{stage.archive_days} days"
        canary = f"canary: 10 % for {CANARY_MINUTES} minutes" if stage.canary else "at once"
        yield (
            f"| `{stage.name}` | {kept} | {stage.log_days} days | {archive} | {stage.stream_hours} h | {stage.warm} "
            f"| {stage.share:.0%} of the table's | {canary} | ${stage.budget_usd} a month |"
        )


def functions() -> Iterator[str]:
    yield "| function | handler | memory | timeout | concurrency | start | its URL asks for | p99 |"
    yield "|---|---|---|---|---|---|---|---|"
    for row in FUNCTIONS:
        target = f"{row.p99_ms} ms" if row.p99_ms else ""
        url = {"iam": "IAM", "api-key": "a key"}.get(row.url or "", "")
        yield (
            f"| `{row.name}` {row.what} | `{row.handler}` | {row.memory_mb} MB | {row.timeout_s} s | {row.reserved} "
            f"| {STARTS[row.start]} | {url} | {target} |"
        )


def permissions() -> Iterator[str]:
    yield "| function | on | may |"
    yield "|---|---|---|"
    for row in FUNCTIONS:
        for need in row.permissions:
            actions = ", ".join(f"`{action}`" for action in need.actions)
            yield f"| `{row.name}` | {_resource(need)} | {actions} |"


def _resource(need: Needs) -> str:
    if need.part == "stream":
        return f"`{need.store}`: its stream"
    return f"`{need.store}/{need.part}`" if need.part else f"`{need.store}`"


def mappings() -> Iterator[str]:
    yield "| function | reads | batch | window | bisects | retries | oldest record | begins at | gives up to |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for row in FUNCTIONS:
        for source in row.sources:
            retries = "without end" if source.retries < 0 else str(source.retries)
            bisects = "yes" if source.bisect else "no"
            yield (
                f"| `{row.name}` | `{source.store}` | {source.batch_size} | {source.window_s} s | {bisects} | {retries} "
                f"| {source.max_age_s:,} s | {source.start} | `{source.failures}` |"
            )


def variables() -> Iterator[str]:
    yield "| function | variable | value |"
    yield "|---|---|---|"
    for row in FUNCTIONS:
        yield f"| `{row.name}` | `POWERTOOLS_SERVICE_NAME` | `{row.service}` |"
        for name, value in row.environment.items():
            yield f"| `{row.name}` | `{name}` | {_value(row, value)} |"


def _value(row: Function, value: object) -> str:
    if isinstance(value, Ref) and value.store in SECRETS:
        return f"the ARN of `{value.store}`, if the settings name it"
    if isinstance(value, Ref):
        return {"name": "the name of", "url": "the URL of", "place": "the place in"}[value.what] + f" `{value.store}`"
    return f"the setting `{value.name}`, if it is given" if isinstance(value, Given) else f"`{value}`"


def stores() -> Iterator[str]:
    yield "| store | what | keys, expiry, stream |"
    yield "|---|---|---|"
    for table in TABLES:
        keys = ", ".join(f"`{key}`" for key in table.keys)
        ttl = f"; ends at `{table.ttl}`" if table.ttl else ""
        stream = f"; stream of {table.stream}" if table.stream else ""
        yield f"| table `{table.name}` | {table.what} | {keys}{ttl}{stream} |"
    yield "| stream `events` | events, each once from every producer's point of view | by `user_id` |"
    for name, what in BUCKETS.items():
        yield f"| bucket `{name}` | {what} | |"
    for queue in QUEUES:
        yield f"| queue `{queue.name}` | {queue.what} | |"


def alarms() -> Iterator[str]:
    yield "| alarm | when | for | runbook |"
    yield "|---|---|---|---|"
    for alarm in ALARMS:
        yield f"| `{alarm.name}` | {alarm.what} | {_span(alarm)} | [{alarm.runbook}](runbook.md#{_anchor(alarm.runbook)}) |"


def api_routes() -> Iterator[str]:
    """Who may ask, by both ways to ask, and how often, in each stage."""
    yield "| route | function | `api-key` | `iam` | " + " | ".join(f"`{name}`: a second, at once" for name in STAGES) + " |"
    yield "|---|---|---|---|" + "---|" * len(STAGES)
    rows = {row.name: row for row in FUNCTIONS if row.url}
    by_way = []
    for api in (Api("api-key"), Api("iam")):
        asked = {name: auth for name, row in rows.items() if (auth := Settings(api=api).asks_for(row))}
        by_way.append({route.key: route for route in routes(asked)})
    keys, signed = by_way
    for key, route in signed.items():
        ways = [_asks(each.iam, each.open) if (each := way.get(key)) else "not there" for way in (keys, signed)]
        found = [_limits(route, rows[route.function], stage) for stage in STAGES.values()]
        yield f"| `{key}` | `{route.function}` | {' | '.join(ways)} | {' | '.join(found)} |"


def _asks(iam: bool, is_open: bool) -> str:
    return "IAM" if iam else "nothing" if is_open else "a key"


def _limits(route: Route, row: Function, stage: Stage) -> str:
    found = limit(route, row, stage.reserved(row.reserved), Limit(stage.api_rate, stage.api_burst))
    return f"{found.rate:,}, {found.burst}"


def _span(alarm: Alarm) -> str:
    minutes = alarm.period_s // 60
    missing = ", or no data" if alarm.missing == "breaching" else ""
    return f"{alarm.needed * minutes} of {alarm.periods * minutes} minutes{missing}"


def _anchor(heading: str) -> str:
    """As Git hosts make it of a heading."""
    kept = "".join(character for character in heading.lower() if character.isalnum() or character in " -")
    return kept.replace(" ", "-")


def main() -> None:
    PAGE.write_text(page_text(PAGE.read_text()))
    PICTURE.write_text(draw())


if __name__ == "__main__":
    main()
