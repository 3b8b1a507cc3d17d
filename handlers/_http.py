"""HTTP as values: a request comes in, a response goes out, and the headers that every response carries.

Nothing here opens a socket or knows a framework: Lambda handlers and ``burgee serve`` translate their own events into
``Request`` and back from ``Response``. For handlers, and for ``burgee`` as their local host. On the cold path: standard library
only, and of that only ``json`` (which a Lambda's runtime client has imported already).
"""

from __future__ import annotations

from json.encoder import JSONEncoder, encode_basestring

TYPE_CHECKING = False  # `typing` costs 5 ms to import and is needed by type checkers alone
if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_BODY_BYTES = 256 * 1024

# Sent with every response (requirement FLH-06).
SECURITY_HEADERS: dict[str, str] = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "Cache-Control": "no-store, no-cache, must-revalidate, max-age=0",
}
_PREFLIGHT_SECONDS = "600"


class Request:
    """One request. ``method`` in capitals; ``path`` as it was sent (percent-encoded); ``headers`` by lower-case name."""

    __slots__ = ("body", "headers", "method", "path", "query")

    def __init__(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes = b"", query: str = ""
    ) -> None:
        self.method = method
        self.path = path
        self.query = query
        self.headers: Mapping[str, str] = {} if headers is None else headers
        self.body = body


class Response:
    """One response. ``headers`` by canonical name; a body, when there is one, is JSON in UTF-8."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.status = status
        self.body = body
        self.headers: dict[str, str] = {} if headers is None else headers

    def __repr__(self) -> str:
        return f"Response({self.status}, {self.body!r}, {self.headers!r})"


class Cors:
    """Who may read responses in a browser: an allow-list of origins (requirement FLH-07).

    Empty (the default) lets no other origin in. A listed origin is echoed with ``Vary: Origin``; ``*`` works only when it is
    listed itself. Credentials are never allowed.
    """

    __slots__ = ("_constant", "any_origin", "origins")

    def __init__(self, origins: tuple[str, ...] = (), methods: str = "POST,OPTIONS") -> None:
        self.origins = frozenset(origins)
        self.any_origin = "*" in self.origins
        self._constant = {
            "Access-Control-Allow-Headers": "Content-Type,X-Amz-Date,Authorization,X-Api-Key,If-None-Match",
            "Access-Control-Allow-Methods": methods,
            "Access-Control-Expose-Headers": "ETag, Retry-After, X-Burgee-Version, X-Burgee-Snapshot, X-Burgee-Age-Ms",
        }
        if self.origins and not self.any_origin:
            self._constant["Vary"] = "Origin"

    def headers(self, origin: str | None) -> dict[str, str]:
        """The CORS headers of a response to a request from ``origin`` (its ``Origin`` header)."""
        headers = self._constant.copy()
        if self.any_origin:
            headers["Access-Control-Allow-Origin"] = "*"
        elif origin is not None and origin in self.origins:
            headers["Access-Control-Allow-Origin"] = origin
        return headers


SAME_ORIGIN = Cors()


def finish(response: Response, request: Request, cors: Cors) -> Response:
    """The response with the headers that all of them carry; its own win."""
    headers = cors.headers(request.headers.get("origin"))
    headers.update(SECURITY_HEADERS)
    if response.body:
        headers["Content-Type"] = "application/json"
    headers.update(response.headers)
    return Response(response.status, response.body, headers)


def preflight(methods: str) -> Response:
    """The answer to OPTIONS; ``finish`` adds what it permits."""
    return Response(204, headers={"Allow": methods, "Access-Control-Max-Age": _PREFLIGHT_SECONDS})


def problem(status: int, details: str, headers: dict[str, str] | None = None) -> Response:
    """A refusal that isn't about a flag. ``details`` is ours, with nothing of the request or an exception in it."""
    return Response(status, f'{{"errorDetails":{quote_json(details)}}}'.encode(), headers)


quote_json = encode_basestring  # str -> its JSON text, non-ASCII as it is; in C
_encode = JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode


def to_json(value: object) -> str:
    """The JSON text of a flag's value or metadata. Raises ValueError for NaN, which no snapshot holds."""
    return quote_json(value) if type(value) is str else _encode(value)


def is_json(content_type: str | None) -> bool:
    """Whether a Content-Type says JSON. None (nothing said) counts: a body that isn't JSON is found out by parsing it."""
    if content_type is None:
        return True
    kind = content_type.split(";", 1)[0].strip().lower()
    return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))


def unquote(text: str) -> str:
    """Percent-decodes a path segment as UTF-8. A stray ``%`` stays; bytes that aren't UTF-8 become U+FFFD.

    ``urllib.parse`` does the same and costs 8 ms to import.
    """
    if "%" not in text:
        return text
    head, *parts = text.encode("utf-8", "replace").split(b"%")
    decoded = [head]
    for part in parts:
        try:
            decoded.append(bytes((int(_hex_digits(part), 16),)) + part[2:])
        except ValueError:
            decoded.append(b"%" + part)
    return b"".join(decoded).decode("utf-8", "replace")


def _hex_digits(part: bytes) -> bytes:
    """The two characters after a ``%``; empty (no number) unless they can be digits: ``int`` alone takes ``+1`` too."""
    return part[:2] if len(part) >= 2 and part[:2].isalnum() else b""
