"""A server that plays DynamoDB for writes that succeed, each answered after a set time. For ``bench_assignment``.

Every POST is answered ``{}`` after MILLISECONDS from its last byte (asleep for most of it, then looking at the clock, so that
it is exact); ``GET /calls`` answers how many there were. ``python -m benchmarks.dynamodb_player MILLISECONDS`` prints its port
and ends with its standard input.
"""

import re
import socket
import sys
import threading
import time

SPIN_SECONDS = 0.000_3
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.0\r\nx-amzn-RequestId: 1\r\nContent-Length: %d\r\n\r\n%b"
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


class Player:
    """Answers connections, one thread each."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()
        self._calls = 0

    def serve(self, connection: socket.socket) -> None:
        """Until the client goes."""
        buffer = b""
        with connection:
            while piece := connection.recv(65536):
                buffer += piece
                while (end := buffer.find(b"\r\n\r\n")) >= 0:
                    found = _LENGTH.search(buffer[:end])
                    total = end + 4 + (int(found[1]) if found else 0)
                    if len(buffer) < total:
                        break
                    body = self._answer(buffer[:end].startswith(b"GET /calls"))
                    buffer = buffer[total:]
                    connection.sendall(ANSWER % (len(body), body))

    def _answer(self, is_question: bool) -> bytes:
        until = time.perf_counter() + self._seconds
        if is_question:
            return b"%d" % self._calls
        with self._lock:
            self._calls += 1
        time.sleep(max(0.0, self._seconds - SPIN_SECONDS))
        while time.perf_counter() < until:
            pass
        return b"{}"


def _accept(listener: socket.socket, player: Player) -> None:
    while True:
        connection, _ = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=player.serve, args=(connection,), daemon=True).start()


def main() -> None:
    listener = socket.create_server(("127.0.0.1", 0), backlog=16)
    threading.Thread(target=_accept, args=(listener, Player(float(sys.argv[1]) / 1000)), daemon=True).start()
    print(listener.getsockname()[1], flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
