"""Lambda's HTTP events to requests, responses to the results they ask for (docs/function-url.md). For ``handlers``.

Function URLs and HTTP APIs (payload format 2.0) go the quick way; REST APIs, HTTP APIs with payload format 1.0 and load
balancers share another. On the cold path: imports nothing that ``_http`` hasn't. A microsecond of every request is spent here.
"""

from __future__ import annotations

from handlers._http import Request, unquote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from handlers._http import Response

    Event = Any  # whatever JSON holds: a function can be invoked with anything
    Result = dict[str, object]

_FOREIGN = "the event is none of a Lambda Function URL, an API Gateway or a load balancer"
_NOT_BASE64 = "the event's body is not valid base64"


def read_event(event: Event) -> Request | str:
    """The request in an event, or the sentence that says why there is none. Raises nothing."""
    try:
        context = event["requestContext"]
        http = context.get("http")
        request = _proxied(event, context) if http is None else _plain(event, context, http)
        body = event.get("body")
        if body is not None:
            if type(body) is not str:
                return _FOREIGN
            request.body = _from_base64(body) if event.get("isBase64Encoded") else body
    except _NotBase64:
        return _NOT_BASE64
    except (TypeError, ValueError, LookupError, AttributeError):
        return _FOREIGN
    return request


class _NotBase64(ValueError):
    """A body that claims to be base64."""


def _from_base64(text: str) -> bytes:
    from binascii import a2b_base64

    try:
        return a2b_base64(text, strict_mode=True)
    except ValueError as error:  # also binascii.Error, and text that isn't ASCII
        raise _NotBase64 from error


# --- payload format 2.0: Function URLs, HTTP APIs ---------------------------------------------------------------------


def _plain(event: dict[str, Any], context: dict[str, Any], http: dict[str, Any]) -> Request:
    """Raises TypeError, LookupError or AttributeError for what isn't of this format."""
    method, path, query = http["method"], event["rawPath"], event.get("rawQueryString", "")
    headers, parameters = event.get("headers"), event.get("queryStringParameters")
    if (
        type(method) is not str
        or type(path) is not str
        or type(query) is not str
        or (headers is not None and type(headers) is not dict)
        or (parameters is not None and type(parameters) is not dict)
    ):
        raise TypeError
    stage = context.get("stage", "$default")
    if stage != "$default":  # an HTTP API's named stage is a part of its paths
        path = path.removeprefix(f"/{stage}")
    if "%" in path:
        path = _as_sent(path, context)
    request_id, source_ip = context.get("requestId", ""), http.get("sourceIp", "")
    if type(request_id) is not str or type(source_ip) is not str:
        request_id, source_ip = _text(request_id), _text(source_ip)
    return Request(method, path, headers, "", query, request_id, source_ip, parameters)


def _as_sent(path: str, context: dict[str, Any]) -> str:
    """The path, percent-encoded. A Function URL leaves it as the client sent it; an HTTP API decodes it."""
    domain = context.get("domainName")
    return path if type(domain) is not str or ".lambda-url." in domain else path.replace("%", "%25")


def _text(value: object) -> str:
    return value if type(value) is str else ""


# --- REST APIs, payload format 1.0, load balancers --------------------------------------------------------------------


def _proxied(event: dict[str, Any], context: dict[str, Any]) -> Request:
    """Raises TypeError, ValueError, LookupError or AttributeError for what isn't of these formats."""
    method, path = event["httpMethod"], event["path"]
    if type(method) is not str or type(path) is not str:
        raise TypeError
    headers = {name.lower(): value for name, value in _members(event, "headers", "multiValueHeaders", ",".join).items()}
    parameters = _members(event, "queryStringParameters", "multiValueQueryStringParameters", _last)
    if "elb" in context:
        parameters = {_form_decoded(name): _form_decoded(value) for name, value in parameters.items()}
        # A load balancer appends the address that it saw; what comes before it may be anybody's invention.
        source_ip = _text(headers.get("x-forwarded-for")).rpartition(",")[2].strip()
    else:
        source_ip = _text((context.get("identity") or {}).get("sourceIp"))
    if event.get("version") == "1.0":  # an HTTP API decodes the path, a REST API and a load balancer don't
        path = path.replace("%", "%25")
    return Request(method, path, headers, "", "", _text(context.get("requestId")), source_ip, parameters)


def _members(event: dict[str, Any], single: str, multiple: str, join: Callable[[list[str]], str]) -> dict[str, str]:
    """A map of an event, from its form with all values where it has one."""
    several = event.get(multiple)
    if several is not None:
        return {name: join(values) for name, values in several.items()}
    return dict(event.get(single) or {})


def _last(values: list[str]) -> str:
    return values[-1]


def _form_decoded(text: str) -> str:
    return unquote(text.replace("+", " "))


# --- results ----------------------------------------------------------------------------------------------------------


def result_of(response: Response, event: Event) -> Result:
    """What the function returns for a response, in the event's own shape. Bodies are text, so nothing is ever in base64."""
    content = response.content
    result: Result = {"statusCode": response.status, "headers": response.headers, "isBase64Encoded": False}
    if content:
        result["body"] = content if type(content) is str else response.text
    if type(event) is dict and "multiValueHeaders" in event and "headers" not in event:
        # Only a load balancer with multi-value headers leaves the others out; it reads none but those of an answer either.
        result["multiValueHeaders"] = {name: [value] for name, value in response.headers.items()}
        del result["headers"]
    return result
