"""One HTTP request as a Function URL and as an HTTP API hand it to a function: both of payload format 2.0, not quite the same.

The second is as AWS documents it ("Working with AWS Lambda proxy integrations for HTTP APIs"), with the path decoded, as real
ones have been seen to do.
"""

import base64
import json
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import unquote

from burgee.up.urls import FunctionUrl
from infra.routes import ANY, PATHS

API_ID = "a1b2c3d4e5"
REQUEST_ID = "JKJaXmPLvHcESHA="
ROLE = "arn:aws:sts::123456789012:assumed-role/reader/session-1"
TEXT = ("application/json", "text/plain")


def by_function_url(
    method: str, target: str, body: Any = None, headers: dict[str, str] | None = None, arn: str = ""
) -> dict[str, Any]:
    """``target``: path and query as a client sends them. ``body``: bytes, or what is sent as JSON. ``arn``: who has signed."""
    path, _, query = target.partition("?")
    sent = {"host": "edge.lambda-url.us-east-1.on.aws", "content-type": "application/json", **(headers or {})}
    data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    url = FunctionUrl(cast(Any, SimpleNamespace(name="edge", plan=SimpleNamespace(region="us-east-1"))))
    scope = {"method": method, "path": unquote(path), "raw_path": path.encode(), "query_string": query.encode()}
    scope |= {"headers": [(name.lower().encode(), text.encode()) for name, text in sent.items()], "http_version": "1.1"}
    return _signed(url.event(scope, data, REQUEST_ID), arn)


def by_http_api(
    method: str, target: str, body: Any = None, headers: dict[str, str] | None = None, arn: str = ""
) -> dict[str, Any]:
    """The same request through the API."""
    event = by_function_url(method, target, body, headers)
    path, domain = unquote(event["rawPath"]), f"{API_ID}.execute-api.us-east-1.amazonaws.com"
    route, parameters = route_of(method, path)
    event["headers"] |= {
        "host": domain,
        "content-length": str(len(event.get("body", ""))),
        "x-amzn-trace-id": "Root=1-5e6722a7-cc56xmpl46db7ae02d4da47e",
        "x-forwarded-for": "192.0.2.1",
        "x-forwarded-port": "443",
        "x-forwarded-proto": "https",
    }
    event |= {"rawPath": path, "routeKey": route}
    if parameters:
        event["pathParameters"] = parameters
    context = event["requestContext"]
    context |= {"accountId": "123456789012", "apiId": API_ID, "domainName": domain, "domainPrefix": API_ID, "routeKey": route}
    context["http"] |= {"path": path}
    return _signed(event, arn)


def _signed(event: dict[str, Any], arn: str) -> dict[str, Any]:
    if arn:
        iam = {"accessKey": "ASIAEXAMPLE", "accountId": "123456789012", "callerId": "A:s", "userArn": arn, "userId": "A:s"}
        event["requestContext"]["authorizer"] = {"iam": iam}
    return event


def route_of(method: str, path: str) -> tuple[str, dict[str, str]]:
    """The route that a decoded path is of, and what stands where the route has ``{key}``; that of no path: ``$default``."""
    if path in PATHS:
        return f"{ANY} {path}", {}
    for known in PATHS:
        before, brace, after = known.partition("{key}")
        if brace and path.startswith(before) and path.endswith(after) and len(path) > len(before) + len(after):
            key = path[len(before) : len(path) - len(after)]
            if not after or "/" not in key:
                return f"{ANY} {known}", {"key": key}
    return "$default", {}


def encoded(event: dict[str, Any]) -> dict[str, Any]:
    """The event with its body in base64, as gateways send what they don't take for text."""
    return event | {"body": base64.b64encode(event["body"].encode()).decode(), "isBase64Encoded": True}
