"""One flag: what its endpoint answers to every request. Events, headers and settings: test_flags_handler.py."""

import json
from decimal import Decimal
from types import ModuleType
from typing import Any

import pytest

from handlers._context import MAX_KEYS
from handlers._http import MAX_BODY_BYTES, Request
from handlers._outcome import properties_of
from handlers.flags import EVALUATE_PATH, single
from tests.handlers.switches import DOCUMENT, ask, compiled, document_of, error_of, flag


@pytest.fixture
def switches(implementation: ModuleType) -> Any:
    return implementation.Evaluator(compiled(DOCUMENT))


def answer(evaluator: Any, key: str, user_id: str = "u1", context: Any = None) -> tuple[bool, str, str | None]:
    """(enabled, reason, variant) of one flag."""
    response = ask(evaluator, {"context": context} if context else "", user_id=user_id, flag_key=key)
    assert response.status == 200, response
    found = document_of(response)
    assert ("variant" in found) == (found.get("variant") is not None)
    return found["enabled"], found["reason"], found.get("variant")


# --- answers ----------------------------------------------------------------------------------------------------------


def test_flg_01_flh_01_flh_02_the_answer_and_its_members(switches: Any) -> None:
    response = ask(switches, user_id="u1", flag_key="split")
    assert document_of(response) == {
        "user_id": "u1",
        "flag_key": "split",
        "flag_id": "flag_7",
        "enabled": True,
        "reason": "enabled",
        "variant": "treatment",
    }


def test_flh_02_without_a_variant_there_is_no_such_member(switches: Any) -> None:
    found = document_of(ask(switches, user_id="u1", flag_key="on"))
    assert found == {"user_id": "u1", "flag_key": "on", "flag_id": "flag_1", "enabled": True, "reason": "enabled"}


def test_flg_02_the_reasons(switches: Any) -> None:
    american = {"country": "US"}
    assert answer(switches, "off") == (False, "flag_disabled", None)
    assert answer(switches, "us") == (False, "targeting_rules_not_met", None)
    assert answer(switches, "us", context=american) == (True, "enabled", None)
    assert answer(switches, "us-nobody") == (False, "targeting_rules_not_met", None), "targeting is asked first"
    assert answer(switches, "us-nobody", context=american) == (False, "not_in_rollout", None)
    assert answer(switches, "forced", "vip") == (True, "override", None)
    assert answer(switches, "forced", "banned")[:2] == (False, "override")
    assert answer(switches, "forced") == (False, "not_in_rollout", None)


def test_flg_03_a_disabled_flag_is_off_and_has_no_variant_whatever_else_it_says(switches: Any) -> None:
    assert answer(switches, "off") == (False, "flag_disabled", None)
    assert answer(switches, "words") == (False, "flag_disabled", None), "its value when it is off is a variant of its own"
    assert answer(switches, "idle") == (False, "flag_disabled", None), "an experiment that isn't active"


def test_flg_04_nobody_and_everybody(switches: Any) -> None:
    for number in range(200):
        assert answer(switches, "on", f"user_{number}")[0] is True
        assert answer(switches, "nobody", f"user_{number}")[:2] == (False, "not_in_rollout")


def test_flg_05_targeting_and_rollout_must_both_pass(implementation: ModuleType) -> None:
    rules = [{"attribute": "country", "operator": "equals", "value": "US"}]
    half = flag("f", rollout_percentage=50, targeting_rules=rules)
    evaluator = implementation.Evaluator(compiled({"flags": [half]}))
    found = {
        (country, answer(evaluator, "f", f"user_{number}", {"country": country})[:2])
        for number in range(200)
        for country in ("US", "DE")
    }
    assert found == {
        ("US", (True, "enabled")),
        ("US", (False, "not_in_rollout")),
        ("DE", (False, "targeting_rules_not_met")),
    }


def test_flg_06_variants_by_hash_always_the_same_in_their_proportions(switches: Any) -> None:
    first = [answer(switches, "split", f"user_{number}")[2] for number in range(1000)]
    assert first == [answer(switches, "split", f"user_{number}")[2] for number in range(1000)]
    assert 650 <= first.count("treatment") <= 750
    assert set(first) == {"control", "treatment"}


def test_flg_09_every_field_of_a_tables_item_is_honoured(implementation: ModuleType) -> None:
    """As DynamoDB gives it: numbers are decimals. Reading the table is the sync's (test_sync.py)."""
    item = {
        "key": "new_checkout",
        "flag_id": "flag_123",
        "enabled": True,
        "rollout_percentage": Decimal("100"),
        "targeting_rules": [{"attribute": "age", "operator": "greater_than", "value": Decimal("18")}],
        "default_variant": "control",
        "variants": [{"key": "control", "allocation": Decimal("0")}, {"key": "treatment", "allocation": Decimal("1")}],
    }
    evaluator = implementation.Evaluator(compiled({"flags": [item]}))
    response = ask(evaluator, {"context": {"age": 19}}, user_id="u1", flag_key="new_checkout")
    assert document_of(response) == {
        "user_id": "u1",
        "flag_key": "new_checkout",
        "flag_id": "flag_123",
        "enabled": True,
        "reason": "enabled",
        "variant": "treatment",
    }
    assert answer(evaluator, "new_checkout", context={"age": 18}) == (False, "targeting_rules_not_met", None)
    off = implementation.Evaluator(compiled({"flags": [item | {"rollout_percentage": Decimal("0")}]}))
    assert answer(off, "new_checkout", context={"age": 19}) == (False, "not_in_rollout", None)
    plain = {name: value for name, value in item.items() if name != "variants"}
    assert answer(implementation.Evaluator(compiled({"flags": [plain]})), "new_checkout", context={"age": 19})[2] == "control"


def test_flg_07_the_default_variant_of_a_flag_without_variants(switches: Any) -> None:
    assert answer(switches, "named") == (True, "enabled", "blue")


def test_a_flag_with_payloads_is_on_when_it_answers(switches: Any) -> None:
    assert answer(switches, "payloads") == (True, "enabled", "a")


def test_the_key_of_an_experiment_is_a_flag_too(switches: Any) -> None:
    found = document_of(ask(switches, user_id="u1", flag_key="trial"))
    assert (found["flag_id"], found["enabled"], found["reason"]) == ("exp_1", True, "enabled")
    assert found["variant"] in ("control", "treatment")


def test_a_flag_without_an_id_has_none(switches: Any) -> None:
    assert document_of(ask(switches, user_id="u1", flag_key="payloads"))["flag_id"] is None


# --- what is wrong with a request -------------------------------------------------------------------------------------


def test_flh_03_the_messages_of_400(switches: Any) -> None:
    both = "Missing query parameters. Required: user_id, flag_key"
    assert error_of(ask(switches)) == (400, both)
    assert error_of(ask(switches, method="POST")) == (400, both)
    assert error_of(ask(switches, "{}", "POST")) == (400, both)
    assert error_of(ask(switches, flag_key="on")) == (400, "Missing required parameter: user_id")
    assert error_of(ask(switches, user_id="u1")) == (400, "Missing required parameter: flag_key")
    assert error_of(ask(switches, other="x")) == (400, "Missing required parameter: user_id")
    assert error_of(ask(switches, user_id="", flag_key="on")) == (400, "user_id cannot be empty")
    assert error_of(ask(switches, user_id=" \t", flag_key="on")) == (400, "user_id cannot be empty")
    assert error_of(ask(switches, user_id="u1", flag_key="")) == (400, "flag_key cannot be empty")


def test_flh_03_flg_10_an_unknown_flag_is_404(switches: Any) -> None:
    assert error_of(ask(switches, user_id="u1", flag_key="nope")) == (404, "Feature flag not found: nope")
    assert error_of(ask(switches, user_id="u1", flag_key='"ü\n'.strip())) == (404, 'Feature flag not found: "ü')


def test_flg_08_no_user_is_none(switches: Any) -> None:
    assert error_of(ask(switches, {"user_id": None, "flag_key": "on"}, "POST")) == (400, "user_id cannot be None")
    assert error_of(ask(switches, {"user_id": "", "flag_key": "on"}, "POST")) == (400, "user_id cannot be empty")
    assert error_of(ask(switches, {"user_id": " ", "flag_key": "on"}, "POST")) == (400, "user_id cannot be empty")
    for other in (5, True, ["u1"], {}):
        assert error_of(ask(switches, {"user_id": other, "flag_key": "on"}, "POST")) == (400, "user_id must be a string")
        assert error_of(ask(switches, {"user_id": "u", "flag_key": other}, "POST")) == (400, "flag_key must be a string")


@pytest.mark.parametrize("name", ["user_id", "flag_key"])
def test_hash_16_half_a_character_is_400_and_not_500(switches: Any, name: str) -> None:
    for bad in ("\ud800", "a\udfff", "a\x00", "a\nb", "\x7f"):
        given = {"user_id": "u1", "flag_key": "on", name: bad}
        expected = (400, f"{name} has characters that are not allowed")
        assert error_of(ask(switches, **given)) == expected
        assert error_of(ask(switches, json.dumps(given), "POST")) == expected


def test_hash_16_any_other_character_is_welcome(switches: Any) -> None:
    for user_id in ("Zoë", "用户", "👩‍🚀", "a b", "é" * 256):
        assert document_of(ask(switches, user_id=user_id, flag_key="über/flag"))["user_id"] == user_id


def test_ids_are_256_characters_at_most(switches: Any) -> None:
    assert ask(switches, user_id="u" * 256, flag_key="on").status == 200
    assert error_of(ask(switches, user_id="u" * 257, flag_key="on")) == (400, "user_id cannot be longer than 256 characters")
    assert error_of(ask(switches, user_id="u", flag_key="f" * 257)) == (400, "flag_key cannot be longer than 256 characters")


def test_flg_10_flh_04_model_05_a_malformed_flag_is_500_and_says_nothing_of_itself(switches: Any) -> None:
    request = Request("GET", EVALUATE_PATH, parameters={"user_id": "u1", "flag_key": "broken"})
    status, message = error_of(single(request, switches))
    assert status == 500 and "Internal server error" in message
    assert "allocation" not in message and "broken" not in message
    assert request.account == ("flag", "error", "broken", {"error_code": "PARSE_ERROR"}), "operators hear of it"
    assert request.evaluated is None


def test_flg_10_asg_22_without_a_snapshot_it_is_503_and_never_404() -> None:
    response = ask(None, user_id="u1", flag_key="nope")
    assert (response.status, response.headers["Retry-After"]) == (503, "1")
    assert ask(None, user_id="u1").status == 400, "what is wrong with the request is wrong all the same"


def test_other_methods(switches: Any) -> None:
    for method in ("PUT", "DELETE", "HEAD", "PATCH", "get"):
        response = ask(switches, method=method, user_id="u1", flag_key="on")
        assert (response.status, response.headers["Allow"]) == (405, "GET, POST, OPTIONS")
    assert ask(switches, method="OPTIONS").status == 204


# --- the context ------------------------------------------------------------------------------------------------------

AMERICAN = {"country": "US"}


def test_flh_01_asg_31_a_context_from_a_body_or_from_the_query(switches: Any) -> None:
    ids = {"user_id": "u1", "flag_key": "us"}
    for response in (
        ask(switches, {"context": AMERICAN}, **ids),
        ask(switches, context=json.dumps(AMERICAN), **ids),
        ask(switches, {"context": AMERICAN, **ids}, "POST"),
        ask(switches, {"context": AMERICAN}, "POST", **ids),
        ask(switches, ids, "POST", context=json.dumps(AMERICAN)),
        ask(switches, {"context": AMERICAN, **ids}, "POST", user_id="other", flag_key="off", context='{"country":"DE"}'),
        ask(switches, {"context": AMERICAN, "user_id": "other", "flag_key": "off"}, "GET", **ids),
        ask(switches, f"\n{json.dumps({'context': AMERICAN})} ".encode(), **ids),
    ):
        found = document_of(response)
        assert (found["user_id"], found["flag_key"], found["enabled"], found.get("warning")) == ("u1", "us", True, None)


@pytest.mark.parametrize("body", ["{", "no", '{"context":}', "{}x", "\ufeff{}", b"\xff", "[1]", '"x"', "null", "5"])
def test_flh_11_a_body_that_is_no_json_object_is_evaluated_without_context(switches: Any, body: str | bytes) -> None:
    found = document_of(ask(switches, body, user_id="u1", flag_key="us"))
    assert (found["enabled"], found["reason"]) == (False, "targeting_rules_not_met")
    assert "ignored" in found["warning"]
    assert document_of(ask(switches, body, "POST", user_id="u1", flag_key="on"))["enabled"] is True
    assert document_of(ask(switches, user_id="u1", flag_key="on", context="{"))["warning"]


def test_flh_11_no_body_is_no_context_and_no_reason_to_warn(switches: Any) -> None:
    for body in ("", b"", "{}", '{"context":null}'):
        found = document_of(ask(switches, body, user_id="u1", flag_key="us"))
        assert found["reason"] == "targeting_rules_not_met"
        assert "warning" not in found


@pytest.mark.parametrize("context", ["US", 5, True, [], [["country", "US"]]])
def test_a_context_of_another_type_is_400(switches: Any, context: Any) -> None:
    expected = (400, "context must be an object")
    assert error_of(ask(switches, {"context": context}, user_id="u1", flag_key="us")) == expected
    assert error_of(ask(switches, user_id="u1", flag_key="us", context=json.dumps(context))) == expected


def test_sec_09_limits_of_bodies_and_contexts(switches: Any) -> None:
    ids = {"user_id": "u1", "flag_key": "on"}

    def status(text: str) -> int:
        found = {
            ask(switches, text, **ids).status,
            ask(switches, text[:-1] + ',"user_id":"u1","flag_key":"on"}', "POST").status,
            ask(switches, context=text[11:-1], **ids).status,
        }
        assert len(found) == 1, "a limit holds wherever a context comes from"
        return found.pop()

    def of(context: Any) -> str:
        return json.dumps({"context": context})

    assert status(of({f"k{number}": 1 for number in range(MAX_KEYS)})) == 200
    assert status(of({f"k{number}": 1 for number in range(MAX_KEYS + 1)})) == 400
    assert status(of({"a": "x" * 8100})) == 200
    assert status(of({"a": "x" * 8300})) == 400
    assert status(of({"a": {"b": {"c": {"d": 1}}}})) == 200
    assert status(of({"a": {"b": {"c": {"d": {"e": {}}}}}})) == 400
    assert status('{"context":{"a":9223372036854775808}}') == 400
    assert status('{"context":{"a":' + "9" * 5000 + "}}") == 400
    assert status('{"context":{"a":1e999}}') == 400
    assert status('{"context":{"a":NaN}}') == 400
    assert status('{"context":' + "[" * 100_000 + "]" * 100_000 + "}") == 400


def test_sec_09_a_body_over_the_limit_is_refused_unread(switches: Any) -> None:
    body = '{"x":"' + "y" * MAX_BODY_BYTES + '"}'
    for content in (body, body.encode(), '{"x":"' + "ü" * (MAX_BODY_BYTES // 2) + '"}'):
        assert error_of(ask(switches, content, user_id="u1", flag_key="on")) == (
            413,
            "the request body is larger than 262144 bytes",
        )
    assert ask(switches, '{"x":"' + "ü" * (MAX_BODY_BYTES // 2 - 10) + '"}', user_id="u1", flag_key="on").status == 200


def test_the_user_of_the_question_wins_over_the_contexts(switches: Any) -> None:
    for context in ({"targetingKey": "other"}, {"user_id": "other"}, {"targetingKey": 5, "user_id": None}):
        assert answer(switches, "me", "u1", context)[0] is True
        assert answer(switches, "forced", "vip", context)[1] == "override"


def test_a_flag_that_lacks_its_unit_is_the_clients_error(switches: Any) -> None:
    assert ask(switches, user_id="u1", flag_key="by-team").status == 400
    assert answer(switches, "by-team", context={"team": "blue"})[1] in ("enabled", "not_in_rollout")


# --- what is left for those who come after ----------------------------------------------------------------------------


def test_flt_01_what_tracking_is_told(switches: Any) -> None:
    request = Request(
        "GET", EVALUATE_PATH, {}, '{"context":{"country":"US"}}', parameters={"user_id": "u1", "flag_key": "split"}
    )
    single(request, switches)
    context = {"country": "US", "targetingKey": "u1"}
    assert request.evaluated == ("u1", context, [properties_of("split", "flag_7", True, "enabled", "treatment")])
    assert request.account == ("flag", "enabled", "split", None)


def test_what_was_not_evaluated_is_not_tracked(switches: Any) -> None:
    for key, account in (
        ("nope", ("flag", "flag_not_found", None, {"error_code": "FLAG_NOT_FOUND"})),
        ("", ("flag", None, None, None)),
    ):
        request = Request("GET", EVALUATE_PATH, parameters={"user_id": "u1", "flag_key": key})
        single(request, switches)
        assert (request.evaluated, request.account) == (None, account)
