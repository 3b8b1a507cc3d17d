"""OFREP, one flag: values, reasons, errors, keys. Requests and responses are plain values; no socket is opened."""

import json
from typing import Any

import pytest

from handlers._http import MAX_BODY_BYTES, Request, Response
from handlers.ofrep import FLAGS_PATH, respond

USER = {"targetingKey": "user-1"}


def ask(evaluator: Any, key: str, context: Any = USER, **more: Any) -> Response:
    return post(evaluator, key, json.dumps({"context": context}).encode(), **more)


def post(evaluator: Any, key: str, body: bytes, headers: dict[str, str] | None = None, now: float | None = None) -> Response:
    return respond(Request("POST", f"{FLAGS_PATH}/{key}", headers or {}, body), evaluator, now=now)


def answer(response: Response) -> Any:
    assert response.headers["Content-Type"] == "application/json"
    return json.loads(response.body)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("boolean", True),
        ("text", 'grün "x"\n'),
        ("integer", 42),
        ("float", 10.0),
        ("object", {"a": [1, {"b": None}], "ü": 0.5}),
        ("list", [1, "two"]),
    ],
)
def test_every_type_of_value(evaluator: Any, key: str, value: Any) -> None:
    response = ask(evaluator, key)
    assert response.status == 200
    body = answer(response)
    assert body == {"key": key, "reason": "STATIC", "variant": "only", "value": value}
    assert type(body["value"]) is type(value)


def test_a_float_stays_a_float_on_the_wire(evaluator: Any) -> None:
    assert b'"value":10.0' in ask(evaluator, "float").body


def test_reasons_are_openfeatures_words(evaluator: Any) -> None:
    pro = {**USER, "plan": "pro"}
    assert answer(ask(evaluator, "targeted", pro)) == {
        "key": "targeted",
        "reason": "TARGETING_MATCH",
        "variant": "on",
        "value": True,
    }
    assert answer(ask(evaluator, "targeted"))["reason"] == "DEFAULT"
    assert answer(ask(evaluator, "split"))["reason"] == "SPLIT"


@pytest.mark.parametrize("key", ["code-default", "null-value", "disabled"])
def test_no_value_means_the_callers_default(evaluator: Any, key: str) -> None:
    response = ask(evaluator, key)
    assert response.status == 200
    assert "value" not in answer(response)


def test_a_disabled_flag_says_so(evaluator: Any) -> None:
    assert answer(ask(evaluator, "disabled")) == {"key": "disabled", "reason": "DISABLED"}


def test_metadata_is_flat_and_passed_on(evaluator: Any) -> None:
    assert answer(ask(evaluator, "described"))["metadata"] == {"owner": "growth", "tier": 1, "beta": False}


def test_an_unknown_flag_is_404_with_its_key(evaluator: Any) -> None:
    response = ask(evaluator, "no-such-flag")
    assert response.status == 404
    body = answer(response)
    assert body.pop("errorDetails")
    assert body == {"key": "no-such-flag", "errorCode": "FLAG_NOT_FOUND"}


@pytest.mark.parametrize(
    ("path", "key"),
    [("%C3%BC%2F%22", 'ü/"'), ("ü", "ü"), ("", ""), ("a/b/", "a/b/"), ("%zz", "%zz"), ("%ff", "\ufffd"), ("%00", "\0")],
)
def test_any_unknown_key_comes_back_decoded(evaluator: Any, path: str, key: str) -> None:
    response = ask(evaluator, path)
    assert (response.status, answer(response)["key"]) == (404, key)


@pytest.mark.parametrize("path", ["team%2F%C3%BC%20flag", "team/%c3%bc%20flag", "team/ü flag"])
def test_keys_with_slashes_blanks_and_unicode(evaluator: Any, path: str) -> None:
    body = answer(ask(evaluator, path))
    assert (body["key"], body["value"]) == ("team/ü flag", "slashed")


@pytest.mark.parametrize(
    ("key", "code"), [("split", "TARGETING_KEY_MISSING"), ("computed", "GENERAL"), ("broken", "PARSE_ERROR")]
)
def test_an_evaluation_that_fails_is_400_with_its_code(evaluator: Any, key: str, code: str) -> None:
    response = ask(evaluator, key, {})
    assert response.status == 400
    body = answer(response)
    assert (body["key"], body["errorCode"]) == (key, code)
    assert body["errorDetails"]
    assert "value" not in body


def test_a_broken_flag_keeps_its_metadata_and_its_secrets(evaluator: Any) -> None:
    response = ask(evaluator, "broken")
    assert answer(response)["metadata"] == {"owner": "ops"}
    assert b"internal words" not in response.body


@pytest.mark.parametrize("key", ["boolean", "targeted", "timed", "disabled"])
def test_a_targeting_key_is_asked_for_only_where_it_is_needed(evaluator: Any, key: str) -> None:
    assert ask(evaluator, key, {}).status == 200


def test_user_id_is_an_alias_of_the_targeting_key(evaluator: Any) -> None:
    for number in range(20):
        user = f"user-{number}"
        assert ask(evaluator, "split", {"user_id": user}).body == ask(evaluator, "split", {"targetingKey": user}).body


def test_the_clock_can_be_given(evaluator: Any) -> None:
    assert answer(ask(evaluator, "timed", now=1_799_999_999_999))["value"] is False
    assert answer(ask(evaluator, "timed", now=1_800_000_000_000))["value"] is True


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"{}", b'{"context":null}', b'{"context":[]}', b'{"context":{"targetingKey":1}}']
)
@pytest.mark.parametrize("key", ["boolean", "no-such-flag"])
def test_a_body_without_a_context_is_400_with_the_key(evaluator: Any, body: bytes, key: str) -> None:
    response = post(evaluator, key, body)
    assert response.status == 400
    answered = answer(response)
    assert (answered["key"], answered["errorCode"]) == (key, "INVALID_CONTEXT")
    assert answered["errorDetails"]


def test_sec_09_an_oversized_body_is_413_in_json(evaluator: Any) -> None:
    padding = b" " * (MAX_BODY_BYTES - len(b'{"context":{}}'))
    assert post(evaluator, "boolean", b'{"context":{}}' + padding).status == 200
    response = post(evaluator, "boolean", b'{"context":{}}' + padding + b" ")
    assert response.status == 413
    assert answer(response)["errorDetails"]


def test_sec_09_an_oversized_context_is_invalid_context(evaluator: Any) -> None:
    for context in ({str(number): 1 for number in range(51)}, {"a": "x" * 9000}, {"a": 10**40}, {"a": [[[[[1]]]]]}):
        response = ask(evaluator, "boolean", context)
        assert (response.status, answer(response)["errorCode"]) == (400, "INVALID_CONTEXT")


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_another_content_type_is_415_in_json(evaluator: Any, content_type: str) -> None:
    response = post(evaluator, "boolean", b'{"context":{}}', {"content-type": content_type})
    assert response.status == 415
    assert answer(response)["errorDetails"]


def test_json_with_a_charset_or_unsaid_is_fine(evaluator: Any) -> None:
    for headers in ({}, {"content-type": "application/json; charset=utf-8"}):
        assert post(evaluator, "boolean", b'{"context":{}}', headers).status == 200
