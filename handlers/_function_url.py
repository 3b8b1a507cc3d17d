"""Lambda Function URLs: their events to requests, responses to their results (docs/function-url.md). For ``handlers``.

On the cold path: imports nothing that ``_http`` hasn't. A few microseconds of every request are spent here.
"""

from __future__ import annotations

from handlers._http import Request

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from handlers._http import Response

    Event = Any  # whatever JSON holds: a function can be invoked with anything
    Result = dict[str, object]

_FOREIGN = "the event is not one of a Lambda Function URL (payload format 2.0)"


def read_event(event: Event) -> Request | str:
    """The request in an event, or the sentence that says why there is none. Raises nothing."""
    try:
        method = event["requestContext"]["http"]["method"]
        path = event["rawPath"]
        query = event.get("rawQueryString", "")
        headers = event.get("headers")
        body = event.get("body")
        if "%" in path:
            path = _as_sent(path, event["requestContext"])
    except (TypeError, LookupError, AttributeError):
        return _FOREIGN
    if type(method) is not str or type(path) is not str or type(query) is not str:
        return _FOREIGN
    if headers is not None and type(headers) is not dict:
        return _FOREIGN
    if body is None:
        return Request(method, path, headers, b"", query)
    if type(body) is not str:
        return _FOREIGN
    if event.get("isBase64Encoded"):
        data = _from_base64(body)
        return "the event's body is not valid base64" if data is None else Request(method, path, headers, data, query)
    return Request(method, path, headers, body.encode("utf-8", "surrogatepass"), query)


def _as_sent(path: str, context: dict[str, Any]) -> str:
    """The path, percent-encoded. A Function URL leaves it as the client sent it; an API Gateway HTTP API decodes it."""
    domain = context.get("domainName")
    return path if type(domain) is not str or ".lambda-url." in domain else path.replace("%", "%25")


def _from_base64(text: str) -> bytes | None:
    from binascii import a2b_base64

    try:
        return a2b_base64(text, strict_mode=True)
    except ValueError:  # also binascii.Error, and text that isn't ASCII
        return None


def result_of(response: Response) -> Result:
    """What the function returns for a response. Bodies are text, so nothing is ever in base64."""
    if not response.body:
        return {"statusCode": response.status, "headers": response.headers, "isBase64Encoded": False}
    body = response.body.decode()
    return {"statusCode": response.status, "headers": response.headers, "body": body, "isBase64Encoded": False}
