"""``burgee results --archive``: what is in the archive, counted once and exactly, however often it is there."""

import json
import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import duckdb
import pytest

from burgee import archive_query
from burgee.archive_places import Folder, open_place
from burgee.archive_query import Lines
from burgee.archive_results import from_archive
from burgee.cli import main
from burgee.trouble import Trouble, UsageError
from handlers import _sequential as sequential
from handlers import _statistics as statistics
from handlers._contract import EXPOSURE
from handlers._counters import Phase
from handlers._experiments import Experiment
from handlers._results import MIN_VALUES, PER_USER, TOO_FEW, document
from handlers._statistics import Sample
from handlers.events.archive import FIELDS
from infra.queries import of_the_lake
from tests.burgee.archived import DAY_MS, EXPERIMENT, HALVES, HOUR_MS, NOW, PHASE, START, Ledger, known, shop

VARIANTS = ("control", "treatment")


def read(place: Path | str, now: int = NOW, **more: Any) -> dict[str, Any]:
    """The archive's document of the one phase; JSON has all of it."""
    found, _ = from_archive(known(), now, str(place), **more)
    json.dumps(found, allow_nan=False)
    return found


def variant_of(found: dict[str, Any], name: str) -> dict[str, Any]:
    return next(each for each in found["variants"] if each["variant"] == name)


def metric_of(found: dict[str, Any], name: str) -> dict[str, Any]:
    return next(each for each in found["metrics"] if each["metric"] == name)


def sample_of(values: list[int]) -> Sample:
    """Of millionths: the textbook's, in whole numbers."""
    n, total, squares = len(values), sum(values), sum(value * value for value in values)
    return Sample(n, total / n / 1e6, (n * squares - total * total) / (n * (n - 1)) / 1e12)


@pytest.fixture(scope="module")
def ledger() -> Ledger:
    return shop()


@pytest.fixture(scope="module")
def folder(ledger: Ledger, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ledger.write(tmp_path_factory.mktemp("archive"))


@pytest.fixture(scope="module")
def found(folder: Path) -> dict[str, Any]:
    return read(folder)


# --- against the ledger ---------------------------------------------------------------------------------------------------


def test_arc_01_every_event_is_counted_once(ledger: Ledger, found: dict[str, Any]) -> None:
    """Lines of redriven batches, other experiments, other phases, nobody's variant and the quarantine among them."""
    assert found["source"]["repeated"] >= 180
    assert found["source"]["events"] == len(ledger.counted())
    for name in VARIANTS:
        mine = variant_of(found, name)
        assert mine["exposures"] == mine["users"]["estimate"] == len(ledger.users(name, EXPOSURE))
        assert mine["events"].keys() == {"purchase", "visit"}
        for kind, told in mine["events"].items():
            everybody = ledger.users(name, kind)
            assert told["users"] == dict.fromkeys(("estimate", "low", "high"), len(everybody))
            both = everybody & ledger.users(name, EXPOSURE)
            assert kind == "visit" or len(both) < len(everybody), "some were never exposed"
            assert told["conversion"] == len(both) / mine["exposures"]


def test_agg_09_events_and_sums_are_those_of_the_counters(ledger: Ledger, found: dict[str, Any]) -> None:
    """To the last digit: the processor's own arithmetic over each event once."""
    theirs = document(EXPERIMENT, [PHASE], PHASE, ledger.by_counters(), NOW)
    for name in VARIANTS:
        ours, counted = variant_of(found, name)["events"], variant_of(theirs, name)["events"]
        assert {kind: each["events"] for kind, each in ours.items()} == {kind: each["events"] for kind, each in counted.items()}
        assert ours["purchase"]["properties"] == counted["purchase"]["properties"]
        assert {"revenue", "items", "_.:-"} == ours["purchase"]["properties"].keys()
    assert found["source"]["numbers_left_out"] > 100


@pytest.mark.parametrize("name", ["revenue", "items"])
def test_agg_12_a_mean_per_user_is_of_every_exposed_user(ledger: Ledger, found: dict[str, Any], name: str) -> None:
    metric = metric_of(found, f"purchase/{name}/user")
    assert (metric["kind"], metric["event_type"], metric["property"]) == (PER_USER, "purchase", name)
    pair = [sample_of(list(ledger.sums(variant, "purchase", name).values())) for variant in VARIANTS]
    assert list(metric["values"].values()) == pytest.approx([each.mean for each in pair], rel=1e-12)
    (comparison,) = metric["comparisons"]
    assert comparison["difference"] == pytest.approx(pair[1].mean - pair[0].mean, rel=1e-9)
    assert comparison["verdict"] == TOO_FEW, "fewer than 500 have bought"


def test_users_in_two_variants_are_told(found: dict[str, Any]) -> None:
    """They count in both, as they do with the counters."""
    assert found["source"]["in_two_variants"] == 1


def test_means_over_events_are_no_metric_of_the_archive(found: dict[str, Any]) -> None:
    """Their intervals are too narrow; there is something better here."""
    assert {metric["kind"] for metric in found["metrics"]} == {"conversion", PER_USER}


def test_each_look_is_what_was_known_then(ledger: Ledger, folder: Path) -> None:
    _, looks = from_archive(known(), NOW, str(folder))
    assert len(looks) > 6
    assert [look.at_ms for look in looks] == sorted({look.at_ms for look in looks})
    for look in looks[:-1:3]:
        exposed = {name: ledger.users(name, EXPOSURE, until=look.at_ms) for name in VARIANTS}
        assert look.users == sum(map(len, exposed.values()))
        buyers = [
            len(ledger.users(name, "purchase", until=look.at_ms) & exposed[name]) / (len(exposed[name]) or 1)
            for name in VARIANTS
        ]
        if min(buyers) > 0:
            assert look.lifts["purchase"]["treatment"][0] == pytest.approx(buyers[1] / buyers[0] - 1)
        means = []
        for name in VARIANTS:
            sums = ledger.sums(name, "purchase", "revenue", until=look.at_ms)
            means.append(sum(sums.values()) / (len(sums) or 1))
        if min(means) > 0:
            assert look.lifts["purchase/revenue/user"]["treatment"][0] == pytest.approx(means[1] / means[0] - 1)


@pytest.mark.parametrize(("hours", "step"), [(1, 1), (100, 1), (101, 24), (2_400, 24), (2_401, 48), (24_000, 240)])
def test_there_are_about_a_hundred_looks_at_most(hours: int, step: int) -> None:
    assert archive_query.step_of(hours) == step


# --- against other people's arithmetic --------------------------------------------------------------------------------------


def heavy(seed: int = 3, users: int = 4_000, lift: float = 0.1) -> Ledger:
    """A third buy; some of them all the time."""
    ledger, dice = Ledger(), random.Random(seed)
    for number in range(users):
        variant = VARIANTS[number % 2]
        at = START + dice.randrange(DAY_MS)
        ledger.add(f"u{number}", EXPOSURE, at, None, variant, assigned_ms=at)
        often = 0 if dice.random() < 0.6 else 1 + int(dice.expovariate(0.5))
        for _ in range(often):
            value = round(dice.lognormvariate(2, 0.7) * (1 + lift * (number % 2)), 2)
            ledger.add(f"u{number}", "purchase", at + dice.randrange(DAY_MS), {"revenue": value}, variant, assigned_ms=at)
    return ledger


def test_agg_12_a_mean_per_user_is_tea_tastings(tmp_path: Path) -> None:
    import pandas
    import tea_tasting

    ledger = heavy()
    found = read(ledger.write(tmp_path))
    sums = [(name, value / 1e6) for name in VARIANTS for value in ledger.sums(name, "purchase", "revenue").values()]
    frame = pandas.DataFrame(sums, columns=["variant", "revenue"])
    theirs = tea_tasting.Experiment(m=tea_tasting.Mean("revenue")).analyze(frame, control="control")["m"]  # type: ignore[call-overload]
    (comparison,) = metric_of(found, "purchase/revenue/user")["comparisons"]
    ours = comparison["fixed_horizon"]

    def close(value: float) -> Any:
        return pytest.approx(value, rel=1e-9)

    assert list(metric_of(found, "purchase/revenue/user")["values"].values()) == [
        close(theirs.control),
        close(theirs.treatment),
    ]
    assert comparison["difference"] == close(theirs.effect_size)
    assert comparison["lift"] == close(theirs.rel_effect_size)
    assert ours["difference_interval"] == [close(theirs.effect_size_ci_lower), close(theirs.effect_size_ci_upper)]
    assert ours["lift_interval"] == [close(theirs.rel_effect_size_ci_lower), close(theirs.rel_effect_size_ci_upper)]
    assert ours["p_value"] == close(theirs.pvalue)


def test_arc_06_the_query_that_is_saved_in_athena_says_the_same(tmp_path: Path) -> None:
    """On DuckDB, with the one function of Trino's that it hasn't, over a table with the columns of the lake's."""
    ledger = shop(300, experiment="exp_2041")
    experiment = Experiment("exp_2041", "checkout", "Checkout", "active", HALVES)
    found, _ = from_archive(known(experiment=experiment), NOW, str(ledger.write(tmp_path)))
    ((name, query),) = of_the_lake().items()
    assert name == "revenue per exposed user by variant"
    kinds = {int: "BIGINT", bool: "BOOLEAN"}
    columns = ", ".join(f"{each}: '{kinds.get(kind, 'VARCHAR')}'" for each, kind in FIELDS.items())
    with duckdb.connect() as database:
        database.execute("CREATE MACRO json_format(value) AS value::VARCHAR")
        database.execute(
            f"CREATE VIEW events AS SELECT * FROM read_ndjson('{tmp_path}/year=*/month=*/day=*/hour=*/*.json.gz', "
            f"columns = {{{columns}}}, hive_partitioning = true, hive_types = {{year: INTEGER, month: INTEGER}})"
        )
        rows = database.execute(query).fetchall()
    metric = metric_of(found, "purchase/revenue/user")
    assert [row[0] for row in rows] == list(VARIANTS)
    for variant, users, total, mean, deviation in rows:
        values = list(ledger.sums(variant, "purchase", "revenue").values())
        assert users == variant_of(found, variant)["exposures"] == len(values)
        assert float(total) == pytest.approx(sum(values) / 1e6, abs=2e-5), "half a millionth is rounded up there"
        assert mean == pytest.approx(metric["values"][variant], rel=1e-7)
        assert deviation**2 == pytest.approx(sample_of(values).variance, rel=1e-7)


def test_agg_12_peeking_at_users_who_buy_again_and_again() -> None:
    """Nothing differs, and a few users have most of the events, all alike: an interval of events excludes the truth too often.

    The same users' sums, each once, don't. 200 experiments, looked at after every batch from the least number of values on.
    """
    import numpy as np

    dice, experiments, looks, batch = np.random.default_rng(17), 200, 40, 500
    missed = {"events": 0, "users": 0}
    for _ in range(experiments):
        treated, buys = dice.random((looks, batch)) < 0.5, dice.random((looks, batch)) < 0.4
        often = np.where(buys, 1 + dice.geometric(0.12, (looks, batch)), 0)
        price = dice.lognormal(2, 0.6, (looks, batch))  # each has one of their own
        ever = dict.fromkeys(missed, False)
        sums: dict[str, list[Any]] = {"events": [], "users": []}
        for side in (~treated, treated):
            n = np.where(side, often, 0)
            sums["events"].append([each.sum(1).cumsum() for each in (n, n * price, n * price**2)])
            sums["users"].append([each.sum(1).cumsum() for each in (side, n * price, (n * price) ** 2)])
            sums["users"][-1].append((side & buys).sum(1).cumsum())
        for kind, (ours, theirs) in sums.items():
            for look in range(looks):
                if min(ours[3][look] if kind == "users" else ours[0][look], theirs[0][look]) < MIN_VALUES:
                    continue
                pair = [statistics.mean_of(*(float(each[look]) for each in side[:3])) for side in (ours, theirs)]
                assert pair[0] is not None and pair[1] is not None
                weight = sequential.mixture(pair[0].n + pair[1].n)
                low, high = sequential.difference(pair[0], pair[1], weight)[1:]
                ever[kind] |= not low <= 0 <= high
        missed = {kind: missed[kind] + ever[kind] for kind in missed}
    assert missed["users"] / experiments <= 0.05
    assert missed["events"] / experiments > 0.2, "so that this test can fail"


# --- where it is ------------------------------------------------------------------------------------------------------------


def test_only_what_may_hold_the_phase_is_read(ledger: Ledger, folder: Path) -> None:
    """The second phase begins on the third day; the first one may have users from before it was noted."""
    second = Phase(2, START + 3 * DAY_MS, HALVES, 2)
    both, _ = from_archive(known([PHASE, second], PHASE), NOW, str(folder))
    later, _ = from_archive(known([PHASE, second], second), NOW, str(folder))
    hours = sorted({each.parent for each in folder.rglob("*.json.gz") if "errors" not in each.parts})
    assert both["source"]["objects"] >= len(hours)
    assert both["source"]["since"] == "2026-09-13T14:19:59Z"
    assert 0 < later["source"]["objects"] < both["source"]["objects"]
    hour = (second.started_ms - 1_000) // HOUR_MS * HOUR_MS
    assert later["source"]["events"] == sum(each.at_ms >= hour for each in ledger.counted(2)) > 10


def test_since_says_where_to_begin(folder: Path, ledger: Ledger) -> None:
    found = read(folder, since=date(2026, 9, 24))
    assert found["source"]["since"] == "2026-09-24T00:00:00Z"
    begin = 1_790_208_000_000
    assert found["source"]["events"] == sum(each.at_ms >= begin for each in ledger.counted())
    with pytest.raises(Trouble, match="no events from 2027-01-01 00:00 UTC on"):
        read(folder, since=date(2027, 1, 1))


@pytest.mark.parametrize("name", ["with * and [x] and ?", "year=2020/month=01/day=01/hour=01", "variant=blue", "a 'quote\""])
def test_a_folder_may_have_any_name(tmp_path: Path, name: str) -> None:
    ledger = Ledger()
    ledger.add("u", EXPOSURE, START)
    found = read(ledger.write(tmp_path / name))
    assert variant_of(found, "control")["exposures"] == 1
    assert found["source"]["objects"] == 1


def test_other_files_are_not_of_the_archive(tmp_path: Path) -> None:
    ledger = Ledger()
    ledger.add("u", EXPOSURE, START)
    hour = next(ledger.write(tmp_path).rglob("*.json.gz")).parent
    for place in (
        hour / "notes.txt",
        hour / "deeper" / "x.json.gz",
        tmp_path / "year=x" / "month=1" / "day=1" / "hour=1" / "a.json.gz",
    ):
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(b"nothing of ours")
    assert read(tmp_path)["source"]["objects"] == 1


def test_what_is_no_line_is_said(tmp_path: Path) -> None:
    ledger = Ledger()
    ledger.add("u", EXPOSURE, START)
    path = next(ledger.write(tmp_path).rglob("*.json.gz"))
    path.write_bytes(b"\x1f\x8b no gzip")
    with pytest.raises(Trouble, match="the archive can't be read"):
        read(tmp_path)


def test_a_phase_without_events_is_an_empty_document(tmp_path: Path) -> None:
    ledger = Ledger(experiment="exp_other")
    ledger.add("u", EXPOSURE, START)
    found = read(ledger.write(tmp_path))
    assert (found["metrics"], found["source"]["lines"]) == ([], 0)
    assert [each["exposures"] for each in found["variants"]] == [0, 0]
    before = known([], None)
    assert from_archive(before, NOW, str(tmp_path)) == (before, [])


def test_numbers_of_any_size_are_exact(tmp_path: Path) -> None:
    """A user's sum is larger than what fits into 128 bits when it is squared; and half a millionth is rounded to even."""
    ledger = Ledger()
    for user in ("a", "b"):
        ledger.add(user, EXPOSURE, START)
        for number in range(30):
            for name in ("x", "y"):
                value = {"x": 999_999_999.123457, "y": (number + 0.5) / 1e6}[name]
                ledger.add(user, "purchase", START + number * HOUR_MS, {name: value if user == "a" else -2 * value / 3})
    with duckdb_of(tmp_path, ledger.write(tmp_path)) as lines:
        lines.settle(1)
        looks = list(lines.looks())
    assert len(looks) == 30
    for at_ms, totals in looks:
        exact = totals["control"]["purchase"]
        for name in ("x", "y"):
            values = list(ledger.sums("control", "purchase", name, until=at_ms).values())
            assert exact.by_user[name].users == 2
            assert Fraction(exact.by_user[name].total) == Fraction(sum(values), 10**6)
            assert Fraction(exact.by_user[name].squares) == Fraction(sum(value * value for value in values), 10**12)


@contextmanager
def duckdb_of(folder: Path, place: Path) -> Iterator[Lines]:
    lines = Lines(folder, "exp_1")
    archive = Folder(place)
    for files in archive.batches(archive.find(datetime(2026, 1, 1, tzinfo=UTC)), folder):
        lines.read(files)
    yield lines
    lines.close()


@pytest.mark.parametrize("place", ["no-such-folder", "s3://", "s3:///prefix"])
def test_what_is_no_place_is_said(place: str) -> None:
    with pytest.raises(UsageError):
        open_place(place)


def test_without_duckdb_it_is_said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("burgee.archive_results", "burgee.archive_query"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, "duckdb", None)
    assert main(["results", "checkout", "--archive", "x"]) == 1
    assert "needs the package duckdb: pip install 'burgee[archive]'" in capsys.readouterr().err
