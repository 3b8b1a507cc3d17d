"""The directory as an origin: the same face as the S3 client's, over files."""

import os
import time
from pathlib import Path

import pytest

from handlers._directory import SMALL_BYTES, Directory
from handlers._origin import OriginError, Reply

LARGE = bytes(range(256)) * 1024  # 256 KiB: more than a digest is taken of


def _get(store: Path, name: str, etag: str | None = None, start: int = 0, limit: int = 1_000_000) -> Reply:
    return Directory(str(store)).get(name, etag, start, until=time.monotonic() + 20, limit=limit)


def _kind(store: Path, name: str, limit: int = 1_000_000) -> str:
    with pytest.raises(OriginError) as caught:
        _get(store, name, limit=limit)
    return caught.value.kind


def _put(store: Path, name: str, data: bytes) -> None:
    """As a publisher does it: written beside, then renamed."""
    (store / name).parent.mkdir(exist_ok=True)
    (store / "written").write_bytes(data)
    (store / "written").rename(store / name)


@pytest.mark.parametrize("data", [b"", b"one", LARGE[:SMALL_BYTES], LARGE[: SMALL_BYTES + 1], LARGE])
def test_an_object_comes_whole_and_then_304(data: bytes, tmp_path: Path) -> None:
    _put(tmp_path, "objects/o.burgee", data)
    reply = _get(tmp_path, "objects/o.burgee")
    assert (reply.status, reply.data, reply.complete, reply.total) == (200, data, True, len(data))
    again = _get(tmp_path, "objects/o.burgee", reply.etag)
    assert (again.status, again.data, again.complete, again.etag) == (304, b"", True, reply.etag)


@pytest.mark.parametrize("in_place", [False, True])
def test_a_change_within_the_clock_s_granularity_is_seen(in_place: bool, tmp_path: Path) -> None:
    """Same name, same size, same time, and in place even the same inode."""
    pointer = tmp_path / "manifest.json"
    pointer.write_bytes(b"version 1")
    os.utime(pointer, ns=(10**18, 10**18))
    before = _get(tmp_path, "manifest.json")
    if in_place:
        pointer.write_bytes(b"version 2")
    else:
        _put(tmp_path, "manifest.json", b"version 2")
    os.utime(pointer, ns=(10**18, 10**18))
    after = _get(tmp_path, "manifest.json", before.etag)
    assert (after.status, after.data) == (200, b"version 2")


@pytest.mark.parametrize("data", [LARGE[:1000], LARGE])
def test_the_rest_of_an_object(data: bytes, tmp_path: Path) -> None:
    _put(tmp_path, "o", data)
    etag = _get(tmp_path, "o").etag
    rest = _get(tmp_path, "o", etag, 600)
    assert (rest.status, rest.start, rest.data, rest.total, rest.complete) == (206, 600, data[600:], len(data), True)
    assert _get(tmp_path, "o", etag, len(data)).status == 416
    _put(tmp_path, "o", data[::-1])
    os.utime(tmp_path / "o", ns=(1, 1))
    assert _get(tmp_path, "o", etag, 600).status == 412


def test_what_could_not_be_read_in_time_is_continued(tmp_path: Path) -> None:
    """A slow disk: the clock moves by a second with every read."""
    data = os.urandom(3 * 1024 * 1024)
    _put(tmp_path, "o", data)
    ticks = iter(range(100))
    store = Directory(str(tmp_path), lambda: float(next(ticks)))
    first = store.get("o", until=2.0, limit=10_000_000)
    assert (first.status, first.complete, first.total) == (200, False, len(data))
    assert 0 < len(first.data) < len(data)
    rest = store.get("o", first.etag, len(first.data), until=99.0, limit=10_000_000)
    assert rest.complete
    assert first.data + rest.data == data
    with pytest.raises(OriginError) as caught:
        store.get("o", until=0.0, limit=10_000_000)
    assert caught.value.kind == "timeout"


@pytest.mark.parametrize("name", ["manifest.json", "objects/none.burgee", "manifest.json/x"])
def test_what_is_not_there(name: str, tmp_path: Path) -> None:
    if name.endswith("/x"):
        (tmp_path / "manifest.json").touch()
    assert _get(tmp_path, name).status == 404
    assert _get(tmp_path / "nowhere", name).status == 404


@pytest.mark.parametrize(
    "name",
    [
        "../secret",
        "objects/../../secret",
        "/etc/passwd",
        "a/b/c",
        "",
        ".",
        "..",
        "objects/",
        "/",
        ".hidden",
        "a\0b",
        "a b",
        "objects/é",
        "a\\..\\b",
        "\ud800",
    ],
)
def test_no_name_leads_out_of_the_directory(name: str, tmp_path: Path) -> None:
    store = tmp_path / "store"
    (store / "objects").mkdir(parents=True)
    (tmp_path / "secret").write_bytes(b"secret")
    assert _kind(store, name) == "protocol"


@pytest.mark.parametrize("size", [11, SMALL_BYTES + 11])
def test_a_larger_object_than_allowed_is_refused(size: int, tmp_path: Path) -> None:
    _put(tmp_path, "o", bytes(size))
    assert _kind(tmp_path, "o", size - 1) == "limit"
    assert len(_get(tmp_path, "o", limit=size).data) == size
    assert len(_get(tmp_path, "o", start=size - 10, limit=10).data) == 10


def test_what_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "directory").mkdir()
    assert _kind(tmp_path, "pipe") == "protocol"
    assert _kind(tmp_path, "directory") == "protocol"


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Played: the tests may run as somebody who may read everything."""
    _put(tmp_path, "o", b"x")
    for error, kind in ((PermissionError(13, "Permission denied"), "denied"), (OSError(5, "Input/output error"), "server")):

        def refuse(*arguments: object, error: OSError = error) -> int:
            raise error

        with monkeypatch.context() as patch:
            patch.setattr("handlers._directory.open", refuse)
            assert _kind(tmp_path, "o") == kind
        with monkeypatch.context() as patch:
            patch.setattr("handlers._directory.read", refuse)
            assert _kind(tmp_path, "o") == kind
    Directory(str(tmp_path)).forget()
    assert _get(tmp_path, "o").data == b"x"
