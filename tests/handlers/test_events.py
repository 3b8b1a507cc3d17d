"""Events of Function URLs, API Gateway and load balancers: what becomes of each part, and of anything else that may come."""

import base64
import json
from typing import Any
from urllib.parse import quote_plus

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


def proxied(path: str, parameters: dict[str, str], method: str = "GET", body: str | None = None, **more: Any) -> dict[str, Any]:
    """As a REST API makes it: the path as it was sent, parameters decoded, headers as the client wrote them."""
    return {
        "resource": "/{proxy+}",
        "path": path,
        "httpMethod": method,
        "headers": {"Content-Type": "application/json", "Accept": "b", "Host": "abc.execute-api.us-east-1.amazonaws.com"},
        "multiValueHeaders": {"Content-Type": ["application/json"], "Accept": ["a", "b"]},
        "queryStringParameters": parameters or None,
        "multiValueQueryStringParameters": {name: ["first", value] for name, value in parameters.items()} or None,
        "pathParameters": {"proxy": path[1:]},
        "requestContext": {
            "stage": "prod",
            "identity": {"sourceIp": "192.0.2.8", "userAgent": "curl"},
            "requestId": "rest-request",
            "httpMethod": method,
            "path": f"/prod{path}",
        },
        "body": body,
        "isBase64Encoded": False,
    } | more


def balanced(path: str, parameters: dict[str, str], multiple: bool = False, **more: Any) -> dict[str, Any]:
    """As a load balancer makes it: nothing is decoded; with multi-value headers, all maps are of lists."""
    sent = {quote_plus(name): quote_plus(value) for name, value in parameters.items()}
    headers = {"content-type": "application/json", "x-forwarded-for": "10.0.0.1, 203.0.113.9", "host": "lb.example"}
    made: dict[str, Any] = {
        "requestContext": {"elb": {"targetGroupArn": "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/a/b"}},
        "httpMethod": "GET",
        "path": path,
        "body": "",
        "isBase64Encoded": False,
    }
    if multiple:
        made["multiValueHeaders"] = {name: [value] for name, value in headers.items()}
        made["multiValueQueryStringParameters"] = {name: [value] for name, value in sent.items()}
    else:
        made |= {"headers": headers, "queryStringParameters": sent}
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
    assert read(event(None)).body == ""
    assert read(event(body=None)).body == ""


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


def test_flh_12_flh_13_who_asks_and_by_which_name() -> None:
    request = read(event())
    assert (request.request_id, request.source_ip) == ("5f0b8a5e-0000-4000-8000-000000000000", "192.0.2.7")
    request = read(proxied("/", {}))
    assert (request.request_id, request.source_ip) == ("rest-request", "192.0.2.8")
    request = read(balanced("/", {}))
    assert (request.request_id, request.source_ip) == ("", "203.0.113.9"), "what the load balancer saw, not what it was told"
    request = read(event(requestContext={"http": {"method": "GET"}}))
    assert (request.request_id, request.source_ip) == ("", "")


def test_parameters_are_decoded_once_whoever_sends_them() -> None:
    plain = {"a": "1 2", "ü": "%41+", "c": '{"x":1}'}
    encoded = "a=1+2&%C3%BC=%2541%2B&c=%7B%22x%22%3A1%7D"
    documents = [event(rawQueryString=encoded, queryStringParameters=known) for known in (None, plain)]
    documents += [proxied("/", plain), balanced("/", plain), balanced("/", plain, multiple=True)]
    for document in documents:
        request = read(document)
        assert {name: request.query_value(name) for name in plain} == plain
        assert request.query_value("other") is None
    assert read(event(rawQueryString="a&b=&=c&a=2&&", queryStringParameters=None)).parameters == {"a": "2", "b": "", "": "c"}
    assert read(event(rawQueryString="", queryStringParameters=None)).parameters == {}
    assert read(proxied("/", {})).parameters == {}


def test_headers_of_a_rest_api_by_lower_case_name_with_all_values() -> None:
    assert read(proxied("/", {})).headers == {"content-type": "application/json", "accept": "a,b"}
    assert read(proxied("/", {}, multiValueHeaders=None)).headers["accept"] == "b"
    assert read(proxied("/", {}, multiValueHeaders=None, headers=None)).headers == {}


def test_paths_of_every_kind() -> None:
    """An HTTP API decodes paths, in either format; a REST API and a load balancer don't."""
    assert read(proxied("/a%20b%2Fc", {})).path == "/a%20b%2Fc"
    assert read(balanced("/a%20b%2Fc", {})).path == "/a%20b%2Fc"
    assert read(proxied("/50%/off", {}, version="1.0")).path == "/50%25/off"
    staged = event(path="/prod/health")
    staged["requestContext"]["stage"] = "prod"
    assert read(staged).path == "/health"


def test_methods_and_bodies_of_every_kind() -> None:
    request = read(proxied("/", {}, "POST", "ü"))
    assert (request.method, request.body) == ("POST", "ü")
    data = base64.b64encode(b"\x00\xff").decode()
    assert read(proxied("/", {}, "POST", data, isBase64Encoded=True)).body == b"\x00\xff"
    assert read(balanced("/", {}, body=data, isBase64Encoded=True)).body == b"\x00\xff"
    assert read(balanced("/", {})).body == ""


def foreign() -> list[Any]:
    anything: list[Any] = [None, [], [1], "text", 7, True, {}, {"Records": []}, {"httpMethod": "GET", "path": "/"}]
    anything += [event(requestContext=value) for value in (None, [], {}, "x", {"http": None}, {"http": {}})]
    anything += [event(requestContext={"http": {"method": value}}) for value in (None, 1, [])]
    anything += [event(rawPath=value) for value in (None, 1, ["%"], {})]
    anything += [event(headers=value) for value in ([], "x", 1)]
    anything += [event(body=value) for value in ({}, [], 1, True)]
    anything += [event(queryStringParameters=value) for value in ([], "x", 1)]
    anything += [proxied("/", {}) | {name: 7} for name in ("path", "httpMethod", "body", "requestContext")]
    anything += [proxied("/", {}) | {"multiValueHeaders": value} for value in ([], {"a": 1}, {"a": [1]}, {"a": None})]
    anything += [balanced("/", {}, queryStringParameters={"a": 1}), proxied("/", {}, multiValueHeaders=None) | {"headers": 7}]
    return [*anything, event(rawQueryString=None)]


@pytest.mark.parametrize("document", foreign())
def test_any_other_event_is_refused_in_words(document: Any) -> None:
    assert read_event(document) == "the event is none of a Lambda Function URL, an API Gateway or a load balancer"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
PROXIED = ["path", "httpMethod", "headers", "multiValueHeaders", "queryStringParameters", "requestContext", "body"]
FIELDS = [
    "rawPath",
    "queryStringParameters",
    "rawQueryString",
    "headers",
    "requestContext",
    "body",
    "isBase64Encoded",
    "cookies",
]


@given(JSON, st.sampled_from(FIELDS))
def test_no_event_raises(value: Any, field: str) -> None:
    for document in (value, event(**{field: value})):
        found = read_event(document)
        assert isinstance(found, Request | str)


@given(JSON, st.sampled_from(PROXIED))
def test_no_event_of_the_other_formats_raises(value: Any, field: str) -> None:
    for document in (proxied("/", {"a": "b"}), balanced("/", {"a": "b"}, multiple=True)):
        assert isinstance(read_event(document | {field: value}), Request | str)


def test_a_response_becomes_a_result() -> None:
    response = Response(200, '{"a":"ü"}'.encode(), {"ETag": '"x"'})
    found = result_of(response, event())
    assert found == {"statusCode": 200, "headers": {"ETag": '"x"'}, "body": '{"a":"ü"}', "isBase64Encoded": False}
    assert json.loads(json.dumps(found)) == found


def test_asg_38_model_07_a_load_balancer_with_lists_gets_lists() -> None:
    response = Response(200, "{}", {"ETag": '"x"'})
    expected = {"statusCode": 200, "body": "{}", "isBase64Encoded": False}
    single = expected | {"headers": {"ETag": '"x"'}}
    for document in (event(), proxied("/", {}), balanced("/", {}), None, [], "multiValueHeaders"):
        assert result_of(response, document) == single
    assert result_of(response, balanced("/", {}, multiple=True)) == expected | {"multiValueHeaders": {"ETag": ['"x"']}}


@pytest.mark.parametrize("status", [204, 304])
def test_a_response_without_a_body_has_none(status: int) -> None:
    assert "body" not in result_of(Response(status), event())
