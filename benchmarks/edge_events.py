"""Requests to the edge functions as Lambda events, for the benchmarks: JSON texts, so that every pass parses fresh objects.

``KINDS`` are the questions that are measured; each gives the event of one of ``workloads.contexts()``'s users. The project is
W4 (100 flags), ``targeted-00`` the flag of W2's form.
"""

import json
from collections.abc import Callable
from typing import Any

from benchmarks import workloads

FLAG = "targeted-00"
EVALUATE = "/feature-flags/evaluate"
BATCH = "/feature-flags/evaluate/batch"
OFREP = "/ofrep/v1/evaluate/flags"
_HEADERS = {
    "content-type": "application/json",
    "host": "bench.lambda-url.us-east-1.on.aws",
    "user-agent": "bench/1.0",
    "accept": "*/*",
    "accept-encoding": "gzip, deflate",
    "x-forwarded-proto": "https",
    "x-forwarded-port": "443",
    "x-forwarded-for": "192.0.2.10",
    "x-amzn-trace-id": "Root=1-65e2f3a4-0123456789abcdef01234567",
}

Context = dict[str, Any]
Make = Callable[[int, Context], str]  # number and context of a user -> the event's JSON


def event(number: int, method: str, path: str, query: str = "", body: object = None) -> str:
    """A Function URL's event (payload format 2.0)."""
    document: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": _HEADERS,
        "requestContext": {
            "accountId": "anonymous",
            "apiId": "bench",
            "domainName": "bench.lambda-url.us-east-1.on.aws",
            "domainPrefix": "bench",
            "http": {
                "method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.10", "userAgent": "bench/1.0",
            },
            "requestId": f"00000000-0000-4000-8000-{number:012d}",
            "routeKey": "$default",
            "stage": "$default",
            "time": "01/Mar/2026:12:00:00 +0000",
            "timeEpoch": 1_772_366_400_000,
        },
        "isBase64Encoded": False,
    }  # fmt: skip
    if query:
        document["queryStringParameters"] = dict(part.split("=", 1) for part in query.split("&"))
    if body is not None:
        document["body"] = json.dumps(body, separators=(",", ":"))
    return json.dumps(document)


def ofrep_flag(number: int, context: Context) -> str:
    return event(number, "POST", f"{OFREP}/{FLAG}", body={"context": context})


def ofrep_bulk(number: int, context: Context) -> str:
    return event(number, "POST", OFREP, body={"context": context})


def get_flag(number: int, context: Context) -> str:
    return event(number, "GET", EVALUATE, f"user_id={context['targetingKey']}&flag_key={FLAG}", {"context": _rest(context)})


def post_flag(number: int, context: Context) -> str:
    return event(number, "POST", EVALUATE, body=_question(context) | {"flag_key": FLAG})


def batch(number: int, context: Context) -> str:
    keys = [key for part in workloads.keys_of_all() for key in part]
    return event(number, "POST", BATCH, body=_question(context) | {"flag_keys": keys})


KINDS: dict[str, Make] = {
    "GET one flag": get_flag,
    "POST one flag": post_flag,
    "OFREP one flag": ofrep_flag,
    "OFREP bulk, 100 flags": ofrep_bulk,
    "batch of 100 keys": batch,
}


def _question(context: Context) -> Context:
    return {"user_id": context["targetingKey"], "context": _rest(context)}


def _rest(context: Context) -> Context:
    return {name: value for name, value in context.items() if name != "targetingKey"}
