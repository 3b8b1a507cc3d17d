"""A publisher that ends in the middle: whatever it was doing, the store serves something whole, and the next publish works."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from config_sync import verify as verification
from config_sync.release import Release, publish, resume, rollback
from config_sync.store import DirectoryStore, Store, StoreError
from config_sync.store_s3 import S3Store
from tests.aws import Aws
from tests.config_sync.stores import Crash, Failing, build, mark_of, published, served, unavailable, versions_of
from tests.conftest import ROOT

NEVER = -1
Act = Callable[[Store], Release]
# name -> (contents before, whether the last of them is held, what is done, the content when it is done)
SCENES: dict[str, tuple[tuple[int, ...], bool, Act, int]] = {
    "the first version": ((), False, lambda store: publish(store, build(5)), 5),
    "another version": ((1,), False, lambda store: publish(store, build(5)), 5),
    "older content": ((5, 1), False, lambda store: publish(store, build(5)), 5),
    "nothing new": ((1, 5), False, lambda store: publish(store, build(5)), 5),
    "a rollback": ((1, 5, 2), False, lambda store: rollback(store, 2), 5),
    "a resume": ((5, 1), True, resume, 5),
}


def prepared(store: Store, scene: str) -> Store:
    before, is_held, _, _ = SCENES[scene]
    published(store, *before)
    if is_held:
        rollback(store)
    return store


def operations(scene: str, root: Path) -> list[str]:
    """The operations of an undisturbed run."""
    whole = Failing(prepared(DirectoryStore(root), scene), NEVER)
    SCENES[scene][2](whole)
    return whole.operations


def check(store: Store, before: Any, scene: str) -> None:
    """What must be true after any crash, and that the next one gets through."""
    _, _, act, content = SCENES[scene]
    found = served(store)
    if found != before:
        assert found is not None and mark_of(found[1]) == content, "neither the old nor the new"
    chain = versions_of(store) if found else []
    assert chain == list(range(1, len(chain) + 1))
    act(store)
    after = served(store)
    assert after is not None and mark_of(after[1]) == content
    chain = versions_of(store)
    assert chain == list(range(1, len(chain) + 1))
    assert publish(store, build(9), force=True).status == "published"


@pytest.fixture(autouse=True)
def _few_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the cores answer is looked at elsewhere."""
    monkeypatch.setattr(verification, "SAMPLES", 4)


@pytest.mark.parametrize("kind", [None, unavailable], ids=["crash", "outage"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("scene", SCENES)
def test_ended_at_any_operation(tmp_path: Path, scene: str, after: bool, kind: Callable[[], Any] | None) -> None:
    base = tmp_path / "base"
    prepared(DirectoryStore(base), scene) if SCENES[scene][0] else base.mkdir()
    count = len(operations(scene, tmp_path / "whole"))
    assert count >= 3
    for at in range(count):
        place = tmp_path / str(at)
        shutil.copytree(base, place)
        store = DirectoryStore(place)
        before = served(store)
        with pytest.raises((Crash, StoreError)):
            SCENES[scene][2](Failing(store, at, after, kind))
        check(store, before, scene)


def test_the_pointer_is_read_first_and_replaced_last(tmp_path: Path) -> None:
    """And the source is read in between: see docs/store.md on why that order is what matters."""
    store = Failing(published(DirectoryStore(tmp_path), 1), NEVER)

    def built() -> Any:
        store.operations.append("build")
        return build(2)()

    publish(store, built)
    words = [operation.split("-")[0].split(".")[0] for operation in store.operations]
    kinds = [word.split("/")[0] for word in words]
    assert kinds[:2] == ["get manifest", "build"]
    assert kinds[-1] == "replace manifest"
    written = [kind for kind in kinds if not kind.startswith("get")]
    assert written == ["build", "create objects", "create manifests", "replace manifest"]
    assert kinds.index("get objects", kinds.index("create objects")) < kinds.index("create manifests")  # read back


def test_killed_as_a_process(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.config_sync.killed", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=120)
    count = int(done.stdout)
    contents = []
    for at in range(count):
        for when in ("before", "after"):
            store = DirectoryStore(tmp_path / f"{at}-{when}")
            found = served(store)
            assert found is not None
            contents.append(mark_of(found[1]))
            release = publish(store, build(2))
            assert release.status == ("unchanged" if contents[-1] == 2 else "published")
            assert versions_of(store) == [1, 2]
    assert contents == [1] * (2 * count - 1) + [2]  # all but the one that had replaced the pointer


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_ended_at_any_operation_in_s3(aws: Aws, tmp_path: Path, after: bool) -> None:
    bucket = aws.bucket()
    for at in range(len(operations("another version", tmp_path))):
        store = prepared(S3Store(bucket, str(at), aws.client("s3")), "another version")
        before = served(store)
        with pytest.raises(Crash):
            SCENES["another version"][2](Failing(store, at, after))
        check(store, before, "another version")
