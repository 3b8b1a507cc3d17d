"""ConfigCat's documents about conversion and trimming, which have no questions: what its Python SDK 10.0.1 answers."""

import datetime
import json
import math
from types import ModuleType
from typing import Any

import pytest

from config_sync.compile import compile_project
from tests.conftest import conformance_data

MOMENT = datetime.datetime(2023, 3, 31, 23, 59, 59, 999000, tzinfo=datetime.UTC)
CONVERTED: list[tuple[str, Any, str]] = [
    ("numberToStringConversion", 0.12345, "1"),
    ("numberToStringConversionInt", 125, "4"),
    ("numberToStringConversionInt", 125.0, "4"),
    ("numberToStringConversionPositiveExp", -1.23456789e96, "2"),
    ("numberToStringConversionNegativeExp", -12345.6789e-100, "4"),
    ("numberToStringConversionNaN", math.nan, "3"),
    ("numberToStringConversionPositiveInf", math.inf, "4"),
    ("numberToStringConversionNegativeInf", -math.inf, "3"),
    ("dateToStringConversion", MOMENT, "3"),
    ("dateToStringConversion", 1680307199.999, "3"),
    ("dateToStringConversionNaN", math.nan, "3"),
    ("dateToStringConversionPositiveInf", math.inf, "1"),
    ("dateToStringConversionNegativeInf", -math.inf, "5"),
    ("stringArrayToStringConversion", ["read", "Write", " eXecute "], "4"),
    ("stringArrayToStringConversionEmpty", [], "5"),
    ("stringArrayToStringConversionSpecialChars", ["+<>%\"'\\/\t\r\n"], "3"),
    ("stringArrayToStringConversionUnicode", ["äöüÄÖÜçéèñışğâ¢™✓😀"], "2"),
]
# Of the trimming documents these alone hold, whichever side has the blanks; all others say "no trim".
VERSIONS = ("isoneof", "isnotoneof", "less", "lessequals", "greater", "greaterequals")
NUMBERS = ("equals", "notequals", "less", "lessequals", "greater", "greaterequals")
TRIMMED = {f"semver{name}": f"{code} trim" for code, name in enumerate(VERSIONS, 4)}
TRIMMED |= {f"number{name}": f"{code} trim" for code, name in enumerate(NUMBERS, 10)}
TRIMMED |= {"datebefore": "18 trim", "dateafter": "19 trim"}


def evaluator_of(core: ModuleType, name: str) -> tuple[Any, list[str]]:
    path = conformance_data("configcat", f"{name}.json")
    if path is None:
        pytest.skip("ConfigCat's documents aren't on this machine; the golden cases still run")
    document = json.loads(path.read_text())
    snapshot = compile_project(document, "configcat").snapshot
    assert snapshot is not None
    return core.Evaluator(snapshot), list(document["f"])


@pytest.mark.parametrize(("key", "value", "expected"), CONVERTED, ids=lambda part: str(part)[:40])
def test_an_attribute_that_is_no_text(implementation: ModuleType, key: str, value: Any, expected: str) -> None:
    evaluator, _ = evaluator_of(implementation, "comparison_attribute_conversion")
    assert evaluator.string(key, {"targetingKey": "12345", "Custom1": value}, None) == expected


@pytest.mark.parametrize(
    ("name", "blank", "country"),
    [("comparison_attribute_trimming", " ", '[" USA "]'), ("comparison_value_trimming", "", '["USA"]')],
)
def test_what_is_trimmed(implementation: ModuleType, name: str, blank: str, country: str) -> None:
    evaluator, keys = evaluator_of(implementation, name)
    values = {"targetingKey": "12345", "Version": "1.0.0", "Number": "3", "Date": "1705253400"}
    context = {attribute: f"{blank}{value}{blank}" for attribute, value in values.items()} | {"Country": country}
    assert {key: evaluator.string(key, context, None) for key in keys} == {key: TRIMMED.get(key, "no trim") for key in keys}
