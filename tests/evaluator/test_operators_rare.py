"""Instants, versions, lengths, places, windows, lists, paths and buckets on rows built by hand, in both cores."""

import datetime
import struct
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from config_sync.zones import zone_table
from evaluator.snapshot import opcodes as codes
from tests.evaluator.builder import ABSENT, SURROGATE, Tables, ask, ask_text, bits
from tests.evaluator.hostile import LyingDict


def compared(order: str) -> Callable[[int], str]:
    """What each CMP_* code says of "<", "=" or ">"; "!" is neither."""
    holding = {"<": {2, 1, 3}, "=": {0, 3, 5}, ">": {4, 1, 5}, "!": set()}[order]
    return lambda code: "true" if code in holding else "false"


@pytest.mark.parametrize(
    ("value", "order"),
    [
        ("2024-05-06T07:08:09Z", "="),
        ("2024-05-06T09:08:09+02:00", "="),
        ("2024-05-06t07:08:09z", "="),
        ("2024-05-06 07:08:09", "="),
        ("2024-05-05T23:08:09.0000009-0800", "="),
        ("2024-05-06T07:08:09.000001Z", ">"),
        ("2024-05-06T07:08", "<"),
        ("2024-05-06", "<"),
        (1714979289, "="),
        (1714979289.0, "="),
        (1714979289.000001, ">"),
        (datetime.datetime(2024, 5, 6, 7, 8, 9), "="),
        (datetime.datetime(2024, 5, 6, 7, 8, 9, tzinfo=datetime.UTC), "="),
        (datetime.date(2024, 5, 7), ">"),
        ("9999-12-31T23:59:59Z", ">"),
        ("0001-01-01", "<"),
    ],
)
def test_rul_11_instants(implementation: ModuleType, value: Any, order: str) -> None:
    operand = bits(1714979289_000000)
    for code in range(codes.CMP_GE + 1):
        assert ask(implementation, codes.OP_TIME, value, payload=operand, mode=code) == compared(order)(code)


class Writes:
    """Something that writes itself in some way."""

    def __init__(self, text: Any) -> None:
        self.text = text

    def isoformat(self) -> Any:
        if isinstance(self.text, Exception):
            raise self.text
        return self.text


@pytest.mark.parametrize(
    "value",
    [
        "2024-02-30", "2024-13-01", "0000-01-01", "2024-05-06T24:00", "2024-05-06T07:60", "2024-05-06T07:08:60Z", "2024-5-6",
        "2024-05-06T07", "2024-05-06T07:08:09.", "2024-05-06T07:08:09,5", "2024-05-06Z", "2024-05-06T07:08+24:00", "20240506",
        "2024-05-06T07:08+02:60", "2024-05-06T07:08+02:", "2024-05-06T07:08+2", " 2024-05-06", "2024-05-06 ", "2024-05-06\n",
        "٢٠٢٤-05-06", "2024-05-06  07:08", "2024-05-06T07:08:09Z+00:00", "", True, None, [], {}, float("nan"), float("inf"),
        2**62, -1e300, 10**400, Writes(5), Writes("soon"), Writes(ValueError()), datetime.datetime, object(), SURROGATE,
        Writes(SURROGATE),
    ],
)  # fmt: skip
def test_rul_11_no_instants(implementation: ModuleType, value: Any) -> None:
    assert ask(implementation, codes.OP_TIME, value, payload=0, mode=codes.CMP_NE) == "unknown"


def test_instants_at_the_edge(implementation: ModuleType) -> None:
    edge = 2**62
    for value, payload in (
        (edge // 10**6, edge // 10**6 * 10**6),
        (-(edge // 10**6), -(edge // 10**6) * 10**6),
        (0.0000004, 0),
    ):
        assert ask(implementation, codes.OP_TIME, value, payload=bits(payload), mode=codes.CMP_EQ) == "true"
    assert ask(implementation, codes.OP_TIME, Writes("1970-01-01T00:00:01"), payload=bits(10**6)) == "true"
    assert ask(implementation, codes.OP_TIME, -0.0000005, payload=bits(0)) == "true"


PREFIX, PARTIAL = codes.MODE_VERSION_PREFIX, codes.MODE_VERSION_PARTIAL
MINOR, MAJOR = codes.MODE_VERSION_SAME_MINOR, codes.MODE_VERSION_SAME_MAJOR


@pytest.mark.parametrize(
    ("operand", "value", "mode", "order"),
    [
        ("1.2.3", "1.2.3", 0, "="),
        ("1.2.3", "1.2.3+build.7", 0, "="),
        ("1.2.3", "1.10.0", 0, ">"),
        ("1.2.3", "1.2.3-rc.1", 0, "<"),
        ("1.0.0-alpha", "1.0.0-alpha.1", 0, ">"),
        ("1.0.0-alpha.1", "1.0.0-alpha.beta", 0, ">"),
        ("1.0.0-alpha.beta", "1.0.0-beta", 0, ">"),
        ("1.0.0-beta.2", "1.0.0-beta.11", 0, ">"),
        ("1.0.0-2", "1.0.0-A", 0, ">"),
        ("1.0.0--", "1.0.0-0a", 0, ">"),
        ("99999999999999999999.0.0", "100000000000000000000.0.0", 0, ">"),
        ("1.2.3", "v1.2.3", PREFIX, "="),
        ("v1.2.3", "V1.2.3", PREFIX, "="),
        ("1.2.0", "1.2", PARTIAL, "="),
        ("1", 1, PARTIAL, "="),
        ("1.2.0", 1.2, PARTIAL, "="),
        ("2.0.0", "2-rc.1", PARTIAL, "<"),
        ("2.0.0", "v2+b", PARTIAL | PREFIX, "="),
        ("3.0.0", 3.0, PARTIAL, "="),
    ],
)
def test_rul_12_versions(implementation: ModuleType, operand: str, value: Any, mode: int, order: str) -> None:
    for code in range(codes.CMP_GE + 1):
        assert ask_text(implementation, codes.OP_VERSION, operand, value, mode | code) == compared(order)(code)


@pytest.mark.parametrize(
    ("value", "mode"),
    [
        *((text, 0) for text in ("1.2", "1", "v1.2.3", "01.2.3", "1.2.3-01", "1.2.3-", "1.2.3+", "1.2.3-a..b", " 1.2.3")),
        *((text, PARTIAL) for text in ("", "1.", "1.2.3.4", "v1", "1.02", "-1", -1, 1e20, True, None, [1], "1.2.3\n")),
        *((value, PREFIX) for value in ("vv1.2.3", "v", "1.2", 1, "1.2.3-é", "１.2.3", SURROGATE)),
    ],
)
def test_rul_12_no_versions(implementation: ModuleType, value: Any, mode: int) -> None:
    assert ask_text(implementation, codes.OP_VERSION, "1.2.3", value, mode | codes.CMP_NE) == "unknown"
    assert ask_text(implementation, codes.OP_VERSION, "oops", "1.2.3", mode | codes.CMP_NE) == "unknown"


@pytest.mark.parametrize(
    ("mode", "value", "result"),
    [
        (MINOR, "1.2.9", "true"),
        (MINOR, "1.3.0", "false"),
        (MINOR, "1.2.0-rc", "true"),
        (MAJOR, "1.9.0", "true"),
        (MAJOR, "2.2.3", "false"),
        (MAJOR | MINOR, "1.9.0", "false"),
        (MAJOR | 7, "1.9.0", "true"),
    ],
)
def test_version_ranges(implementation: ModuleType, mode: int, value: str, result: str) -> None:
    assert ask_text(implementation, codes.OP_VERSION, "1.2.3", value, mode) == result


@pytest.mark.parametrize(
    ("value", "length"),
    [("", 0), ("äß€😀", 4), ([], 0), ((1, 2), 2), ({1, 2, 3}, 3), (frozenset({1}), 1), ({"a": 1}, 1)],
)
def test_rul_15_lengths(implementation: ModuleType, value: Any, length: int) -> None:
    assert ask(implementation, codes.OP_LENGTH, value, payload=length, mode=codes.CMP_EQ) == "true"
    assert ask(implementation, codes.OP_LENGTH, value, payload=bits(-1), mode=codes.CMP_GT) == "true"


@pytest.mark.parametrize("value", [5, 1.5, True, None, object(), SURROGATE, range(3), b"abc"])
def test_rul_15_no_lengths(implementation: ModuleType, value: Any) -> None:
    assert ask(implementation, codes.OP_LENGTH, value, payload=3, mode=codes.CMP_NE) == "unknown"


BERLIN, PARIS_KM = (52.52, 13.405), 877.4633259175431


@pytest.mark.parametrize(
    ("value", "results"),
    [  # EQ, NE, LT, LE, GT, GE against the distance from Paris to Berlin
        ({"lat": 48.8566, "lon": 2.3522}, "TFFTFT"),
        ({"latitude": 48.8566, "longitude": 2.3522}, "TFFTFT"),
        ({"lat": 48.8566, "lng": 2.3522, "longitude": 0, "latitude": "x"}, "TFFTFT"),
        ([48.8566, 2.3522], "TFFTFT"),
        ((52, 13), "FTTTFF"),
        ([-90, 180], "FTFFTT"),
    ],
)
def test_rul_13_distances(implementation: ModuleType, value: Any, results: str) -> None:
    for code, expected in enumerate(results):
        tables = Tables()
        tables.add("places", latitude=BERLIN[0], longitude=BERLIN[1], radius=PARIS_KM, km_per_unit=1.0)
        asked = ask(implementation, codes.OP_DISTANCE, value, tables=tables, offset=0, mode=code)
        assert asked == {"T": "true", "F": "false"}[expected], code


def test_rul_13_units(implementation: ModuleType) -> None:
    for unit, radius in ((1.609344, 545.23), (0.001, 877463.3)):
        tables = Tables()
        tables.add("places", latitude=BERLIN[0], longitude=BERLIN[1], radius=radius, km_per_unit=unit)
        mode = codes.CMP_GE
        assert ask(implementation, codes.OP_DISTANCE, [48.8566, 2.3522], tables=tables, offset=0, mode=mode) == "true"


@pytest.mark.parametrize(
    "value",
    [
        [1], [1, 2, 3], "1,2", {"lat": 1}, {"lon": 1}, {"lat": "1", "lon": 2}, {"lat": True, "lon": 2}, [91, 0], [0, 180.1],
        [float("nan"), 0], [10**400, 0], {"lat": None, "latitude": 1, "lon": 2}, {1, 2}, 5, [None, 2], None,
    ],
)  # fmt: skip
def test_rul_13_no_places(implementation: ModuleType, value: Any) -> None:
    tables = Tables()
    tables.add("places", latitude=0.0, longitude=0.0, radius=-1.0, km_per_unit=1.0)
    assert ask(implementation, codes.OP_DISTANCE, value, tables=tables, offset=0, mode=codes.CMP_GT) == "unknown"


def in_window(implementation: ModuleType, value: Any, zone: bytes = b"", now: int | None = None, **window: int) -> str:
    tables = Tables()
    at = tables.blob("zones", zone) if zone else codes.NONE
    tables.add("windows", **{"days": 127, "zone": at} | window)
    return ask(implementation, codes.OP_WINDOW, value, tables=tables, offset=0, now=now)


@pytest.mark.parametrize(
    ("window", "value", "result"),
    [
        ({"days": 0b0000001}, "2024-05-06T23:59:59Z", "true"),
        ({"days": 0b0000001}, "2024-05-07", "false"),
        ({"days": 0b1000000}, "1969-12-28T12:00Z", "true"),
        ({"days": 0}, "2024-05-06", "false"),
        ({"flags": 1, "start_minute": 540, "end_minute": 1020}, "2024-05-06T17:00:59", "true"),
        ({"flags": 1, "start_minute": 540, "end_minute": 1020}, "2024-05-06T17:01", "false"),
        ({"flags": 1, "start_minute": 1320, "end_minute": 360}, "2024-05-06T23:00", "true"),
        ({"flags": 1, "start_minute": 1320, "end_minute": 360}, "2024-05-06T06:00", "true"),
        ({"flags": 1, "start_minute": 1320, "end_minute": 360}, "2024-05-06T12:00", "false"),
        ({"flags": 2, "start_day": 19849, "end_day": 19849}, "2024-05-06T12:00", "true"),
        ({"flags": 2, "start_day": 19849, "end_day": 19849}, "2024-05-07", "false"),
        ({"flags": 2, "start_day": -1, "end_day": -1}, "1969-12-31T23:59:59.999999", "true"),
        ({"flags": 4, "start": 10, "end": 20}, 0.00002, "true"),
        ({"flags": 4, "start": 10, "end": 20}, 0.000021, "false"),
        ({}, "never", "unknown"),
        ({}, True, "unknown"),
        ({}, SURROGATE, "unknown"),
    ],
)
def test_rul_14_windows(implementation: ModuleType, window: dict[str, int], value: Any, result: str) -> None:
    assert in_window(implementation, value, **window) == result


def test_rul_14_the_clock_stands_in_for_no_value(implementation: ModuleType) -> None:
    for value in (None, ABSENT):
        assert in_window(implementation, value, now=1714979289_000, days=1) == "true"
        assert in_window(implementation, value, now=1714979289_000 + 86_400_000, days=1) == "false"
        assert in_window(implementation, value) == "true"


@pytest.mark.parametrize(
    ("value", "result"),
    [
        ("2024-01-10T08:00Z", "true"),  # 09:00 in winter
        ("2024-07-10T08:00Z", "false"),  # 10:00 in summer
        ("2024-07-10T07:00Z", "true"),
    ],
)
def test_rul_14_windows_in_a_zone(implementation: ModuleType, value: str, result: str) -> None:
    zone = zone_table("Europe/Berlin")
    assert in_window(implementation, value, zone, flags=1, start_minute=540, end_minute=540) == result


@pytest.mark.parametrize(
    ("instant", "day"),
    [  # ahead by 1 s before the epoch, behind by 2 h for 3 s, then behind by 5 s
        (-2, -1),
        (-1, 0),
        (-0.000001, 0),
        (0, -1),
        (2.999999, -1),
        (3, -1),
        (4.999999, -1),
        (5, 0),
        (86_404.999999, 0),
        (86_405, 1),
    ],
)
def test_a_zone_changes_at_its_transitions(implementation: ModuleType, instant: float, day: int) -> None:
    zone = struct.pack("<Ii2q2i", 2, 1, 0, 3, -7200, -5)
    for other in (-1, 0, 1):
        found = in_window(implementation, instant, zone, flags=codes.WINDOW_DATES, start_day=other, end_day=other)
        assert found == ("true" if other == day else "false")


@pytest.mark.parametrize("now", [1714979289_000, 1714979289_000.0, 1714979288_999.9996])
def test_now(implementation: ModuleType, now: int | float) -> None:
    payload = bits(1714979289_000_000)
    for code in range(codes.CMP_GE + 1):
        assert ask(implementation, codes.OP_NOW, now=now, payload=payload, mode=code) == compared("=")(code)


def test_now_is_the_wall_clock_when_nobody_says(implementation: ModuleType) -> None:
    assert ask(implementation, codes.OP_NOW, payload=bits(1_700_000_000_000_000), mode=codes.CMP_GT) == "true"
    assert ask(implementation, codes.OP_NOW, payload=bits(2**61), mode=codes.CMP_LT) == "true"


@pytest.mark.parametrize(
    ("operand", "value", "contains_all", "contains_any"),
    [
        (["a", 1], ["a", 1.0, "b"], "true", "true"),
        (["a", 1], ("a",), "false", "true"),
        (["a"], {"a", "b"}, "true", "true"),
        ([{"k": [1]}], [{"k": (1,)}], "true", "true"),
        ([True], [1], "false", "false"),
        ([None], [None], "true", "true"),
        ([], [], "true", "false"),
        (["a"], "a", "unknown", "unknown"),
        (["a"], {"a": 1}, "unknown", "unknown"),
        (["a"], None, "unknown", "unknown"),
        (["a"], ABSENT, "missing", "missing"),
    ],
)
def test_rul_07_contains_values(
    implementation: ModuleType, operand: list[Any], value: Any, contains_all: str, contains_any: str
) -> None:
    for op, result in ((codes.OP_CONTAINS_ALL, contains_all), (codes.OP_CONTAINS_ANY, contains_any)):
        tables = Tables()
        assert ask(implementation, op, value, tables=tables, offset=tables.value(operand)) == result


LOOSE, CONTAINER = codes.MODE_BOOLEAN_NUMBER, codes.MODE_CONTAINER


@pytest.mark.parametrize(
    ("operand", "value", "mode", "contains_all", "contains_any"),
    [
        ([True, 0], [1, False], LOOSE, "true", "true"),
        ([[1, {"a": 0}]], [[True, {"a": False}]], LOOSE, "true", "true"),
        ([None], [0], LOOSE, "false", "false"),
        (["el", "x"], "hello", CONTAINER, "false", "true"),
        (["el", 1], "hello 1", CONTAINER, "unknown", "unknown"),
        ([], "hello", CONTAINER, "true", "false"),
        ([""], "", CONTAINER, "true", "true"),
        (["a", "b"], {"a": 1}, CONTAINER, "false", "true"),
        ([1], {1: "a"}, CONTAINER, "true", "true"),
        (["a"], LyingDict(a=1), CONTAINER, "true", "true"),
        (["a"], ["a", "b"], CONTAINER, "true", "true"),
        (["a"], 1, CONTAINER, "unknown", "unknown"),
        (["a"], SURROGATE, CONTAINER, "unknown", "unknown"),
    ],
)
def test_contains_values_by_mode(
    implementation: ModuleType, operand: list[Any], value: Any, mode: int, contains_all: str, contains_any: str
) -> None:
    for op, result in ((codes.OP_CONTAINS_ALL, contains_all), (codes.OP_CONTAINS_ANY, contains_any)):
        tables = Tables()
        assert ask(implementation, op, value, tables=tables, offset=tables.value(operand), mode=mode) == result


@pytest.mark.parametrize(
    ("operand", "value", "mode", "order"),
    [
        ("b", "a", 0, "<"),
        ("b", "b", 0, "="),
        ("b", "ba", 0, ">"),
        ("\uffff", "\U0001f600", 0, ">"),  # by code point, not by UTF-16 unit
        (2, 2.0, 0, "="),
        (2**53, 2**53 + 1, 0, ">"),
        (2.0**53, 2**53 + 1, 0, ">"),
        (1e300, 10**400, 0, ">"),
        (2, float("nan"), 0, "!"),
        (1, True, LOOSE, "="),
        (True, 0.5, LOOSE, "<"),
        ([1, 2], [1, 2], 0, "="),
        ([1, 2], [1], 0, "<"),
        ([1, 2], (1, 2, 0), 0, ">"),
        ([1, [2, "b"]], [1.0, [2, "a", None]], 0, "<"),
        ([1, 2], [True, 3], LOOSE, ">"),
        ([{"a": 1}, 2], [{"a": True}, 2], LOOSE, "="),
        ([1], [float("nan")], 0, "!"),
    ],
)
def test_order(implementation: ModuleType, operand: Any, value: Any, mode: int, order: str) -> None:
    for code in range(codes.CMP_GE + 1):
        tables = Tables()
        asked = ask(implementation, codes.OP_ORDER, value, tables=tables, offset=tables.value(operand), mode=mode | code)
        assert asked == compared(order)(code)


@pytest.mark.parametrize(
    ("operand", "value", "mode"),
    [
        ("b", 1, 0), ("b", ["b"], 0), ("b", None, 0), (1, "1", 0), (1, True, 0), (True, True, 0), (None, 1, LOOSE), ({}, {}, 0),
        ([1], 1, 0), ([1], {1}, 0), ([1], ["a"], 0), ([None, 1], [1, 1], 0), ([{}], [{"a": 1}], 0),
        ("b", SURROGATE, 0), ("b", object(), 0),
    ],
)  # fmt: skip
def test_no_order(implementation: ModuleType, operand: Any, value: Any, mode: int) -> None:
    tables = Tables()
    asked = ask(implementation, codes.OP_ORDER, value, tables=tables, offset=tables.value(operand), mode=mode | codes.CMP_NE)
    assert asked == "unknown"


@pytest.mark.parametrize(
    ("operand", "value", "mode", "result"),
    [
        ("hello", "ell", 0, "true"),
        ("hello", "", 0, "true"),
        ("hello", "hello!", 0, "false"),
        ("hello", ["ell"], 0, "unknown"),
        ("1", 1, 0, "unknown"),
        (["a", 1], [], 0, "true"),
        (["a", 1], ["a", 1.0, "a"], 0, "true"),
        (["a", 1], {"a"}, 0, "true"),
        (["a", 1], [True], 0, "false"),
        (["a", 1], [True], LOOSE, "true"),
        (["a", 1], ["a", "b"], 0, "false"),
        ([[0]], [[False]], LOOSE, "true"),
        (["a"], "a", 0, "unknown"),
        (["a"], {"a": 1}, CONTAINER, "unknown"),
        (["a"], None, 0, "unknown"),
        (["a"], ABSENT, 0, "missing"),
    ],
)
def test_within(implementation: ModuleType, operand: Any, value: Any, mode: int, result: str) -> None:
    tables = Tables()
    assert ask(implementation, codes.OP_WITHIN, value, tables=tables, offset=tables.value(operand), mode=mode) == result


@pytest.mark.parametrize(
    ("modulus", "value", "remainder"),
    [
        (7, 12, 5), (7, -1, 6), (7, -7, 0), (7, 5.0, 5), (1, 2**63 - 1, 0), (7, -(2**63), (-(2**63)) % 7),
        (7, 10**30, 10**30 % 7), (7, -(10**30), -(10**30) % 7), (2**63 - 1, -1, 2**63 - 2), (2, -3.0, 1),
        (7, 1e300, int(1e300) % 7),
    ],
)  # fmt: skip
def test_modulo(implementation: ModuleType, modulus: int, value: Any, remainder: int) -> None:
    for first, last, result in ((remainder, remainder, "true"), (remainder + 1, 2**62, "false"), (-1, remainder - 1, "false")):
        tables = Tables()
        tables.numbers = [bits(first), bits(last)]
        asked = ask(implementation, codes.OP_MODULO, value, tables=tables, payload=modulus, count=2)
        assert asked == result


@pytest.mark.parametrize(
    ("value", "result"),
    [
        (2.5, "true"), (9.999, "true"), (10.001, "false"), (-4.5, "true"), (float("nan"), "false"), (float("inf"), "false"),
        ("2", "unknown"), (True, "unknown"), ([2], "unknown"), (None, "unknown"), (ABSENT, "missing"),
    ],
)  # fmt: skip
def test_modulo_of_other_values(implementation: ModuleType, value: Any, result: str) -> None:
    tables = Tables()
    tables.numbers = [bits(2), bits(3)]
    assert ask(implementation, codes.OP_MODULO, value, tables=tables, payload=7, count=2) == result


@pytest.mark.parametrize(
    ("path", "expected", "value", "result"),
    [
        (["a", "b"], 1, {"a": {"b": 1.0}}, "true"),
        (["a", "b"], 1, {"a": {"b": True}}, "false"),
        (["a", "b"], 1, '{"a":{"b":1}}', "true"),
        (["a", 1], "x", {"a": ["y", "x"]}, "true"),
        (["a", 1], "x", {"a": ("y", "x")}, "true"),
        ([0], "x", ["x"], "true"),
        ([0], "x", '["x"]', "true"),
        ([], {"a": 1}, '{"a":1}', "true"),
        ([], "x", '"x"', "true"),
        (["a"], None, {"a": None}, "true"),
        (["a"], 1, {}, "unknown"),
        ([-1], "x", ["x"], "unknown"),
        ([5], "x", ["x"], "unknown"),
        ([2**62], "x", ["x"], "unknown"),
        (["0"], "x", ["x"], "unknown"),
        ([0], "x", {0: "x"}, "unknown"),
        (["a"], 1, "{oops", "unknown"),
        (["a"], 1, '{"a":NaN}', "unknown"),
        (["a"], 1, '{"b":' + "[" * 70 + "]" * 70 + ',"a":1}', "unknown"),
        (["a"], 1, '{"b":"' + "[" * 70 + '\\"","a":1}', "true"),
        (["a"], 1, '{"a":1' + " " * 65_536 + "}", "unknown"),
        ([], 5, 5, "true"),
        ([], 5, 6, "false"),
        (["a"], 5, 5, "unknown"),
        (["a"], 1, None, "unknown"),
        (["a"], 1, ABSENT, "missing"),
    ],
)
def test_rul_18_paths(implementation: ModuleType, path: list[Any], expected: Any, value: Any, result: str) -> None:
    tables = Tables()
    tables.paths.append(path)
    asked = ask(implementation, codes.OP_PATH, value, tables=tables, offset=0, length=tables.value(expected))
    assert asked == result


@pytest.mark.parametrize(
    ("user", "ranges", "result"),
    [  # MD5, first four bytes little-endian, modulo 100 of "user_123:new_checkout" is 5
        ("user_123", [(4, codes.TARGET_NEXT_RULE), (5, codes.TARGET_NO_ANSWER)], "true"),
        ("user_123", [(5, codes.TARGET_NEXT_RULE), (9, codes.TARGET_NO_ANSWER)], "false"),
        ("user_123", [(4, codes.TARGET_NO_ANSWER)], "false"),
        ("user_123", [], "false"),
        (ABSENT, [(99, codes.TARGET_NO_ANSWER)], "missing"),
        (None, [(99, codes.TARGET_NO_ANSWER)], "missing"),
        (True, [(99, codes.TARGET_NO_ANSWER)], "missing"),
        (SURROGATE, [(99, codes.TARGET_NO_ANSWER)], "missing"),
    ],
)
def test_rul_17_buckets(implementation: ModuleType, user: Any, ranges: list[tuple[int, int]], result: str) -> None:
    tables = Tables()
    suffix, length = tables.text(":new_checkout")
    how = {"hash": codes.HASH_MD5_LE32, "space": codes.SPACE_MODULO, "total": 100, "suffix": suffix, "suffix_length": length}
    split = tables.split(0, ranges, **how)
    assert ask(implementation, codes.OP_BUCKET, user, tables=tables, offset=split, attribute=codes.NONE_16) == result
