"""``burgee publish``, ``history``, ``rollback``, ``resume``, and ``diff`` between versions, as a person uses them."""

import json
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest

from burgee.cli import main
from config_sync.release import fetch
from config_sync.signing import Signer
from config_sync.store import open_store
from evaluator import Evaluator
from evaluator.snapshot.manifest import POINTER, parse
from tests.aws import Aws
from tests.burgee.projects import FLAGD, GOOD, NOT_YAML, WITH_A_BROKEN_FLAG, burgee
from tests.config_sync.stores import served

RED = GOOD.replace("default: blue", "default: red")
GREEN = GOOD.replace("#00f", "#0f0")
FEWER = GOOD[: GOOD.index("  seats:")]


class Run:
    """One command in this process: its exit code and what it printed."""

    def __init__(self, capsys: pytest.CaptureFixture[str], *arguments: object) -> None:
        capsys.readouterr()
        try:
            self.code: Any = main([str(argument) for argument in arguments])
        except SystemExit as leaving:  # argparse
            self.code = leaving.code
        self.out, self.err = capsys.readouterr()


@pytest.fixture(params=["directory", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A store's address."""
    if request.param == "directory":
        return str(tmp_path / "store")
    aws: Aws = request.getfixturevalue("aws")
    for name, value in aws.environment.items():
        monkeypatch.setenv(name, value)
    return f"s3://{aws.bucket()}/flags"


@pytest.fixture
def local(tmp_path: Path) -> str:
    return str(tmp_path / "local store")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    for name in ("BURGEE_STORE", "BURGEE_SIGNING_KEY"):
        monkeypatch.delenv(name, raising=False)
    return lambda *arguments: Run(capsys, *arguments)


def write(project: Path, text: str) -> Path:
    (project / "flags.yaml").write_text(text, encoding="utf-8")
    return project


def banner(place: str) -> str:
    """What a user of the newest version sees."""
    found = served(open_store(place))
    assert found is not None
    return str(Evaluator(found[1]).string("banner", {}, "nothing"))


# --- the whole way ----------------------------------------------------------------------------------------------------


def test_a_release_and_its_rollback(run: Any, project: Path, place: str) -> None:
    first = run("publish", project, "--store", place, "--message", "the first")
    manifest, _ = fetch(open_store(place))
    assert (first.code, first.err) == (0, "")
    assert first.out == f"{place}: version 1, 5 flags, {manifest.size} bytes, sha256 {manifest.object}\n"
    assert banner(place) == "#00f"

    again = run("publish", project, "--store", place)
    assert (again.code, again.out) == (0, f"{place}: unchanged, version 1 has this content\n")

    assert run("publish", write(project, RED), "--store", place, "-m", "red").code == 0
    assert banner(place) == "#f00"

    back = run("rollback", "--store", place, "-m", "red is too loud")
    assert back.code == 0
    assert back.out.startswith(f"{place}: version 3, 5 flags")
    assert "has the content of version 1" in back.out
    assert f"burgee resume --store {place}" in back.out
    assert banner(place) == "#00f"

    held = run("publish", project, "--store", place)
    assert (held.code, held.out) == (1, "")
    why = f"version 3 is held (rolled back to version 1); burgee resume --store {place} lets the sync go on"
    assert held.err == f"burgee: held: {why}\n"

    resumed = run("resume", "--store", place)
    assert resumed.code == 0 and "the sync goes on" in resumed.out
    assert run("publish", project, "--store", place).code == 0
    assert banner(place) == "#f00"

    told = run("history", "--store", place)
    assert told.code == 0
    lines = [re.split(r"  +", line.strip()) for line in told.out.splitlines()]
    assert [line[0] for line in lines] == ["5", "4", "3", "2", "1"]
    assert [line[4:] for line in lines] == [
        ["publish"],
        ["resume"],
        ["rollback to 1, held", "red is too loud"],
        ["publish", "red"],
        ["publish", "the first"],
    ]
    assert lines[4][2] == manifest.object[:12]
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", lines[0][1])


def test_a_rollback_to_a_version_that_is_named(run: Any, project: Path, local: str) -> None:
    for text in (GOOD, RED, GREEN):
        run("publish", write(project, text), "--store", local)
    assert run("rollback", "v1", "--store", local).code == 0
    assert banner(local) == "#00f"
    assert run("rollback", "2", "--store", local).code == 0
    assert banner(local) == "#f00"


def test_a_rollback_is_one_command_of_a_person(project: Path, local: str) -> None:
    for text in (GOOD, RED):
        assert burgee("publish", str(write(project, text)), "--store", local).returncode == 0
    done = burgee("rollback", "--store", local)
    assert (done.returncode, done.stderr) == (0, "")
    assert banner(local) == "#00f"


def test_what_is_printed_can_be_pasted(run: Any, project: Path, local: str) -> None:
    """Also where a store's name has a space in it."""
    for text in (GOOD, RED):
        run("publish", write(project, text), "--store", local)
    printed = run("rollback", "--store", local).out.splitlines()[-1]
    assert run(*shlex.split(printed)[1:]).code == 0
    assert run("publish", project, "--store", local).code == 0


def test_history_as_json(run: Any, project: Path, local: str) -> None:
    for text in (GOOD, RED, GREEN):
        run("publish", write(project, text), "--store", local)
    documents = json.loads(run("history", "--store", local, "--json", "-n", "2").out)
    assert [document["version"] for document in documents] == [3, 2]
    assert documents[0]["previous"] == documents[1]["name"]
    assert documents[0]["signed_by"] == []
    assert {"object", "published_at", "held", "kind", "flags", "tombstones", "size"} <= documents[0].keys()


def test_a_message_cannot_paint_the_terminal(run: Any, project: Path, local: str) -> None:
    run("publish", project, "--store", local, "-m", "one\x1b[31mred\ntwo")
    (line,) = run("history", "--store", local).out.splitlines()
    assert line.endswith("one [31mred two")


def test_the_store_and_the_key_may_come_from_the_environment(
    run: Any, project: Path, local: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BURGEE_STORE", local)
    monkeypatch.setenv("BURGEE_SIGNING_KEY", str(key(tmp_path)))
    assert run("publish", project).code == 0
    assert json.loads(run("history", "--json").out)[0]["signed_by"] == [Signer.from_file(key(tmp_path)).key_id]


# --- what is published ------------------------------------------------------------------------------------------------


def test_a_snapshot_can_be_published(run: Any, project: Path, local: str, tmp_path: Path) -> None:
    target = tmp_path / "flags.burgee"
    run("compile", project, "-o", target)
    assert run("publish", target, "--store", local).code == 0
    assert fetch(open_store(local))[1] == target.read_bytes()


def test_a_spoiled_snapshot_is_not_published(run: Any, project: Path, local: str, tmp_path: Path) -> None:
    target = tmp_path / "flags.burgee"
    run("compile", project, "-o", target)
    target.write_bytes(target.read_bytes()[:-1])
    failed = run("publish", target, "--store", local)
    assert failed.code == 1
    assert "burgee: failed: what was built doesn't load" in failed.err


def test_another_dialect(run: Any, tmp_path: Path, local: str) -> None:
    path = tmp_path / "flags.json"
    path.write_text(FLAGD, encoding="utf-8")
    assert run("publish", path, "--store", local, "--dialect", "flagd").code == 0


def test_a_broken_flag_is_told_and_the_others_are_published(run: Any, project: Path, local: str) -> None:
    done = run("publish", write(project, WITH_A_BROKEN_FLAG), "--store", local)
    assert done.code == 0
    assert "6 flags, 1 of them with errors" in done.out
    assert " error " in done.err
    assert "6 flags, 1 broken" in run("history", "--store", local).out


def test_strict_publishes_nothing_beside_a_broken_flag(run: Any, project: Path, local: str) -> None:
    done = run("publish", write(project, WITH_A_BROKEN_FLAG), "--store", local, "--strict")
    assert done.code == 1
    assert "burgee: failed: there is nothing fit to publish" in done.err
    assert open_store(local).get(POINTER) is None


def test_what_does_not_compile_is_1_and_changes_nothing(run: Any, project: Path, local: str) -> None:
    run("publish", project, "--store", local)
    done = run("publish", write(project, NOT_YAML), "--store", local)
    assert done.code == 1
    assert "flags.yaml:" in done.err
    assert banner(local) == "#00f"


# --- the gate ---------------------------------------------------------------------------------------------------------


def test_the_gate_says_why_and_how_to_pass_it(run: Any, project: Path, local: str) -> None:
    run("publish", project, "--store", local)
    refused = run("publish", write(project, FEWER), "--store", local)
    assert (refused.code, refused.out) == (1, "")
    assert "burgee: refused: 1 live flag would be gone: seats" in refused.err
    assert "--force publishes it all the same" in refused.err
    forced = run("publish", project, "--store", local, "--force")
    assert forced.code == 0
    assert forced.out.startswith(f"{local}: version 2, 4 flags")
    assert "burgee: forced: 1 live flag would be gone: seats" in forced.err


def test_a_limit_that_is_stated_has_no_exceptions(run: Any, project: Path, local: str) -> None:
    """Unasked, a change of few flags passes; ``--max-moved`` takes it at its word."""
    run("publish", project, "--store", local)
    write(project, RED)
    refused = run("publish", project, "--store", local, "--max-moved", "0.05")
    assert refused.code == 1
    assert "sampled answers would be others (limit 5%), in 1 flag: banner" in refused.err
    assert run("publish", project, "--store", local).code == 0


def test_a_share_of_flags_that_may_go(run: Any, project: Path, local: str) -> None:
    off = "".join(f"  off{number}:\n    type: boolean\n    enabled: false\n" for number in range(3))
    run("publish", write(project, GOOD + off), "--store", local)
    write(project, GOOD)
    refused = run("publish", project, "--store", local, "--max-shrink", "0.1")
    assert refused.code == 1 and "38% of the flags would be gone (8 to 5; limit 10%)" in refused.err
    assert run("publish", project, "--store", local, "--max-shrink", "0.6").code == 0


# --- signatures -------------------------------------------------------------------------------------------------------


def key(tmp_path: Path) -> Path:
    path = tmp_path / "key.pem"
    if not path.exists():
        subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", str(path)], check=True, capture_output=True)
    return path


def test_versions_are_signed_with_a_key(run: Any, project: Path, local: str, tmp_path: Path) -> None:
    signer = Signer.from_file(key(tmp_path))
    signing = ("--store", local, "--key", key(tmp_path))
    assert run("publish", project, *signing).code == 0
    for arguments in (["publish", write(project, RED)], ["rollback"], ["resume"]):
        assert run(*arguments, *signing).code == 0
        pointer = open_store(local).get(POINTER)
        assert pointer is not None and set(parse(pointer.data).signatures) == {signer.key_id}
    unsigned = run("rollback", "2", "--store", local)
    assert unsigned.code == 1
    assert "burgee: failed: version 4 is signed, and there is no key" in unsigned.err


def test_a_key_that_is_none(run: Any, project: Path, local: str, tmp_path: Path) -> None:
    (tmp_path / "x.pem").write_text("secret words")
    failed = run("publish", project, "--store", local, "--key", tmp_path / "x.pem")
    assert failed.code == 1
    assert failed.err.startswith(f"burgee: {tmp_path / 'x.pem'}: not an unencrypted private key")
    assert "secret words" not in failed.err


# --- diff between versions --------------------------------------------------------------------------------------------


def test_versions_are_compared(run: Any, project: Path, place: str, tmp_path: Path) -> None:
    for text in (GOOD, RED):
        run("publish", write(project, text), "--store", place)
    users = tmp_path / "users.json"
    users.write_text(json.dumps([{"targetingKey": f"user-{number}"} for number in range(10)]))
    told = run("diff", "v1", "v2", "--store", place, "--contexts", users)
    assert told.code == 0
    assert told.out.splitlines()[0] == "~ banner: default"
    assert "10: blue -> red" in told.out
    assert run("diff", "1", "2", "--store", place, "--contexts", users).out == told.out


def test_a_version_is_compared_with_a_project(run: Any, project: Path, local: str) -> None:
    run("publish", project, "--store", local)
    write(project, RED)
    for old, new, moved in (("v1", project, "blue -> red"), (project, "v1", "red -> blue")):
        first, *about_users = run("diff", old, new, "--store", local).out.splitlines()
        assert first == "~ banner: default"
        assert any(moved in line for line in about_users), "made up users are asked where none are given"
    assert run("diff", project, project, "--store", local).out.startswith("no flag changes\n")


def test_without_a_store_a_number_is_a_path(run: Any, project: Path) -> None:
    failed = run("diff", "v1", project)
    assert (failed.code, failed.err) == (2, "burgee: v1: no such file or directory\n")


def test_a_version_that_is_not_there(run: Any, project: Path, local: str) -> None:
    run("publish", project, "--store", local)
    failed = run("diff", "v1", "v9", "--store", local)
    assert (failed.code, failed.err) == (1, f"burgee: {local}: no version 9; the newest is 1\n")


# --- called wrongly, and stores that can't be used --------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        ["publish"],
        ["publish", "PROJECT"],
        ["publish", "/no/such/path", "--store", "STORE"],
        ["publish", "PROJECT", "--store", "STORE", "--dialect", "klingon"],
        ["publish", "PROJECT", "--store", "STORE", "--max-moved", "2"],
        ["publish", "PROJECT", "--store", "STORE", "--max-shrink", "half"],
        ["history"],
        ["history", "--store", "STORE", "-n", "0"],
        ["rollback"],
        ["rollback", "latest", "--store", "STORE"],
        ["resume"],
    ],
)
def test_a_wrong_call_is_2(run: Any, project: Path, local: str, arguments: list[str]) -> None:
    given = {"PROJECT": project, "STORE": local}
    failed = run(*(given.get(argument, argument) for argument in arguments))
    assert (failed.code, failed.out) == (2, "")
    assert failed.err
    assert not Path(local).exists()


def test_an_empty_store(run: Any, local: str) -> None:
    told = run("history", "--store", local)
    assert (told.code, told.out) == (0, f"{local}: nothing is published there\n")
    assert run("history", "--store", local, "--json").out.strip() == "[]"
    for command in ("rollback", "resume"):
        failed = run(command, "--store", local)
        assert (failed.code, failed.err) == (1, f"burgee: {local}: nothing is published there\n")


def test_a_store_that_cannot_be_reached_is_1_in_one_line(
    run: Any, project: Path, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in aws.environment.items():
        monkeypatch.setenv(name, value)
    for arguments in (["publish", project], ["history"], ["rollback"], ["resume"]):
        failed = run(*arguments, "--store", f"s3://{aws.name('none')}/p")
        assert (failed.code, failed.out) == (1, "")
        assert "NoSuchBucket; create the bucket" in failed.err
        assert len(failed.err.splitlines()) == 1


def test_a_kind_of_store_that_does_not_exist(run: Any, project: Path) -> None:
    failed = run("publish", project, "--store", "gs://bucket")
    assert failed.code == 1
    assert "a store is s3://bucket/prefix or a directory" in failed.err


def test_without_the_packages_for_publishing(run: Any, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "boto3", None)
    monkeypatch.delitem(sys.modules, "config_sync.store_s3", raising=False)
    failed = run("history", "--store", "s3://bucket")
    assert failed.code == 1
    assert "needs the package boto3: pip install 'burgee[publish]'" in failed.err
