"""What every store promises, asked of one in a directory and one in (an embedded) S3. And the directory's own promises."""

import os
import stat
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from config_sync.store import DirectoryStore, Store, StoreError, open_store
from config_sync.store_s3 import S3Store
from tests.aws import Aws
from tests.config_sync.stores import files_below
from tests.conftest import ROOT


@pytest.fixture(params=["directory", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "directory":
        return DirectoryStore(tmp_path / "store")
    aws: Aws = request.getfixturevalue("aws")
    return S3Store(aws.bucket(), "some/prefix", aws.client("s3"))


def test_what_is_created_can_be_read(store: Store) -> None:
    assert store.get("a/b") is None
    assert store.create("a/b", b"one") is True
    found = store.get("a/b")
    assert found is not None and found.data == b"one" and found.etag


def test_what_is_there_is_never_created_again(store: Store) -> None:
    assert store.create("a", b"one") is True
    assert store.create("a", b"two") is False
    assert store.create("a", b"one") is False
    found = store.get("a")
    assert found is not None and found.data == b"one"


def test_replacing_needs_the_tag_of_what_is_there(store: Store) -> None:
    assert store.replace("p", b"one", None) is True
    assert store.replace("p", b"two", None) is False
    first = store.get("p")
    assert first is not None
    assert store.replace("p", b"two", first.etag) is True
    assert store.replace("p", b"three", first.etag) is False
    second = store.get("p")
    assert second is not None and second.data == b"two" and second.etag != first.etag


def test_replacing_what_is_gone_fails(store: Store) -> None:
    store.create("p", b"one")
    first = store.get("p")
    assert first is not None
    assert store.replace("other", b"two", first.etag) is False
    assert store.get("other") is None


def test_a_limit_is_kept(store: Store) -> None:
    store.create("a", b"12345")
    found = store.get("a", 5)
    assert found is not None and found.data == b"12345"
    with pytest.raises(StoreError, match="a has more than 4 bytes"):
        store.get("a", 4)


def test_names_are_sorted_and_below_a_prefix(store: Store) -> None:
    for name in ("m/2", "m/1", "o/1", "manifest"):
        store.create(name, b"")
    assert store.names() == ["m/1", "m/2", "manifest", "o/1"]
    assert store.names("m/") == ["m/1", "m/2"]
    assert store.names("none/") == []


def test_of_many_writers_one_is_first(store: Store) -> None:
    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(lambda number: store.create("a", b"%d" % number), range(8))) == 1
        found = store.get("a")
        assert found is not None
        assert sum(threads.map(lambda number: store.replace("a", b"new %d" % number, found.etag), range(8))) == 1


# --- addresses --------------------------------------------------------------------------------------------------------


def test_a_directory_by_its_address(tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "x"))
    assert isinstance(store, DirectoryStore) and store.url == str(tmp_path / "x")


def test_a_bucket_by_its_address(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in aws.environment.items():
        monkeypatch.setenv(name, value)
    bucket = aws.bucket()
    assert open_store(f"s3://{bucket}/a/b/").url == f"s3://{bucket}/a/b"
    assert open_store(f"s3://{bucket}").url == f"s3://{bucket}"
    assert open_store(f"s3://{bucket}/a").create("x", b"1")
    assert S3Store(bucket, client=aws.client("s3")).names() == ["a/x"]


@pytest.mark.parametrize("url", ["gs://bucket/x", "http://x", "s3://", "s3:///prefix"])
def test_other_addresses_are_errors(url: str) -> None:
    with pytest.raises(StoreError, match="s3://bucket/prefix"):
        open_store(url)


# --- a directory ------------------------------------------------------------------------------------------------------


def test_a_store_that_is_not_there_is_empty_and_is_not_made_by_reading(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path / "store")
    assert store.get("manifest.json") is None
    assert store.names() == []
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a/../../x", "a//b", "", ".lock", "a/.new", "x\0y", "a/"])
def test_names_that_lead_elsewhere_are_refused(tmp_path: Path, name: str) -> None:
    store = DirectoryStore(tmp_path)
    for ask in (store.get, lambda name: store.create(name, b""), lambda name: store.replace(name, b"", None)):
        with pytest.raises(StoreError, match="no name of an object"):
            ask(name)


def test_a_directory_that_cannot_be_used_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    store = DirectoryStore(tmp_path / "file")
    with pytest.raises(StoreError, match=r"can't write x: .*check its permissions"):
        store.create("x", b"")
    assert store.get("x") is None
    (tmp_path / "folder").mkdir()
    with pytest.raises(StoreError, match="can't read folder"):
        DirectoryStore(tmp_path).get("folder")


def test_a_reader_needs_no_permission_to_write(tmp_path: Path) -> None:
    DirectoryStore(tmp_path).create("a", b"x")
    (tmp_path / ".lock").unlink()
    os.chmod(tmp_path, stat.S_IRUSR | stat.S_IXUSR)
    try:
        found = DirectoryStore(tmp_path).get("a")
    finally:
        os.chmod(tmp_path, stat.S_IRWXU)
    assert found is not None and not (tmp_path / ".lock").exists()


_DIES = """
import os, sys
from config_sync.store import DirectoryStore
real, which = getattr(os, sys.argv[2]), 0
def dies(*arguments):
    global which
    which += 1
    if which == int(sys.argv[3]):
        os._exit(9)
    return real(*arguments)
setattr(os, sys.argv[2], dies)
store = DirectoryStore(sys.argv[1])
store.replace("p/q", b"new" * 1000, store.get("p/q").etag)
"""


@pytest.mark.parametrize(("call", "number", "is_new"), [("fsync", 1, False), ("replace", 1, False), ("fsync", 2, True)])
def test_a_writer_that_is_killed_leaves_the_old_or_the_new(tmp_path: Path, call: str, number: int, is_new: bool) -> None:
    store = DirectoryStore(tmp_path)
    store.create("p/q", b"old")
    command = [sys.executable, "-c", _DIES, str(tmp_path), call, str(number)]
    assert subprocess.run(command, cwd=ROOT, check=False, timeout=60).returncode == 9
    found = store.get("p/q")
    assert found is not None and found.data == (b"new" * 1000 if is_new else b"old")
    assert store.replace("p/q", b"next", found.etag) is True  # the lock went with the process
    assert store.names() == ["p/q"]
    assert set(files_below(tmp_path)) <= {".lock", "p/q"}


def test_nothing_is_left_beside_the_objects(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path)
    store.create("a/b", b"1")
    store.replace("c", b"2", None)
    assert list(files_below(tmp_path)) == [".lock", "a/b", "c"]


def test_what_is_written_is_flushed_before_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A power cut may lose what was written last, never leave a name without its content."""
    steps: list[str] = []

    def noting(name: str, real: Callable[..., object]) -> Callable[..., object]:
        def note(*arguments: object) -> object:
            steps.append(name)
            return real(*arguments)

        return note

    for name in ("fsync", "replace"):
        monkeypatch.setattr(os, name, noting(name, getattr(os, name)))
    DirectoryStore(tmp_path).create("a", b"1")
    assert steps == ["fsync", "replace", "fsync"]
