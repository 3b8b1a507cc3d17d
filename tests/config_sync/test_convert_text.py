"""The YAML that is written: read back as it was, and pleasant where it can be."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config_sync import ir
from config_sync.convert.yaml_text import WIDTH, yaml_text
from config_sync.diagnostics import Diagnostics
from config_sync.sources.yaml_text import parse_yaml

TEXTS = st.text(st.characters(exclude_categories=["Cs"])) | st.sampled_from(
    [
        "on", "no", "true", "Null", "~", "", " ", "1", "1e3", "0x1F", "0o17", ".5", "-", "- a", "a: b", "a #b", "#a", "*a",
        "&a", "!a", "%a", "@a", "`", "'", '"', "a'b", "{", "}", "[x]", ",", "a,b", "? a", "a\nb", "a\\b", "\x00on", "\x85",
        "\u2028", "\ufeff", "2025-01-31", "12:30", "<<", "=", "é" * 1000, "\u200b" * 999, "a  b", " a", "a ", "\U0001f600",
        "x" * 2000,
    ]
)  # fmt: skip
SCALARS = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | TEXTS
SCALARS |= st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner), max_leaves=30)


def read(text: str) -> Any:
    diagnostics = Diagnostics()
    good, data = parse_yaml(text, ir.NOWHERE, diagnostics)
    assert good, (text, list(diagnostics))
    return data


def same(left: Any, right: Any) -> bool:
    """Equal and of the same types all through; keys in the same order."""
    if isinstance(left, dict):
        return isinstance(right, dict) and list(left) == list(right) and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list):
        return isinstance(right, list) and len(left) == len(right) and all(map(same, left, right))
    return type(left) is type(right) and repr(left) == repr(right)


@given(st.dictionaries(TEXTS, VALUES, min_size=1), st.integers(0, 3))
def test_what_is_written_is_read_back(data: dict[str, Any], levels: int) -> None:
    assert same(read(yaml_text(data, levels)), data)


@pytest.mark.parametrize("count", [1, 50, 5000])
def test_a_long_list_fills_its_lines(count: int) -> None:
    data = {"flags": {"f": {"value": [f"user-{number}" for number in range(count)]}}}
    text = yaml_text(data)
    assert read(text) == data
    assert max(map(len, text.splitlines())) <= WIDTH
    assert len(text.splitlines()) < 5 + count / 8


def test_what_fits_on_a_line_is_on_one() -> None:
    data = {
        "version": 1,
        "flags": {
            "banner": {
                "variants": {"on": True, "off": False},
                "rules": [
                    {"when": {"attribute": "country", "operator": "in", "value": ["DE", "AT"]}, "variant": "on"},
                    {"id": "x" * 80, "when": [{"attribute": "a", "operator": "eq", "value": "1"}, {"segment": "s" * 40}]},
                ],
                "metadata": {},
            }
        },
    }
    assert (
        yaml_text(data)
        == f"""\
version: 1
flags:
  banner:
    variants: {{on: true, off: false}}
    rules:
      - {{when: {{attribute: country, operator: in, value: [DE, AT]}}, variant: on}}
      - id: {"x" * 80}
        when: [{{attribute: a, operator: eq, value: "1"}}, {{segment: {"s" * 40}}}]
    metadata: {{}}
"""
    )
