"""One HTTP/1.1 connection with a hard deadline: every wait is for what is left of the time, whatever the peer does.

For ``handlers._s3``, ``handlers._credentials`` and ``handlers._aws_json``. Only what reading an object and calling AWS's JSON
services need: requests that are one piece of bytes, answers with a length, in chunks or up to the connection's end. ``socket``
and ``ssl`` are imported when the first connection is made.

Deadlines are seconds of ``clock`` (``time.monotonic`` unless a test says otherwise). Nothing here raises anything but
OriginError.
"""

from __future__ import annotations

from handlers._origin import OriginError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from socket import socket

    Clock = Callable[[], float]

MAX_HEAD_BYTES = 16 * 1024
MAX_INTERIM_ANSWERS = 8  # 1xx before the answer itself
MAX_ERROR_BYTES = 4 * 1024  # of the body of an answer that isn't the object
MAX_CHUNK_LINE = 256
READ_BYTES = 256 * 1024
SEND_BYTES = 64 * 1024  # by TLS each piece is its own wait: the deadline is looked at before every one
_WANT_READ = 2  # ``ssl.SSL_ERROR_WANT_READ``, as SSLWantReadError has it for its errno


class Broken(Exception):
    """The peer closed or reset the connection."""


class Answer:
    """``status``; ``headers`` by lower-case name; the body's ``data``, whether it is ``complete``, and if not, ``why`` not."""

    __slots__ = ("complete", "data", "headers", "status", "why")

    def __init__(self, status: int, headers: dict[str, str]) -> None:
        self.status = status
        self.headers = headers
        self.data = b""
        self.complete = False
        self.why: OriginError | None = None


class Connection:
    """A connection for one request at a time. After an error, or an answer with ``reusable`` False, it must be closed."""

    __slots__ = ("_buffer", "_clock", "_heard", "_socket", "_until", "fresh", "reusable", "since")

    def __init__(self, sock: socket, clock: Clock) -> None:
        self._socket = sock
        self._clock = clock
        self._until = 0.0
        self._buffer = bytearray()
        self._heard = False
        self.fresh = True
        self.reusable = False
        self.since = 0.0

    def exchange(self, request: bytes, until: float, limit: int, error_limit: int = MAX_ERROR_BYTES) -> Answer:
        """Sends the request and reads its answer; a body of at most ``limit`` bytes with status 200 or 206.

        Of another status' body at most ``error_limit`` bytes are read; a longer one isn't ``complete``.

        When the time is up or the peer goes away in the middle of that body, the answer has what came and isn't ``complete``.
        Raises OriginError, and Broken when the connection ended before the answer's first byte.
        """
        self._until = until
        self._heard = False
        self.reusable = False
        try:
            self._send(request)
            answer, version = self._head()
            self._body(answer, limit, error_limit)
        except Broken:
            if self._heard:
                raise OriginError("protocol", "the server closed the connection in the middle of its answer's head") from None
            raise
        self.reusable = answer.complete and not self._buffer and _stays_open(answer, version)
        self.fresh = False
        self.since = self._clock()
        return answer

    def is_quiet(self) -> bool:
        """Whether an idle connection is still open and the peer has said nothing unasked: what may be used once more."""
        try:
            self._socket.settimeout(0)
            self._socket.recv(1)
        except BlockingIOError:
            return True
        except OSError as error:
            return error.errno == _WANT_READ
        return False

    def close(self) -> None:
        """Closes the descriptor and says nothing to the peer: in a forked child the TLS session is still the parent's."""
        try:
            self._socket.close()
        except OSError:  # a reset that nobody read yet
            return

    # --- bytes --------------------------------------------------------------------------------------------------------

    def _wait(self) -> None:
        self._socket.settimeout(left(self._until, self._clock))

    def _send(self, request: bytes) -> None:
        """A peer that doesn't read, or reads a byte now and then, holds nobody beyond the deadline."""
        rest = memoryview(request)
        while rest:
            self._wait()
            try:
                count = self._socket.send(rest[:SEND_BYTES])
            except TimeoutError:
                raise _time_is_up() from None
            except OSError as error:
                raise Broken from error
            rest = rest[count:]

    def _fill(self, most: int = READ_BYTES) -> None:
        """Waits for more bytes. Raises Broken at the connection's end."""
        piece = self._receive(most)
        self._buffer += piece

    def _receive(self, most: int) -> bytes:
        self._wait()
        try:
            piece = self._socket.recv(most)
        except TimeoutError:
            raise _time_is_up() from None
        except OSError as error:
            raise Broken from error
        if not piece:
            raise Broken
        self._heard = True
        return piece

    def _take(self, count: int) -> bytes:
        piece = bytes(self._buffer[:count])
        del self._buffer[:count]
        return piece

    def _through(self, mark: bytes, most: int, what: str) -> bytes:
        """What comes before ``mark``, which is swallowed."""
        looked = 0
        while (end := self._buffer.find(mark, looked, most + len(mark))) < 0:
            looked = max(0, len(self._buffer) - len(mark) + 1)
            if len(self._buffer) >= most + len(mark):
                raise OriginError("protocol", f"{what} is longer than {most} bytes")
            self._fill()
        piece = self._take(end + len(mark))
        return piece[:end]

    # --- head ---------------------------------------------------------------------------------------------------------

    def _head(self) -> tuple[Answer, bytes]:
        for _ in range(MAX_INTERIM_ANSWERS + 1):
            lines = self._through(b"\r\n\r\n", MAX_HEAD_BYTES, "the answer's head").split(b"\r\n")
            version, status = _status_line(lines[0])
            if status >= 200:
                return Answer(status, _headers(lines[1:])), version
        raise OriginError("protocol", f"more than {MAX_INTERIM_ANSWERS} interim answers")

    # --- body ---------------------------------------------------------------------------------------------------------

    def _body(self, answer: Answer, limit: int, error_limit: int) -> None:
        if answer.status in (204, 304):
            answer.complete = True
            return
        wanted = answer.status in (200, 206)
        pieces: list[bytes] = []
        try:
            answer.complete = self._read_body(answer.headers, pieces, limit if wanted else error_limit, wanted)
        except Broken:
            answer.why = OriginError("refused", "the server closed the connection in the middle of the object")
        except OriginError as error:
            if wanted and error.kind != "timeout":
                raise
            answer.why = error
        answer.data = b"".join(pieces)

    def _read_body(self, headers: dict[str, str], pieces: list[bytes], limit: int, strict: bool) -> bool:
        """Appends to ``pieces``, so that what came is kept whatever happens. Whether all of it was read."""
        coding = headers.get("transfer-encoding")
        length = headers.get("content-length")
        if coding is not None:
            if coding.lower() != "chunked" or length is not None:
                raise OriginError("protocol", "the answer's transfer encoding isn't one that this client takes")
            return self._chunks(pieces, limit, strict)
        if length is None:
            return self._to_the_end(pieces, limit, strict)
        count = _decimal(length, "the answer's Content-Length")
        if count > limit:
            return _over(limit, strict)
        self._exactly(pieces, count)
        return True

    def _exactly(self, pieces: list[bytes], count: int) -> None:
        if self._buffer and count:
            pieces.append(self._take(count))
            count -= len(pieces[-1])
        while count:
            pieces.append(self._receive(min(count, READ_BYTES)))
            count -= len(pieces[-1])

    def _chunks(self, pieces: list[bytes], limit: int, strict: bool) -> bool:
        so_far = 0
        while size := _chunk_size(self._through(b"\r\n", MAX_CHUNK_LINE, "a chunk's line")):
            so_far += size
            if so_far > limit:
                return _over(limit, strict)
            self._exactly(pieces, size)
            if self._through(b"\r\n", 0, "what follows a chunk"):
                raise OriginError("protocol", "a chunk is longer than it says")
        return self._trailers()

    def _trailers(self) -> bool:
        most = MAX_HEAD_BYTES
        while line := self._through(b"\r\n", most, "the answer's trailer"):
            most = max(0, most - len(line))
        return True

    def _to_the_end(self, pieces: list[bytes], limit: int, strict: bool) -> bool:
        """A body without a length: it ends where the connection does, and so nobody can tell whether it is whole."""
        so_far = len(self._buffer)
        pieces.append(self._take(so_far))
        while so_far <= limit:
            try:
                pieces.append(self._receive(READ_BYTES))
            except Broken as end:
                return end.__cause__ is None  # a reset isn't an end
            so_far += len(pieces[-1])
        return _over(limit, strict)


def left(until: float, clock: Clock) -> float:
    """Seconds to the deadline. Raises OriginError when there are none."""
    seconds = until - clock()
    if seconds <= 0:
        raise _time_is_up()
    return seconds


def _time_is_up() -> OriginError:
    return OriginError("timeout", "no answer within the time that this read may take")


def _over(limit: int, strict: bool) -> bool:
    if strict:
        raise OriginError("limit", f"the object has more than the {limit} bytes that may be read")
    return False


# --- the words of an answer -------------------------------------------------------------------------------------------


def _status_line(line: bytes) -> tuple[bytes, int]:
    version, _, rest = line.partition(b" ")
    digits = rest[:3]
    if version not in (b"HTTP/1.1", b"HTTP/1.0") or len(digits) < 3 or not digits.isdigit() or rest[3:4] not in (b"", b" "):
        raise OriginError("protocol", f"the answer begins with {line[:40]!r} and not with an HTTP status")
    status = int(digits)
    if not 100 <= status <= 599 or status == 101:
        raise OriginError("protocol", f"the answer has the status {status}")
    return version, status


def _headers(lines: Sequence[bytes]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.decode("latin-1").partition(":")
        name, value = name.lower(), value.strip(" \t")
        if not colon or not name or not name.isascii() or not name.isprintable() or " " in name or _has_controls(value):
            raise OriginError("protocol", f"the answer has the header line {line[:40]!r}")
        if name in headers and name in _ONCE and headers[name] != value:
            raise OriginError("protocol", f"the answer has two different {name} headers")
        headers[name] = value
    return headers


_ONCE = ("content-length", "transfer-encoding", "content-range", "content-encoding", "etag")


def _has_controls(value: str) -> bool:
    return not value.isprintable() and any(character < " " and character != "\t" for character in value)


def _decimal(text: str, what: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise OriginError("protocol", f"{what} is {text[:40]!r}")
    return int(text)


def _chunk_size(line: bytes) -> int:
    digits = line.partition(b";")[0].strip(b" \t")
    if not digits.isalnum() or len(digits) > 15:
        raise OriginError("protocol", f"a chunk's size is {line[:20]!r}")
    try:
        return int(digits, 16)
    except ValueError:
        raise OriginError("protocol", f"a chunk's size is {line[:20]!r}") from None


def _stays_open(answer: Answer, version: bytes) -> bool:
    has_end = answer.status in (204, 304) or "content-length" in answer.headers or "transfer-encoding" in answer.headers
    return has_end and version == b"HTTP/1.1" and "close" not in answer.headers.get("connection", "").lower()
