"""A Runtime API as small as can be: one function, one process with awslambdaric, blocking sockets. For ``bench_load``.

The platform's own (``burgee.up``) serves many sandboxes on one event loop, which costs a round trip some 200 µs; here it is
what the runtime client and two processes' turns cost, so that what a handler adds can be told from it.
"""

import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Self

from burgee.up.sandbox import Plan

ROOT = Path(__file__).resolve().parent.parent
NEXT = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nLambda-Runtime-Aws-Request-Id: %b\r\n"
    b"Lambda-Runtime-Deadline-Ms: %d\r\nLambda-Runtime-Invoked-Function-Arn: %b\r\nContent-Length: %d\r\n\r\n%b"
)
ACCEPTED = b'HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n{"status":"OK"}\n'
LIMIT_MS = 30_000


class Player:
    """A warm function. ``environment`` is the function's own; what it prints is thrown away."""

    def __init__(self, name: str, handler: str, environment: dict[str, str], scratch: Path) -> None:
        self._plan = Plan(name, handler, environment, LIMIT_MS / 1000, 256, ROOT)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(LIMIT_MS / 1000)
        self._number = 0
        address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._process = subprocess.Popen(
            [sys.executable, "-m", "awslambdaric", handler],
            cwd=ROOT,
            env=self._plan.environment_of(name, address, scratch),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        self._connection = self._accept()
        self._buffer = b""
        self._expect(b"GET /2018-06-01/runtime/invocation/next")

    def _accept(self) -> socket.socket:
        connection, _ = self._listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def ask(self, event: bytes) -> tuple[bytes, int]:
        """The result's JSON, and the nanoseconds from handing out the event to having the result. Raises RuntimeError."""
        self._number += 1
        request_id = b"00000000-0000-4000-8000-%012d" % self._number
        deadline = time.time_ns() // 1_000_000 + LIMIT_MS
        head = NEXT % (request_id, deadline, self._plan.arn.encode(), len(event), event)
        start = time.perf_counter_ns()
        self._connection.sendall(head)
        result = self._expect(b"POST /2018-06-01/runtime/invocation/" + request_id + b"/response")
        taken = time.perf_counter_ns() - start
        self._connection.sendall(ACCEPTED)
        self._expect(b"GET /2018-06-01/runtime/invocation/next")
        return result, taken

    def _expect(self, wanted: bytes) -> bytes:
        """The body of the next request, which must begin so."""
        head, body = self._read()
        if not head.startswith(wanted):
            raise RuntimeError(f"{self._plan.name} said {head[:120]!r} {body[:500]!r}")
        return body

    def _read(self) -> tuple[bytes, bytes]:
        buffer = self._buffer
        while (end := buffer.find(b"\r\n\r\n")) < 0:
            buffer += self._receive()
        head, buffer = buffer[:end], buffer[end + 4 :]
        _, found, rest = head.lower().partition(b"content-length: ")
        length = int(rest.split(b"\r\n", 1)[0]) if found else 0
        while len(buffer) < length:
            buffer += self._receive()
        self._buffer = buffer[length:]
        return head, buffer[:length]

    def _receive(self) -> bytes:
        piece = self._connection.recv(1 << 16)
        if not piece:
            self._connection = self._accept()  # the runtime client opens another when it likes to
        return piece

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._process.kill()
        self._process.wait()
        self._connection.close()
        self._listener.close()
