"""docs/api.md is what the OpenAPI document says, and its examples are what the platform answers (DOC-02)."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from scripts import api
from tests.burgee.platform import Up
from tests.conftest import ROOT

DOCUMENT: dict[str, Any] = json.loads(api.DOCUMENT.read_text())
EXAMPLES: dict[str, Any] = json.loads(api.EXAMPLES.read_text())
BY_THE_CLOCK = "service-fee"  # the one flag of examples/ that evenings change
MADE_ANEW = "made anew: python -m scripts.api (with --record, of a fresh burgee up examples/)"


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    with Up(ROOT / "examples", tmp_path_factory.mktemp("temporary"), "--no-view") as running:
        yield running


def test_doc_02_the_page_is_what_the_document_says() -> None:
    assert api.PAGE.read_text() == api.page(DOCUMENT, EXAMPLES), MADE_ANEW


def test_doc_02_every_operation_has_an_example() -> None:
    assert set(EXAMPLES) == set(api.ASKED) == set(api.methods_of(DOCUMENT))
    for name, example in EXAMPLES.items():
        assert (example["path"], example.get("body")) == api.ASKED[name], MADE_ANEW


def test_doc_02_every_heading_of_the_list_is_there() -> None:
    page = api.PAGE.read_text()
    for path, method, _ in api.operations(DOCUMENT):
        assert f"](#{api.anchor(method, path)})" in page
        assert f"\n## {method} {path}\n" in page


def test_doc_02_the_examples_are_what_the_platform_answers(up: Up) -> None:
    """In the page's order; ids, times and versions differ, and only their types are compared."""
    for name, example in EXAMPLES.items():
        found = api.ask(up.url, name, api.methods_of(DOCUMENT))
        assert _steady(found) == _steady(example), f"{name}: {MADE_ANEW}"


def _steady(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: type(member).__name__ if name in api.VOLATILE else _steady(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_steady(member) for member in value if not (isinstance(member, dict) and member.get("key") == BY_THE_CLOCK)]
    return value


def test_what_differs_from_run_to_run_is_compared_by_type_alone() -> None:
    assert _steady({"a": [{"timestamp": "now", "b": 1}]}) == {"a": [{"timestamp": "str", "b": 1}]}
    assert _steady({"b": 1}) != _steady({"b": 2})
