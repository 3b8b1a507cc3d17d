"""Function URL events: what becomes of each part, of API Gateway's twin of the format, and of anything else that may come."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers._events import read_event, result_of
from handlers._http import Request, Response


def event(body: str | None = '{"context":{}}', path: str = "/ofrep/v1/evaluate/flags", **more: Any) -> dict[str, Any]:
    """As Lambda makes it."""
    made: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": "a=1&b=%20",
        "cookies": ["session=1", "theme=dark"],
        "headers": {"content-type": "application/json", "host": "abc.lambda-url.us-east-1.on.aws", "accept": "a,b"},
        "queryStringParameters": {"a": "1", "b": " "},
        "requestContext": {
            "accountId": "anonymous",
            "apiId": "abc",
            "domainName": "abc.lambda-url.us-east-1.on.aws",
            "domainPrefix": "abc",
            "http": {"method": "POST", "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.7", "userAgent": "curl"},
            "requestId": "5f0b8a5e-0000-4000-8000-000000000000",
            "routeKey": "$default",
            "stage": "$default",
            "time": "05/Aug/2026:08:14:39 +0000",
            "timeEpoch": 1785917679885,
        },
        "isBase64Encoded": False,
    }
    if body is not None:
        made["body"] = body
    return made | more


def read(document: Any) -> Request:
    request = read_event(document)
    assert isinstance(request, Request)
    return request


def test_every_part_arrives() -> None:
    request = read(event())
    assert (request.method, request.path, request.query) == ("POST", "/ofrep/v1/evaluate/flags", "a=1&b=%20")
    assert request.headers["accept"] == "a,b"
    assert request.body == '{"context":{}}'


def test_a_missing_body_is_an_empty_one() -> None:
    assert read(event(None)).body == b""
    assert read(event(body=None)).body == b""


def test_text_is_utf_8_and_base64_is_decoded() -> None:
    assert read(event("ü€😀")).body == "ü€😀"
    data = bytes(range(256))
    assert read(event(base64.b64encode(data).decode(), isBase64Encoded=True)).body == data


@pytest.mark.parametrize("body", ["a", "====", "ü", "YWI", "YW Jj", "YWJj\n", "Y!WJj"])
def test_base64_that_is_none_is_refused(body: str) -> None:
    assert read_event(event(body, isBase64Encoded=True)) == "the event's body is not valid base64"


def test_half_a_character_in_a_body_is_for_the_parser_to_refuse() -> None:
    """JSON can write half of a surrogate pair; no HTTP client can send one."""
    assert read(event("\ud800")).body == "\ud800"


def test_a_function_url_leaves_the_path_as_it_was_sent_and_api_gateway_decodes_it() -> None:
    sent = "/ofrep/v1/evaluate/flags/50%25%2Foff%2525"
    assert read(event(path=sent)).path == sent
    gateway = event(path="/ofrep/v1/evaluate/flags/50%/off%25")
    gateway["requestContext"]["domainName"] = "abc.execute-api.us-east-1.amazonaws.com"
    assert read(gateway).path == "/ofrep/v1/evaluate/flags/50%25/off%2525"


def foreign() -> list[Any]:
    anything: list[Any] = [None, [], [1], "text", 7, True, {}, {"Records": []}, {"httpMethod": "GET", "path": "/"}]
    anything += [event(requestContext=value) for value in (None, [], {}, "x", {"http": None}, {"http": {}})]
    anything += [event(requestContext={"http": {"method": value}}) for value in (None, 1, [])]
    anything += [event(rawPath=value) for value in (None, 1, ["%"], {})]
    anything += [event(headers=value) for value in ([], "x", 1)]
    anything += [event(body=value) for value in ({}, [], 1, True)]
    return [*anything, event(rawQueryString=None)]


@pytest.mark.parametrize("document", foreign())
def test_any_other_event_is_refused_in_words(document: Any) -> None:
    assert read_event(document) == "the event is none of a Lambda Function URL, an API Gateway or a load balancer"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
FIELDS = ["rawPath", "rawQueryString", "headers", "requestContext", "body", "isBase64Encoded", "cookies"]


@given(JSON, st.sampled_from(FIELDS))
def test_no_event_raises(value: Any, field: str) -> None:
    for document in (value, event(**{field: value})):
        found = read_event(document)
        assert isinstance(found, Request | str)


def test_a_response_becomes_a_result() -> None:
    response = Response(200, '{"a":"ü"}'.encode(), {"ETag": '"x"'})
    found = result_of(response, event())
    assert found == {"statusCode": 200, "headers": {"ETag": '"x"'}, "body": '{"a":"ü"}', "isBase64Encoded": False}
    assert json.loads(json.dumps(found)) == found


@pytest.mark.parametrize("status", [204, 304])
def test_a_response_without_a_body_has_none(status: int) -> None:
    assert "body" not in result_of(Response(status), event())
