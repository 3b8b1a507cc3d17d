"""docs/store.md does what it says: its commands, its lifecycle rules, its tables of fields and limits."""

import json
import re
import subprocess
from base64 import b64decode
from pathlib import Path

import pytest

from config_sync.publish import Limits
from config_sync.release import publish
from config_sync.signing import Signer
from config_sync.store import DirectoryStore
from evaluator.snapshot.manifest import POINTER, Manifest, manifest_name, object_name
from tests.aws import Aws
from tests.config_sync.stores import build
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "store.md").read_text()


def blocks(word: str) -> list[str]:
    return [block for block in re.findall(r"^```[a-z]*\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE) if word in block]


def shell(script: str, where: Path) -> subprocess.CompletedProcess[str]:
    command = ["sh", "-e", "-c", script]
    return subprocess.run(command, cwd=where, capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """A directory with a key, made by the first command of the page."""
    (block,) = blocks("openssl genpkey")
    assert shell(block.splitlines()[0], tmp_path).returncode == 0
    return tmp_path


def test_the_public_key_for_readers(key: Path) -> None:
    (block,) = blocks("openssl genpkey")
    printed = shell(block.splitlines()[1], key).stdout
    assert printed.strip() == Signer.from_file(key / "key.pem").public_text
    assert len(b64decode(printed)) == 32


@pytest.mark.parametrize("spoiled", [False, True])
def test_a_signature_can_be_checked_by_hand(key: Path, spoiled: bool) -> None:
    store = DirectoryStore(key)
    publish(store, build(1), signer=Signer.from_file(key / "key.pem"))
    publish(store, build(1), signer=Signer.from_file(key / "key.pem"))  # the pointer now has a note in its seal
    if spoiled:
        text = (key / POINTER).read_text()
        (key / POINTER).write_text(text.replace('"flags":5', '"flags":6'))
    (block,) = blocks("openssl pkeyutl")
    checked = shell(block, key)
    assert ("Signature Verified Successfully" in checked.stdout) is not spoiled
    assert (checked.returncode == 0) is not spoiled


def test_the_lifecycle_rules_are_ones(aws: Aws) -> None:
    (block,) = blocks('"Rules"')
    bucket = aws.bucket()
    aws.client("s3").put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration=json.loads(block))
    rules = aws.client("s3").get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    assert len(rules) == 3
    assert all("Expiration" not in rule for rule in rules), "what is served may be the oldest object"


def test_every_field_of_the_manifest_is_explained() -> None:
    section = PAGE[PAGE.index("## 2.") : PAGE.index("## 3.")]
    rows = "".join(re.findall(r"^\| (`.*?) \|", section, re.MULTILINE))
    assert set(re.findall(r"`(\w+)`", rows)) == {*Manifest.__slots__, "format", "sha256", "signatures", "looked_at", "nonce"}


def test_the_limits_are_those_of_the_gate() -> None:
    limits = Limits()
    for name in ("max_dropped", "max_shrink", "max_moved"):
        assert re.search(rf"^\| `{name}` \| {re.escape(f'{getattr(limits, name):g}')} \|", PAGE, re.MULTILINE)
    assert f"{limits.spare_removed} flags or fewer (`spare_removed`), nor to {limits.spare_bytes // 1024} KiB or less" in PAGE
    assert f"{limits.spare_flags} flags or fewer (`spare_flags`)" in PAGE
    assert f"There are {limits.samples:,} of them, fewer where that would be more than {limits.max_answers:,} answers" in PAGE


def test_names_are_as_they_are_written_down() -> None:
    assert "`objects/<SHA-256 in hex>.burgee`" in PAGE and object_name("x") == "objects/x.burgee"
    assert manifest_name(12, "0123456789abcdef0") == "manifests/0000000012-0123456789abcdef.json"
