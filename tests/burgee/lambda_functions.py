"""Handlers for ``test_runtime.py`` and ``test_urls.py``, run in sandboxes: their module is what a function's code would be."""

import json
import os
import subprocess
import sys
import threading
import time
from typing import Any


def do(event: Any, context: Any) -> Any:
    """Does what ``event["do"]`` says; else gives back the event."""
    match event:
        case {"do": "raise"}:
            raise ValueError("the handler's own words")
        case {"do": "exit", "code": code}:
            os._exit(code)
        case {"do": "sleep", "seconds": seconds}:
            time.sleep(seconds)
        case {"do": "wait", "for": path}:
            await_file(path)
        case {"do": "answer", "bytes": size}:
            return "x" * (size - 2)
        case {"do": "print", "text": text}:
            os.write(1, text.encode())
            os.write(2, b"and on standard error\n")
        case {"do": "die later", "after": path}:
            threading.Thread(target=lambda: os._exit(3 if await_file(path) else 4), daemon=True).start()
        case {"do": "spawn"}:
            command = [sys.executable, "-c", "import time; time.sleep(600)"]
            return subprocess.Popen(command).pid
        case {"do": "set"}:
            return {1, 2}
    return event


def await_file(path: str) -> bool:
    """Returns once the file exists: a test says so, when it is done with what has to come before."""
    while not os.path.exists(path):
        time.sleep(0.005)
    return True


def about(event: Any, context: Any) -> Any:
    """What a handler can see of where it runs."""
    scratch = os.environ["BURGEE_SCRATCH"]
    os.makedirs(scratch)
    return {
        "environment": dict(os.environ),
        "remaining_ms": context.get_remaining_time_in_millis(),
        "request_id": context.aws_request_id,
        "arn": context.invoked_function_arn,
        "pid": os.getpid(),
        "scratch": scratch,
        "module": __name__,
    }


def url(event: Any, context: Any) -> Any:
    """A response as the query asks for: JSON of a result; else the event."""
    asked = event.get("queryStringParameters", {}).get("result")
    if asked == "raise":
        raise RuntimeError("secret")
    if asked is not None:
        return json.loads(asked)
    return {"statusCode": 200, "body": json.dumps(event), "headers": {"Content-Type": "application/json"}}
