"""Positions of pointers in YAML and JSON, and diagnostics as people see them."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from config_sync.compile import compile_project
from config_sync.diagnostics import Diagnostic, Diagnostics
from config_sync.ir import Origin
from config_sync.locate import locate_all, scan_json, scan_yaml
from config_sync.places import KeyOrigin, Spot, key_of
from config_sync.render import render

YAML = """\
# a comment
flags:
  one: {rules: [{when: x}, {when: "y"}]}
  two:
    rules:
      - when: z
        variant: on
      -
        when: [1, 2]
"""


@pytest.mark.parametrize(
    ("pointer", "position"),
    [
        ((), (2, 1)),
        (("flags",), (3, 3)),
        (("flags", "one", "rules", 1, "when"), (3, 35)),
        (("flags", "two", "rules", 0), (6, 9)),
        (("flags", "two", "rules", 0, "variant"), (7, 18)),
        (("flags", "two", "rules", 1, "when", 1), (9, 19)),
        (("flags", "two", "rules", 0, "missing"), (6, 9)),
        (("flags", "two", "missing", 3), (4, 3)),
        (("nowhere",), (2, 1)),
    ],
)
def test_yaml_positions(pointer: tuple[str | int, ...], position: tuple[int, int]) -> None:
    assert locate_all(YAML, False, [Origin("f", pointer)]) == {Origin("f", pointer): position}


def test_keys_and_spots() -> None:
    key = key_of(Origin("f", ("flags", "two")), "rules")
    assert isinstance(key, KeyOrigin)
    spot = Spot("f", line=7, column=3)
    assert locate_all(YAML, False, [key, spot]) == {key: (5, 5), spot: (7, 3)}
    assert locate_all('{"a": {"b": 1}}', True, [KeyOrigin("f", ("a", "b"))]) == {KeyOrigin("f", ("a", "b")): (1, 8)}


def json_values(text: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    return st.recursive(
        st.none() | st.booleans() | st.integers(-9, 9) | text,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4),
        max_leaves=12,
    )


def pointers(data: Any, above: tuple[str | int, ...] = ()) -> dict[tuple[str | int, ...], Any]:
    found = {above: data}
    children = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for step, child in children:
        found |= pointers(child, (*above, step))
    return found


def value_at(text: str, position: tuple[int, int]) -> Any:
    """The JSON value that begins at a position."""
    lines = text.split("\n")
    rest = "\n".join([lines[position[0] - 1][position[1] - 1 :], *lines[position[0] :]])
    return json.JSONDecoder().raw_decode(rest)[0]


@given(json_values(st.text(max_size=6)), st.sampled_from([None, 1]), st.booleans())
def test_json_positions_of_anything(data: Any, indent: int | None, ascii_only: bool) -> None:
    text = json.dumps(data, indent=indent, ensure_ascii=ascii_only)
    wanted = pointers(data)
    found = locate_all(text, True, [Origin("f", pointer) for pointer in wanted])
    for pointer, value in wanted.items():
        assert value_at(text, found[Origin("f", pointer)]) == value


@given(json_values(st.text(st.characters(categories=["L", "N", "P"]), max_size=6)))
def test_json_is_yaml_too(data: Any) -> None:
    text = json.dumps(data, ensure_ascii=False)
    assert [pointer for pointer, _, _ in scan_yaml(text)] == [token.pointer for token in scan_json(text)]


@pytest.mark.parametrize("text", ["", "{", '{"a"', "[1,,", '"', "}]", '{"a":}', "[[[{", '{"a": [}'])
def test_json_that_is_broken_is_scanned_without_an_error(text: str) -> None:
    list(scan_json(text))
    assert locate_all(text, True, [Origin("f", ("a", 1))])


def test_yaml_that_is_broken_is_located_up_to_the_error() -> None:
    text = "a:\n  b: 1\n c: [\n"
    with pytest.raises(yaml.YAMLError):
        list(scan_yaml(text))
    assert locate_all(text, False, [Origin("f", ("a", "b"))]) == {Origin("f", ("a", "b")): (2, 6)}


# --- rendering --------------------------------------------------------------------------------------------------------


def test_a_diagnostic_with_its_line_and_caret(tmp_path: Path) -> None:
    path = tmp_path / "flags.yaml"
    path.write_text("flags:\n  banner:\n    enabled: true\n    rollout_percentage: 150\n    rollout_percentag: 3\n")
    shown = render(compile_project(path).diagnostics)
    assert shown == (
        f"{path}:5:5: error UNKNOWN-FIELD: there is no field 'rollout_percentag' here\n"
        "      rollout_percentag: 3\n"
        "      ^\n"
        "  hint: did you mean 'rollout_percentage'?\n"
        f"{path}:4:25: error OUT-OF-RANGE: rollout_percentage must be from 0 to 100, not 150\n"
        "      rollout_percentage: 150\n"
        "                          ^\n"
        "2 errors\n"
    )


def test_in_memory_the_pointer_is_shown() -> None:
    shown = render(compile_project({"flags": [{"key": "a", "enabled": "yes"}], "exp": {}}).diagnostics)
    assert "flags[0].enabled: error WRONG-TYPE: expected a boolean, got the string 'yes'\n" in shown
    assert "  hint: in YAML 1.2 the booleans are true and false\n" in shown
    assert shown.startswith("exp: error UNKNOWN-FIELD")


def test_tabs_and_long_lines_keep_the_caret_in_place(tmp_path: Path) -> None:
    path = tmp_path / "flags.json"
    path.write_text('{"flags":\t{"f": {"enabled": 5, "description": "' + "x" * 300 + '", "rollout_percentage": 101}}}')
    shown = render(compile_project(path).diagnostics).splitlines()
    for line, source, caret in zip(shown, shown[1:], shown[2:], strict=False):
        if ": error " in line:
            assert source[caret.index("^") :].startswith("5" if "boolean" in line else "101")
            assert len(source) <= 170


def test_spots_summaries_and_documents_that_are_gone() -> None:
    diagnostics = Diagnostics()
    diagnostics.error("A", "1", Spot("gone.yaml", line=3, column=4))
    diagnostics.warning("B", "two", Origin("gone.yaml", ("a-b", "c d", 0)))
    diagnostics.warning("C", "three", Origin(""))
    assert render(diagnostics) == (
        "gone.yaml:3:4: error A: 1\ngone.yaml: a-b['c d'][0]: warning B: two\nproject: warning C: three\n1 error, 2 warnings\n"
    )
    assert render([]) == ""
    assert render([Diagnostic("error", "A", "m", Origin(""))]).endswith("1 error\n")
