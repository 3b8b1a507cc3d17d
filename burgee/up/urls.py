"""Function URLs on this machine: an ASGI application that turns HTTP into Lambda's events and results back. For ``burgee.up``.

The events are of payload format 2.0, as Lambda makes them: the path as it was sent (still percent-encoded), header names in
lower case with several values joined by commas, cookies apart, and bodies in base64 unless their type says text.
"""

import base64
import json
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from typing import Any
from urllib.parse import parse_qsl

from burgee.up.functions import MAX_REQUEST_BYTES, Function, Invocation

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

MAX_DRAINED_BYTES = 32 * 1024 * 1024
_TEXT_TYPES = frozenset({"application/json", "application/javascript", "application/xml"})
_FORBIDDEN = frozenset({"connection", "content-length", "transfer-encoding", "keep-alive", "upgrade"})


class Routes:
    """Several functions' URLs on one port: a path that begins with a key goes to its URL, any other to ``rest``."""

    def __init__(self, rest: "FunctionUrl", by_prefix: "dict[str, FunctionUrl]") -> None:
        self._rest = rest
        self._by_prefix = by_prefix

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        url = next((url for prefix, url in self._by_prefix.items() if path.startswith(prefix)), self._rest)
        await url(scope, receive, send)


class FunctionUrl:
    """The URL of one function. ``url_id`` is the first part of the host name that events say they came to."""

    def __init__(self, function: Function, url_id: str | None = None) -> None:
        self.function = function
        self._id = url_id or function.name
        self._domain = f"{self._id}.lambda-url.{function.plan.region}.on.aws"

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})
        else:
            await _lifespan(receive, send)

    async def _http(self, scope: Message, receive: Receive, send: Send) -> None:
        body = await _read_body(receive)
        if body is None:
            return
        request_id = str(uuid.uuid4())
        if len(body) > MAX_REQUEST_BYTES:
            status, headers, answer = _plain(413, {"message": "Request Entity Too Large"})
        else:
            event = self.event(scope, body, request_id)
            status, headers, answer = response_of(await self.function.invoke(event))
        headers.append((b"x-amzn-requestid", request_id.encode()))
        await _send(status, headers, answer, scope["method"], send)

    def event(self, scope: Message, body: bytes, request_id: str) -> dict[str, Any]:
        """The event that Lambda would make of an HTTP request."""
        headers, cookies = _headers(scope["headers"])
        query = scope.get("query_string", b"").decode("latin-1")
        path = _raw_path(scope)
        now = time.time()
        event: dict[str, Any] = {"version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": query}
        if cookies:
            event["cookies"] = cookies
        event["headers"] = headers
        if query:
            event["queryStringParameters"] = _parameters(query)
        event["requestContext"] = {
            "accountId": "anonymous",
            "apiId": self._id,
            "domainName": self._domain,
            "domainPrefix": self._id,
            "http": {
                "method": scope["method"],
                "path": path,
                "protocol": f"HTTP/{scope['http_version']}",
                "sourceIp": (scope.get("client") or ("127.0.0.1", 0))[0],
                "userAgent": headers.get("user-agent", ""),
            },
            "requestId": request_id,
            "routeKey": "$default",
            "stage": "$default",
            "time": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(now)),
            "timeEpoch": int(now * 1000),
        }
        if body:
            event["body"], event["isBase64Encoded"] = _body(headers, body)
        else:
            event["isBase64Encoded"] = False
        return event


# --- requests ---------------------------------------------------------------------------------------------------------


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        event = (await receive())["type"]
        await send({"type": f"{event}.complete"})
        if event == "lifespan.shutdown":
            return


async def _read_body(receive: Receive) -> bytes | None:
    """The body, one byte more than the limit of a longer one; None when the client went away."""
    kept = bytearray()
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        chunk = message.get("body", b"")
        size += len(chunk)
        kept += chunk[: MAX_REQUEST_BYTES + 1 - len(kept)]
        if not message.get("more_body", False) or size > MAX_DRAINED_BYTES:
            return bytes(kept)


def _headers(raw: list[tuple[bytes, bytes]]) -> tuple[dict[str, str], list[str]]:
    headers: dict[str, str] = {}
    cookies: list[str] = []
    for name_bytes, value_bytes in raw:
        name, value = name_bytes.decode("latin-1").lower(), value_bytes.decode("latin-1")
        if name == "cookie":
            cookies += [cookie.strip() for cookie in value.split(";") if cookie.strip()]
        else:
            headers[name] = f"{headers[name]},{value}" if name in headers else value
    return headers, cookies


def _raw_path(scope: Message) -> str:
    raw = scope.get("raw_path")
    return str(scope["path"]).replace("%", "%25") if raw is None else bytes(raw).decode("utf-8", "replace")


def _parameters(query: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        found[name] = f"{found[name]},{value}" if name in found else value
    return found


def _body(headers: dict[str, str], body: bytes) -> tuple[str, bool]:
    """The body as an event has it, and whether that is base64."""
    kind = headers.get("content-type", "").split(";", 1)[0].strip().lower()
    is_text = kind.startswith("text/") or kind in _TEXT_TYPES or kind.endswith(("+json", "+xml"))
    if is_text and "content-encoding" not in headers:
        try:
            return body.decode(), False
        except UnicodeDecodeError:
            pass
    return base64.b64encode(body).decode(), True


# --- responses --------------------------------------------------------------------------------------------------------


def response_of(invocation: Invocation) -> tuple[int, Headers, bytes]:
    """Status, headers and body that a Function URL sends for what became of an invocation."""
    if invocation.throttled:
        return _plain(429, {"Reason": "ConcurrentInvocationLimitExceeded", "Type": "User", "message": "Rate Exceeded."})
    if invocation.error is not None:
        return _plain(502, {"message": "Internal Server Error"})
    try:
        return _translate(invocation.result())
    except (ValueError, TypeError, LookupError, AttributeError):  # a result in no shape that Lambda takes
        return _plain(502, {"message": "Internal Server Error"})


def _plain(status: int, document: dict[str, str]) -> tuple[int, Headers, bytes]:
    return status, [(b"content-type", b"application/json")], json.dumps(document).encode()


def _translate(result: Any) -> tuple[int, Headers, bytes]:
    """A result with a statusCode is a response; any other is the body of one. Raises various errors for a malformed one."""
    if not isinstance(result, dict) or "statusCode" not in result:
        text = result if isinstance(result, str) else json.dumps(result)
        return 200, [(b"content-type", b"application/json")], text.encode()
    status = int(result["statusCode"])
    if not 100 <= status <= 599:
        raise ValueError(status)
    body = result.get("body") or ""
    content = body if isinstance(body, str) else json.dumps(body)
    data = base64.b64decode(content, validate=True) if result.get("isBase64Encoded") else content.encode()
    return status, list(_encoded(result)), data


def _encoded(result: dict[str, Any]) -> Iterator[tuple[bytes, bytes]]:
    headers = {str(name).lower(): str(value) for name, value in (result.get("headers") or {}).items()}
    headers.setdefault("content-type", "application/json")
    for name, value in headers.items():
        if name not in _FORBIDDEN:
            yield name.encode("latin-1"), value.encode("latin-1")
    for cookie in result.get("cookies") or ():
        yield b"set-cookie", str(cookie).encode("latin-1")


async def _send(status: int, headers: Headers, body: bytes, method: str, send: Send) -> None:
    if status in (204, 304):
        headers = [(name, value) for name, value in headers if name != b"content-type"]
        body = b""
    else:
        headers.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if method == "HEAD" else body})
