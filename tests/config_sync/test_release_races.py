"""Many publishers at once: nothing is lost, versions go up by one, and older content never comes after newer."""

import multiprocessing
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from config_sync import release as module
from config_sync import verify as verification
from config_sync.compile import CompileResult
from config_sync.release import fetch, history, publish, resume, rollback
from config_sync.store import DirectoryStore, Store, StoreError
from config_sync.store_s3 import S3Store
from tests.aws import Aws
from tests.config_sync.stores import build, mark_of, published, served, versions_of

WRITERS = 8
ROUNDS = 3


def sound(store: Store) -> list[int]:
    """The contents of all versions, oldest first; the chain is whole and counts up by one."""
    assert served(store) is not None
    versions = versions_of(store)
    assert versions == list(range(1, len(versions) + 1))
    return [mark_of(fetch(store, version)[1]) for version in versions]


# --- one after the other, in the worst order --------------------------------------------------------------------------


class Source:
    """A source that changes while somebody builds from it: ``meanwhile`` runs after it was read, once."""

    def __init__(self, mark: int) -> None:
        self.mark = mark
        self.meanwhile: Callable[[], Any] = lambda: None
        self.reads = 0

    def build(self) -> CompileResult:
        self.reads += 1
        built = build(self.mark)()
        meanwhile, self.meanwhile = self.meanwhile, lambda: None
        meanwhile()
        return built


@pytest.fixture(autouse=True)
def _few_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the cores answer is looked at elsewhere."""
    monkeypatch.setattr(verification, "SAMPLES", 4)


@pytest.fixture
def store(tmp_path: Path) -> DirectoryStore:
    return DirectoryStore(tmp_path)


def test_whoever_read_the_source_earlier_starts_again(store: DirectoryStore) -> None:
    published(store, 1)
    source = Source(2)

    def change() -> None:
        source.mark = 3
        assert publish(store, source.build).version == 2

    source.meanwhile = change
    slow = publish(store, source.build)
    assert (slow.status, slow.version, slow.attempts) == ("unchanged", 2, 2)
    assert sound(store) == [1, 3]


def test_there_and_back_again(store: DirectoryStore) -> None:
    """The source goes from 1 to 2 and back to 1. A slow publisher has read the 2; a quick one, later, has read the 1 and found
    it published already. The slow one must not make 2 the newest version now: nothing would ever correct it."""
    published(store, 1)
    source = Source(2)

    def back() -> None:
        source.mark = 1
        assert publish(store, source.build).status == "unchanged"

    source.meanwhile = back
    slow = publish(store, source.build)
    assert (slow.status, slow.version, slow.attempts) == ("unchanged", 1, 2)
    assert sound(store) == [1]


def test_every_look_leaves_a_note_of_its_own(store: DirectoryStore) -> None:
    """Two looks in one millisecond: the second one's note must not have the tag that a slow publisher read in between."""
    published(store, 1)
    assert publish(store, build(1), clock=lambda: 5).status == "unchanged"
    source = Source(2)

    def back() -> None:
        source.mark = 1
        assert publish(store, source.build, clock=lambda: 5).status == "unchanged"

    source.meanwhile = back
    slow = publish(store, source.build, clock=lambda: 5)
    assert (slow.status, slow.version, slow.attempts) == ("unchanged", 1, 2)


def test_a_rollback_wins_over_a_publish_that_began_before(store: DirectoryStore) -> None:
    published(store, 1, 2)
    source = Source(3)
    source.meanwhile = lambda: rollback(store, 1)
    release = publish(store, source.build)
    assert (release.status, release.version, source.reads) == ("held", 3, 1)
    assert sound(store) == [1, 2, 1]


def test_a_rollback_that_meets_a_publish_starts_again(store: DirectoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a version, "the one before" is counted from what is served when it gets through."""
    published(store, 1, 2)
    real, pending = module.flip, [3]

    def later(store: Any, head: Any, data: bytes) -> bool:
        if pending:
            assert publish(store, build(pending.pop())).status == "published"
        return real(store, head, data)

    monkeypatch.setattr(module, "flip", later)
    release = rollback(store)
    assert release.manifest is not None
    assert (release.version, release.manifest.of, release.attempts) == (4, 2, 2)
    assert sound(store) == [1, 2, 3, 2]


def test_a_resume_and_a_rollback_at_once(store: DirectoryStore) -> None:
    published(store, 1, 2, 3)
    rollback(store)
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(lambda act: act(store), (resume, lambda store: rollback(store, 1))))
    chain = [envelope.manifest for envelope in history(store)]
    assert len(chain) in (5, 6)
    assert any(manifest.of == 1 for manifest in chain)


def test_losing_every_time_is_an_error_that_says_so(store: DirectoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.time, "sleep", lambda seconds: None)
    published(store, 1)
    monkeypatch.setattr(store, "replace", lambda name, data, etag: False)
    source = Source(2)
    with pytest.raises(StoreError, match=f"others replaced manifest.json {module.ATTEMPTS} times meanwhile; nothing is lost"):
        publish(store, source.build)
    assert source.reads == module.ATTEMPTS


def test_a_snapshot_is_written_and_verified_once_however_often_the_race_is_lost(
    store: DirectoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    published(store, 1)
    verified: list[bytes] = []
    real = module.verify
    monkeypatch.setattr(module, "verify", lambda snapshot: verified.append(snapshot) or real(snapshot))
    source = Source(2)
    source.meanwhile = lambda: publish(store, build(1))  # leaves its note
    assert publish(store, source.build).attempts == 2
    assert len(verified) == 1


# --- all at once ------------------------------------------------------------------------------------------------------


class Number:
    value = 0


def reading(source: Any) -> Callable[[], CompileResult]:
    """Builds from what the source holds when it is asked."""

    def read() -> CompileResult:
        return build(source.value)()

    return read


def write(store: Store, source: Any, lock: Any, writer: int) -> None:
    """Changes the source a few times, and publishes after each change, as a sync does."""
    for _ in range(ROUNDS):
        with lock:
            source.value += 1
        publish(store, reading(source))


def test_eight_threads_and_one_bucket(aws: Aws) -> None:
    store = S3Store(aws.bucket(), "p", aws.client("s3"))
    source, lock = Number(), threading.Lock()
    with ThreadPoolExecutor(WRITERS) as threads:
        list(threads.map(lambda writer: write(store, source, lock, writer), range(WRITERS)))
    contents = sound(store)
    assert contents[-1] == WRITERS * ROUNDS
    assert contents == sorted(set(contents)), "older content came after newer"


def _process(root: str, source: Any, lock: Any, writer: int) -> None:
    write(DirectoryStore(root), source, lock, writer)


def test_eight_processes_and_one_directory(tmp_path: Path) -> None:
    spawning = multiprocessing.get_context("spawn")
    source, lock = spawning.Value("i", 0), spawning.Lock()
    arguments = [(str(tmp_path), source, lock, writer) for writer in range(WRITERS)]
    processes = [spawning.Process(target=_process, args=each) for each in arguments]
    for process in processes:
        process.start()
    for process in processes:
        process.join(600)
    assert [process.exitcode for process in processes] == [0] * WRITERS
    contents = sound(DirectoryStore(tmp_path))
    assert contents[-1] == WRITERS * ROUNDS
    assert contents == sorted(set(contents)), "older content came after newer"


def test_a_flag_that_goes_to_and_fro_ends_where_its_source_does(tmp_path: Path) -> None:
    """Few contents and many publishers: what is published last is what the source held last."""
    for turn in range(4):
        store = DirectoryStore(tmp_path / str(turn))
        source, lock = Number(), threading.Lock()

        def toggle(writer: int, store: Store = store, source: Any = source, lock: Any = lock) -> None:
            with lock:
                source.value = 1 - source.value
            publish(store, reading(source))

        with ThreadPoolExecutor(WRITERS) as threads:
            list(threads.map(toggle, range(WRITERS + turn % 2)))
        assert sound(store)[-1] == source.value
