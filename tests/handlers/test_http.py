"""Requests and responses as values: headers of every response, CORS, decoding."""

from urllib.parse import quote, unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers._http import Cors, Request, Response, finish, is_json, problem, to_json, unquote

EXPOSED = "ETag, Retry-After, X-Request-Id, X-Burgee-Version, X-Burgee-Snapshot, X-Burgee-Age-Ms"


def headers(origin: str | None, *allowed: str, body: bytes = b"{}") -> dict[str, str]:
    request = Request("POST", "/", {} if origin is None else {"origin": origin})
    return finish(Response(200, body), request, Cors(allowed)).headers


def test_flh_05_content_type_and_permitted_headers() -> None:
    found = headers("https://app.example", "https://app.example")
    assert found["Content-Type"] == "application/json"
    assert found["Access-Control-Allow-Origin"] == "https://app.example"
    allowed = found["Access-Control-Allow-Headers"].split(",")
    assert {"Content-Type", "X-Amz-Date", "Authorization", "X-Api-Key", "If-None-Match"} == set(allowed)
    assert found["Access-Control-Allow-Methods"] == "GET,POST,OPTIONS"
    assert found["Access-Control-Expose-Headers"] == EXPOSED


def test_flh_06_security_headers_exactly() -> None:
    found = headers(None)
    assert found["X-Content-Type-Options"] == "nosniff"
    assert found["X-Frame-Options"] == "DENY"
    assert found["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"
    assert found["Cache-Control"] == "no-store, no-cache, must-revalidate, max-age=0"


def test_flh_07_nobody_is_allowed_by_default() -> None:
    for origin in (None, "https://app.example", "null", "*"):
        assert "Access-Control-Allow-Origin" not in headers(origin)


def test_flh_07_a_listed_origin_is_echoed_and_others_are_not() -> None:
    allowed = ("https://a.example", "https://b.example")
    assert headers("https://b.example", *allowed)["Access-Control-Allow-Origin"] == "https://b.example"
    for origin in (None, "https://evil.example", "https://a.example.evil", "HTTPS://A.EXAMPLE", "https://a.example/"):
        found = headers(origin, *allowed)
        assert "Access-Control-Allow-Origin" not in found
        assert found["Vary"] == "Origin"


def test_flh_07_a_star_only_where_it_is_configured() -> None:
    found = headers("https://any.example", "*")
    assert found["Access-Control-Allow-Origin"] == "*"
    assert "Vary" not in found
    assert "Access-Control-Allow-Credentials" not in found


def test_responses_do_not_share_headers() -> None:
    request, cors = Request("POST", "/"), Cors(("https://a.example",))
    first = finish(Response(200), request, cors)
    first.headers["X-Other"] = "1"
    assert "X-Other" not in finish(Response(200), request, cors).headers


def test_a_response_without_a_body_has_no_content_type() -> None:
    assert "Content-Type" not in headers(None, body=b"")


def test_a_response_keeps_its_own_headers() -> None:
    response = finish(problem(405, "no", {"Allow": "POST"}), Request("GET", "/"), Cors())
    assert response.headers["Allow"] == "POST"
    assert response.body == b'{"errorDetails":"no"}'


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        (None, True),
        ("application/json", True),
        ("Application/JSON ; charset=utf-8", True),
        ("application/vnd.api+json", True),
        ("text/json", False),
        ("text/plain", False),
        ("application/jsonp", False),
        ("application/x-www-form-urlencoded", False),
        ("", False),
    ],
)
def test_content_types(content_type: str | None, expected: bool) -> None:
    assert is_json(content_type) is expected


@pytest.mark.parametrize(
    ("quoted", "plain"),
    [
        ("plain", "plain"),
        ("a%2Fb", "a/b"),
        ("a%2fb", "a/b"),
        ("%C3%BC", "ü"),
        ("%F0%9F%9A%80", "🚀"),
        ("a+b", "a+b"),
        ("100%", "100%"),
        ("%zz%4", "%zz%4"),
        ("%+1", "%+1"),
        ("%25", "%"),
        ("%2525", "%25"),
        ("ü%20é", "ü é"),
        ("%ff", "\ufffd"),
        ("", ""),
    ],
)
def test_percent_decoding(quoted: str, plain: str) -> None:
    assert unquote(quoted) == plain


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_percent_decoding_undoes_quoting(text: str) -> None:
    assert unquote(quote(text, safe="")) == text


@given(st.text(st.sampled_from("%aF0+ü/zg1")))
def test_percent_decoding_agrees_with_the_standard_library(text: str) -> None:
    assert unquote(text) == unquote_to_bytes(text).decode("utf-8", "replace")


VALUES: tuple[object, ...] = (True, 1, 10.0, 1e300, [], {"a": None})


def test_json_texts() -> None:
    assert to_json('a"\\\u00fc\n') == '"a\\"\\\\\u00fc\\n"'
    assert [to_json(value) for value in VALUES] == [
        "true",
        "1",
        "10.0",
        "1e+300",
        "[]",
        '{"a":null}',
    ]
    with pytest.raises(ValueError, match="JSON compliant"):
        to_json(float("nan"))
