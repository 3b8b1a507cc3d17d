"""The ASGI side of the endpoint, spoken to in ASGI's own events, without a server."""

import asyncio
import json
from collections.abc import Iterable
from types import ModuleType
from typing import Any

import pytest

from burgee.asgi import MAX_DRAINED_BYTES, App
from handlers._http import MAX_BODY_BYTES, Cors
from tests.handlers.flags import FLAGS, snapshot_of

BODY = b'{"context":{"targetingKey":"user-1"}}'


@pytest.fixture
def app(implementation: ModuleType) -> App:
    return App(implementation.Evaluator(snapshot_of(*FLAGS)), Cors(("https://app.example",)))


def talk(app: App, scope: dict[str, Any], events: Iterable[dict[str, Any]]) -> list[Any]:
    """What the application sends when it receives these events; receiving more than there are fails the test."""
    sent: list[Any] = []
    incoming = iter(events)

    async def receive() -> Any:
        return next(incoming)

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    return sent


def http(
    app: App, method: str, path: str, *chunks: bytes, headers: tuple[tuple[bytes, bytes], ...] = ()
) -> tuple[int, Any, bytes]:
    scope = {"type": "http", "method": method, "path": "/wrong", "raw_path": path.encode(), "headers": headers}
    parts = chunks or (b"",)
    events = [{"type": "http.request", "body": part, "more_body": number < len(parts)} for number, part in enumerate(parts, 1)]
    start, body = talk(app, scope, events)
    return start["status"], dict(start["headers"]), body["body"]


def test_a_body_in_pieces(app: App) -> None:
    status, headers, body = http(app, "POST", "/ofrep/v1/evaluate/flags/boolean", BODY[:5], b"", BODY[5:])
    assert status == 200
    assert json.loads(body)["value"] is True
    assert headers[b"content-length"] == str(len(body)).encode()
    assert all(name == name.lower() for name in headers)


def test_the_path_is_taken_as_it_was_sent(app: App) -> None:
    for path in ("/ofrep/v1/evaluate/flags/team%2F%C3%BC%20flag", "/ofrep/v1/evaluate/flags/team/ü%20flag"):
        assert json.loads(http(app, "POST", path, BODY)[2])["key"] == "team/ü flag"


def test_a_server_that_decodes_the_path(app: App) -> None:
    scope = {"type": "http", "method": "POST", "path": "/ofrep/v1/evaluate/flags/100%25 ü", "headers": []}
    _, body = talk(app, scope, [{"type": "http.request", "body": BODY}])
    assert json.loads(body["body"])["key"] == "100%25 ü"


def test_a_304_has_no_body_and_no_length(app: App) -> None:
    _, first, _ = http(app, "POST", "/ofrep/v1/evaluate/flags", BODY)
    tags = ((b"if-none-match", b'"other"'), (b"if-none-match", first[b"etag"]))
    status, headers, body = http(app, "POST", "/ofrep/v1/evaluate/flags", BODY, headers=tags)
    assert (status, body) == (304, b"")
    assert b"content-length" not in headers
    assert headers[b"etag"] == first[b"etag"]


def test_head_has_the_headers_of_get_without_the_body(app: App) -> None:
    _, get, body = http(app, "GET", "/health")
    status, head, nothing = http(app, "HEAD", "/health")
    assert (status, nothing) == (200, b"")
    assert head == get
    assert head[b"content-length"] == str(len(body)).encode()


def test_sec_09_an_oversized_body_is_read_to_its_end_and_thrown_away(app: App) -> None:
    chunks = [b"x" * 65_536] * (MAX_BODY_BYTES // 65_536 + 10)
    status, headers, _ = http(app, "POST", "/ofrep/v1/evaluate/flags", *chunks)
    assert status == 413
    assert b"connection" not in headers


def test_sec_09_an_endless_body_is_cut_off(app: App) -> None:
    read = 0

    def endless() -> Iterable[dict[str, Any]]:
        nonlocal read
        while True:
            read += 65_536
            yield {"type": "http.request", "body": b"x" * 65_536, "more_body": True}

    scope = {"type": "http", "method": "POST", "path": "/", "raw_path": b"/ofrep/v1/evaluate/flags", "headers": []}
    start, _ = talk(app, scope, endless())
    assert start["status"] == 413
    assert (b"connection", b"close") in start["headers"]
    assert read <= MAX_DRAINED_BYTES + 2 * 65_536


def test_a_client_that_went_away_gets_nothing(app: App) -> None:
    scope = {"type": "http", "method": "POST", "path": "/", "raw_path": b"/ofrep/v1/evaluate/flags", "headers": []}
    events: list[dict[str, Any]] = [{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}]
    assert talk(app, scope, events) == []


def test_an_unforeseen_error_is_printed_for_the_operator_only(app: App, capsys: pytest.CaptureFixture[str]) -> None:
    app.evaluator = object()  # type: ignore[assignment]
    status, _, body = http(app, "POST", "/ofrep/v1/evaluate/flags", BODY)
    assert status == 500
    assert b"attribute" not in body
    assert "AttributeError" in capsys.readouterr().err


def test_lifespan_events_are_acknowledged(app: App) -> None:
    events = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    sent = talk(app, {"type": "lifespan"}, events)
    assert [message["type"] for message in sent] == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


def test_websockets_are_refused(app: App) -> None:
    assert [message["type"] for message in talk(app, {"type": "websocket"}, [])] == ["websocket.close"]
