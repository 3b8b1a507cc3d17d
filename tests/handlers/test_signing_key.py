"""The key of Secrets Manager signs what the sync publishes, and readers that ask for it follow: the real handler and reader."""

import time
from base64 import b64encode
from collections.abc import Iterator

import pytest
from botocore.config import Config
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from config_sync.release import history
from config_sync.signing import Signer
from handlers import _signing_key, sync
from handlers._settings import read_settings
from handlers._snapshots import Reader, origin_of
from handlers._sync_settings import KEY_SECONDS, KeySource
from tests.aws import Aws
from tests.handlers.platform import Platform, forget, on
from tests.handlers.stores import Reports

USER = {"targetingKey": "user-1"}


def new_key() -> bytes:
    return Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


OLD, NEW = new_key(), new_key()


def public(*keys: bytes) -> str:
    """As a deployment's settings have them."""
    return ",".join(b64encode(Signer(key).public_key).decode() for key in keys)


class Signed:
    """A platform whose sync has the key from a secret, and readers of what it publishes."""

    def __init__(self, aws: Aws, patch: pytest.MonkeyPatch) -> None:
        self.platform = Platform(aws, patch)
        self.client = aws.client("secretsmanager")
        self.secret: str = self.client.create_secret(Name=aws.name("key"), SecretString=OLD.decode())["ARN"]
        patch.setenv("BURGEE_SIGNING_KEY_SECRET", self.secret)
        self.platform.seed({"flags": {"a": on(), "b": on()}})

    def switch(self, key: bytes) -> None:
        """To another key: the secret's current version."""
        self.client.put_secret_value(SecretId=self.secret, SecretString=key.decode())

    def back(self) -> None:
        """To the key before, by the commands of docs/store.md."""
        versions = self.client.list_secret_version_ids(SecretId=self.secret)["Versions"]
        ids = {stage: version["VersionId"] for version in versions for stage in version["VersionStages"]}
        self.client.update_secret_version_stage(
            SecretId=self.secret,
            VersionStage="AWSCURRENT",
            MoveToVersionId=ids["AWSPREVIOUS"],
            RemoveFromVersionId=ids["AWSCURRENT"],
        )

    def reader(self, *keys: bytes) -> tuple[Reader, Reports]:
        """A function's, as its environment makes it."""
        reports = Reports()
        environment = {**self.platform.environment, "BURGEE_PUBLIC_KEYS": public(*keys), "BURGEE_SCRATCH": ""}
        settings = read_settings({**environment, "BURGEE_REFRESH_MS": "1"})
        return Reader(settings, origin_of(settings), report=reports), reports

    def signed_by(self) -> list[str]:
        """The key ids of the newest version's signatures."""
        return sorted(next(history(self.platform.store)).signatures)


@pytest.fixture
def signed(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> Iterator[Signed]:
    yield Signed(aws, monkeypatch)
    forget()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The key is read again each time, and AWS is asked once."""
    monkeypatch.setattr(sync, "KEY_SECONDS", 0.0)
    monkeypatch.setattr(_signing_key, "CONFIG", Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 1}))


def look(reader: Reader) -> bool | None:
    """What a request gets that comes when a look is due."""
    time.sleep(0.005)
    evaluator = reader.current()
    return None if evaluator is None else evaluator.boolean("a", USER, False)


def test_flg_21_a_reader_that_asks_for_signatures_serves_what_the_sync_has_signed(signed: Signed) -> None:
    assert sync.handler({}, None)["status"] == "published"
    assert signed.signed_by() == [Signer(OLD).key_id]
    reader, reports = signed.reader(OLD)
    assert (look(reader), reader.version) == (True, 1)
    assert reports.names() == ["SnapshotSwapped"]


@pytest.mark.usefixtures("impatient")
def test_flg_21_another_key_is_refused_and_the_last_good_version_stays(signed: Signed) -> None:
    """The private key was switched before readers had its public half: they go on, and new ones have nothing. The old key put
    back makes it good, although no flag has changed."""
    sync.handler({}, None)
    reader, reports = signed.reader(OLD)
    assert look(reader) is True
    signed.switch(NEW)
    signed.platform.seed({"flags": {"a": on(0)}})
    assert sync.handler({}, None)["version"] == 2
    assert signed.signed_by() == [Signer(NEW).key_id]
    assert (look(reader), reader.version) == (True, 1), "the last good version"
    assert reports.last("SnapshotQuarantined").items() >= {"reason": "signature", "about_version": 2}.items()
    newcomer, _ = signed.reader(OLD)
    assert look(newcomer) is None, "a new process has nothing to go on with"
    signed.back()
    assert sync.handler({}, None)["version"] == 3, "signed anew"
    assert (look(reader), look(newcomer)) == (False, False)


@pytest.mark.usefixtures("impatient")
def test_sec_03_a_key_is_changed_without_a_version_that_is_refused(signed: Signed) -> None:
    """The order of docs/store.md: the new public key to readers, the private key, the old public key from readers."""
    sync.handler({}, None)
    before, _ = signed.reader(OLD)
    both, _ = signed.reader(OLD, NEW)
    assert (look(before), look(both)) == (True, True)
    signed.switch(NEW)
    assert sync.handler({}, None)["version"] == 2, "the same content, for the new key's signature"
    after, reports = signed.reader(NEW)
    assert [(look(reader), reader.version) for reader in (both, after)] == [(True, 2), (True, 2)]
    assert "SnapshotQuarantined" not in reports.names()
    assert sync.handler({}, None)["status"] == "unchanged"


def test_sec_03_a_key_is_read_once_in_a_while_and_shown_nowhere(
    signed: Signed, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[str] = []

    def read(source: KeySource) -> bytes:
        asked.append(source.place)
        return _signing_key.read_key(source)

    monkeypatch.setattr(sync, "read_key", read)
    for _ in range(3):
        sync.handler({}, None)
    assert asked == [signed.secret]
    moment = time.time()
    monkeypatch.setattr(time, "time", lambda: moment + KEY_SECONDS + 1)
    sync.handler({}, None)
    assert asked == [signed.secret] * 2
    text = signed.platform.logged.getvalue() + capsys.readouterr().out
    assert not any(line in text for line in OLD.decode().splitlines()[1:-1])


@pytest.mark.usefixtures("impatient")
def test_flg_21_while_secrets_manager_is_away_the_key_in_hand_signs(signed: Signed, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kill switch can't wait for it. A new sandbox has no key in hand, and publishes nothing unsigned."""
    sync.handler({}, None)
    monkeypatch.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", "http://127.0.0.1:9")
    signed.platform.seed({"flags": {"a": {"enabled": False}}})
    assert sync.handler({}, None)["status"] == "published"
    assert signed.signed_by() == [Signer(OLD).key_id]
    warning = next(line for line in signed.platform.logs() if line["level"] == "WARNING")
    assert "EndpointConnectionError" in warning["reason"]
    forget()
    with pytest.raises(sync.SyncFailed, match="EndpointConnectionError"):
        sync.handler({}, None)
    assert signed.platform.versions() == 2


@pytest.mark.usefixtures("impatient")
def test_sec_01_a_secret_that_is_gone_or_forbidden_is_said_at_once(signed: Signed) -> None:
    """No key in hand is used when it is the name or the permission that is wrong: somebody has meant that."""
    sync.handler({}, None)
    signed.client.delete_secret(SecretId=signed.secret, ForceDeleteWithoutRecovery=True)
    named = rf"the secret {signed.secret} \(BURGEE_SIGNING_KEY_SECRET\) can't be read"
    with pytest.raises(sync.SyncFailed, match=rf"{named} \(ResourceNotFoundException\): .*GetSecretValue"):
        sync.handler({}, None)
    assert signed.platform.versions() == 1


@pytest.mark.usefixtures("impatient")
def test_sec_03_a_secret_that_holds_no_key_publishes_nothing_and_is_not_shown(signed: Signed) -> None:
    sync.handler({}, None)
    signed.client.put_secret_value(SecretId=signed.secret, SecretString='{"key": "secretsauce"}')
    with pytest.raises(sync.SyncFailed, match=f"the secret {signed.secret}: not an unencrypted private key in PEM"):
        sync.handler({}, None)
    assert "secretsauce" not in signed.platform.logged.getvalue()
    assert signed.platform.versions() == 1


@pytest.mark.usefixtures("impatient")
def test_a_key_may_be_stored_as_bytes(signed: Signed) -> None:
    signed.client.put_secret_value(SecretId=signed.secret, SecretBinary=NEW)
    sync.handler({}, None)
    assert signed.signed_by() == [Signer(NEW).key_id]
