"""Imports every module of an unpacked bundle, on the machine that it is for; and lets the flags function answer. No pytest.

``python load.py import BUNDLE MANIFEST MACHINE`` imports our modules, and with them whatever they import of other people's.
``python load.py answer PLACE STORE FILE`` writes what ``handlers.flags`` below PLACE answers from a store of ``examples``: two
machines can be compared.
"""

import json
import os
import platform
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any

REQUESTS: tuple[tuple[str, str, str, Any], ...] = (
    *(("GET", "/feature-flags/evaluate", f"user_id=customer-{number}&flag_key=hero-banner", None) for number in range(10)),
    ("GET", "/feature-flags/evaluate", "user_id=customer-2&flag_key=no-such-flag", None),
    ("POST", "/feature-flags/evaluate/batch", "", {"user_id": "ß-1", "flag_keys": ["search", "nope"], "context": {"a": 0.1}}),
    ("GET", "/nowhere", "", None),
)
CODE = "/var/task/"
REPOSITORY = Path(__file__).resolve().parent.parent.parent


def imported(bundle: Path, manifest: dict[str, Any], machine: str) -> list[str]:
    """What is wrong with importing it."""
    wrong = [] if platform.machine() == machine else [f"this is {platform.machine()}"]
    for name in manifest["modules"]:
        try:
            module = import_module(name)
        except Exception as error:
            if not (isinstance(error, ModuleNotFoundError) and error.name in manifest["left_out"]):
                wrong.append(f"{name}: {error!r}")
            continue
        if not (module.__file__ or "").startswith(f"{bundle}/"):
            wrong.append(f"{name} is not the bundle's: {module.__file__}")
    import evaluator

    if evaluator.IMPLEMENTATION != "fast":
        wrong.append("the core isn't the compiled one")
    handler = import_module(manifest["module"]).handler
    code = getattr(handler, "__wrapped__", handler).__code__  # Powertools wraps some
    if not code.co_filename.startswith((CODE, f"{bundle}/")):
        wrong.append(f"the handler was compiled from {code.co_filename}")
    return wrong


def answers(store: str) -> list[str]:
    """Status and body of each request."""
    os.environ.update(BURGEE_STORE=store, BURGEE_SCRATCH="", BURGEE_FIRST_BUDGET_MS="60000", BURGEE_BUDGET_MS="60000")
    flags = import_module("handlers.flags")
    contexts = json.loads((REPOSITORY / "examples" / "contexts.json").read_text())
    bulk = [("POST", "/ofrep/v1/evaluate/flags", "", {"context": context}) for context in contexts]
    found = []
    for method, path, query, body in (*REQUESTS, *bulk):
        event = {
            "version": "2.0",
            "rawPath": path,
            "rawQueryString": query,
            "headers": {"content-type": "application/json"},
            "requestContext": {"http": {"method": method, "path": path, "sourceIp": "192.0.2.1"}, "requestId": "r"},
            "body": None if body is None else json.dumps(body),
            "isBase64Encoded": False,
        }
        result = flags.handler(event, None)
        found.append(f"{method} {path}: {result['statusCode']} {result.get('body')}")
    return found


def main(what: str, place: str, *rest: str) -> int:
    bundle = Path(place).resolve()
    sys.path[:] = [str(bundle), *(entry for entry in sys.path if entry != str(Path(__file__).parent))]
    if what == "answer":
        Path(rest[1]).write_text("\n".join(answers(rest[0])))
        return 0
    os.environ.setdefault("AWS_DEFAULT_REGION", "eu-central-1")
    manifest = json.loads(Path(rest[0]).read_text())
    start = time.monotonic()
    wrong = imported(bundle, manifest, rest[1])
    print(f"{manifest['function']}: {len(manifest['modules'])} modules, {time.monotonic() - start:.1f} s", *wrong, sep="\n  ")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
