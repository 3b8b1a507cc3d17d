"""What a process starts from: the bundle that was deployed with it, and the scratch disk of the process before."""

import os
from pathlib import Path
from typing import Any

import pytest

from evaluator.snapshot.manifest import POINTER, parse
from handlers._origin import OriginError
from handlers._scratch import scratch_of
from handlers._settings import Settings
from handlers._snapshots import Reader
from tests.faults.world import KEY, KEY_ID, PUBLIC, STRANGER
from tests.handlers.stores import Memory, Rig, lay_out, snapshot


class Signer:
    """Ed25519, filed under the id of the key that readers trust."""

    def __init__(self, key: Any) -> None:
        self.sign, self.key_id = key.sign, KEY_ID


def scratch(rig: Rig) -> Path:
    found = scratch_of(rig.settings)
    assert found is not None
    return Path(found.path)


def start(rig: Rig) -> str | None:
    """Another process, without a store to help it."""
    rig.store.trouble[POINTER] = OriginError("server", "503")
    rig.reader = rig.make()
    return rig.answer()


def source(rig: Rig) -> str | None:
    served = rig.reader.served()
    return None if served is None else served.source


# --- the bundle --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["directory", "file"])
def test_a_bundle_answers_before_the_store_is_asked(form: str, tmp_path: Path) -> None:
    rig = Rig()
    lay_out(tmp_path, rig.store.publish(7, "seven"), snapshot("seven"))
    bundle = tmp_path if form == "directory" else next(tmp_path.glob("objects/*"))
    rig.settings.bundle = str(bundle)
    assert start(rig) == "seven"
    assert (rig.reader.version, source(rig), rig.reader.age_ms()) == (7 if form == "directory" else 0, "bundle", None)


def test_a_bundle_alone_needs_no_store(tmp_path: Path) -> None:
    rig = Rig()
    lay_out(tmp_path, rig.store.publish(7, "seven"), snapshot("seven"))
    reader = Reader(Settings(bundle=str(tmp_path)), None, clock=rig.clocks.monotonic, wall=rig.clocks.wall, report=rig.reports)
    for _ in range(3):
        rig.wait(1e9)
        evaluator = reader.current()
        assert evaluator is not None
        assert evaluator.string("which", {}, "?") == "seven"
    assert (reader.checks, rig.reports) == (0, [])


def test_the_store_confirms_a_bundle_of_the_same_version(tmp_path: Path) -> None:
    rig = Rig()
    lay_out(tmp_path, rig.store.publish(7, "seven"), snapshot("seven"))
    rig.settings.bundle = str(tmp_path)
    rig.reader = rig.make()
    assert rig.answer() == "seven"
    assert rig.store.log == [POINTER]
    assert (source(rig), rig.reader.age_ms()) == ("bundle", 5)


@pytest.mark.parametrize("spoil", ["missing", "garbage", "no object", "no version", "not a snapshot"])
def test_a_bundle_that_is_no_use_is_reported_and_the_store_has_better(spoil: str, tmp_path: Path) -> None:
    rig = Rig()
    lay_out(tmp_path / "bundle", rig.store.publish(7, "seven"), snapshot("seven"))
    stored = next((tmp_path / "bundle").glob("objects/*"))
    if spoil == "garbage":
        (tmp_path / "bundle" / POINTER).write_bytes(b"\xff\n")
    elif spoil == "no object":
        stored.unlink()
    elif spoil == "no version":
        (tmp_path / "bundle" / POINTER).write_bytes(b"{}\n")
    elif spoil == "not a snapshot":
        stored.write_bytes(b"x")
    rig.settings.bundle = str(tmp_path / ("elsewhere" if spoil == "missing" else "bundle"))
    rig.reader = rig.make()
    assert rig.reports.last("SnapshotLoadFailed")["source"] == "bundle"
    assert rig.answer() == "seven"


# --- the scratch disk ---------------------------------------------------------------------------------------------------


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    """A store at version 1, and a first process that has loaded it."""
    rig = Rig(scratch=str(tmp_path / "scratch"), public_keys=(PUBLIC,))
    rig.store.publish(1, "one", Signer(KEY))
    assert rig.answer() == "one"
    return rig


def test_the_next_process_starts_from_the_scratch(rig: Rig) -> None:
    assert start(rig) == "one"
    assert (rig.reader.version, source(rig)) == (1, "scratch")


def test_the_scratch_keeps_one_snapshot(rig: Rig) -> None:
    rig.store.publish(2, "two", Signer(KEY))
    rig.wait(5_000)
    assert rig.answer() == "two"
    assert rig.reports.last("SnapshotSwapped")["scratch"] is True
    assert len(list(scratch(rig).glob("objects/*"))) == 1
    assert start(rig) == "two"


def test_the_newer_of_bundle_and_scratch_is_used(rig: Rig, tmp_path: Path) -> None:
    store = Memory(rig.clocks)
    for version, expected in ((1, "bundle"), (2, "bundle"), (0, "scratch")):
        text = f"bundle {version}"
        if version:
            lay_out(tmp_path / text, store.publish(version, text), snapshot(text))
            rig.settings.bundle = str(tmp_path / text)
        else:
            (tmp_path / "bare.burgee").write_bytes(snapshot(text))
            rig.settings.bundle = str(tmp_path / "bare.burgee")
        start(rig)
        assert source(rig) == expected


@pytest.mark.parametrize("part", ["pointer", "object"])
@pytest.mark.parametrize("how", ["cut", "flipped", "gone", "replaced"])
def test_a_spoiled_scratch_is_not_believed(rig: Rig, part: str, how: str) -> None:
    place = scratch(rig) / POINTER if part == "pointer" else next(scratch(rig).glob("objects/*"))
    data = place.read_bytes()
    spoiled = {
        "cut": data[:-1],
        "flipped": data[:40] + bytes([data[40] ^ 1]) + data[41:],
        "replaced": snapshot("nobody published this"),
    }
    if how == "gone":
        place.unlink()
    else:
        place.write_bytes(spoiled[how])
    assert start(rig) is None
    rig.store.trouble.clear()
    rig.wait(5_000)
    assert rig.answer() == "one"
    assert start(rig) == "one"  # and it is mended


def test_a_scratch_that_nobody_signed_is_not_believed(rig: Rig) -> None:
    """Bundles come with the code and are trusted like it; the scratch is as the store is."""
    forged = Memory(rig.clocks).publish(9, "forged", Signer(STRANGER))
    lay_out(scratch(rig), forged, snapshot("forged"))
    assert start(rig) is None
    assert rig.reports.last("SnapshotLoadFailed")["source"] == "scratch"


@pytest.mark.parametrize("mode", [0o777, 0o775])
def test_a_scratch_that_others_may_write_to_is_not_used(rig: Rig, mode: int) -> None:
    scratch(rig).chmod(mode)
    assert start(rig) is None
    rig.store.trouble.clear()
    rig.store.publish(2, "two", Signer(KEY))
    rig.wait(5_000)
    assert rig.answer() == "two"
    assert rig.reports.last("SnapshotSwapped")["scratch"] is False
    assert parse((scratch(rig) / POINTER).read_bytes()).manifest.version == 1


def test_a_scratch_behind_a_link_is_not_used(rig: Rig) -> None:
    place = scratch(rig)
    place.rename(place.with_name("elsewhere"))
    place.symlink_to(place.with_name("elsewhere"))
    assert start(rig) is None


def test_stores_do_not_share_a_scratch(rig: Rig) -> None:
    rig.settings.store = "s3://bucket/another"
    assert start(rig) is None


def test_a_disk_that_cannot_be_written_costs_nothing(rig: Rig, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    rig.settings.scratch = str(tmp_path / "file")
    rig.reader = rig.make()
    assert rig.answer() == "one"
    assert rig.reports.last("SnapshotSwapped")["scratch"] is False


def test_a_full_disk_leaves_no_half_file(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*parts: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    rig.store.publish(2, "two", Signer(KEY))
    rig.wait(5_000)
    assert rig.answer() == "two"
    monkeypatch.undo()
    assert not list(scratch(rig).rglob("*.new"))
    assert start(rig) == "one"


# --- signatures ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("signer", [None, Signer(STRANGER)], ids=["unsigned", "another key"])
def test_a_version_that_is_not_signed_by_us_is_refused_and_remembered(rig: Rig, signer: Any) -> None:
    rig.store.publish(2, "two", signer)
    rig.store.log.clear()
    for _ in range(4):
        rig.wait(5_000)
        assert rig.answer() == "one"
    assert set(rig.store.log) == {POINTER}
    assert rig.reports.names().count("SnapshotQuarantined") == 1
    refused = rig.reports.last("SnapshotQuarantined")
    assert (refused["reason"], refused["about_version"], refused["version"]) == ("signature", 2, 1)
    rig.store.publish(3, "three", Signer(KEY))
    rig.wait(5_000)
    assert rig.answer() == "three"


def test_any_of_the_keys_may_have_signed(rig: Rig) -> None:
    """So that keys can be changed without a moment in which nothing is accepted."""
    rig.settings.public_keys = (STRANGER.public_key().public_bytes_raw(), PUBLIC)
    rig.reader = rig.make()
    rig.store.publish(2, "two", Signer(KEY))
    assert rig.answer() == "two"


def test_a_key_that_is_no_point_of_the_curve_accepts_nothing(rig: Rig, tmp_path: Path) -> None:
    rig.settings.public_keys = (b"\x02" + bytes(31),)
    rig.settings.scratch = None
    rig.reader = rig.make()
    rig.store.publish(2, "two", Signer(KEY))
    assert rig.answer() is None


def test_without_keys_no_signature_is_asked_for_and_cryptography_is_not_imported(tmp_path: Path) -> None:
    import subprocess
    import sys

    memory = Rig().store
    lay_out(tmp_path / "store", memory.publish(1, "one"), snapshot("one"))
    program = (
        "import sys; from handlers._snapshots import reader; r = reader(); r.current(); "
        "print(r.version, 'cryptography' in sys.modules, 'ssl' in sys.modules)"
    )
    environment = {"BURGEE_STORE": str(tmp_path / "store"), "BURGEE_SCRATCH": "", "PATH": os.environ["PATH"]}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.splitlines()[-1] == "1 False False"
