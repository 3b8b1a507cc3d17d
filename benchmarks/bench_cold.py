"""The cold path: import ``evaluator``, load a 100-flag snapshot, first answer, in a fresh interpreter; and memory of W5.

The path's cost is measured inside the child, so the bare interpreter's own start isn't in it; the whole process minus a bare
one is measured too, as a check on the first. ``python -m benchmarks.bench_cold``
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import workloads

ROOT = Path(__file__).resolve().parent.parent
STEPS = ("find and import the core", "read the file", "load the snapshot", "first answer")

PATH = """
import sys, time
sys.path.insert(0, {root!r})
clock = time.perf_counter_ns
before = set(sys.modules)
a = clock()
import evaluator
b = clock()
with open({snapshot!r}, "rb") as file:
    data = file.read()
c = clock()
ev = evaluator.Evaluator(data)
d = clock()
answer = ev.boolean("targeted-00", {{"targetingKey": "user-00000001", "country": "US", "age": 30}}, None)
e = clock()
modules = sorted(set(sys.modules) - before)
assert answer is not None and evaluator.IMPLEMENTATION == "fast"
import json
print(json.dumps([b - a, c - b, d - c, e - d, *modules]))
"""

MEMORY = """
import sys
sys.path.insert(0, {root!r})
import evaluator
def resident(name):
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith(name))
ev = evaluator.Evaluator(open({small!r}, "rb").read())
before = resident("VmRSS")
ev = evaluator.Evaluator.from_file({snapshot!r})
after, peak = resident("VmRSS"), resident("VmHWM")
assert ev.boolean({key!r}, {context!r}, False) is True
print([after - before, peak - before, after])
"""


def _child(program: str) -> list[Any]:
    environment = {"PATH": os.environ["PATH"], "EVALUATOR_IMPL": "fast"}
    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, env=environment, check=True)
    found: list[Any] = json.loads(done.stdout or "[]")
    return found


def _wall(program: str) -> float:
    start = time.perf_counter_ns()
    _child(program)
    return (time.perf_counter_ns() - start) / 1e6


def cold(rounds: int = 21) -> dict[str, Any]:
    """The path's milliseconds, step by step (medians of fresh processes), and the modules it adds."""
    with tempfile.TemporaryDirectory() as place:
        snapshot = Path(place) / "snapshot"
        snapshot.write_bytes(workloads.snapshot_of_all())
        program = PATH.format(root=str(ROOT), snapshot=str(snapshot))
        _child(program)
        runs = [_child(program) for _ in range(rounds)]
        walls = [(_wall(program), _wall("")) for _ in range(rounds)]
    found: dict[str, Any] = {
        name: round(statistics.median(run[step] for run in runs) / 1e6, 3) for step, name in enumerate(STEPS)
    }
    found["in all"] = round(statistics.median(sum(run[:4]) for run in runs) / 1e6, 3)
    found["process over a bare one"] = round(statistics.median(whole - bare for whole, bare in walls), 2)
    found["modules"] = len(runs[0]) - 4
    found["names of modules"] = runs[0][4:]
    return found


def memory() -> dict[str, int]:
    """W5's growth of resident memory, of the peak, and the whole process's, in bytes; empty where there is no /proc."""
    if not Path("/proc/self/status").exists():
        return {}
    key, context = workloads.large_questions(1)[0]
    with tempfile.TemporaryDirectory() as place:
        snapshot, small = Path(place) / "large", Path(place) / "small"
        snapshot.write_bytes(workloads.large_snapshot())
        small.write_bytes(workloads.snapshot())
        runs = [
            _child(MEMORY.format(root=str(ROOT), snapshot=str(snapshot), small=str(small), key=key, context=context))
            for _ in range(3)
        ]
    growth, peak, whole = (int(statistics.median(column)) for column in zip(*runs, strict=True))
    return {"growth": growth, "peak": peak, "process": whole}


def main() -> None:
    found = cold()
    names = found.pop("names of modules")
    for name, value in found.items():
        print(f"{name:28} {value:>8}{'' if name == 'modules' else ' ms'}")
    print(", ".join(names))
    for name, size in memory().items():
        print(f"W5 resident, {name:15} {size / 1e6:>8.1f} MB")


if __name__ == "__main__":
    main()
