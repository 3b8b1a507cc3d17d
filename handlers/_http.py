"""HTTP as values: a request comes in, a response goes out, and the headers that every response carries.

Nothing here opens a socket or knows a framework: Lambda handlers and ``burgee serve`` translate their own events into
``Request`` and back from ``Response``. For handlers, and for ``burgee`` as their local host. On the cold path: standard library
only, and of that only ``json`` (which a Lambda's runtime client has imported already).
"""

from __future__ import annotations

from json.encoder import JSONEncoder, encode_basestring

TYPE_CHECKING = False  # `typing` costs 5 ms to import and is needed by type checkers alone
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    Row = str  # one flag's answer as tracking records it (``_outcome.properties_of``)
    Evaluated = tuple[object, Mapping[str, object], list[Row]]  # who was asked about, in which context, and the answers
    Reasons = str | Mapping[str, int] | None  # the detail of one answer; how many of each; there was none
    Account = tuple[str, Reasons, str | None, Mapping[str, object] | None]  # route, reasons, flag, and more fields

_OWN_PATHS = ("/feature-flags/", "/assign", "/events", "/experiments/")
MAX_BODY_BYTES = 256 * 1024

# Sent with every response (requirement FLH-06).
SECURITY_HEADERS: dict[str, str] = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "Cache-Control": "no-store, no-cache, must-revalidate, max-age=0",
}
_EXPOSED = "ETag, Retry-After, X-Request-Id, X-Burgee-Version, X-Burgee-Snapshot, X-Burgee-Age-Ms"
_PREFLIGHT_SECONDS = "600"
_NO_ACCOUNT: Account = ("other", None, None, None)


class Request:
    """One request. ``method`` in capitals; ``path`` as it was sent (percent-encoded); ``headers`` by lower-case name.

    ``body``: bytes, or the text of a body that came as text; ``query``: as it was sent, without ``?``; ``parameters``: the
    query decoded, where the host has done that. ``request_id`` and ``source_ip`` are empty where the host knows none.

    What an endpoint leaves on it for those who come after: ``evaluated``, the flags that were answered, for tracking; and
    ``account``, what the log line says of it. ``caller``: who was let in, as the log may say it; empty: nobody was asked.
    ``user``: whom it is about, where ``evaluated`` doesn't say; it is logged as a hash or not at all.
    """

    __slots__ = (
        "_parameters", "account", "body", "caller", "evaluated", "headers", "method", "path", "query", "request_id",
        "source_ip", "user",
    )  # fmt: skip

    def __init__(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        body: bytes | str = b"",
        query: str = "",
        request_id: str = "",
        source_ip: str = "",
        parameters: Mapping[str, str] | None = None,
    ) -> None:
        self.method = method
        self.path = path
        self.query = query
        self.headers: Mapping[str, str] = {} if headers is None else headers
        self.body = body
        self.request_id = request_id
        self.source_ip = source_ip
        self._parameters = parameters
        self.evaluated: Evaluated | None = None
        self.account: Account = _NO_ACCOUNT
        self.caller = ""
        self.user: object = None

    @property
    def parameters(self) -> Mapping[str, str]:
        """The query's parameters, decoded. The last of several values under one name."""
        found = self._parameters
        if found is None:
            found = self._parameters = parse_query(self.query)
        return found

    def query_value(self, name: str) -> str | None:
        """One parameter of the query, decoded; None without it."""
        return self.parameters.get(name)


class Response:
    """One response. ``headers`` by canonical name; ``content`` is JSON, as text or as its UTF-8; empty: there is no body."""

    __slots__ = ("content", "headers", "status")

    def __init__(self, status: int, content: str | bytes = "", headers: dict[str, str] | None = None) -> None:
        self.status = status
        self.content = content
        self.headers: dict[str, str] = {} if headers is None else headers

    @property
    def body(self) -> bytes:
        """The content in UTF-8."""
        content = self.content
        return content.encode() if isinstance(content, str) else content

    @property
    def text(self) -> str:
        """The content as text."""
        content = self.content
        return content if isinstance(content, str) else content.decode()

    def __repr__(self) -> str:
        return f"Response({self.status}, {self.content!r}, {self.headers!r})"


class Cors:
    """The headers that every response carries, and who may read responses in a browser: an allow-list of origins (FLH-07).

    Empty (the default) lets no other origin in. A listed origin is echoed with ``Vary: Origin``; ``*`` works only when it is
    listed itself. Credentials are never allowed. ``standing``: more headers for every response.
    """

    __slots__ = ("_listed", "_methods", "_others", "any_origin", "origins")

    def __init__(
        self, origins: Iterable[str] = (), methods: str = "GET,POST,OPTIONS", standing: Mapping[str, str] | None = None
    ) -> None:
        self.origins = frozenset(origins)
        self.any_origin = "*" in self.origins
        self._methods = methods
        self._others = {
            "Content-Type": "application/json",
            **SECURITY_HEADERS,
            "Access-Control-Allow-Headers": "Content-Type,X-Amz-Date,Authorization,X-Api-Key,If-None-Match",
            "Access-Control-Allow-Methods": methods,
            "Access-Control-Expose-Headers": _EXPOSED,
            **(standing or {}),
        }
        self._listed: dict[str, dict[str, str]] = {}
        if self.any_origin:
            self._others["Access-Control-Allow-Origin"] = "*"
        elif self.origins:
            self._others["Vary"] = "Origin"
            self._listed = {origin: {**self._others, "Access-Control-Allow-Origin": origin} for origin in self.origins}

    def also(self, standing: Mapping[str, str]) -> Cors:
        """The same with these headers on every response as well."""
        return Cors(self.origins, self._methods, standing)

    def headers(self, origin: str | None) -> dict[str, str]:
        """The headers of a response to a request from ``origin`` (its ``Origin`` header): a dict of the caller's own."""
        return self._listed.get(origin, self._others).copy()  # type: ignore[arg-type]  # None is in no list


SAME_ORIGIN = Cors()


def finish(response: Response, request: Request, cors: Cors) -> Response:
    """The response itself, now with the headers that all of them carry; its own win."""
    headers = cors.headers(request.headers.get("origin"))
    if not response.content:
        del headers["Content-Type"]
    if request.request_id:
        headers["X-Request-Id"] = request.request_id
    if response.headers:
        headers.update(response.headers)
    response.headers = headers
    return response


def preflight(methods: str) -> Response:
    """The answer to OPTIONS; ``finish`` adds what it permits."""
    return Response(204, headers={"Allow": methods, "Access-Control-Max-Age": _PREFLIGHT_SECONDS})


def problem(status: int, details: str, headers: dict[str, str] | None = None) -> Response:
    """A refusal as OFREP writes it. ``details`` is ours, with nothing of the request or an exception in it."""
    return Response(status, f'{{"errorDetails":{quote_json(details)}}}', headers)


def refusal(request: Request, status: int, message: str, headers: dict[str, str] | None = None) -> Response:
    """A refusal in the words of the path that was asked: ``error`` below our own endpoints', ``errorDetails`` elsewhere."""
    if request.path.startswith(_OWN_PATHS):
        return Response(status, f'{{"error":{quote_json(message)}}}', headers)
    return problem(status, message, headers)


quote_json = encode_basestring  # str -> its JSON text, non-ASCII as it is; in C
_encode = JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode


def to_json(value: object) -> str:
    """The JSON text of a flag's value or metadata. Raises ValueError for NaN, which no snapshot holds."""
    if value is True:
        return "true"
    if value is False:
        return "false"
    return quote_json(value) if type(value) is str else _encode(value)


def is_json(content_type: str | None) -> bool:
    """Whether a Content-Type says JSON. None (nothing said) counts: a body that isn't JSON is found out by parsing it."""
    if content_type is None:
        return True
    kind = content_type.split(";", 1)[0].strip().lower()
    return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))


def most_bytes(body: bytes | str) -> int:
    """How many bytes a body may have in UTF-8, without encoding it: exact but for text beyond ASCII, of which it is a bound."""
    return len(body) * 4 if type(body) is str and not body.isascii() else len(body)


def is_too_large(body: bytes | str) -> bool:
    """Whether a body has more than ``MAX_BODY_BYTES`` in UTF-8."""
    if len(body) <= MAX_BODY_BYTES // 4 or most_bytes(body) <= MAX_BODY_BYTES:
        return False
    return type(body) is bytes or len(body.encode("utf-8", "replace")) > MAX_BODY_BYTES  # type: ignore[union-attr]


def parse_query(query: str) -> dict[str, str]:
    """The parameters of a query as HTML forms and most clients write them: ``+`` is a space; no ``=``: empty."""
    found = {}
    for part in query.split("&"):
        if part:
            name, _, value = part.partition("=")
            found[unquote(name.replace("+", " "))] = unquote(value.replace("+", " "))
    return found


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
