"""What bench_instructions runs under callgrind: imports the core, the floors and the reader only, so that little is emulated.

Usage: ``python -I instructions_child.py ROOT PLACE``. Prints ``name|calls|kind`` for every stretch between two marks.
"""

from __future__ import annotations

import gc
import marshal
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

gc.disable()  # when a collection falls due is chance
ROOT, PLACE = sys.argv[1:3]
sys.path[:0] = [ROOT, f"{ROOT}/benchmarks/floors"]
report = os.fdopen(os.dup(1), "w")  # standard output is the function's: its lines go nowhere
os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
mark = os.getppid  # callgrind starts a new count at every call of it


def read(name: str) -> bytes:
    with open(f"{PLACE}/{name}", "rb") as file:
        return file.read()


ALL = read("all")
mark()
# The cold path: import, load 100 flags, first answer.
import evaluator  # noqa: E402

everything = evaluator.Evaluator(ALL)
everything.boolean("targeted-00", {"targetingKey": "user-00000001", "country": "US", "age": 30}, False)
mark()
print("cold path|1|once", file=report)

import floors  # noqa: E402

from handlers._settings import read_settings  # noqa: E402
from handlers._snapshots import Reader  # noqa: E402

assert evaluator.IMPLEMENTATION == "fast"
contexts, questions, constants, CALLS, ALL_CALLS = marshal.loads(read("inputs"))
small = evaluator.Evaluator(read("small"))
large = evaluator.Evaluator(read("large"))
seed, last = constants["w2"]
floors.register({"w2": floors.Targeted(("US", "CA", "GB"), 18, seed, last)})


def each(call: Any, arguments: list[Any]) -> None:
    for one in arguments:
        call(*one)


def twice(name: str, call: Any, arguments: list[Any]) -> None:
    """Runs n calls and then 2n, each between two marks; everything is warm by then.

    All of it two times: something that happens once (the allocator takes another arena) may fall into either.
    """
    count = len(arguments) // 2
    each(call, arguments)
    few, many = arguments[:count], arguments
    for _ in range(2):
        mark()
        each(call, few)
        mark()
        each(call, many)
        mark()
        print(f"{name}|{count}|twice", file=report)


def asked(key: str, *rest: Any) -> list[Any]:
    return [(key, context, *rest) for context in contexts]


twice("e+", floors.e_plus, asked("w2", False))
twice("nothing", floors.nothing, asked("w2", False))
twice("W1 boolean", small.boolean, asked("w1", False))
twice("W2 boolean", small.boolean, asked("w2", False))
twice("W2 boolean, as a rollout", small.boolean, asked("w2-rollout", False))
twice("W2 boolean, empty context", small.boolean, [("w2", {}, False)] * len(contexts))
twice("W2 evaluate", small.evaluate, asked("w2"))
twice("W3 string", small.string, asked("w3", "none"))
twice("W4 evaluate_all", everything.evaluate_all, [(context,) for context in contexts[: 2 * ALL_CALLS]])
twice("W4 evaluate_all_json", everything.evaluate_all_json, [(context,) for context in contexts[: 2 * ALL_CALLS]])
twice("W5 boolean, fresh", large.boolean, [(key, context, False) for key, context in questions])
reader = Reader(read_settings({"BURGEE_BUNDLE": f"{PLACE}/small"}), None)
assert reader.current() is not None
twice("reader.current(), no look due", reader.current, [()] * len(contexts))

# The edge: a function's whole handler, with tracking and telemetry.
os.environ.update({"AWS_LAMBDA_FUNCTION_NAME": "flags", "BURGEE_BUNDLE": f"{PLACE}/all", "BURGEE_TRACKING": "log"})
import json  # noqa: E402
from itertools import count  # noqa: E402

from handlers._edge import prepare  # noqa: E402
from handlers.flags import handler  # noqa: E402

# A clock that ticks evenly: under callgrind every answer takes long, and one that takes long is counted, which costs more.
telemetry: Any = prepare().telemetry
telemetry.begin = telemetry._clock = count(0, 5_000).__next__


class Invocation:
    """Lambda's context."""

    aws_request_id = "00000000-0000-4000-9000-000000000000"
    function_name = "flags"
    memory_limit_in_mb = "256"
    invoked_function_arn = "arn:aws:lambda:us-east-1:123456789012:function:flags"


for kind, texts in marshal.loads(read("events")).items():
    twice(f"edge, {kind}", handler, [(json.loads(text), Invocation) for text in texts])
report.close()
