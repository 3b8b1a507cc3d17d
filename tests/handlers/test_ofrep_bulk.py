"""OFREP, all flags: the body, the entity tag and its comparison, failures of some and of all."""

import json
from types import ModuleType
from typing import Any

import pytest

from handlers._http import MAX_BODY_BYTES, Request, Response
from handlers._ofrep import FLAGS_PATH, matches, respond
from tests.handlers.flags import FLAGS, SWITCH_MS, constant, on_off, snapshot_of

USER = {"targetingKey": "user-1", "plan": "pro"}


def ask(evaluator: Any, context: Any = USER, tag: str | None = None, **more: Any) -> Response:
    return post(evaluator, json.dumps({"context": context}).encode(), tag, **more)


def post(evaluator: Any, body: bytes, tag: str | None = None, now: float | None = None, query: str = "") -> Response:
    headers = {} if tag is None else {"if-none-match": tag}
    return respond(Request("POST", FLAGS_PATH, headers, body, query), evaluator, now=now)


def tag_of(evaluator: Any, context: Any = USER, **more: Any) -> str:
    return ask(evaluator, context, **more).headers["ETag"]


def test_every_flag_as_a_single_question_would_answer_it(evaluator: Any) -> None:
    response = ask(evaluator, now=SWITCH_MS)
    assert response.status == 200
    items = json.loads(response.body)["flags"]
    assert [item["key"] for item in items] == sorted(flag.key for flag in FLAGS)
    for item in items:
        one = Request("POST", f"{FLAGS_PATH}/{item['key']}", {}, json.dumps({"context": USER}).encode())
        assert json.loads(respond(one, evaluator, now=SWITCH_MS).body) == item


def test_failures_of_some_flags_do_not_fail_the_request(evaluator: Any) -> None:
    response = ask(evaluator, {})
    assert response.status == 200
    codes = {item["key"]: item["errorCode"] for item in json.loads(response.body)["flags"] if "errorCode" in item}
    assert codes == {"split": "TARGETING_KEY_MISSING", "broken": "PARSE_ERROR", "computed": "GENERAL"}


def test_a_project_without_flags_is_an_empty_list(implementation: ModuleType) -> None:
    response = ask(implementation.Evaluator(snapshot_of()))
    assert json.loads(response.body) == {"flags": []}


def test_flag_set_metadata_is_passed_on_and_event_streams_are_left_out(implementation: ModuleType) -> None:
    evaluator = implementation.Evaluator(snapshot_of(constant("a", 1), metadata={"team": "core", "version": 3}))
    body = json.loads(ask(evaluator).body)
    assert body["metadata"] == {"team": "core", "version": 3}
    assert set(body) == {"flags", "metadata"}


# --- entity tags ------------------------------------------------------------------------------------------------------


def test_the_tag_is_quoted_and_repeatable(evaluator: Any) -> None:
    tag = tag_of(evaluator)
    assert tag == tag_of(evaluator)
    assert tag.startswith('"')
    assert tag.endswith('"')
    assert tag.strip('"').isalnum()


def test_both_cores_give_the_same_tag(both_cores: tuple[ModuleType, ModuleType], snapshot: bytes) -> None:
    assert len({tag_of(core.Evaluator(snapshot), now=SWITCH_MS) for core in both_cores}) == 1


def test_the_order_of_attributes_does_not_change_the_tag(evaluator: Any) -> None:
    assert tag_of(evaluator, {"plan": "pro", "targetingKey": "user-1"}) == tag_of(evaluator)


@pytest.mark.parametrize(
    "context",
    [{}, {"targetingKey": "user-2", "plan": "pro"}, {**USER, "plan": "free"}, {**USER, "unused": 1}, {**USER, "unused": "1"}],
)
def test_another_context_has_another_tag(evaluator: Any, context: Any) -> None:
    assert tag_of(evaluator, context) != tag_of(evaluator)


def test_another_snapshot_has_another_tag_even_when_the_answers_are_the_same(implementation: ModuleType) -> None:
    def tag(plan: str) -> str:
        return tag_of(implementation.Evaluator(snapshot_of(on_off("a"), constant("b", plan))), {})

    assert tag("x") == tag("x")
    assert tag("x") != tag("y")


def test_a_passing_date_changes_the_tag(evaluator: Any) -> None:
    before = tag_of(evaluator, now=SWITCH_MS - 1)
    assert before == tag_of(evaluator, now=SWITCH_MS - 1000)
    assert before != tag_of(evaluator, now=SWITCH_MS)
    assert ask(evaluator, tag=before, now=SWITCH_MS).status == 200


def test_an_old_tag_with_a_new_user_is_answered_in_full(evaluator: Any) -> None:
    old = tag_of(evaluator, {"targetingKey": "someone-else"})
    assert ask(evaluator, tag=old).status == 200


@pytest.mark.parametrize(
    "form",
    ["{tag}", "W/{tag}", "{bare}", "W/{bare}", '"other", {tag}', 'W/"other" ,W/{tag}, "third"', "*", " {tag} ", "{bare},other"],
)
def test_a_matching_tag_in_any_form_is_304_without_a_body(evaluator: Any, form: str) -> None:
    tag = tag_of(evaluator)
    response = ask(evaluator, tag=form.format(tag=tag, bare=tag.strip('"')))
    assert response.status == 304
    assert response.body == b""
    assert response.headers["ETag"] == tag
    assert "Content-Type" not in response.headers
    assert response.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("header", ["", '""', '"other"', "W/", ",", '"*x"', "\x00", '"a", "b"'])
def test_other_tags_do_not_match(evaluator: Any, header: str) -> None:
    assert ask(evaluator, tag=header).status == 200
    assert not matches(header, '"0123"')


# --- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"{}", b'{"context":null}', b'{"context":"u"}', b'{"context":{"targetingKey":{}}}']
)
def test_a_body_without_a_context_is_400_without_a_key(evaluator: Any, body: bytes) -> None:
    response = post(evaluator, body, tag="*")
    assert response.status == 400
    answered = json.loads(response.body)
    assert answered.pop("errorDetails")
    assert answered == {"errorCode": "INVALID_CONTEXT"}
    assert "ETag" not in response.headers


def test_sec_09_oversized_bodies_and_contexts(evaluator: Any) -> None:
    assert post(evaluator, b'{"context":{}}'.ljust(MAX_BODY_BYTES + 1)).status == 413
    assert ask(evaluator, {str(number): 1 for number in range(51)}).status == 400


def test_metadata_of_a_change_event_is_no_validator(evaluator: Any) -> None:
    query = "flagConfigEtag=550e8400&flagConfigLastModified=1771622898"
    response = post(evaluator, json.dumps({"context": USER}).encode(), query=query)
    assert response.status == 200
    assert response.headers["ETag"] == tag_of(evaluator)
