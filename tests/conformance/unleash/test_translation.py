"""What the front end makes of parts of a document, where the public suite has no case: on both cores, through the compiler."""

from ipaddress import ip_network
from math import nextafter
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config_sync import compile_project, ir
from config_sync.compile import CompileResult
from config_sync.frontends.unleash.constraints import equal_numbers
from config_sync.frontends.unleash.networks import network_in
from config_sync.limits import MAX_LIST_ITEMS

EPSILON = 2.0**-52


def toggle(name: str = "t", **fields: Any) -> dict[str, Any]:
    return {"name": name, "enabled": True, "strategies": [{"name": "default"}], **fields}


def constrained(*constraints: dict[str, Any]) -> dict[str, Any]:
    return toggle(strategies=[{"name": "default", "constraints": list(constraints)}])


def compiled(*features: Any, **document: Any) -> CompileResult:
    return compile_project({"version": 2, "features": list(features), **document}, dialect="unleash")


def evaluator(core: ModuleType, *features: Any) -> Any:
    return core.Evaluator(compiled(*features).snapshot)


def said(result: CompileResult) -> list[tuple[str, str]]:
    return [(item.severity, item.code) for item in result.diagnostics]


# --- payloads and variants --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("payload", "value"),
    [
        (None, True),
        ({}, True),
        ({"type": "string", "value": ""}, ""),
        ({"type": "csv", "value": "1,2"}, "1,2"),
        ({"type": "json", "value": '{"a": [1, null, 1.0]}'}, {"a": [1, None, 1.0]}),
        ({"type": "json", "value": "null"}, None),
        ({"type": "json", "value": "123456789012345678901234567890"}, 1.2345678901234568e29),
        ({"type": "json", "value": {"already": "parsed"}}, {"already": "parsed"}),
        ({"type": "number", "value": "1"}, 1),
        ({"type": "number", "value": "-1.50"}, -1.5),
        ({"type": "number", "value": 7}, 7),
        ({"type": "number", "value": "1e3"}, 1000.0),
    ],
)
def test_payloads(implementation: ModuleType, payload: Any, value: Any) -> None:
    ev = evaluator(implementation, toggle(variants=[{"name": "a", "weight": 1, "payload": payload}]))
    found = ev.evaluate("t", {})
    assert (found.value, type(found.value), found.variant) == (value, type(value), "a")
    assert ev.boolean("t", {}, False) is True


@pytest.mark.parametrize("text", ["", "x", "{", "NaN", "1e999", "[" * 5_000])
@pytest.mark.parametrize("kind", ["json", "number"])
def test_a_payload_that_is_not_of_its_type_is_its_text(implementation: ModuleType, kind: str, text: str) -> None:
    result = compiled(toggle(variants=[{"name": "a", "weight": 1, "payload": {"type": kind, "value": text}}]))
    assert said(result) == [("warning", "INVALID-PAYLOAD")]
    assert implementation.Evaluator(result.snapshot).evaluate("t", {}).value == text


def test_variants_of_one_name_keep_their_own_payloads(implementation: ModuleType) -> None:
    def variants(value: str) -> list[dict[str, Any]]:
        return [{"name": "a", "weight": 1, "payload": {"type": "string", "value": value}}]

    strategies = [
        {"name": "userWithId", "parameters": {"userIds": user}, "variants": variants(user)} for user in ("x", "y", "x")
    ]
    ev = evaluator(implementation, toggle(strategies=[*strategies, {"name": "default"}], variants=variants("rest")))
    for user, value in (("x", "x"), ("y", "y"), ("z", "rest")):
        found = ev.evaluate("t", {"userId": user})
        assert (found.value, found.variant) == (value, "a")
    assert b'"variant":"a","value":"rest"' in ev.evaluate_all_json({"userId": "z"})


@pytest.mark.parametrize("weight", [-1, 1.5, "1", None, True, 2**31])
def test_a_weight_that_is_none_loses_the_toggle_alone(implementation: ModuleType, weight: Any) -> None:
    result = compiled(toggle(variants=[{"name": "a", "weight": weight}]), toggle("other"))
    assert said(result) == [("error", "INVALID-VALUE")]
    ev = implementation.Evaluator(result.snapshot)
    assert (ev.evaluate("t", {}).error_code, ev.boolean("t", {}, True), ev.boolean("other", {}, False)) == (
        "PARSE_ERROR",
        True,
        True,
    )


def test_weights_of_nothing_name_no_variant(implementation: ModuleType) -> None:
    found = evaluator(implementation, toggle(variants=[{"name": "a", "weight": 0}])).evaluate("t", {"userId": "1"})
    assert (found.value, found.variant) == (True, None)


# --- parents ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "context", "on"),
    [
        (["a"], {"userId": "0"}, {"a": True, "b": False}),
        (["b"], {"userId": "0"}, {"a": False, "b": True}),
        (["a", "b"], {}, {None: True}),  # whichever Unleash would draw
        (["a"], {}, {None: False}),
        ([], {}, {None: True}),
        (["disabled"], {}, {None: False}),
    ],
)
def test_the_variants_that_a_child_wants(
    implementation: ModuleType, wanted: list[str], context: Any, on: dict[Any, bool]
) -> None:
    parent = toggle("p", variants=[{"name": "a", "weight": 1}, {"name": "b", "weight": 1}])
    ev = evaluator(implementation, parent, toggle(dependencies=[{"feature": "p", "variants": wanted}]))
    assert ev.boolean("t", context, None) is on[ev.evaluate("p", context).variant]


def test_a_parent_without_variants_has_any(implementation: ModuleType) -> None:
    ev = evaluator(implementation, toggle("p"), toggle(dependencies=[{"feature": "p", "variants": ["a"]}]))
    assert ev.boolean("t", {}, None) is True


def test_a_parent_that_is_always_off_and_has_variants(implementation: ModuleType) -> None:
    variants = [{"name": "a", "weight": 1}, {"name": "b", "weight": 1}]
    parent = toggle("p", strategies=[{"name": "default", "segments": [404]}], variants=variants)
    result = compiled(parent, toggle(dependencies=[{"feature": "p", "variants": ["a", "b"]}]))
    assert said(result) == [("warning", "ALWAYS-OFF")]
    assert implementation.Evaluator(result.snapshot).evaluate("t", {"userId": "1"}).value is False


def test_a_toggle_that_is_lost_in_a_later_pass_is_not_on(implementation: ModuleType) -> None:
    result = compiled(toggle(strategies=[], variants=[{"name": "x" * 300, "weight": 1}]))
    assert result.has_errors
    ev = implementation.Evaluator(result.snapshot)
    assert (ev.evaluate("t", {}).error_code, ev.boolean("t", {}, False)) == ("PARSE_ERROR", False)


# --- contexts ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "listed", "found"),
    [
        (7, "7", True),
        (7.0, "7", True),
        (7, "7.0", False),
        (1.5, "1.5", True),
        (True, "true", True),
        (True, "True", False),
        (True, "1", False),
        (None, "null", False),
        (["7"], "7", False),
        ("", "", True),
    ],
)
def test_values_are_their_texts(implementation: ModuleType, value: Any, listed: str, found: bool) -> None:
    one = evaluator(implementation, constrained({"contextName": "x", "operator": "IN", "values": [listed]}))
    none = evaluator(implementation, constrained({"contextName": "x", "operator": "NOT_IN", "values": [listed]}))
    for context in ({"x": value}, {"properties": {"x": value}}, {"x": None, "properties": {"x": value}}):
        assert one.boolean("t", context, None) is found
        assert none.boolean("t", context, None) is not found


def test_a_top_level_entry_wins_over_a_property(implementation: ModuleType) -> None:
    ev = evaluator(implementation, constrained({"contextName": "x", "operator": "IN", "values": ["a"]}))
    assert ev.boolean("t", {"x": "a", "properties": {"x": "b"}}, None) is True
    assert ev.boolean("t", {"x": "b", "properties": {"x": "a"}}, None) is False


def test_a_list_of_many_numbers_stays_within_the_limit() -> None:
    values = [str(number) for number in range(MAX_LIST_ITEMS)]
    result = compiled(constrained({"contextName": "x", "operator": "IN", "values": values}))
    assert not result.has_errors


@pytest.mark.parametrize("inverted", [False, True])
def test_a_name_that_no_context_has(implementation: ModuleType, inverted: bool) -> None:
    ev = evaluator(implementation, constrained({"contextName": "", "operator": "IN", "values": ["a"], "inverted": inverted}))
    assert ev.boolean("t", {"": "a", "currentTime": "a"}, None) is inverted


# --- numbers ----------------------------------------------------------------------------------------------------------


@given(
    st.floats(allow_nan=False, allow_infinity=False)
    | st.floats(-2, 2)
    | st.sampled_from([0.0, 1.0, 0.5, -1.0, EPSILON, -EPSILON, 5e-324])
)
def test_numbers_that_count_as_equal(number: float) -> None:
    low, high = equal_numbers(number)
    for end, beyond in ((low, nextafter(low, float("-inf"))), (high, nextafter(high, float("inf")))):
        assert abs(end - number) < EPSILON
        assert not abs(beyond - number) < EPSILON


@pytest.mark.parametrize("operator", ["NUM_EQ", "DATE_AFTER", "SEMVER_GTE"])
@pytest.mark.parametrize(
    "value",
    [None, "", "abc", "1e999", "1.2.3.4", "01.2.3", "1.2.3-01", f"{2**64}.0.0", "2022-02-30T00:00:00Z", "2022-01-01", "1 or 2"],
)
def test_a_value_of_no_form_turns_the_toggle_off(implementation: ModuleType, operator: str, value: Any) -> None:
    result = compiled(constrained({"contextName": "x", "operator": operator, "value": value, "inverted": True}))
    assert said(result) == [("warning", "ALWAYS-OFF")]
    assert implementation.Evaluator(result.snapshot).boolean("t", {"x": "1"}, None) is False


# --- networks ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["10.0.0.0/8", "0.0.0.0/0", "10.1.2.3/32", "10.1.2.3", "2001:db8::/32", "::1", "::/0", "fe80::1.2.3.4/64"]
)
def test_networks_as_python_reads_them(text: str) -> None:
    known = ip_network(text, strict=False)
    found = network_in(text)
    assert found is not None and (found.version, found.prefix) == (known.version, known.prefixlen)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("10.0.0.0/255.0.0.0", ir.Network(4, 10 << 24, 8)),
        ("10.0.0.0/0.0.0.0", ir.Network(4, 10 << 24, 0)),
        ("10.0.0.0/255.0.255.0", None),
        ("10.0.0.0/+08", ir.Network(4, 10 << 24, 8)),
        ("::1/0128", ir.Network(6, 1, 128)),
        ("::1/ffff::", None),
        ("10.0.0.0/33", None),
        ("::/129", None),
        ("10.0.0.0/", None),
        ("10.0.0.0/8/8", None),
        (" 10.0.0.0", None),
        ("10.0.0", None),
        ("010.0.0.0", None),
        ("fe80::1%eth0", None),
        ("１.1.1.1", None),
        ("", None),
    ],
)
def test_networks_as_unleash_reads_them(text: str, found: ir.Network | None) -> None:
    assert network_in(text) == found


# --- documents --------------------------------------------------------------------------------------------------------


def test_the_last_toggle_of_a_name_counts(implementation: ModuleType) -> None:
    result = compiled(toggle(enabled=False), toggle())
    assert said(result) == [("warning", "SHADOWED-FLAG")]
    assert implementation.Evaluator(result.snapshot).boolean("t", {}, None) is True


@pytest.mark.parametrize("document", [{"flags": {}}, {"features": {}}, {"events": 5}, {}])
def test_what_is_no_document(document: Any) -> None:
    result = compile_project(document, dialect="unleash")
    assert result.has_errors and result.snapshot is None


def test_a_delta_of_odd_events(implementation: ModuleType) -> None:
    events = [
        {"type": "feature-updated", "feature": toggle()},
        {"type": "feature-updated", "feature": toggle("gone")},
        {"type": "feature-removed", "featureName": ["t"]},
        {"type": "feature-removed"},
        {"type": "feature-removed", "featureName": "gone"},
        {"type": "party"},
    ]
    result = compile_project({"events": events}, dialect="unleash")
    assert said(result) == [("warning", "UNKNOWN-EVENT")]
    assert implementation.Evaluator(result.snapshot).flag_keys() == ["t"]
