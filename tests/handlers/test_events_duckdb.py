"""A stranger reads the archive: DuckDB runs the queries of docs/events.md on what the processor has written."""

import re
from collections import defaultdict
from itertools import product
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.architecture.imports import ROOT
from tests.handlers.processing import EXPERIMENT, NOW, World, event, world
from tests.handlers.streams import Context

__all__ = ["world"]

PAGE = (ROOT / "docs" / "events.md").read_text(encoding="utf-8")
QUERIES = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)
VARIANTS = ("small", "large")


def download(world: World, place: Path) -> None:
    """The bucket as a directory."""
    s3 = world.aws.client("s3")
    for item in s3.list_objects_v2(Bucket=world.bucket)["Contents"]:
        path = place / item["Key"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(s3.get_object(Bucket=world.bucket, Key=item["Key"])["Body"].read())


def ask(query: str, place: Path) -> list[Any]:
    """A page's query, about this archive: the bucket's name and the date are whoever's who asks."""
    assert "s3://BUCKET" in query
    query = query.replace("s3://BUCKET", str(place)).replace("month = 2", "month = 11")
    with duckdb.connect() as database:
        return database.sql(query).fetchall()


@pytest.fixture
def archive(world: World, tmp_path: Path) -> tuple[Path, list[dict[str, Any]]]:
    """An archive of 300 events, and these: of two days and several hours, some twice, some without variant or quarantined."""
    for number, variant in product(range(40), VARIANTS):
        world.assign(f"{variant}-{number}", variant, at=NOW - 4 * 86_400)
    sent: list[dict[str, Any]] = []
    for number in range(300):
        variant = VARIANTS[number % 2]
        made = event(number, f"{variant}-{number % 40}", NOW - number * 80, event_type="view" if number % 3 else "purchase")
        if number % 3 == 0:
            made["properties"] = {"revenue": number / 4, "items": [{"sku": "a\nb", "n": number}]}
        sent.append(made | {"variant": variant})
    stranger = event(1_000, "stranger", event_type="visit")
    del stranger["experiment_id"]
    late = event(1_001, "small-1", NOW - 30 * 86_400)
    wire = [{name: value for name, value in made.items() if name != "variant"} for made in sent]
    for start in range(0, 300, 100):
        batch = [*wire[start : start + 100], wire[start], stranger, late]
        assert not world.run(world.records(batch, first=start * 1_000 + 1), Context(600))["batchItemFailures"]
    download(world, tmp_path)
    return tmp_path, sent


def test_arc_06_duckdb_counts_per_variant_what_was_sent(archive: tuple[Path, list[dict[str, Any]]]) -> None:
    place, sent = archive
    assert len(QUERIES) == 3
    users: dict[tuple[str, str], list[str]] = defaultdict(list)
    for made in sent:
        users[made["variant"], made["event_type"]].append(made["user_id"])
    expected = [(*key, len(found), len(set(found))) for key, found in sorted(users.items())]
    assert ask(QUERIES[0].replace("exp_2041", EXPERIMENT), place) == expected


def test_arc_01_duckdb_finds_numbers_by_day(archive: tuple[Path, list[dict[str, Any]]]) -> None:
    place, sent = archive
    revenue: dict[tuple[str, int], list[float]] = defaultdict(list)
    for made in sent:
        if made["event_type"] == "purchase":
            revenue[made["variant"], int(made["timestamp"][8:10])].append(made["properties"]["revenue"])
    found = ask(QUERIES[1], place)
    assert [row[:3] for row in found] == [(*key, len(values)) for key, values in sorted(revenue.items())]
    for row, (_, values) in zip(found, sorted(revenue.items()), strict=True):
        assert row[3] == pytest.approx(sum(values) / len(values))
    assert len({day for _, day in revenue}) > 1


def test_arc_06_duckdb_sees_columns_without_being_told(archive: tuple[Path, list[dict[str, Any]]]) -> None:
    place, sent = archive
    kinds = [made["event_type"] for made in sent]
    counts = {row[0]: row[1] for row in ask(QUERIES[2], place)}
    assert counts == {"purchase": kinds.count("purchase"), "view": kinds.count("view"), "visit": 1}


def test_arc_10_duckdb_reads_the_quarantine_too(archive: tuple[Path, list[dict[str, Any]]]) -> None:
    place, _ = archive
    query = "SELECT DISTINCT event_id, quarantined FROM read_json_auto('s3://BUCKET/errors/*/*/*/*/*.json.gz')"
    assert ask(query, place) == [("event-1001", "too_old")]
