"""What runs inside the hosts under test: the smallest programs that answer from the process's reader. For the tests beside it.

An answer is one line of JSON: the process, the version, the flag's value, and how often the store was asked.
"""

import json
import os
import sys
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from handlers._snapshots import reader


def answer() -> str:
    """What a request gets."""
    served = reader().served()
    text = None if served is None else served.evaluator.string("which", {}, "?")
    version = None if served is None else served.version
    return json.dumps({"pid": os.getpid(), "version": version, "text": text, "checks": reader().checks})


def wsgi(environ: Any, start_response: Callable[..., Any]) -> Iterable[bytes]:
    """For gunicorn. Under --preload the module is imported, and the snapshot loaded, before the workers are forked."""
    body = answer().encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]


async def asgi(scope: Any, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]) -> None:
    """For uvicorn. Says which event loop it runs on."""
    if scope["type"] != "http":
        return
    import asyncio

    await receive()
    body = json.dumps(json.loads(answer()) | {"loop": type(asyncio.get_running_loop()).__module__}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def lines() -> None:
    """Answers each line of standard input with one line."""
    for _ in sys.stdin:
        print(answer(), flush=True)


def forked() -> None:
    """Loads, forks while the connection is open, and lets both processes answer for each line."""
    answer()
    origin: Any = reader()._origin
    print(json.dumps({"pid": os.getpid(), "kept": len(origin._idle)}), flush=True)
    ours, theirs = os.pipe()
    child = os.fork()
    if not child:
        print(json.dumps({"pid": os.getpid(), "kept": len(origin._idle)}), flush=True)
        os.close(theirs)
        while os.read(ours, 1):
            print(answer(), flush=True)
        os._exit(0)
    os.close(ours)
    for _ in sys.stdin:
        os.write(theirs, b"x")
        print(answer(), flush=True)
    os.close(theirs)
    os.waitpid(child, 0)


def greenlets() -> None:
    """For each line: a look is due, and two hundred greenlets ask at once; what they got, and how often the store was asked."""
    import gevent

    print(answer(), flush=True)
    made: Any = reader()
    for _ in sys.stdin:
        made._due = made._from  # as if the interval were over; it is longer than this takes on any machine
        checks = made.checks
        jobs = [gevent.spawn(answer) for _ in range(200)]
        gevent.joinall(jobs, timeout=120)
        texts = sorted({str(json.loads(job.value)["text"]) for job in jobs})
        print(json.dumps({"texts": texts, "checks": made.checks - checks}), flush=True)


def restored() -> None:
    """What Lambda does with SnapStart: init, the hooks before the snapshot, two clones of the process, the hooks after it."""
    import ctypes

    # The hooks' own runner, as Lambda's runtime client calls it.
    from awslambdaric import lambda_runtime_hooks_runner as hooks

    reader().current()
    print(json.dumps(_state()), flush=True)
    hooks.run_before_snapshot()
    print(json.dumps(_state()), flush=True)
    # A clone knows nothing of being one: the C library's fork runs none of Python's fork hooks.
    clone = ctypes.PyDLL(None).fork
    for _ in range(2):
        child = clone()
        if not child:
            hooks.run_after_restore()
            first = json.loads(answer())
            made: Any = reader()
            print(json.dumps(first | {"interval_ns": made._due - made._from}), flush=True)
            os._exit(0)
        os.waitpid(child, 0)


def _state() -> dict[str, Any]:
    """What a reader holds that belongs to a time or a place."""
    made: Any = reader()
    return {
        "connections": len(made._origin._idle),
        "confirmed": made._confirmed,
        "transfer": made._follower._transfer,
        "due at once": made._is_due(),
        "checks": made.checks,
        "version": made.version,
    }


if __name__ == "__main__":
    if sys.argv[1] == "greenlets":
        from gevent import monkey

        monkey.patch_all()
    globals()[sys.argv[1]]()
