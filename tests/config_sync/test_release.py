"""Publishing, rolling back, resuming and reading what was published: one writer, nothing going wrong but the content."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from config_sync.compile import CompileResult, compile_project
from config_sync.diagnostics import Diagnostics
from config_sync.publish import Limits
from config_sync.release import NoSuchVersion, fetch, history, publish, resume, rollback
from config_sync.signing import Signer, is_signed_by
from config_sync.store import DirectoryStore, Store, StoreError
from evaluator.snapshot.manifest import KINDS, POINTER, Manifest, manifest_name, parse, seal
from tests.config_sync.stores import (
    T0,
    build,
    mark_of,
    new_signer,
    project,
    published,
    served,
    ticking,
    unavailable,
    versions_of,
)

BROKEN = {"type": "boolean", "variants": {"yes": 1, "no": 2}, "default": "maybe"}


@pytest.fixture
def store(tmp_path: Path) -> DirectoryStore:
    return DirectoryStore(tmp_path / "store")


def content(store: Store) -> int:
    """Which content is served."""
    found = served(store)
    assert found is not None
    return mark_of(found[1])


def spoil(store: DirectoryStore, name: str, data: bytes) -> None:
    (Path(store.url) / name).write_bytes(data)


# --- publish ----------------------------------------------------------------------------------------------------------


def test_the_first_version(store: DirectoryStore) -> None:
    release = publish(store, build(7), message="hello", clock=ticking())
    assert (release.status, release.version, release.reasons, release.attempts) == ("published", 1, (), 1)
    found = served(store)
    assert found is not None
    manifest, snapshot = found
    assert manifest == release.manifest
    assert mark_of(snapshot) == 7
    assert (manifest.flags, manifest.tombstones, manifest.kind, manifest.held) == (5, 0, "publish", False)
    assert (manifest.of, manifest.previous, manifest.message) == (None, None, "hello")
    assert T0 <= manifest.published_at < T0 + 10_000
    assert store.names() == [POINTER, parse(store.get(POINTER).data).name, manifest.object_name]  # type: ignore[union-attr]


def test_versions_count_up_and_name_the_one_before(store: DirectoryStore) -> None:
    published(store, 1, 2, 3)
    chain = list(history(store))
    assert [envelope.manifest.version for envelope in chain] == [3, 2, 1]
    assert [envelope.manifest.previous for envelope in chain] == [chain[1].name, chain[2].name, None]
    assert [envelope.manifest.version for envelope in history(store, 2)] == [3, 2]


def test_the_same_content_is_no_new_version(store: DirectoryStore) -> None:
    published(store, 1)
    names = store.names()
    release = publish(store, build(1))
    assert (release.status, release.version, release.reasons) == ("unchanged", 1, ())
    assert store.names() == names
    assert content(store) == 1


def test_a_look_that_found_nothing_new_leaves_a_note_in_the_pointer(store: DirectoryStore) -> None:
    """So that whoever read the source before that look can't replace the pointer any more; see test_release_races."""
    published(store, 1)
    before = store.get(POINTER)
    publish(store, build(1), clock=lambda: T0 + 5)
    after = store.get(POINTER)
    assert before is not None and after is not None
    assert after.etag != before.etag
    assert after.data.split(b"\n")[0] == before.data.split(b"\n")[0]
    assert json.loads(after.data.split(b"\n")[1])["looked_at"] == T0 + 5
    assert parse(after.data).name == parse(before.data).name


def test_older_content_again_is_a_new_version_with_the_old_object(store: DirectoryStore) -> None:
    published(store, 1, 2, 1)
    manifests = [envelope.manifest for envelope in history(store)]
    assert manifests[0].object == manifests[2].object
    assert len(store.names("objects/")) == 2
    assert content(store) == 1


def test_flg_10_a_broken_flag_is_published_as_a_tombstone_and_counted(store: DirectoryStore) -> None:
    release = publish(store, build(1, broken=BROKEN))
    assert (release.status, release.tombstones) == ("published", 1)
    assert release.manifest is not None and release.manifest.tombstones == 1
    assert [diagnostic.severity for diagnostic in release.diagnostics if diagnostic.severity == "error"]
    assert content(store) == 1


def test_nothing_to_publish_is_a_failure_and_changes_nothing(store: DirectoryStore) -> None:
    published(store, 1)
    pointer = store.get(POINTER)
    release = publish(store, lambda: compile_project({"flags": {"a": BROKEN, "b": "nonsense"}, "x": []}, dialect="klingon"))
    assert (release.status, release.version) == ("failed", 1)
    assert release.reasons == ("there is nothing fit to publish",)
    assert release.diagnostics
    assert store.get(POINTER) == pointer


def test_a_snapshot_that_does_not_load_is_a_failure(store: DirectoryStore) -> None:
    release = publish(store, lambda: CompileResult(b"BURGEE no snapshot", Diagnostics()))
    assert release.status == "failed"
    assert release.reasons[0].startswith("what was built doesn't load: ")
    assert store.names() == []


def test_cores_that_disagree_are_a_failure(store: DirectoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    from config_sync import release as module
    from config_sync.verify import Difference, Verification

    difference = Difference("f1", {}, "value", {"pure": "1", "fast": "2"})
    monkeypatch.setattr(module, "verify", lambda snapshot: Verification(("pure", "fast"), 1, (difference,)))
    release = publish(store, build(1))
    assert release.status == "failed"
    assert release.reasons == ("the cores disagree about f1; this is a fault in Burgee",)
    assert store.get(POINTER) is None


def test_what_is_verified_is_what_was_read_back(store: DirectoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that keeps something else than it was given never gets a pointer to it."""
    create = store.create
    monkeypatch.setattr(store, "create", lambda name, data: create(name, data[:-1] if name.startswith("objects/") else data))
    monkeypatch.setattr(store, "replace", lambda name, data, etag: False)
    with pytest.raises(StoreError, match=r"objects/.* was written and reads back otherwise"):
        publish(store, build(1))
    assert store.get(POINTER) is None


def test_the_gate_refuses_and_force_passes_it(store: DirectoryStore) -> None:
    published(store, 1)
    smaller = project(2, flags=3)
    refused = publish(store, lambda: compile_project(smaller))
    assert (refused.status, refused.version) == ("refused", 1)
    assert refused.reasons == ("1 live flag would be gone: f3",)
    assert refused.decision is not None and refused.decision.dropped == ("f3",)
    assert content(store) == 1
    forced = publish(store, lambda: compile_project(smaller), force=True)
    assert (forced.status, forced.version, forced.reasons) == ("published", 2, refused.reasons)
    assert content(store) == 2


def test_limits_and_users_reach_the_gate(store: DirectoryStore) -> None:
    published(store, 1)
    strict = Limits(max_moved=0.0, spare_flags=0)
    assert publish(store, build(2), limits=strict).status == "refused"
    assert publish(store, build(2), limits=strict, contexts=iter([{}, {}])).decision.answers == 10  # type: ignore[union-attr]


def test_figures_for_metrics(store: DirectoryStore) -> None:
    release = publish(store, build(1, broken=BROKEN))
    figures = release.figures()
    assert release.manifest is not None
    wanted = {
        "version": 1,
        "flags": 6,
        "tombstones": 1,
        "dropped": 0,
        "moved": 0.0,
        "bytes": release.manifest.size,
        "attempts": 1,
    }
    assert wanted.items() <= figures.items()
    for step in ("pointer", "build", "decide", "put", "verify", "flip"):
        assert figures[f"{step}_ms"] > 0
    refused = publish(store, lambda: compile_project(project(2, flags=2))).figures()
    assert (refused["dropped"], refused["removed"]) == (2, 3)


def test_a_message_is_bounded(store: DirectoryStore) -> None:
    """The manifest's size is; a long message must not make it unreadable."""
    release = publish(store, build(1), message="\N{PILE OF POO}" * 5_000)
    assert release.manifest is not None and len(release.manifest.message) == 1_000
    assert served(store) is not None


def test_what_build_raises_is_raised(store: DirectoryStore) -> None:
    with pytest.raises(StoreError, match="can't be reached"):
        publish(store, unavailable)  # type: ignore[arg-type]
    assert store.names() == []


# --- rollback, resume -------------------------------------------------------------------------------------------------


def test_a_rollback_goes_forward_and_is_held(store: DirectoryStore) -> None:
    published(store, 1, 2, 3)
    release = rollback(store, 1, message="3 is bad")
    assert (release.status, release.version) == ("published", 4)
    manifest = release.manifest
    assert manifest is not None
    assert (manifest.kind, manifest.of, manifest.held, manifest.message) == ("rollback", 1, True, "3 is bad")
    first = next(envelope.manifest for envelope in history(store) if envelope.manifest.version == 1)
    same = ("object", "size", "snapshot_version", "flags", "tombstones")
    assert [getattr(manifest, name) for name in same] == [getattr(first, name) for name in same]
    assert content(store) == 1
    assert versions_of(store) == [1, 2, 3, 4]


def test_the_sync_leaves_a_held_version_alone_until_resumed(store: DirectoryStore) -> None:
    published(store, 1, 2)
    rollback(store)
    pointer = store.get(POINTER)
    asked: list[int] = []

    def built() -> CompileResult:
        asked.append(1)
        return build(2)()

    held = publish(store, built)
    assert (held.status, held.version, asked) == ("held", 3, [])
    assert held.reasons == (
        f"version 3 is held (rolled back to version 1); burgee resume --store {store.url} lets the sync go on",
    )
    assert store.get(POINTER) == pointer
    resumed = resume(store)
    assert resumed.manifest is not None
    assert (resumed.status, resumed.version, resumed.manifest.kind, resumed.manifest.held) == ("published", 4, "resume", False)
    assert content(store) == 1
    assert publish(store, built).status == "published"
    assert content(store) == 2


def test_force_ends_a_hold_whatever_the_content(store: DirectoryStore) -> None:
    published(store, 1, 2)
    rollback(store)
    same = publish(store, build(1), force=True)
    assert same.manifest is not None
    assert (same.status, same.version, same.manifest.held) == ("published", 4, False)
    rollback(store, 2)
    assert publish(store, build(9), force=True).version == 6
    assert content(store) == 9


def test_resuming_what_is_not_held_changes_nothing(store: DirectoryStore) -> None:
    published(store, 1)
    release = resume(store)
    assert (release.status, release.reasons) == ("unchanged", ("version 1 isn't held",))
    assert versions_of(store) == [1]


def test_rolling_back_again_goes_further_back(store: DirectoryStore) -> None:
    """Not to and fro between the bad and the less bad."""
    published(store, 1, 2, 3, 4)
    targets = []
    for _ in range(3):
        manifest = rollback(store).manifest
        assert manifest is not None
        targets.append(manifest.of)
    assert targets == [3, 2, 1]
    with pytest.raises(NoSuchVersion, match="no earlier version with other content"):
        rollback(store)


def test_a_rollback_after_a_resume_goes_further_back_too(store: DirectoryStore) -> None:
    published(store, 1, 2, 3)
    rollback(store)
    resume(store)
    manifest = rollback(store).manifest
    assert manifest is not None and manifest.of == 1


def test_a_rollback_passes_versions_of_the_same_content(store: DirectoryStore) -> None:
    published(store, 1, 2)
    rollback(store)
    resume(store)
    published(store, 2, 3)
    manifest = rollback(store).manifest
    assert manifest is not None and content(store) == 2


@pytest.mark.parametrize(
    ("version", "words"), [(3, "3 is the current version"), (4, "no version 4; the newest is 3"), (0, "no version 0")]
)
def test_versions_that_cannot_be_rolled_back_to(store: DirectoryStore, version: int, words: str) -> None:
    published(store, 1, 2, 3)
    with pytest.raises(NoSuchVersion, match=words):
        rollback(store, version)
    assert versions_of(store) == [1, 2, 3]


def test_nothing_to_roll_back_or_resume(store: DirectoryStore) -> None:
    for ask in (rollback, resume, fetch):
        with pytest.raises(NoSuchVersion, match="nothing is published there"):
            ask(store)
    assert list(history(store)) == []


def test_a_rollback_to_a_snapshot_that_is_gone_or_damaged_changes_nothing(store: DirectoryStore) -> None:
    published(store, 1, 2)
    manifest, snapshot = fetch(store, 1)
    spoil(store, manifest.object_name, snapshot[:-1])
    with pytest.raises(StoreError, match="snapshot of version 1 is missing or damaged; take another version"):
        rollback(store)
    assert content(store) == 2


# --- signatures -------------------------------------------------------------------------------------------------------


def signed_by(store: Store, signer: Signer) -> bool:
    pointer = store.get(POINTER)
    assert pointer is not None
    envelope = parse(pointer.data)
    return is_signed_by(signer.public_key, envelope.signatures, envelope.signed)


def test_versions_are_signed(store: DirectoryStore) -> None:
    signer = new_signer()
    publish(store, build(1), signer=signer)
    assert signed_by(store, signer)
    publish(store, build(1), signer=signer)  # the note in the pointer doesn't touch the signature
    assert signed_by(store, signer) and versions_of(store) == [1]
    publish(store, build(2), signer=signer)
    rollback(store, signer=signer)
    assert signed_by(store, signer)
    resume(store, signer=signer)
    assert signed_by(store, signer) and versions_of(store) == [1, 2, 3, 4]


def test_after_a_signed_version_there_is_no_unsigned_one_by_accident(store: DirectoryStore) -> None:
    """Readers that check signatures wouldn't take it: a rollback that nobody follows is worse than an error."""
    signer = new_signer()
    publish(store, build(1), signer=signer)
    publish(store, build(2), signer=signer)
    for release in (publish(store, build(3)), rollback(store)):
        assert (release.status, release.version) == ("failed", 2)
        assert release.reasons == ("version 2 is signed, and there is no key to sign the next one with",)
    assert publish(store, build(2)).status == "unchanged"
    assert publish(store, build(3), force=True).status == "published"


def test_a_new_key_signs_the_same_content_anew(store: DirectoryStore) -> None:
    published(store, 1)
    signer = new_signer()
    assert publish(store, build(1), signer=signer).version == 2
    assert signed_by(store, signer)
    assert publish(store, build(1), signer=signer).status == "unchanged"


# --- a store that was damaged -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("damage", ["missing", "damaged"])
def test_a_lost_snapshot_is_written_again_by_the_next_look(store: DirectoryStore, damage: str) -> None:
    published(store, 1)
    manifest, _ = fetch(store)
    place = Path(store.url) / manifest.object_name
    place.unlink() if damage == "missing" else place.write_bytes(b"damaged")
    release = publish(store, build(1))
    assert release.status == "unchanged"
    assert release.reasons == ("the snapshot of version 1 was missing or damaged, and is written again",)
    assert content(store) == 1


def test_nothing_to_compare_with_is_refused(store: DirectoryStore) -> None:
    """A gate that can't look doesn't wave through."""
    published(store, 1)
    manifest, _ = fetch(store)
    spoil(store, manifest.object_name, b"damaged")
    release = publish(store, build(2))
    assert release.status == "refused"
    assert release.reasons == ("the snapshot of version 1 is missing or damaged: there is nothing to compare with",)
    assert publish(store, build(2), force=True).version == 2
    assert content(store) == 2


def test_a_snapshot_of_a_newer_burgee_is_not_overwritten_unseen(store: DirectoryStore) -> None:
    """Intact, but not for this version to compare with."""
    newer = b"a snapshot of another format"
    name = hashlib.sha256(newer).hexdigest()
    store.create(f"objects/{name}.burgee", newer)
    store.create(POINTER, seal(Manifest(7, name, len(newer), "0" * 16, 1, T0)))
    release = publish(store, build(1))
    assert (release.status, release.version) == ("refused", 7)
    assert publish(store, build(1), force=True).version == 8


def test_a_lost_pointer_is_written_again_and_versions_go_on(store: DirectoryStore) -> None:
    published(store, 1, 2)
    (Path(store.url) / POINTER).unlink()
    assert publish(store, build(2)).status == "unchanged"
    assert content(store) == 2
    (Path(store.url) / POINTER).unlink()
    assert publish(store, build(3)).version == 3
    assert versions_of(store) == [1, 2, 3]


def test_a_lost_pointer_does_not_open_the_gate(store: DirectoryStore) -> None:
    published(store, 1)
    (Path(store.url) / POINTER).unlink()
    assert publish(store, lambda: compile_project(project(2, flags=2))).status == "refused"


def test_a_pointer_that_is_no_manifest_stops_everything_with_words(store: DirectoryStore) -> None:
    published(store, 1)
    spoil(store, POINTER, b"{}")
    for ask in (lambda: publish(store, build(2)), lambda: rollback(store), lambda: fetch(store)):
        with pytest.raises(StoreError, match=r"manifest\.json is damaged: .*delete it, and the next publish goes on"):
            ask()


def test_a_pointer_of_a_newer_burgee_is_left_alone(store: DirectoryStore) -> None:
    published(store, 1)
    line = store.get(POINTER).data.split(b"\n")[0].replace(b'"format":1', b'"format":2')  # type: ignore[union-attr]
    spoil(store, POINTER, line + b'\n{"sha256":"%s","signatures":{}}\n' % hashlib.sha256(line).hexdigest().encode())
    with pytest.raises(StoreError, match="format 2 is not 1; use the Burgee that wrote it, or a newer one"):
        publish(store, build(2))


# --- reading what was published ---------------------------------------------------------------------------------------


def test_any_version_can_be_fetched(store: DirectoryStore) -> None:
    published(store, 1, 2, 3)
    assert [mark_of(fetch(store, version)[1]) for version in (1, 2, 3, None)] == [1, 2, 3, 3]
    for version in (0, 4, -1):
        with pytest.raises(NoSuchVersion, match=f"no version {version}; the newest is 3"):
            fetch(store, version)


def orphan(store: DirectoryStore, version: int, mark: int) -> None:
    """What a publisher leaves that was killed, or too late, before it replaced the pointer."""
    other = DirectoryStore(Path(store.url).parent / f"other-{mark}")
    published(other, mark)
    manifest, snapshot = fetch(other)
    left = Manifest(version, manifest.object, manifest.size, manifest.snapshot_version, manifest.flags, T0)
    store.create(manifest.object_name, snapshot)
    store.create(parse(seal(left)).name, seal(left))


def test_what_was_never_published_is_not_fetched(store: DirectoryStore) -> None:
    published(store, 1, 2)
    orphan(store, 2, 77)
    orphan(store, 3, 78)
    assert mark_of(fetch(store, 2)[1]) == 2
    with pytest.raises(NoSuchVersion):
        fetch(store, 3)
    published(store, 3)
    assert versions_of(store) == [1, 2, 3]
    assert mark_of(fetch(store, 3)[1]) == 3


def test_a_gap_in_the_history_is_named_where_it_is(store: DirectoryStore) -> None:
    published(store, 1, 2, 3)
    second = list(history(store))[1]
    place = Path(store.url) / second.name
    for data, words in (
        (None, "is missing"),
        (b"x", "isn't two lines"),
        (seal(Manifest(1, "0" * 64, 1, "0" * 16, 1, 1)), "another"),
    ):
        place.unlink() if data is None else place.write_bytes(data)
        seen: list[int] = []
        with pytest.raises(StoreError, match=f"{second.name}.*{words}.*the history ends there"):
            seen.extend(envelope.manifest.version for envelope in history(store))
    assert fetch(store, 3)[0].version == 3
    assert fetch(store, 1)[0].version == 1


def test_a_history_in_a_circle_ends(store: DirectoryStore) -> None:
    published(store, 1)
    head = next(history(store))
    younger = seal(Manifest(9, "0" * 64, 1, "0" * 16, 1, 1))
    store.create(parse(younger).name, younger)
    crooked: dict[str, Any] = {name: getattr(head.manifest, name) for name in Manifest.__slots__}
    spoil(store, POINTER, seal(Manifest(**{**crooked, "previous": parse(younger).name})))
    with pytest.raises(StoreError, match="isn't older than the version that follows it"):
        list(history(store))


def test_a_previous_that_leads_out_of_the_store_is_not_followed(store: DirectoryStore) -> None:
    published(store, 1)
    head = next(history(store))
    crooked: dict[str, Any] = {name: getattr(head.manifest, name) for name in Manifest.__slots__}
    spoil(store, POINTER, seal(Manifest(**{**crooked, "previous": "../../elsewhere"})))
    with pytest.raises(StoreError, match="no name of an object"):
        list(history(store))


def test_kinds_and_names_are_the_manifests_own(store: DirectoryStore) -> None:
    published(store, 1, 2)
    rollback(store)
    resume(store)
    chain = list(history(store))
    assert {envelope.manifest.kind for envelope in chain} == set(KINDS)
    assert [envelope.name for envelope in chain] == [manifest_name(e.manifest.version, e.digest) for e in chain]
