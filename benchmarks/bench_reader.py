"""What hot loading costs a request: nothing due, a look that finds nothing new, a swap of 5,000 flags; what a signature costs.

``python -m benchmarks.bench_reader [--rounds N] [--json]``. The first table is processor time of one process against an
attribute access in the same loop; the second is processor time of single requests against a store in a directory, so no network
is in it, with wall time beside it: what other processes do while this one waits isn't what a swap costs.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

from benchmarks import bench_sync, measure, workloads
from benchmarks.measure import Case
from config_sync import compile_project
from evaluator import IMPLEMENTATION, Evaluator
from evaluator.snapshot.manifest import POINTER, Manifest, object_name, parse, seal
from handlers._settings import Settings
from handlers._snapshots import Reader, origin_of

ROOT = Path(__file__).resolve().parent.parent
Results = dict[str, Any]
NEVER_MS = 24 * 60 * 60 * 1000
SWAPS = 21
BARS = {"overhead ns": 1_000.0, "swap ms": 50.0}


class Holder:
    """What a program without hot loading does: the evaluator is an attribute."""

    __slots__ = ("evaluator",)

    def __init__(self, evaluator: Evaluator) -> None:
        self.evaluator = evaluator


def publish(store: Path, data: bytes, version: int) -> bytes:
    """Lays a version out as a publisher does, without its checks; gives the manifest's stored form."""
    made = Manifest(version, sha256(data).hexdigest(), len(data), Evaluator(data).snapshot_version, 1, time.time_ns() // 10**6)
    (store / "objects").mkdir(parents=True, exist_ok=True)
    (store / object_name(made.object)).write_bytes(data)
    fresh = store / "fresh"
    fresh.write_bytes(seal(made))
    fresh.replace(store / POINTER)
    return (store / POINTER).read_bytes()


def make(place: Path, refresh_ms: int) -> Reader:
    settings = Settings(str(place / "store"), scratch=str(place / "scratch"), refresh_ms=refresh_ms, budget_ms=5_000)
    return Reader(settings, origin_of(settings), report=lambda *parts: None)


# --- nothing due ------------------------------------------------------------------------------------------------------------


def idle(rounds: int) -> Results:
    """Nanoseconds of ``current()`` when no look is due, alone and before an evaluation, against an attribute access."""
    contexts = workloads.contexts()
    with tempfile.TemporaryDirectory() as name:
        publish(Path(name) / "store", workloads.snapshot(), 1)
        reader = make(Path(name), NEVER_MS)
        evaluator = reader.current()
        assert evaluator is not None
        holder = Holder(evaluator)
        cases = [
            Case("an attribute", holder, contexts, "context", "call.evaluator"),
            Case("reader.current()", reader, contexts, "context", "call.current()", "an attribute"),
            Case("reader.served()", reader, contexts, "context", "call.served()", "an attribute"),
            Case("W2 by attribute", holder, contexts, "context", "call.evaluator.boolean('w2', context, False)"),
            Case(
                "W2 by reader", reader, contexts, "context", "call.current().boolean('w2', context, False)", "W2 by attribute"
            ),
        ]
        samples = measure.interleave(cases, rounds, before=lambda: measure.touch(contexts))
        assert reader.checks == 1, "the loop was to measure calls that don't look"
    found: Results = {"calls": measure.results(samples, cases)}
    for name, mine, floor in (
        ("overhead ns", "reader.current()", "an attribute"),
        ("overhead with an evaluation ns", "W2 by reader", "W2 by attribute"),
    ):
        found[name] = round(statistics.median(a - b for a, b in zip(samples[mine], samples[floor], strict=True)), 1)
    return found


# --- a look -----------------------------------------------------------------------------------------------------------------


def _timed(work: Callable[[], object]) -> tuple[float, float]:
    """Milliseconds of this thread's processor time, and of wall time."""
    wall, start = time.perf_counter_ns(), time.thread_time_ns()
    work()
    return (time.thread_time_ns() - start) / 1e6, (time.perf_counter_ns() - wall) / 1e6


def _split(data: bytes, place: Path) -> Results:
    """What a swap's milliseconds are spent on, each done alone."""
    parts: dict[str, Callable[[], object]] = {
        "of it SHA-256 ms": lambda: sha256(data).digest(),
        "of it load ms": lambda: Evaluator(data),
        "of it write to scratch ms": lambda: (place / "copy").write_bytes(data),
    }
    return {name: measure.middle([_timed(work)[0] for _ in range(SWAPS)]) for name, work in parts.items()}


def looks() -> Results:
    """Milliseconds of a request that looks: nothing new, and 5,000 flags swapped in (each time another snapshot)."""
    snapshots = []
    for edited in (False, True):
        result = compile_project(bench_sync.project(edited=edited))
        assert result.snapshot is not None
        snapshots.append(result.snapshot)
    unchanged, swapped = [], []
    with tempfile.TemporaryDirectory() as name:
        store = Path(name) / "store"
        publish(store, snapshots[0], 1)
        reader = make(Path(name), 1)
        reader.current()
        for version in range(2, SWAPS + 2):
            time.sleep(0.01)
            unchanged.append(_timed(reader.current))
            publish(store, snapshots[version % 2], version)
            time.sleep(0.01)
            swapped.append(_timed(reader.current))
            assert reader.version == version
        found = _split(snapshots[0], Path(name))
    return {
        "flags": bench_sync.FLAGS,
        "snapshot MB": round(len(snapshots[0]) / 1e6, 2),
        "unchanged ms": measure.middle([processor for processor, _ in unchanged]),
        "swap ms": measure.middle([processor for processor, _ in swapped]),
        "swap, wall ms": measure.middle([wall for _, wall in swapped]),
        **found,
    }


# --- signatures ---------------------------------------------------------------------------------------------------------------

SIGNATURE = """
import sys, time, json, hashlib
sys.path.insert(0, {root!r})
from evaluator.snapshot.manifest import parse
envelope = parse(open({pointer!r}, "rb").read())
modules = len(sys.modules)
clock = time.perf_counter_ns
a = clock()
from handlers._signature import is_signed
b = clock()
assert is_signed(envelope, ({key!r},))
c = clock()
for _ in range(100):
    is_signed(envelope, ({key!r},))
d = clock()
print(json.dumps([(b - a) / 1e6, (c - b) / 1e6, (d - c) / 1e8, len(sys.modules) - modules]))
"""


def signature(rounds: int = 11) -> Results:
    """Milliseconds of the import, the first check and the next ones, medians of fresh processes."""
    from config_sync.signing import Signer

    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        command = ["openssl", "genpkey", "-algorithm", "ed25519", "-out", str(place / "key.pem")]
        subprocess.run(command, check=True, capture_output=True)
        signer = Signer.from_file(place / "key.pem")
        stored = parse(publish(place, workloads.snapshot(), 1))
        (place / POINTER).write_bytes(seal(stored.manifest, {signer.key_id: signer.sign(stored.signed)}))
        program = SIGNATURE.format(root=str(ROOT), pointer=str(place / POINTER), key=signer.public_key)
        runs = [_child(program) for _ in range(rounds + 1)][1:]
    imported, first, warm, modules = (statistics.median(column) for column in zip(*runs, strict=True))
    return {
        "import ms": round(imported, 2),
        "first check ms": round(first, 3),
        "next checks ms": round(warm, 3),
        "modules": int(modules),
    }


def _child(program: str) -> list[float]:
    environment = {"PATH": os.environ["PATH"]}
    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, env=environment, check=True)
    found: list[float] = json.loads(done.stdout)
    return found


def run(rounds: int = 31) -> Results:
    """Everything."""
    if IMPLEMENTATION != "fast":
        raise SystemExit("the benchmarks are of the Cython core, and it isn't the one loaded")
    return {"idle": idle(rounds), "looks": looks(), "signature": signature(), "bars": BARS}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=31)
    parser.add_argument("--json", action="store_true", help="print the results as JSON")
    wanted = parser.parse_args()
    found = run(wanted.rounds)
    if wanted.json:
        print(json.dumps(found))
        return
    print(measure.table(found["idle"].pop("calls")))
    for part in ("idle", "looks", "signature"):
        for name, value in found[part].items():
            bar = f"   (at most {BARS[name]:g})" if name in BARS else ""
            print(f"{part:10} {name:34} {value:>10}{bar}")


if __name__ == "__main__":
    main()
