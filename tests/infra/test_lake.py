"""The lake's catalogue against what the processor really writes: where it lies, what is in it, what is missing in a line."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from handlers.events import archive
from tests.conftest import ROOT
from tests.handlers.processing import NOW, World, event, world
from tests.handlers.streams import Context
from tests.handlers.test_events_duckdb import download
from tests.infra.conftest import Assembly
from tests.infra.test_template import Template

__all__ = ["world"]

PREFIXES = {"events": "", "quarantined": archive.ERRORS}
SERDE = "org.openx.data.jsonserde.JsonSerDe"
# Hive's types and what whoever reads by them gives.
KINDS = {"string": "VARCHAR", "bigint": "BIGINT", "boolean": "BOOLEAN", "int": "INTEGER"}
HOUR_S = 3_600


@pytest.fixture(scope="module")
def tables(assembly: Assembly) -> dict[str, dict[str, Any]]:
    found = Template(assembly.template("prod")).of("AWS::Glue::Table").values()
    return {each["Properties"]["TableInput"]["Name"]: each["Properties"]["TableInput"] for each in found}


def text_of(value: Any) -> str:
    """A text of the template; the bucket's name is BUCKET."""
    return (
        value
        if isinstance(value, str)
        else "".join(each if isinstance(each, str) else "BUCKET" for each in value["Fn::Join"][1])
    )


def projected(table: dict[str, Any], at: datetime) -> str:
    """Where Athena looks for the events of an hour; fails where it wouldn't look at all."""
    parameters, parts = table["Parameters"], {}
    for key in table["PartitionKeys"]:
        name = key["Name"]
        value = getattr(at, name)
        low, high = map(int, parameters[f"projection.{name}.range"].split(","))
        assert parameters[f"projection.{name}.type"] == "integer"
        assert low <= value <= high, f"no partition has the {name} {value}"
        parts[name] = f"{value:0{int(parameters[f'projection.{name}.digits'])}}"
    found = re.sub(r"\$\{(\w+)\}", lambda each: parts.pop(each[1]), text_of(parameters["storage.location.template"]))
    assert not parts, "parts of a partition that have no place"
    return found


@pytest.mark.parametrize("name", PREFIXES)
@pytest.mark.parametrize("at", ["2025-01-01T00", "2026-11-09T08", "2028-02-29T23", "2049-12-31T19"])
def test_inf_06_arc_01_a_projected_partition_is_where_the_archive_writes(
    tables: dict[str, dict[str, Any]], name: str, at: str
) -> None:
    moment = datetime.fromisoformat(at).replace(tzinfo=UTC)
    key = archive._key((PREFIXES[name], int(moment.timestamp()) // HOUR_S), "lane", "1")
    place = projected(tables[name], moment)
    assert f"s3://BUCKET/{key}".startswith(place) and place.endswith("/")
    assert "/" not in f"s3://BUCKET/{key}".removeprefix(place), "an object of the partition itself"
    assert place.startswith(text_of(tables[name]["StorageDescriptor"]["Location"]))


def test_inf_06_a_year_outside_of_the_projection_would_be_found(tables: dict[str, dict[str, Any]]) -> None:
    with pytest.raises(AssertionError, match="no partition has the year 2050"):
        projected(tables["events"], datetime(2050, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize("name", PREFIXES)
def test_inf_06_arc_06_a_table_reads_lines_of_json_in_gzip(tables: dict[str, dict[str, Any]], name: str) -> None:
    table = tables[name]
    assert (table["TableType"], table["Parameters"]["EXTERNAL"]) == ("EXTERNAL_TABLE", "TRUE")
    assert table["Parameters"]["projection.enabled"] == "true"
    stored = table["StorageDescriptor"]
    assert stored["SerdeInfo"] == {"SerializationLibrary": SERDE}
    assert stored["InputFormat"] == "org.apache.hadoop.mapred.TextInputFormat"
    names = [each["Name"] for each in stored["Columns"]]
    assert names == list(archive.FIELDS)
    assert all(each == each.lower() for each in names), "the SerDe knows names in small letters"
    assert not {"year", "month", "day", "hour"} & set(names), "a column and a partition of one name"
    assert {each["Type"] for each in [*stored["Columns"], *table["PartitionKeys"]]} <= KINDS.keys()


# --- lines that were really written -----------------------------------------------------------------------------------


def source(table: dict[str, Any], place: Path) -> str:
    """Reads what lies there by nothing but the table's columns: JSON by name and type, NULL for what isn't there.

    It is another reader than Athena's, but one that refuses what doesn't fit a type; objects as text are JSON's text for both.
    """
    columns = {each["Name"]: KINDS[each["Type"]] for each in table["StorageDescriptor"]["Columns"]}
    parts = {each["Name"]: KINDS[each["Type"]] for each in table["PartitionKeys"]}
    pattern = text_of(table["Parameters"]["storage.location.template"]).replace("s3://BUCKET", str(place))
    pattern = re.sub(r"\$\{\w+\}", "*", pattern) + "*.json.gz"
    options = f"format = 'newline_delimited', columns = {columns}, hive_partitioning = true, hive_types = {parts}"
    return f"read_json('{pattern}', {options})"


def rows(table: dict[str, Any], place: Path) -> list[dict[str, Any]]:
    with duckdb.connect() as database:
        answer = database.sql(f"SELECT * FROM {source(table, place)}")
        return [dict(zip(answer.columns, row, strict=True)) for row in answer.fetchall()]


@pytest.fixture
def lake(world: World, tmp_path: Path) -> Path:
    """An event with everything, one with as little as can be, one that is quarantined, one from before its assignment."""
    world.assign("user-1", "large", at=NOW - HOUR_S)
    full = event(1, metadata={"rate": 0.5}, properties={"revenue": 12.5, "items": [{"sku": "ä\n"}]})
    least = {"event_id": "event-2", "event_type": "visit", "user_id": "stranger"}
    late, early = event(3, at=NOW - 90 * 86_400), event(4, at=NOW - 2 * HOUR_S)
    assert not world.run(world.records([full, least, late, early]), Context(600))["batchItemFailures"]
    download(world, tmp_path)
    return tmp_path


def test_inf_06_arc_06_every_line_fits_the_tables_columns(tables: dict[str, dict[str, Any]], lake: Path) -> None:
    full, least, early = sorted(rows(tables["events"], lake), key=lambda row: str(row["event_id"]))
    assert (full["event_id"], full["variant"], full["time_since_assignment_seconds"]) == ("event-1", "large", HOUR_S)
    assert [full[name] for name in ("year", "month", "day", "hour")] == [2026, 11, 28, 5]
    assert (early["hour"], early["time_since_assignment_seconds"]) == (3, -HOUR_S)
    assert early["precedes_assignment"] is True, "1 would be equal to it"
    assert '"revenue":12.5' in full["properties"] and '"rate":0.5' in full["metadata"], "JSON's text, for json_extract"
    missing = {name for name, value in least.items() if value is None}
    known = {"event_id", "event_type", "user_id", "timestamp", "received_at", "sequence", "shard"}
    assert missing == set(archive.FIELDS) - known


def test_inf_06_arc_10_what_is_quarantined_is_in_its_own_table(tables: dict[str, dict[str, Any]], lake: Path) -> None:
    (late,) = rows(tables["quarantined"], lake)
    assert (late["event_id"], late["quarantined"]) == ("event-3", "too_old")
    assert "event-3" not in {row["event_id"] for row in rows(tables["events"], lake)}


def test_inf_06_the_pages_query_runs_on_the_table(tables: dict[str, dict[str, Any]], lake: Path) -> None:
    """As it stands on the page, but for a function that has another name here."""
    (query,) = re.findall(r"### Athena.*?```\n(.*?)```", (ROOT / "docs" / "events.md").read_text(encoding="utf-8"), re.DOTALL)
    with duckdb.connect() as database:
        database.execute("CREATE MACRO json_extract_scalar(text, path) AS json_extract_string(text, path)")
        database.execute(f"CREATE VIEW events AS SELECT * FROM {source(tables['events'], lake)}")
        assert set(database.sql(query).fetchall()) == {("large", 2, 1, 12.5)}
