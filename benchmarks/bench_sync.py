"""A sync of 5,000 flags: reading, compiling, the gate, publishing, peak memory; and what a request pays to load the result.

The function of ``handlers.sync`` runs in a process of its own, as in a Lambda's sandbox, on the embedded AWS: a first publish,
then one after 1 flag in 100 was edited, which is what is reported (it has something to compare with), then one that finds
nothing new. Reading is apart from the rest: it is mostly the embedded AWS's own time. Seconds are of the wall clock; those
marked ``cpu`` are the process's own and don't depend on what else the machine does. ``python -m benchmarks.bench_sync``
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import redirect_stdout
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks import workloads

ROOT = Path(__file__).resolve().parent.parent
FLAGS = 5_000
SEGMENTS = 20
LOADS = 15
BARS = {"compile and publish s": 5.0, "peak MB": 512.0, "load ms": 50.0}
BATCH = 25

Document = dict[str, Any]


# --- the project --------------------------------------------------------------------------------------------------------


def project(flags: int = FLAGS, edited: bool = False) -> Document:
    """A project of a large company: every kind of flag, from one that is on for all to ten rules with lists and segments.

    ``edited``: one flag in a hundred has another percentage.
    """
    kinds = (simple, targeted, variants, many_rules, table_item)
    share = (4, 2, 2, 1, 1)  # of ten
    order = [kind for kind, times in zip(kinds, share, strict=True) for _ in range(times)]
    experiments = {f"experiment-{number:04d}": experiment(number) for number in range(flags // 25)}
    return {
        "segments": {f"segment-{number:02d}": segment(number) for number in range(SEGMENTS)},
        "layers": {"checkout": {}, "search": {}},
        "holdouts": {"nothing-new": {"percentage": 2}},
        "flags": {
            f"flag-{number:04d}": order[number % len(order)](number, edited and number % 100 == 42)
            for number in range(flags - len(experiments))
        },
        "experiments": experiments,
    }


def _known(number: int) -> Document:
    """What people note about a flag."""
    return {
        "description": f"what flag {number} is for, in a sentence of usual length, and where to read more about it",
        "owner": f"team-{number % 40}",
        "tags": ["web", f"quarter-{number % 4 + 1}"],
        "metadata": {"ticket": f"SHOP-{number}", "temporary": number % 2 == 0},
        "version": number % 17 + 1,
        "updated_at": "2026-05-04T10:00:00Z",
    }


def simple(number: int, edited: bool) -> Document:
    return {**_known(number), **workloads.simple(), "default": "off" if edited else "on"}


def targeted(number: int, edited: bool) -> Document:
    share = 60 if edited else 50
    return {**_known(number), **workloads.targeted({"split": {"variants": {"enabled": share, "off": 100 - share}}})}


def variants(number: int, edited: bool) -> Document:
    return {**_known(number), **workloads.variants(), "salt": f"salt-{number}"}


def many_rules(number: int, edited: bool) -> Document:
    """Ten rules: a list of customers, segments, comparisons, versions, texts, a time, rollouts."""
    tests: list[Any] = [
        {"attribute": "targetingKey", "operator": "in", "value": [f"customer-{number}-{member}" for member in range(50)]},
        {"segment": f"segment-{number % SEGMENTS:02d}"},
        {"all": [{"segment": f"segment-{number * 7 % SEGMENTS:02d}"}, {"attribute": "plan", "operator": "eq", "value": "pro"}]},
        {"attribute": "app_version", "operator": "semantic_version", "value": f"5.{number % 30}.0", "additional_value": "gte"},
        {"attribute": "country", "operator": "in", "value": ["DE", "AT", "CH", "FR", "IT", "ES"]},
        {"attribute": "email", "operator": "ends_with", "value": f"@partner-{number % 90}.example"},
        {"any": [{"attribute": "age", "operator": "gte", "value": number % 80}, {"not": {"segment": "segment-00"}}]},
        {"attribute": "signed_up", "operator": "after", "value": f"2026-01-{number % 28 + 1:02d}T00:00:00Z"},
        {"attribute": "tags", "operator": "contains_any", "value": ["beta", f"group-{number % 50}"]},
        {"attribute": "device", "operator": "match_regex", "value": f"^(ios|android)-{number % 9}"},
    ]
    share = 30 if edited else 20
    rules = [
        {"id": f"rule-{position}", "when": test, "variant": "on", "rollout": share + position}
        for position, test in enumerate(tests)
    ]
    return {**_known(number), "type": "boolean", "default": "off", "rules": rules}


def table_item(number: int, edited: bool) -> Document:
    """The platform's own form."""
    return {
        **_known(number),
        "flag_id": f"flag_{number:06d}",
        "enabled": True,
        "rollout_percentage": 40 if edited else 35,
        "targeting_rules": [{"attribute": "country", "operator": "in", "value": ["US", "CA"]}],
        "variants": [{"key": "control", "allocation": 0.5}, {"key": "treatment", "allocation": 0.5}],
    }


def experiment(number: int) -> Document:
    return {
        **_known(number),
        "experiment_id": f"exp_{number}",
        "status": "active",
        "holdouts": ["nothing-new"],
        "traffic_allocation": 0.8,
        "targeting_rules": {"segment": f"segment-{number % SEGMENTS:02d}"},
        "variants": [{"key": name, "allocation": 0.25} for name in ("a", "b", "c", "d")],
    }


def segment(number: int) -> Document:
    return {
        "any": [
            {"attribute": "email", "operator": "ends_with", "value": f"@company-{number}.example"},
            {"attribute": "account_id", "operator": "in", "value": [number * 1_000 + member for member in range(40)]},
        ]
    }


# --- the sync, in a process of its own ------------------------------------------------------------------------------------


def seed(client: Any, tables: dict[str, str], wanted: Document, present: Document | None = None) -> None:
    """Writes a project's items, those that aren't ``present`` already."""
    from config_sync.sources.items import to_items

    there = {} if present is None else to_items(present)
    for section, wanted_items in to_items(wanted).items():
        known = {item["key"]["S"]: item for item in there.get(section, ())}
        items = [item for item in wanted_items if known.get(item["key"]["S"]) != item]
        for start in range(0, len(items), BATCH):
            requests = [{"PutRequest": {"Item": item}} for item in items[start : start + BATCH]]
            client.batch_write_item(RequestItems={tables[section]: requests})


def sync_child(kept: Path) -> None:
    """One sandbox: waits for a line on standard input before each sync, and prints its figures. The last snapshot is kept."""
    from config_sync.release import fetch
    from config_sync.sources import tables
    from config_sync.store import open_store

    sync: Any = import_module("handlers.sync")
    taken: dict[str, float] = {}
    answers: dict[str, Any] = {}

    def timed(name: str) -> None:
        call = getattr(sync, name)

        def wrapper(*arguments: Any, **named: Any) -> Any:
            start, used = time.perf_counter(), time.process_time()
            answers[name] = call(*arguments, **named)
            taken[name] = taken.get(name, 0.0) + time.perf_counter() - start
            taken[f"{name} cpu"] = taken.get(f"{name} cpu", 0.0) + time.process_time() - used
            return answers[name]

        setattr(sync, name, wrapper)

    for name in ("read_tables", "compile_project", "publish"):
        timed(name)
    tables.READ_SECONDS = 300  # the embedded AWS takes long over a page
    for _ in sys.stdin:
        taken.clear()
        with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):
            document = sync.handler({}, None)
        steps = {name.removesuffix("_ms"): round(value / 1e3, 3) for name, value in answers["publish"].steps_ms.items()}
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps({"status": document["status"], **taken, "steps": steps, "peak_mb": peak}), flush=True)
    kept.write_bytes(fetch(open_store(os.environ["BURGEE_STORE"]))[1])


def sync_times(flags: int, kept: Path) -> list[Document]:
    """The figures of three syncs: first, edited, unchanged."""
    from tests.aws import Aws

    with Aws() as aws:
        tables, bucket = aws.tables(), aws.bucket()
        names = {f"{section.upper()}_TABLE": name for section, name in tables.items()}
        said = {"BURGEE_STORE": f"s3://{bucket}/bench", "POWERTOOLS_LOG_LEVEL": "CRITICAL"}
        environment = {**os.environ, **aws.environment, **names, **said}
        command = [sys.executable, "-m", "benchmarks.bench_sync", "--sync", str(kept)]
        with subprocess.Popen(
            command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as child:
            assert child.stdin is not None and child.stdout is not None
            found = []
            before: Document | None = None
            for wanted in (project(flags), project(flags, edited=True), project(flags, edited=True)):
                seed(aws.client("dynamodb"), tables, wanted, before)
                before = wanted
                child.stdin.write("go\n")
                child.stdin.flush()
                found.append(json.loads(child.stdout.readline()))
            child.stdin.close()
            if child.wait(60):
                raise RuntimeError("the sync's process failed")
    assert [item["status"] for item in found] == ["published", "published", "unchanged"], found
    return found


# --- the reader's side ------------------------------------------------------------------------------------------------------


def load_child(snapshot: Path) -> None:
    """Prints the milliseconds of each step of loading, medians: what a request pays once when a new version is there."""
    from hashlib import sha256

    from evaluator import Evaluator

    data = snapshot.read_bytes()
    flags = Evaluator(data)
    steps: dict[str, list[float]] = {"read": [], "sha256": [], "swap": [], "in all": []}
    for _ in range(LOADS):
        start = time.perf_counter()
        data = snapshot.read_bytes()
        read = time.perf_counter()
        sha256(data).hexdigest()
        hashed = time.perf_counter()
        flags.swap(data)
        end = time.perf_counter()
        for name, taken in zip(steps, (read - start, hashed - read, end - hashed, end - start), strict=True):
            steps[name].append(taken * 1e3)
    print(json.dumps({name: round(statistics.median(times), 3) for name, times in steps.items()}))


def load_times(snapshot: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.bench_sync", "--load", str(snapshot)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


# --- together -----------------------------------------------------------------------------------------------------------------


def run(flags: int = FLAGS) -> Document:
    """Everything, as a document: seconds, megabytes, milliseconds; ``bars`` are what it is held against."""
    with tempfile.TemporaryDirectory() as place:
        kept = Path(place, "snapshot.burgee")
        first, edited, unchanged = sync_times(flags, kept)
        load = load_times(kept)
        size = kept.stat().st_size
    return {
        "flags": flags,
        "snapshot bytes": size,
        "read s": round(edited["read_tables"], 3),
        "compile s": round(edited["compile_project"], 3),
        "gate s": round(edited["steps"].get("decide", 0.0), 3),
        "verify s": round(edited["steps"].get("verify", 0.0), 3),
        "publish s": round(edited["publish"] - edited["read_tables"] - edited["compile_project"], 3),
        "compile and publish s": round(edited["publish"] - edited["read_tables"], 3),
        "compile cpu s": round(edited["compile_project cpu"], 3),
        "compile and publish cpu s": round(edited["publish cpu"] - edited["read_tables cpu"], 3),
        "read cpu s": round(edited["read_tables cpu"], 3),
        "first compile and publish s": round(first["publish"] - first["read_tables"], 3),
        "unchanged compile and publish s": round(unchanged["publish"] - unchanged["read_tables"], 3),
        "peak MB": round(unchanged["peak_mb"], 1),
        "load ms": load["in all"],
        "load": load,
        "steps s": edited["steps"],
        "bars": BARS,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--flags", type=int, default=FLAGS)
    parser.add_argument("--sync", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--load", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.sync:
        sync_child(options.sync)
    elif options.load:
        load_child(options.load)
    else:
        print(json.dumps(run(options.flags), indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
