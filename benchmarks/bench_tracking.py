"""Three ways for events to leave a function: a log line, a bounded flush into Kinesis, a thread that delivers later.

What each adds to a request (wall time; for lines also this thread's processor time, which other processes don't move), and
what of its events has left the process when the sandbox is frozen right after each response and then killed. The stream is a
process that answers PutRecords after 5 ms; standard output is a pipe that another process drains, which each line wakes.
Decision 0012 has the figures. ``python -m benchmarks.bench_tracking [--json]``
"""

import argparse
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from handlers._aws_json import JsonClient
from handlers._breaker import Breaker
from handlers._kinesis import Kinesis
from handlers._log import Output
from handlers._outcome import properties_of
from handlers._tracking import Log, Tracker

ROOT = Path(__file__).resolve().parent.parent
ANSWER_SECONDS = 0.005
REQUESTS = 300
PAUSE_SECONDS = 0.005  # between two requests: 200 a second
FROZEN_SECONDS = 0.05
FREEZES = 20
ROW = properties_of("new-seat-map", "flag_00000017", True, "enabled", "treatment")
BATCH = [properties_of(f"flag-{number}", f"flag_{number:08d}", True, "enabled", "treatment") for number in range(100)]
KEYS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
Figures = dict[str, float]


class Uncounted:
    """Metrics that nobody reads."""

    def count(self, name: str, number: int = 1) -> None: ...
    def gauge(self, name: str, value: int) -> None: ...


# --- the other ends -----------------------------------------------------------------------------------------------------


def play() -> None:
    """A Kinesis: tells its port, answers every call after 5 ms, and at its end how many records it took."""
    taken: list[int] = []

    def talk(channel: socket.socket) -> None:
        with suppress(OSError):  # a client that was killed
            answer(channel)

    def answer(channel: socket.socket) -> None:
        buffer = b""
        while True:
            while b"\r\n\r\n" not in buffer:
                if not (piece := channel.recv(1 << 20)):
                    return
                buffer += piece
            head, _, buffer = buffer.partition(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
            while len(buffer) < length:
                if not (piece := channel.recv(1 << 20)):
                    return
                buffer += piece
            count, buffer = buffer[:length].count(b'"PartitionKey"'), buffer[length:]
            taken.append(count)
            time.sleep(ANSWER_SECONDS)
            body = json.dumps({"FailedRecordCount": 0, "Records": [{"SequenceNumber": "1"}] * count}).encode()
            channel.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    print(listener.getsockname()[1], flush=True)

    def accept() -> None:
        while True:
            channel = listener.accept()[0]
            channel.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=talk, args=(channel,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    sys.stdin.read()
    print(sum(taken), flush=True)


class Played:
    """A running stream: its endpoint, and how many records it took once it has ended."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        assert process.stdout
        self.endpoint = f"http://127.0.0.1:{int(process.stdout.readline())}"

    def end(self) -> int:
        taken, _ = self._process.communicate()
        return int(taken)


@contextmanager
def stream() -> Iterator[Played]:
    command = [sys.executable, "-m", "benchmarks.bench_tracking", "--play"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Played(process)
        if process.poll() is None:
            process.communicate()


@contextmanager
def drained() -> Iterator[int]:
    """A pipe's writing end; another process reads it."""
    reading, writing = os.pipe()
    with subprocess.Popen(["cat"], stdin=reading, stdout=subprocess.DEVNULL) as process:
        os.close(reading)
        yield writing
        os.close(writing)
        process.wait()


def to_kinesis(endpoint: str, age_ms: int, budget_ms: int = 20) -> Tracker:
    client = JsonClient("kinesis", "us-east-1", endpoint)
    sink = Kinesis("events", client, Breaker(3, 10_000), budget_ms, age_ms)
    sink.prepare()
    return Tracker(sink, Uncounted())


# --- what a request pays ------------------------------------------------------------------------------------------------


def microseconds(call: Callable[[], object], calls: int, pause: float = 0.0) -> Figures:
    """Percentiles of single calls; what reading the clock costs is taken off."""
    found = []
    clock = time.perf_counter_ns
    for _ in range(calls):
        start = clock()
        call()
        found.append(clock() - start)
        if pause:
            time.sleep(pause)
    empty = statistics.median([-(clock() - clock()) for _ in range(1_000)])
    ranked = sorted(max(0.0, figure - empty) / 1_000 for figure in found[calls // 10 :])
    return {"p50": ranked[len(ranked) // 2], "p99": ranked[int(len(ranked) * 0.99)], "max": ranked[-1]}


def processor(call: Callable[[], object], calls: int) -> Figures:
    """Microseconds of processor time a call, the quietest of seven passes, and percentiles of wall time."""
    passes = []
    for _ in range(7):
        start = time.thread_time_ns()
        for _ in range(calls):
            call()
        passes.append((time.thread_time_ns() - start) / calls / 1_000)
    return {"processor": min(passes), **microseconds(call, calls)}


def lines() -> dict[str, Figures]:
    """A log line, to three kinds of descriptor."""
    found: dict[str, Figures] = {}
    with drained() as pipe, open(os.devnull, "wb") as null, open(ROOT / "build" / "tracking.log", "wb") as file:
        for name, fd in (("a pipe", pipe), ("/dev/null", null.fileno()), ("a file", file.fileno())):
            tracker = Tracker(Log(Output(fd)), Uncounted())
            hashed = Tracker(Log(Output(fd)), Uncounted(), salt="pepper")
            line = b"x" * 330 + b"\n"

            def one(tracker: Tracker = tracker) -> None:
                tracker.track_flags(None, "customer-1002", {}, [ROW])
                tracker.flush()

            def one_hashed(tracker: Tracker = hashed) -> None:
                tracker.track_flags(None, "customer-1002", {}, [ROW])
                tracker.flush()

            def many(tracker: Tracker = tracker) -> None:
                tracker.track_flags(None, "customer-1002", {}, BATCH)
                tracker.flush()

            found[f"os.write of 331 bytes to {name}"] = processor(lambda fd=fd, line=line: os.write(fd, line), 20_000)  # type: ignore[misc]
            found[f"an event as a line to {name}"] = processor(one, 20_000)
            found[f"the same, user hashed, to {name}"] = processor(one_hashed, 20_000)
            found[f"a batch of 100 events to {name}"] = processor(many, 1_000)
    (ROOT / "build" / "tracking.log").unlink()
    return found


def flushes() -> dict[str, Figures]:
    """PutRecords at the end of each request, and for records that may wait for company."""
    found = {}
    for name, age_ms in (("flush at the end of every request", 0), ("flush when a record is 200 ms old", 200)):
        with stream() as played:
            tracker = to_kinesis(played.endpoint, age_ms)

            def one(tracker: Tracker = tracker) -> None:
                tracker.track_flags(None, "customer-1002", {}, [ROW])
                tracker.flush()

            found[name] = microseconds(one, REQUESTS, PAUSE_SECONDS)
            tracker.close()
    return found


class Behind:
    """The candidate that wasn't taken: a thread that delivers while the next request is answered."""

    def __init__(self, tracker: Tracker) -> None:
        self._tracker = tracker
        self._wake = threading.Event()
        threading.Thread(target=self._work, daemon=True).start()

    def track(self) -> None:
        self._tracker.track_flags(None, "customer-1002", {}, [ROW])
        self._wake.set()

    def _work(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            self._tracker.flush()


def work() -> None:
    """What a request does besides: some 100 µs of Python."""
    sum(number * number for number in range(1_000))


def threads() -> dict[str, Figures]:
    """The same work without events, with a flush, and with a thread beside it that wants the interpreter too."""
    found = {"100 µs of work, no events": microseconds(work, REQUESTS, PAUSE_SECONDS)}
    with stream() as played:
        tracker = to_kinesis(played.endpoint, 0, 1_000)
        behind = Behind(tracker)

        def handed_over() -> None:
            behind.track()
            work()

        found["the same work, a thread delivers"] = microseconds(handed_over, REQUESTS, PAUSE_SECONDS)
        found["the same, requests without a pause"] = microseconds(handed_over, REQUESTS * 10)
        tracker.close()
    return found


# --- what a freeze leaves -----------------------------------------------------------------------------------------------


def victim(kind: str, endpoint: str) -> None:
    """Answers a "request" for every line of its input; it is frozen as soon as it has said so, and killed in the end."""
    tracker = to_kinesis(endpoint, 0) if kind != "log" else Tracker(Log(Output(2)), Uncounted())
    behind = Behind(tracker) if kind == "thread" else None
    for _ in sys.stdin:
        if behind is not None:
            behind.track()
        else:
            tracker.track_flags(None, "customer-1002", {}, [ROW])
            tracker.flush()
        os.write(1, b"answered\n")


def left(kind: str, stay_frozen: bool) -> Figures:
    """Events that left of FREEZES requests, when the process is frozen after each response, and killed after the last."""
    with stream() as played:
        command = [sys.executable, "-m", "benchmarks.bench_tracking", "--victim", kind, played.endpoint]
        pipe = subprocess.PIPE
        with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=pipe, env={**os.environ, **KEYS}) as process:
            assert process.stdin and process.stdout and process.stderr
            for _ in range(FREEZES):
                process.stdin.write(b"\n")
                process.stdin.flush()
                process.stdout.readline()
                process.send_signal(signal.SIGSTOP)
                time.sleep(FROZEN_SECONDS)
                if not stay_frozen:
                    process.send_signal(signal.SIGCONT)
                else:
                    break
            process.kill()
            written = process.stderr.read().count(b'"event_id"')
        taken = written if kind == "log" else played.end()
    return {"requests": float(1 if stay_frozen else FREEZES), "events that left": float(taken)}


def freezes() -> dict[str, Figures]:
    found: dict[str, Figures] = {}
    for kind in ("log", "flush", "thread"):
        found[f"{kind}: frozen after each response, killed after the last"] = left(kind, False)
        one = [left(kind, True)["events that left"] for _ in range(5)]
        found[f"{kind}: one response, frozen, killed; five sandboxes"] = {"requests": 5.0, "events that left": float(sum(one))}
    return found


def memory() -> dict[str, Figures]:
    """Resident memory of a process that only delivers: what an extension beside the function would take."""
    program = (
        "import sys; sys.path.insert(0, {!r})\n{}\n"
        "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmRSS')))"
    )
    found = {}
    for name, what in (
        ("a bare interpreter", ""),
        ("one with the Kinesis client and ssl", "import ssl, socket, handlers._kinesis"),
    ):
        done = subprocess.run(
            [sys.executable, "-I", "-c", program.format(str(ROOT), what)], capture_output=True, text=True, check=True
        )
        found[name] = {"MB": int(done.stdout) / 1024}
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--play", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--victim", nargs=2, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.play:
        return play()
    if chosen.victim:
        return victim(*chosen.victim)
    os.environ.update(KEYS)
    (ROOT / "build").mkdir(exist_ok=True)
    parts = {
        "a log line, µs": lines(),
        "into Kinesis, µs": flushes(),
        "a thread behind the request, µs": threads(),
        "what a freeze leaves": freezes(),
        "memory": memory(),
    }
    if chosen.json:
        print(json.dumps(parts, indent=1, ensure_ascii=False))
        return None
    for title, rows in parts.items():
        heads = list(next(iter(rows.values())))
        print(f"\n| {title} | {' | '.join(heads)} |\n|---{'|---' * len(heads)}|")
        for name, figures in rows.items():
            print(f"| {name} | {' | '.join(f'{figures[head]:.4g}' for head in heads)} |")
    return None


if __name__ == "__main__":
    main()
