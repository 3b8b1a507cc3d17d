"""Lambda's Runtime API for one sandbox: the HTTP/1.1 that a runtime client such as ``awslambdaric`` speaks, on loopback.

The client asks for work (``/invocation/next``, which waits until there is some) and posts results and errors. Written on
asyncio's protocols rather than a web server, because its time is part of every invocation's. For ``burgee.up.sandbox``.
"""

import asyncio
import json
from dataclasses import dataclass
from typing import Any, Protocol, cast

MAX_RESPONSE_BYTES = 6 * 1024 * 1024 + 100
MAX_HEAD_BYTES = 2 * 1024 * 1024  # awslambdaric sends up to 1 MiB of a traceback in a header
HOST = "127.0.0.1"

_PREFIX = "/2018-06-01/runtime/"
_END_OF_HEAD = b"\r\n\r\n"
_REASONS = {400: "Bad Request", 404: "Not Found", 413: "Request Entity Too Large", 501: "Not Implemented"}
_ACCEPTED = b'HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n{"status":"OK"}\n'

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Work:
    """One invocation as the client gets it. ``deadline_ms`` is epoch milliseconds; ``event`` is JSON."""

    request_id: str
    event: bytes
    deadline_ms: int
    function_arn: str


class Listener(Protocol):
    """Who hears what the client does. The methods that return bool say whether the request id was the one in hand."""

    def asked(self) -> None:
        """The client waits for work; ``RuntimeApi.deliver`` gives it."""

    def answered(self, request_id: str, payload: bytes) -> bool:
        """The handler's result, as JSON."""

    def failed(self, request_id: str, error: Document) -> bool:
        """The handler raised, or its result was no JSON or too large."""

    def could_not_start(self, error: Document) -> None:
        """The handler's module could not be imported."""


class RuntimeApi:
    """Serves one client, which may open several connections. Everything happens on the running loop, in callbacks."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._server: asyncio.Server | None = None
        self._waiting: _Connection | None = None
        self._connections: set[_Connection] = set()
        self.address = ""

    async def start(self) -> str:
        """Listens on a free port and returns ``host:port``. Raises OSError."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self), HOST, 0)
        self.address = f"{HOST}:{self._server.sockets[0].getsockname()[1]}"
        return self.address

    @property
    def is_asked(self) -> bool:
        """Whether the client waits for work now."""
        return self._waiting is not None

    def deliver(self, work: Work) -> None:
        """Hands work to the waiting client; only to be called when ``is_asked``."""
        connection, self._waiting = self._waiting, None
        assert connection is not None
        connection.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nLambda-Runtime-Aws-Request-Id: %b\r\n"
            b"Lambda-Runtime-Deadline-Ms: %d\r\nLambda-Runtime-Invoked-Function-Arn: %b\r\nContent-Length: %d\r\n\r\n%b"
            % (work.request_id.encode(), work.deadline_ms, work.function_arn.encode(), len(work.event), work.event)
        )

    def close(self) -> None:
        """Stops listening and breaks every connection, which ends an idle client."""
        if self._server is not None:
            self._server.close()
        for connection in tuple(self._connections):
            connection.abort()

    # --- what connections call ----------------------------------------------------------------------------------------

    def opened(self, connection: "_Connection") -> None:
        self._connections.add(connection)

    def lost(self, connection: "_Connection") -> None:
        self._connections.discard(connection)
        if self._waiting is connection:
            self._waiting = None

    def handle(self, connection: "_Connection", method: str, path: str, body: bytes | None) -> None:
        """One request; ``body`` is None when it was over the limit (and thrown away)."""
        if not path.startswith(_PREFIX):
            return connection.answer(404, "ResourceNotFound", "the Runtime API has nothing at this path")
        parts = path.removeprefix(_PREFIX).split("/")
        match (method, *parts):
            case ("GET", "invocation", "next"):
                self._waiting = connection
                self._listener.asked()
            case ("POST", "invocation", request_id, "response"):
                self._result(connection, request_id, body)
            case ("POST", "invocation", request_id, "error"):
                known = self._listener.failed(request_id, _document(body))
                connection.accept(known)
            case ("POST", "init", "error"):
                self._listener.could_not_start(_document(body))
                connection.accept(True)
            case _:
                connection.answer(404, "ResourceNotFound", "the Runtime API has nothing at this path")

    def _result(self, connection: "_Connection", request_id: str, body: bytes | None) -> None:
        if body is not None:
            return connection.accept(self._listener.answered(request_id, body))
        text = f"Response payload size exceeded maximum allowed payload size ({MAX_RESPONSE_BYTES} bytes)."
        self._listener.failed(request_id, {"errorType": "Function.ResponseSizeTooLarge", "errorMessage": text})
        connection.answer(413, "RequestEntityTooLarge", text)


def _document(body: bytes | None) -> Document:
    """The error that a client posted, or one that says what is wrong with it."""
    try:
        found = json.loads(body or b"")
    except ValueError:
        found = None
    if type(found) is dict:
        return found
    return {"errorType": "Runtime.Unknown", "errorMessage": "the runtime posted an error that is no JSON object"}


class _Connection(asyncio.Protocol):
    """Reads requests from one connection: those with a Content-Length and those without a body."""

    def __init__(self, api: RuntimeApi) -> None:
        self._api = api
        self._buffer = bytearray()
        self._request: tuple[str, str, int] | None = None  # method, path and length of the body whose bytes are awaited
        self._to_skip = 0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._api.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._api.lost(self)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while self._transport is not None and self._step():
            pass

    def _step(self) -> bool:
        """Takes the next head or body off the buffer; whether there was one."""
        if self._request is not None:
            return self._take_body(*self._request)
        end = self._buffer.find(_END_OF_HEAD)
        if end < 0:
            if len(self._buffer) > MAX_HEAD_BYTES:
                self.abort()
            return False
        head = bytes(self._buffer[:end])
        del self._buffer[: end + len(_END_OF_HEAD)]
        self._take_head(head)
        return True

    def _take_head(self, head: bytes) -> None:
        first, *lines = head.decode("latin-1").split("\r\n")
        words = first.split(" ")
        length = _content_length(lines)
        if len(words) != 3 or length is None:
            self.answer(501, "NotImplemented", "a request needs a method, a path and, for a body, a Content-Length")
            self.abort(politely=True)
            return
        self._to_skip = length if length > MAX_RESPONSE_BYTES else 0
        self._request = (words[0], words[1], length)

    def _take_body(self, method: str, path: str, length: int) -> bool:
        if self._to_skip:
            skipped = min(self._to_skip, len(self._buffer))
            del self._buffer[:skipped]
            self._to_skip -= skipped
            if self._to_skip:
                return False
            body = None
        elif len(self._buffer) < length:
            return False
        else:
            body = bytes(self._buffer[:length])
            del self._buffer[:length]
        self._request = None
        self._api.handle(self, method, path, body)
        return True

    def write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def accept(self, known: bool) -> None:
        if known:
            self.write(
                b'HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n{"status":"OK"}\n'
            )
        else:
            self.answer(400, "InvalidRequestID", "this request id isn't being worked on")

    def answer(self, status: int, kind: str, message: str) -> None:
        body = json.dumps({"errorType": kind, "errorMessage": message}).encode()
        head = f"HTTP/1.1 {status} {_REASONS[status]}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        self.write(head.encode() + body)

    def abort(self, politely: bool = False) -> None:
        """Closes; ``politely`` after what was written has gone."""
        if self._transport is not None:
            (self._transport.close if politely else self._transport.abort)()
            self._transport = None


def _content_length(lines: list[str]) -> int | None:
    """The length of the body, 0 without one; None when it can't be told."""
    for line in lines:
        name, _, value = line.partition(":")
        lower = name.lower()
        if lower == "content-length":
            text = value.strip()
            return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else None
        if lower == "transfer-encoding":
            return None
    return 0
