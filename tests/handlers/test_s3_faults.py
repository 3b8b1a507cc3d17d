"""What the S3 client makes of servers and answers that aren't as they should be. Nothing is raised but OriginError."""

import socket
import time
from calendar import timegm
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers._http_client import Broken, Connection
from handlers._origin import KINDS, OriginError, Reply
from handlers._s3 import S3
from tests.handlers.playing import Behaviour, Peer, Player, forever, http, once, s3_error
from tests.handlers.test_s3 import Fixed, until


def _read(behaviour: Behaviour, start: int = 0, credentials: Fixed | None = None) -> Reply | OriginError:
    with Player(behaviour) as player:
        s3 = S3("bucket", "", "eu-central-1", player.endpoint, credentials or Fixed())
        try:
            return s3.get("name", '"tag"', start, until=until(), limit=1000)
        except OriginError as error:
            assert error.kind in KINDS
            return error


def _kind(answer: bytes, start: int = 0) -> str:
    error = _read(once(answer), start)
    assert isinstance(error, OriginError), error
    return error.kind


def _reply(answer: bytes, start: int = 0) -> Reply:
    reply = _read(once(answer), start)
    assert isinstance(reply, Reply), reply
    return reply


# --- the framing of an answer -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        b"garbage\r\n\r\n",
        b"\x16\x03\x01\x00\xa5\x01\x00\r\n\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 20\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/1.1 999 OK\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: b\r\n folded: c\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length : 3\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length: -3\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3, 3\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        "HTTP/1.1 200 OK\r\nContent-Length: ³\r\n\r\nabc".encode("latin-1"),
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-3\r\nabc\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\nabc\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: a\x00b\r\nContent-Length: 3\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Le",
    ],
)
def test_an_answer_that_is_not_http(answer: bytes) -> None:
    assert _kind(answer) == "protocol"


def test_chunks_and_interim_answers_are_understood() -> None:
    body = b"3;name=value\r\nabc\r\n0A\r\n0123456789\r\n0\r\nX-Trailer: 1\r\n\r\n"
    reply = _reply(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
                   b"HTTP/1.1 200 OK\r\nETag: \"t\"\r\nTransfer-Encoding: Chunked\r\n\r\n" + body)  # fmt: skip
    assert (reply.data, reply.complete, reply.total, reply.etag) == (b"abc0123456789", True, 13, '"t"')


def test_an_answer_without_a_length_ends_with_the_connection() -> None:
    reply = _reply(b"HTTP/1.0 200 OK\r\n\r\nabc")
    assert (reply.data, reply.complete, reply.total) == (b"abc", True, 3)


def test_304_has_no_body_whatever_its_length_says() -> None:
    with Player(forever(b'HTTP/1.1 304 Not Modified\r\nContent-Length: 700\r\nETag: "tag"\r\n\r\n')) as player:
        s3 = S3("bucket", "", "eu-central-1", player.endpoint, Fixed())
        for _ in range(2):
            reply = s3.get("name", '"tag"', until=until(), limit=1000)
            assert (reply.status, reply.data, reply.complete) == (304, b"", True)
        assert player.connections == 1


# --- connections that end ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reset", [False, True])
def test_closed_without_a_word(reset: bool) -> None:
    def behave(peer: Peer) -> None:
        peer.hear()
        if reset:
            peer.reset()

    error = _read(behave)
    assert isinstance(error, OriginError)
    assert error.kind == "refused"


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize(
    "head", [b"Content-Length: 10\r\n\r\nabc", b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"], ids=["length", "chunks"]
)
def test_closed_in_the_middle_keeps_what_came(head: bytes, reset: bool) -> None:
    def behave(peer: Peer) -> None:
        peer.hear()
        peer.say(b"HTTP/1.1 200 OK\r\nETag: t\r\n" + head)
        if reset:
            peer.await_reader()  # a reset overtakes what was said and not read yet
            peer.reset()

    reply = _read(behave)
    assert isinstance(reply, Reply)
    assert (reply.data, reply.complete, reply.etag) == (b"abc", False, "t")


def test_closed_after_the_head() -> None:
    assert _kind(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n") == "refused"


def test_nobody_listens() -> None:
    with socket.socket() as nobody, pytest.raises(OriginError) as caught:
        nobody.bind(("127.0.0.1", 0))  # so that the port is nobody else's
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        S3("bucket", "", "eu-central-1", url, Fixed()).get("name", until=until(), limit=9)
    assert caught.value.kind == "refused"


# --- ranges -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content_range",
    ["bytes 0-4/10", "bytes 6-9/10", "bytes 5-8/10", "bytes 5-9/9", "bytes 5-9/*", "bytes */10", "5-9/10", "bytes 5-4/10", ""],
)
def test_the_wrong_part_is_refused(content_range: str) -> None:
    assert _kind(http("206 Partial Content", b"56789", f"Content-Range: {content_range}"), start=5) == "protocol"


def test_a_part_that_nobody_asked_for_is_refused() -> None:
    assert _kind(http("206 Partial Content", b"01234", "Content-Range: bytes 0-4/5")) == "protocol"


def test_a_server_that_ignores_the_range_gives_the_object_from_its_beginning() -> None:
    reply = _reply(http("200 OK", b"0123456789"), start=5)
    assert (reply.status, reply.start, reply.data, reply.total) == (200, 0, b"0123456789", 10)


def test_a_part_that_is_cut_short_can_be_continued() -> None:
    reply = _reply(b"HTTP/1.1 206 Partial Content\r\nContent-Length: 5\r\nContent-Range: bytes 5-9/10\r\n\r\n56", start=5)
    assert (reply.status, reply.start, reply.data, reply.total, reply.complete) == (206, 5, b"56", 10, False)


def test_a_part_of_the_rest_is_not_the_end() -> None:
    reply = _reply(http("206 Partial Content", b"567", "Content-Range: bytes 5-7/10"), start=5)
    assert (reply.data, reply.total, reply.complete) == (b"567", 10, False)


# --- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (s3_error("301 Moved", "PermanentRedirect", "x-amz-bucket-region: ap-south-1"), "region"),
        (s3_error("307 Temporary Redirect", "TemporaryRedirect", "Location: http://elsewhere.example/"), "region"),
        (s3_error("400 Bad Request", "AuthorizationHeaderMalformed", "x-amz-bucket-region: ap-south-1"), "region"),
        (s3_error("400 Bad Request", "ExpiredToken"), "denied"),
        (s3_error("403 Forbidden", "AccessDenied"), "denied"),
        (http("403 Forbidden"), "denied"),
        (http("401 Unauthorized", b"\xff<Code>\xff</Code>"), "denied"),
        (s3_error("404 Not Found", "NoSuchBucket"), "missing"),
        (s3_error("503 Slow Down", "SlowDown"), "throttled"),
        (http("429 Too Many Requests"), "throttled"),
        (s3_error("503 Service Unavailable", "ServiceUnavailable"), "server"),
        (s3_error("500 Internal Server Error", "InternalError"), "server"),
        (s3_error("400 Bad Request", "InvalidRequest"), "server"),
        (b"HTTP/1.1 502 Bad Gateway\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n", "server"),
        (http("204 No Content").replace(b"Content-Length: 0\r\n", b""), "server"),
    ],
)
def test_a_refusal_has_its_kind(answer: bytes, kind: str) -> None:
    assert _kind(answer) == kind


def test_the_wrong_region_is_named_with_the_right_one() -> None:
    error = _read(once(s3_error("301 Moved Permanently", "PermanentRedirect", "x-amz-bucket-region: ap-south-1")))
    assert "is in ap-south-1, not in eu-central-1" in str(error)


@pytest.mark.parametrize("code", ["ExpiredToken", "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch"])
def test_refused_credentials_are_forgotten_and_not_told(code: str) -> None:
    credentials = Fixed("AKIAEXAMPLE", "a-secret-key", "a-session-token")
    error = _read(once(s3_error("403 Forbidden", code)), credentials=credentials)
    assert credentials.forgotten == 1
    assert code in str(error)
    assert "secret-key" not in str(error)
    assert "session-token" not in str(error)


def test_a_clock_that_is_wrong_is_found_out_from_the_answer() -> None:
    """The machine's clock is two hours behind: one refusal, and from then on requests are signed with the store's time."""
    now = time.time()
    date = "Date: " + formatdate(now, usegmt=True)

    def behave(peer: Peer) -> None:
        while True:
            signed_at = peer.hear().partition("x-amz-date: ")[2][:16]
            right = abs(timegm(time.strptime(signed_at, "%Y%m%dT%H%M%SZ")) - now) < 60
            peer.say(http("404 Not Found") if right else s3_error("403 Forbidden", "RequestTimeTooSkewed", date))

    with Player(behave) as player:
        s3 = S3("bucket", "", "eu-central-1", player.endpoint, Fixed(), wall=lambda: time.time() - 7200)
        for attempt in range(3):
            if attempt:
                assert s3.get("name", until=until(), limit=9).status == 404
            else:
                with pytest.raises(OriginError, match="RequestTimeTooSkewed"):
                    s3.get("name", until=until(), limit=9)
        s3.forget()
        with pytest.raises(OriginError, match="RequestTimeTooSkewed"):
            s3.get("name", until=until(), limit=9)


@pytest.mark.parametrize("date", ["", "Date: yesterday", "Date: Mon, 99 Foo 2026 99:99:99 GMT"])
def test_a_date_that_says_nothing_changes_nothing(date: str) -> None:
    error = _read(once(s3_error("403 Forbidden", "RequestTimeTooSkewed", *([date] if date else []))))
    assert isinstance(error, OriginError)
    assert error.kind == "denied"


@pytest.mark.parametrize("etag", ["t\r\nX: y", "täg", "\x00"])
def test_a_tag_that_no_header_can_hold_is_not_sent(etag: str) -> None:
    with Player(forever(http("404 Not Found"))) as player, pytest.raises(OriginError) as caught:
        S3("bucket", "", "eu-central-1", player.endpoint, Fixed()).get("name", etag, until=until(), limit=9)
    assert caught.value.kind == "protocol"
    assert player.requests == []


# --- anything ---------------------------------------------------------------------------------------------------------

_WORDS = st.sampled_from(
    [
        *(b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 206 Partial\r\n", b"HTTP/1.1 304 \r\n", b"HTTP/1.1 100 Go on\r\n\r\n"),
        *(b"Content-Length: 5\r\n", b"Content-Length: 50\r\n", b"Transfer-Encoding: chunked\r\n", b"Connection: close\r\n"),
        *(b"5\r\nabcde\r\n", b"0\r\n\r\n", b"0\r\n", b"\r\n", b"\r\n\r\n", b"ETag: t\r\n", b"abcde"),
    ]
)


@given(st.lists(st.one_of(_WORDS, st.binary(max_size=20)), max_size=12).map(b"".join))
def test_whatever_the_bytes_are_there_is_an_answer_or_an_origin_error(data: bytes) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(data)
        theirs.shutdown(socket.SHUT_WR)
        connection = Connection(ours, time.monotonic)
        try:
            answer = connection.exchange(b"GET / HTTP/1.1\r\n\r\n", until(), 40)
        except OriginError as error:
            assert error.kind in KINDS and str(error)
        except Broken:
            assert data == b""
        else:
            assert 200 <= answer.status <= 599
            assert len(answer.data) <= (40 if answer.status in (200, 206) else 4096 + 256)
            assert not (connection.reusable and not answer.complete)
