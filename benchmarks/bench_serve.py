"""Requests a second of ``burgee serve``: OFREP's bulk answer over 350 flags (23 kB), keep-alive, one processor for the server.

The server is bound to the first processor, the client to the others. The client is wrk where that is installed, else a small
one in Python, which asks for less than the server could give: the figures say which it was. Two of them: requests a second of
the wall's clock, and requests a second of the server's processor time, which other work on the machine moves less.
``python -m benchmarks.bench_serve [--seconds N] [--rounds N] [--json]``
"""

import argparse
import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from benchmarks import workloads

ROOT = Path(__file__).resolve().parent.parent
FLAGS = 350
CONNECTIONS = 16
SECONDS = 5
ROUNDS = 7
BAR = 8_000.0
PATH = "/ofrep/v1/evaluate/flags"
BODY = '{"context":{"targetingKey":"user-00000001","country":"US","age":30}}'
SCRIPT = f"""wrk.method = "POST"
wrk.body = '{BODY}'
wrk.headers["Content-Type"] = "application/json"
"""
HTTP = f"POST {PATH} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: {len(BODY)}\r\n\r\n{BODY}"

Document = dict[str, Any]


def project(flags: int = FLAGS) -> Document:
    """In five flags two of W1, two of W2 and one of W3, as in W4."""
    kinds = (workloads.simple, workloads.simple, workloads.targeted, workloads.targeted, workloads.variants)
    return {"flags": {f"flag-{number:03d}": kinds[number % 5]() for number in range(flags)}}


class Served:
    """A ``burgee serve`` on a free port and the first processor."""

    def __init__(self, place: Path) -> None:
        source = place / "flags.json"
        source.write_text(json.dumps(project()))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "burgee", "serve", str(source), "--port", "0"],
            cwd=ROOT, stdout=subprocess.PIPE, text=True, env={**os.environ, "EVALUATOR_IMPL": "fast"},
        )  # fmt: skip
        assert self._process.stdout is not None
        found = re.search(r"at http://([\d.]+):(\d+)", self._process.stdout.readline())
        assert found, "burgee serve didn't start"
        self.host, self.port = found[1], int(found[2])
        self.pid = self._process.pid
        if hasattr(os, "sched_setaffinity"):
            for thread in Path(f"/proc/{self.pid}/task").iterdir():
                os.sched_setaffinity(int(thread.name), processors()[:1])

    def processor_seconds(self) -> float:
        """What it has used so far (Linux)."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self) -> None:
        self._process.terminate()
        self._process.communicate(timeout=20)


def processors() -> list[int]:
    """The processors that this process may use; the first is the server's."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


def wrk(served: Served, place: Path, seconds: int) -> int:
    """Requests that were answered. Raises SystemExit when one was refused."""
    script = place / "bulk.lua"
    script.write_text(SCRIPT)
    url = f"http://{served.host}:{served.port}{PATH}"
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", str(script), url]
    if others := processors()[1:]:
        command = ["taskset", "--cpu-list", ",".join(map(str, others)), *command]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = re.search(r"(\d+) requests in", done.stdout)
    if found is None or "Non-2xx" in done.stdout or "Socket errors" in done.stdout:
        raise SystemExit(f"wrk says:\n{done.stdout}{done.stderr}")
    return int(found[1])


def python_client(served: Served, seconds: int) -> int:
    """The same with threads and sockets."""
    until = time.perf_counter() + seconds
    counts = [0] * CONNECTIONS

    def ask(number: int) -> None:
        request = HTTP.encode()
        with socket.create_connection((served.host, served.port)) as connection:
            buffer = b""
            while time.perf_counter() < until:
                connection.sendall(request)
                while (end := buffer.find(b"\r\n\r\n")) < 0:
                    buffer += connection.recv(1 << 16)
                length = re.search(rb"content-length: (\d+)", buffer[:end].lower())
                if length is None or not buffer.startswith(b"HTTP/1.1 200"):
                    raise SystemExit(f"the server answered {buffer[:200]!r}")
                total = end + 4 + int(length[1])
                while len(buffer) < total:
                    buffer += connection.recv(1 << 16)
                buffer = buffer[total:]
                counts[number] += 1

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts)


def run(seconds: int = SECONDS, rounds: int = ROUNDS) -> Document:
    """Requests a second, by the wall's clock and by the server's processor time: medians over rounds, and the best."""
    client = "wrk" if shutil.which("wrk") else "python"
    walls: list[float] = []
    used: list[float] = []
    with tempfile.TemporaryDirectory() as name:
        served = Served(Path(name))
        try:
            for number in range(rounds + 1):  # the first warms up
                start, processor = time.perf_counter(), served.processor_seconds()
                count = wrk(served, Path(name), seconds) if client == "wrk" else python_client(served, seconds)
                if number:
                    walls.append(count / (time.perf_counter() - start))
                    used.append(count / (served.processor_seconds() - processor))
        finally:
            served.stop()
    return {
        "flags": FLAGS,
        "client": client,
        "connections": CONNECTIONS,
        "requests/s": round(statistics.median(walls)),
        "best requests/s": round(max(walls)),
        "requests/s of processor time": round(statistics.median(used)),
        "best requests/s of processor time": round(max(used)),
        "bar": BAR,
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_serve", description="Throughput of burgee serve.")
    parser.add_argument("--seconds", type=int, default=SECONDS, help="of a round (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="how many (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    found = run(options.seconds, options.rounds)
    if options.json:
        print(json.dumps(found, indent=1))
        return
    if found["client"] != "wrk":
        print("wrk isn't installed (apt-get install wrk): a client in Python asks instead, and it is slower than the server")
    for name, value in found.items():
        print(f"{name:36} {value:>10}")


if __name__ == "__main__":
    main()
