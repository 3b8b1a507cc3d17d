"""Where credentials come from: the environment at each read, or the address it names, renewed in time."""

import json
import os
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from handlers import _credentials
from handlers._credentials import PATIENCE_SECONDS, RENEW_SECONDS, Credentials, FromEnvironment
from handlers._origin import OriginError
from handlers._s3 import S3
from tests.handlers.playing import Behaviour, Peer, Player, certificate, each, forever, http, once, silence
from tests.handlers.test_s3 import until

SECRET = "the-secret-key"
Ask = Callable[[Behaviour], Player]


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)


class Clocks:
    """A wall clock and a monotonic one that a test moves."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def wall(self) -> float:
        return time.time() + self.ahead

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead


def _document(number: int = 0, expires_in: float = 3600, **more: object) -> bytes:
    expires = datetime.fromtimestamp(time.time() + expires_in, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    document = {"AccessKeyId": f"AKIA{number}", "SecretAccessKey": SECRET, "Token": "token", "Expiration": expires, **more}
    return json.dumps(document).encode()


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch) -> Iterator[Ask]:
    """Starts a server with a behaviour and names it in the environment."""
    players: list[Player] = []

    def start(behaviour: Behaviour) -> Player:
        player = Player(behaviour)
        players.append(player)
        player.__enter__()
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", player.endpoint + "/creds?x=1")
        return player

    yield start
    for player in players:
        player.__exit__()


def _kind(provider: FromEnvironment) -> str:
    with pytest.raises(OriginError) as caught:
        provider.get(until())
    assert SECRET[:4] not in str(caught.value)
    assert caught.value.kind == "credentials"
    return str(caught.value)


# --- the environment --------------------------------------------------------------------------------------------------


def test_the_environment_is_read_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    provider = FromEnvironment()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "one")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    found = provider.get(until())
    assert (found.access_key, found.secret_key, found.token) == ("one", SECRET, None)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "two")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token")
    found = provider.get(until())
    assert (found.access_key, found.token) == ("two", "token")


def test_without_any_the_error_names_the_variables() -> None:
    message = _kind(FromEnvironment())
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_CONTAINER_CREDENTIALS_FULL_URI"):
        assert name in message


@pytest.mark.parametrize("name", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"])
def test_a_value_that_would_be_another_header_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "one")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv(name, f"{SECRET}\r\nX-Header: 1")
    assert "a character" in _kind(FromEnvironment())


def test_a_representation_shows_no_secret() -> None:
    assert repr(Credentials("AKIAEXAMPLE", SECRET, "token")) == "Credentials(AKIA…)"


# --- the address ------------------------------------------------------------------------------------------------------


def test_what_the_address_gives_is_kept_until_it_is_about_to_expire(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "let-me-in")
    player = ask(each(lambda number: http("200 OK", _document(number))))
    clocks = Clocks()
    provider = FromEnvironment(clocks.monotonic, clocks.wall)
    assert [provider.get(until()).access_key for _ in range(3)] == ["AKIA0"] * 3
    found = provider.get(until())
    assert (found.secret_key, found.token) == (SECRET, "token")
    assert player.requests[0].startswith("GET /creds?x=1 HTTP/1.1\r\n")
    assert "authorization: let-me-in" in player.requests[0]
    clocks.ahead = 3600 - RENEW_SECONDS + 5
    assert provider.get(clocks.monotonic() + 10).access_key == "AKIA1"
    provider.forget()
    assert provider.get(clocks.monotonic() + 10).access_key == "AKIA2"


def test_credentials_that_are_still_good_outlive_a_failing_renewal(ask: Ask) -> None:
    player = ask(each(lambda number: http("500 No") if number else http("200 OK", _document())))
    clocks = Clocks()
    provider = FromEnvironment(clocks.monotonic, clocks.wall)
    provider.get(until())
    clocks.ahead = 3600 - RENEW_SECONDS + 5
    assert [provider.get(clocks.monotonic() + 10).access_key for _ in range(3)] == ["AKIA0"] * 3
    assert player.connections == 2, "a renewal that failed isn't tried again at once"
    clocks.ahead += PATIENCE_SECONDS + 1
    provider.get(clocks.monotonic() + 10)
    assert player.connections == 3
    clocks.ahead = 3601
    with pytest.raises(OriginError) as caught:
        provider.get(clocks.monotonic() + 10)
    assert caught.value.kind == "credentials"


def test_a_renewal_leaves_half_of_the_time(ask: Ask) -> None:
    def behave(peer: Peer) -> None:
        peer.hear()
        if not peer.number:
            peer.say(http("200 OK", _document()))
        else:
            peer.hear()

    ask(behave)
    clocks = Clocks()
    provider = FromEnvironment(clocks.monotonic, clocks.wall)
    provider.get(until())
    clocks.ahead = 3600 - RENEW_SECONDS + 5
    start = time.monotonic()
    assert provider.get(clocks.monotonic() + 8).access_key == "AKIA0"
    assert 3.9 < time.monotonic() - start < 7.9


def test_an_address_that_does_not_answer_in_time(ask: Ask) -> None:
    ask(silence)
    start = time.monotonic()
    with pytest.raises(OriginError) as caught:
        FromEnvironment().get(start + 0.5)
    assert caught.value.kind == "credentials"
    assert time.monotonic() - start < 15, "and the address never answers"


def test_the_authorization_may_be_in_a_file_that_changes(ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    player = ask(once(http("200 OK", _document())))
    file = tmp_path / "token"
    monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", str(file))
    assert "can't be read" in _kind(FromEnvironment())
    for text in ("first", "second"):
        file.write_text(text + "\n")
        FromEnvironment().get(until())
        assert f"authorization: {text}\r\n" in player.requests[-1]
    file.write_text("a\nb")
    assert "a character" in _kind(FromEnvironment())


def test_a_relative_address_is_on_the_container_agent_s_host(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    player = ask(once(http("200 OK", _document(7))))
    monkeypatch.setattr(_credentials, "CONTAINER", player.endpoint)
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/credentials/id")
    assert FromEnvironment().get(until()).access_key == "AKIA7"
    assert player.requests[0].startswith("GET /v2/credentials/id HTTP/1.1\r\n")
    assert "authorization" not in player.requests[0]


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/",
        "http://169.254.169.254/",
        "http://10.0.0.1/",
        "ftp://127.0.0.1/",
        "nonsense",
        "http://127.0.0.1:x/",
        "http://a@127.0.0.1/",
    ],
)
def test_only_hosts_that_may_know_are_asked(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", url)
    assert "AWS_CONTAINER_CREDENTIALS_FULL_URI" in _kind(FromEnvironment())


def test_by_tls_any_host_may_be_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, context = certificate(tmp_path)
    monkeypatch.setenv("AWS_CA_BUNDLE", str(file))
    with Player(once(http("200 OK", _document(3))), context) as player:
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{player.endpoint}/c")
        assert FromEnvironment().get(until()).access_key == "AKIA3"


@pytest.mark.parametrize(
    "answer",
    [
        http("403 Forbidden", _document()),
        http("200 OK", b"[]"),
        http("200 OK", b"not json " + SECRET.encode()),
        http("200 OK", b'{"AccessKeyId": "A"}'),
        http("200 OK", _document(Expiration="whenever")),
        http("200 OK", _document(Expiration=12)),
        http("200 OK", _document(SecretAccessKey=None)),
        http("200 OK", _document(Token="a\r\nb")),
        http("200 OK", _document(AccessKeyId=["A"])),
        http("200 OK", b"[" * 60_000),
        http("200 OK", b" " * 100_000),
        http("200 OK", _document())[:-5],
        b"",
    ],
    ids=[str(number) for number in range(13)],  # the documents have today's date in them
)
def test_what_is_no_credentials_is_refused_without_quoting_it(answer: bytes, ask: Ask) -> None:
    ask(once(answer))
    _kind(FromEnvironment())


def test_a_refused_read_makes_the_client_ask_for_new_credentials(ask: Ask) -> None:
    """S3 says that the token has expired, before its time: the next read is signed with what the address gives then."""
    player = ask(each(lambda number: http("200 OK", _document(number))))

    def store(peer: Peer) -> None:
        while True:
            old = "Credential=AKIA0/" in peer.hear()
            peer.say(http("400 Bad Request", b"<Error><Code>ExpiredToken</Code></Error>") if old else http("404 Not Found"))

    with Player(store) as origin:
        s3 = S3("bucket", "", "eu-central-1", origin.endpoint)
        with pytest.raises(OriginError, match="ExpiredToken"):
            s3.get("name", until=until(), limit=9)
        assert s3.get("name", until=until(), limit=9).status == 404
    assert player.connections == 2


def test_nothing_is_read_before_the_first_read(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that is copied after its initialisation (SnapStart) must not carry credentials from before."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "before")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    with Player(forever(http("404 Not Found"))) as origin:
        s3 = S3("bucket", "", "eu-central-1", origin.endpoint)
        s3.prepare()
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "after")
        s3.get("name", until=until(), limit=9)
        assert "Credential=after/" in origin.requests[0]
