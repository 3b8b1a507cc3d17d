"""What ``bench_lambda`` and ``bench_load`` run in a sandbox: handlers that do nothing, and one that times its steps.

``noop`` is the floor; ``noop_as_long`` the same with the response that ``BENCH_ANSWER`` holds; ``timed`` the flag function that
tells how long it took. ``handler`` is the one that
``BENCH_HANDLER`` names, told apart into steps; its body is the list of moments: nanoseconds of the monotonic clock, which all
processes share, and of the processor's time so far.
"""

from __future__ import annotations

from time import monotonic_ns, process_time_ns


def now() -> tuple[int, int]:
    return monotonic_ns(), process_time_ns()


MODULE_BEGINS = now()

import json  # noqa: E402
import os  # noqa: E402
import sys  # noqa: E402

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def noop(event: Any, context: Any) -> dict[str, Any]:
    return {"statusCode": 200, "headers": {"Content-Type": "application/json"}, "body": "{}", "isBase64Encoded": False}


def noop_as_long(event: Any, context: Any) -> dict[str, Any]:
    return {**ANSWER, "headers": {**ANSWER["headers"]}}


def timed(event: Any, context: Any) -> dict[str, Any]:
    """The flag function's answer, and the nanoseconds of the processor that it took in here, as a header."""
    from time import thread_time_ns

    from handlers.flags import handler

    start = thread_time_ns()
    result: dict[str, Any] = handler(event, context)
    result["headers"]["X-Took-Ns"] = str(thread_time_ns() - start)
    return result


def _import_apart() -> tuple[Any, tuple[int, int]]:
    """The OFREP handler and the moment when it was imported but nothing was loaded; then it has loaded what is local."""
    name = os.environ.pop("AWS_LAMBDA_FUNCTION_NAME")  # so that importing loads nothing
    from handlers.ofrep import handler as found

    imported = now()
    os.environ["AWS_LAMBDA_FUNCTION_NAME"] = name
    from handlers._edge import prepare_in_lambda

    prepare_in_lambda()
    return found, imported


def _import_client() -> None:
    """What the first look at a store imports."""
    from handlers import _follow, _http_client, _s3  # noqa: F401


if os.environ.get("BENCH_HANDLER") == "ofrep":
    _handler, IMPORTED = _import_apart()
else:
    _handler, IMPORTED = noop, now()
LOADED = now()
ANSWER = json.loads(os.environ.get("BENCH_ANSWER", "{}"))


def handler(event: Any, context: Any) -> dict[str, Any]:
    """Handles one event and tells the moments: interpreter ready, module begins, imported, loaded, event here, client, done."""
    here = now()
    if "BURGEE_STORE" in os.environ:
        _import_client()
    client = now()
    result: dict[str, Any] = _handler(event, context)
    done = now()
    moments = [getattr(sys, "bench_started", (0, 0)), MODULE_BEGINS, IMPORTED, LOADED, here, client, done]
    return {**result, "body": json.dumps(moments)}
