"""Function URLs on this machine: HTTP in, Lambda's event to a real sandbox, its result back as HTTP."""

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from burgee.up.functions import MAX_REQUEST_BYTES, Function, Invocation
from burgee.up.urls import FunctionUrl, response_of
from handlers._events import read_event
from handlers._http import Request

PATIENCE_SECONDS = 120.0


def ask(scenario: Callable[[httpx.AsyncClient], Awaitable[None]], **more: Any) -> None:
    """Runs the scenario with a client of the URL of ``lambda_functions.url``."""

    async def run() -> None:
        function = Function("edge", "tests.burgee.lambda_functions.url", {"AWS_REGION": "eu-west-1"}, 10, **more)
        await function.start()
        transport = httpx.ASGITransport(FunctionUrl(function), client=("192.0.2.7", 1234))
        try:
            async with httpx.AsyncClient(transport=transport, base_url="http://edge.test") as client:
                await asyncio.wait_for(scenario(client), PATIENCE_SECONDS)
        finally:
            await function.stop()

    asyncio.run(run())


def test_a_request_becomes_the_event_that_lambda_makes() -> None:
    async def scenario(client: httpx.AsyncClient) -> None:
        headers = [("X-Two", "a"), ("x-two", "b"), ("Cookie", "session=1; theme=dark"), ("User-Agent", "test")]
        response = await client.post("/a%2Fb/%C3%BC?x=1&x=2&y=%20&z", json={"n": "ü"}, headers=headers)
        event = response.json()
        assert event["version"] == "2.0"
        assert (event["rawPath"], event["rawQueryString"]) == ("/a%2Fb/%C3%BC", "x=1&x=2&y=%20&z")
        assert event["queryStringParameters"] == {"x": "1,2", "y": " ", "z": ""}
        assert (event["cookies"], event["headers"]["x-two"]) == (["session=1", "theme=dark"], "a,b")
        assert "cookie" not in event["headers"]
        assert (json.loads(event["body"]), event["isBase64Encoded"]) == ({"n": "ü"}, False)
        context = event["requestContext"]
        assert context["http"] == {
            "method": "POST",
            "path": "/a%2Fb/%C3%BC",
            "protocol": "HTTP/1.1",
            "sourceIp": "192.0.2.7",
            "userAgent": "test",
        }
        assert context["domainName"] == "edge.lambda-url.eu-west-1.on.aws"
        assert context["requestId"] == response.headers["x-amzn-requestid"]
        request = read_event(event)
        assert isinstance(request, Request)
        assert (request.path, request.headers["content-type"]) == ("/a%2Fb/%C3%BC", "application/json")

    ask(scenario)


@pytest.mark.parametrize(
    ("kind", "body", "is_text"),
    [
        ("application/json; charset=utf-8", b"{}", True),
        ("text/plain", "ü".encode(), True),
        ("application/problem+json", b"{}", True),
        ("application/octet-stream", b"plain", False),
        ("application/x-www-form-urlencoded", b"a=1", False),
        (None, b"{}", False),
        ("application/json", b"\xff\xfe", False),
    ],
)
def test_bodies_that_are_no_text_come_in_base64(kind: str | None, body: bytes, is_text: bool) -> None:
    async def scenario(client: httpx.AsyncClient) -> None:
        headers = {} if kind is None else {"content-type": kind}
        event = (await client.post("/", content=body, headers=headers)).json()
        assert event["isBase64Encoded"] is not is_text
        assert event["body"] == (body.decode() if is_text else base64.b64encode(body).decode())

    ask(scenario)


def test_a_request_without_a_body_has_none_in_its_event_and_head_gets_no_body_back() -> None:
    async def scenario(client: httpx.AsyncClient) -> None:
        event = (await client.get("/")).json()
        assert "body" not in event and not event["isBase64Encoded"] and event["rawQueryString"] == ""
        response = await client.head("/")
        assert (response.content, int(response.headers["content-length"]) > 0) == (b"", True)

    ask(scenario)


def result(value: Any) -> dict[str, str]:
    return {"result": json.dumps(value)}


def test_results_become_responses() -> None:
    async def scenario(client: httpx.AsyncClient) -> None:
        coded = base64.b64encode(b"\x00\xff").decode()
        full = {
            "statusCode": 201,
            "headers": {"X-One": "1", "Connection": "close", "Content-Length": "999", "Content-Type": "image/x"},
            "cookies": ["a=1", "b=2"],
            "body": coded,
            "isBase64Encoded": True,
        }
        response = await client.get("/", params=result(full))
        assert (response.status_code, response.content) == (201, b"\x00\xff")
        assert response.headers["x-one"] == "1" and response.headers["content-type"] == "image/x"
        assert response.headers.get_list("set-cookie") == ["a=1", "b=2"]
        assert (response.headers["content-length"], "connection" in response.headers) == ("2", False)
        bare = await client.get("/", params=result({"any": ["thing"]}))
        assert (bare.status_code, bare.json(), bare.headers["content-type"]) == (200, {"any": ["thing"]}, "application/json")
        text = await client.get("/", params=result("words"))
        assert (text.status_code, text.text) == (200, "words")
        for status in (204, 304):
            empty = await client.get("/", params=result({"statusCode": status, "headers": {"ETag": '"x"'}}))
            assert (empty.status_code, empty.content, empty.headers["etag"]) == (status, b"", '"x"')
            assert "content-length" not in empty.headers and "content-type" not in empty.headers

    ask(scenario)


@pytest.mark.parametrize(
    "value",
    [
        {"statusCode": "x"},
        {"statusCode": 7},
        {"statusCode": None},
        {"statusCode": 200, "headers": [1]},
        {"statusCode": 200, "headers": {"x": "€"}},
        {"statusCode": 200, "body": "!", "isBase64Encoded": True},
        {"statusCode": 200, "cookies": 3},
    ],
)
def test_a_malformed_result_is_502(value: Any) -> None:
    invocation = Invocation("id", json.dumps(value).encode(), None, 1.0, False)
    status, _, body = response_of(invocation)
    assert (status, json.loads(body)) == (502, {"message": "Internal Server Error"})


def test_errors_are_lambdas_own_and_say_nothing_of_the_function() -> None:
    async def scenario(client: httpx.AsyncClient) -> None:
        response = await client.get("/", params={"result": "raise"})
        assert (response.status_code, response.json()) == (502, {"message": "Internal Server Error"})
        large = await client.post("/", content=b"x" * (MAX_REQUEST_BYTES + 1))
        assert large.status_code == 413
        both = await asyncio.gather(client.get("/"), client.get("/"))
        assert sorted(response.status_code for response in both) == [200, 429]

    ask(scenario, concurrency=1)
