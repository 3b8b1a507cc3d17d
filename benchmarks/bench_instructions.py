"""Instructions per call, counted by valgrind's callgrind: they repeat exactly, so they are what budgets are held against.

The parent compiles the workloads and starts one child under callgrind with PYTHONHASHSEED=0. The child runs each case n times
and then 2n times, with a call of ``getppid`` between (callgrind starts a new count there); the difference is n calls, the loop
included. ``python -m benchmarks.bench_instructions``
"""

import marshal
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks import edge_events, workloads

ROOT = Path(__file__).resolve().parent.parent
CALLS = 400
ALL_CALLS = 20
EDGE_CALLS = 100
LARGE_FLAGS = 40  # W5's shape, small enough to load under an emulator; the count doesn't depend on how many flags there are


def available() -> bool:
    return shutil.which("valgrind") is not None


def _write_inputs(place: Path) -> None:
    """What the child needs, ready to read without importing the compiler."""
    large = {"flags": {workloads.large_key(n): workloads.large(n) for n in range(LARGE_FLAGS)}}
    (place / "small").write_bytes(workloads.snapshot())
    (place / "all").write_bytes(workloads.snapshot_of_all())
    (place / "large").write_bytes(workloads.compile_document(large))
    questions = workloads.large_questions(2 * CALLS, LARGE_FLAGS)
    splits = workloads.constants()
    users = list(enumerate(workloads.contexts(2 * EDGE_CALLS)))
    events = {kind: [make(*user) for user in users] for kind, make in edge_events.KINDS.items()}
    (place / "events").write_bytes(marshal.dumps(events))
    (place / "inputs").write_bytes(marshal.dumps((workloads.contexts(2 * CALLS), questions, splits, CALLS, ALL_CALLS)))


def counts(place: Path) -> list[int]:
    """Instructions between one ``getppid`` and the next, in order, from callgrind's numbered dumps."""
    dumps = sorted(place.glob("cg.out.*"), key=lambda path: int(path.name.rsplit(".", 1)[1]))
    found = []
    for dump in dumps:
        lines = [line for line in dump.read_text().splitlines() if line.startswith("summary:")]
        found.append(int(lines[0].split()[1]))
    return found


def run() -> dict[str, int]:
    """case -> instructions per call (``cold path``: of the whole path). Empty where there is no valgrind."""
    if not available():
        return {}
    place = ROOT / "build" / "instructions"  # always the same: even the length of a path would change a count
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    _write_inputs(place)
    command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={place}/cg.out", "--dump-before=getppid", "-q"]
    child = [sys.executable, "-I", str(Path(__file__).parent / "instructions_child.py"), str(ROOT), str(place)]
    environment = {"PYTHONHASHSEED": "0", "PATH": os.environ["PATH"], "EVALUATOR_IMPL": "fast"}
    done = subprocess.run(command + child, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"the child failed under valgrind: {done.stderr[-2000:]}")
    return _per_call(done.stdout.split("\n"), counts(place))


def _per_call(lines: list[str], counts: list[int]) -> dict[str, int]:
    """The child says, in order, what each count is of: ``name calls`` for a single run, ``name calls twice`` for a pair."""
    found: dict[str, Any] = {}
    position = 1  # the first count is everything before the first mark
    for line in filter(None, lines):
        name, calls, kind = line.rsplit("|", 2)
        if kind == "once":
            found[name] = counts[position]
            position += 2
        else:
            once = round((counts[position + 1] - counts[position]) / int(calls))
            found[name] = min(once, found.get(name, once))
            position += 3  # few, many, and what lies between this case and the next
    return found


def main() -> None:
    if not available():
        raise SystemExit("instructions: SKIPPED, valgrind isn't installed (apt-get install valgrind)")
    for name, count in run().items():
        print(f"{name:34} {count:>12,}")


if __name__ == "__main__":
    main()
