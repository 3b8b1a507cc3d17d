"""The edge endpoint as an ASGI application: translates between ASGI's events and the handlers' requests and responses.

For ``burgee serve``; any ASGI server can host it.
"""

import sys
import traceback
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from evaluator import Evaluator
from handlers._http import MAX_BODY_BYTES, Cors, Request, Response
from handlers._ofrep import respond

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

# A client that is still sending when the answer comes may never read it, so a body over the limit is read to its end (and
# thrown away) unless it is absurd.
MAX_DRAINED_BYTES = 8 * 1024 * 1024


class App:
    """Answers OFREP from ``evaluator``. To change what it serves, swap the evaluator's snapshot."""

    def __init__(self, evaluator: Evaluator, cors: Cors | None = None) -> None:
        self.evaluator = evaluator
        self._cors = Cors() if cors is None else cors

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})
        else:
            await _lifespan(receive, send)

    async def _http(self, scope: Message, receive: Receive, send: Send) -> None:
        body, complete = await _read_body(receive)
        if body is None:
            return
        response = respond(_request(scope, body), self.evaluator, self._cors, report=_print_traceback)
        if not complete:
            response.headers["Connection"] = "close"
        await _send(response, scope["method"], send)


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        event = (await receive())["type"]
        await send({"type": f"{event}.complete"})
        if event == "lifespan.shutdown":
            return


async def _read_body(receive: Receive) -> tuple[bytes | None, bool]:
    """The body, and whether it was read to its end. Of a body over the limit one byte more than the limit is kept.

    None when the client went away.
    """
    kept = bytearray()
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None, False
        chunk = message.get("body", b"")
        size += len(chunk)
        kept += chunk[: MAX_BODY_BYTES + 1 - len(kept)]
        complete = not message.get("more_body", False)
        if complete or size > MAX_DRAINED_BYTES:
            return bytes(kept), complete


def _request(scope: Message, body: bytes) -> Request:
    headers: dict[str, str] = {}
    for name_bytes, value_bytes in scope["headers"]:
        name, value = name_bytes.decode("latin-1"), value_bytes.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return Request(scope["method"], _raw_path(scope), headers, body, scope.get("query_string", b"").decode("latin-1"))


def _raw_path(scope: Message) -> str:
    """The path as it was sent: decoding ``%2F`` is the endpoint's business. Few servers leave ``raw_path`` out."""
    raw = scope.get("raw_path")
    if raw is None:
        return str(scope["path"]).replace("%", "%25")
    return bytes(raw).decode("utf-8", "replace")


async def _send(response: Response, method: str, send: Send) -> None:
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in response.headers.items()]
    if response.status not in (204, 304):
        headers.append((b"content-length", b"%d" % len(response.body)))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if method == "HEAD" else response.body})


def _print_traceback(error: BaseException) -> None:
    traceback.print_exception(error, file=sys.stderr)
