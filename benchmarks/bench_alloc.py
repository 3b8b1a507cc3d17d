"""Memory that a typed getter takes besides the value it returns: none. Cases named ``…_noalloc`` must measure 0 bytes.

tracemalloc sees every request to Python's allocators. A pass over many contexts may not lift the peak by a single byte above
what the same pass over an empty function lifts it. ``python -m benchmarks.bench_alloc``
"""

import sys
import tracemalloc
from collections.abc import Callable
from typing import Any

from benchmarks import floor_module, workloads

CALLS = 2_000
Pass = Callable[[], None]


def _peak(run: Pass) -> int:
    """Bytes by which ``run`` lifts the peak of traced memory."""
    tracemalloc.start()
    try:
        run()  # what is allocated once (caches, specialised bytecode) isn't the calls'
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        run()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return peak - before


def _pass(call: Callable[..., Any], key: str, contexts: list[Any], default: Any) -> Pass:
    def run() -> None:
        for context in contexts:
            call(key, context, default)

    return run


def _typed_document() -> workloads.Document:
    """A flag of each type with a rule and a split, beside W1 to W3."""
    conditions = [{"attribute": "country", "operator": "in", "value": list(workloads.COUNTRIES)}]

    def typed(kind: str, on: Any, off: Any) -> workloads.Document:
        rule = {"id": "half", "when": {"all": conditions}, "split": {"variants": {"on": 50, "off": 50}}}
        return {"type": kind, "variants": {"on": on, "off": off}, "default": "off", "rules": [rule]}

    more = {
        "integer": typed("integer", 2**40, 1_000_000),
        "number": typed("number", 1.5, 123456.75),
        "text": typed("string", "ja" * 40, "nein" * 40),
    }
    return {"flags": workloads.document()["flags"] | more}


def _cases(evaluator: Any, contexts: list[Any]) -> dict[str, Pass]:
    empty: list[Any] = [{} for _ in contexts]
    return {
        "boolean_w1_noalloc": _pass(evaluator.boolean, "w1", contexts, False),
        "boolean_w2_noalloc": _pass(evaluator.boolean, "w2", contexts, False),
        "boolean_w2_rollout_noalloc": _pass(evaluator.boolean, "w2-rollout", contexts, False),
        "boolean_empty_context_noalloc": _pass(evaluator.boolean, "w2", empty, False),
        "boolean_unknown_flag_noalloc": _pass(evaluator.boolean, "absent", contexts, False),
        "boolean_wrong_type_noalloc": _pass(evaluator.boolean, "text", contexts, False),
        "string_w3_noalloc": _pass(evaluator.string, "w3", contexts, "none"),
        "string_long_noalloc": _pass(evaluator.string, "text", contexts, "none"),
        "integer_noalloc": _pass(evaluator.integer, "integer", contexts, 0),
        "number_noalloc": _pass(evaluator.number, "number", contexts, 0.0),
    }


def measure_all(evaluator_class: Any) -> dict[str, int]:
    """case -> bytes beyond an empty function's; also how many blocks stayed allocated after each (``… blocks``)."""
    evaluator = evaluator_class(workloads.compile_document(_typed_document()))
    contexts = workloads.contexts(CALLS)
    nothing = _pass(floor_module.load().nothing, "w1", contexts, False)
    floor = _peak(nothing)
    found = {}
    for name, run in _cases(evaluator, contexts).items():
        found[name] = _peak(run) - floor
        blocks = sys.getallocatedblocks()
        run()
        found[f"{name} blocks"] = sys.getallocatedblocks() - blocks
    return found | {"meter": meter(evaluator, contexts, floor)}


def meter(evaluator: Any, contexts: list[Any], floor: int) -> int:
    """What the meter shows for ``evaluate_all``, which does allocate: 0 would mean that it measures nothing."""
    return _peak(_pass(lambda _, context, __: evaluator.evaluate_all(context), "", contexts[:20], None)) - floor


def main() -> None:
    from evaluator import Evaluator

    for name, size in measure_all(Evaluator).items():
        print(f"{name:40} {size:>8,}")


if __name__ == "__main__":
    main()
