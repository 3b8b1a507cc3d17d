"""The commands that end: what they print where, and their exit codes. In process, and a few as a person runs them."""

import hashlib
import json
import stat
from pathlib import Path
from typing import Any

import pytest

from burgee.cli import main
from evaluator import Evaluator
from tests.burgee.projects import FLAGD, GOOD, NOT_YAML, WITH_A_BROKEN_FLAG, burgee

PRO = '{"targetingKey": "user-1", "plan": "pro"}'


class Run:
    """One command in this process: its exit code and what it printed."""

    def __init__(self, capsys: pytest.CaptureFixture[str], *arguments: str) -> None:
        capsys.readouterr()
        try:
            self.code: Any = main(arguments)
        except SystemExit as leaving:  # argparse
            self.code = leaving.code
        self.out, self.err = capsys.readouterr()

    def document(self) -> Any:
        assert self.code == 0, self.err
        return json.loads(self.out)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Any:
    return lambda *arguments: Run(capsys, *map(str, arguments))


@pytest.fixture
def broken(project: Path) -> Path:
    (project / "flags.yaml").write_text(WITH_A_BROKEN_FLAG, encoding="utf-8")
    return project


@pytest.fixture
def snapshot(run: Any, project: Path, tmp_path: Path) -> Path:
    target = tmp_path / "flags.burgee"
    assert run("compile", project, "-o", target).code == 0
    return target


# --- check ------------------------------------------------------------------------------------------------------------


def test_check_of_a_good_project_is_0(run: Any, project: Path) -> None:
    for path in (project, project / "flags.yaml"):
        checked = run("check", path)
        assert (checked.code, checked.err) == (0, "")


def test_check_shows_place_caret_code_and_hint_and_is_1(run: Any, broken: Path) -> None:
    checked = run("check", broken)
    assert checked.code == 1
    line = WITH_A_BROKEN_FLAG[: WITH_A_BROKEN_FLAG.index("maybe")].count("\n") + 1
    first = checked.out.splitlines()[0]
    assert first.startswith(f"{broken / 'flags.yaml'}:")
    assert " error " in first
    assert f"flags.yaml:{line}:" in checked.out
    assert any(text.strip() == "^" for text in checked.out.splitlines())


def test_check_of_what_cannot_be_read_as_a_project_is_1(run: Any, project: Path, tmp_path: Path) -> None:
    (project / "flags.yaml").write_text(NOT_YAML, encoding="utf-8")
    assert run("check", project).code == 1
    assert "flags.yaml:" in run("check", project).out
    (tmp_path / "empty").mkdir()
    assert run("check", tmp_path / "empty").code == 1


# --- compile, disasm --------------------------------------------------------------------------------------------------


def test_compile_writes_a_snapshot_and_names_it(run: Any, project: Path, tmp_path: Path) -> None:
    target = tmp_path / "flags.burgee"
    compiled = run("compile", project, "-o", target)
    assert compiled.code == 0
    data = target.read_bytes()
    assert hashlib.sha256(data).hexdigest() in compiled.out
    assert Evaluator(data).string("banner", {}, "") == "#00f"
    assert stat.S_IMODE(target.stat().st_mode) == 0o644
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["flags.burgee"]


def test_compile_of_the_same_project_gives_the_same_bytes(run: Any, project: Path, tmp_path: Path) -> None:
    names = [tmp_path / "a", tmp_path / "b"]
    for name in names:
        run("compile", project, "-o", name)
    assert names[0].read_bytes() == names[1].read_bytes()


def test_compile_keeps_the_good_flags_beside_a_broken_one(run: Any, broken: Path, tmp_path: Path) -> None:
    target = tmp_path / "flags.burgee"
    compiled = run("compile", broken, "-o", target)
    assert compiled.code == 0
    assert "error" in compiled.err
    evaluator = Evaluator(target.read_bytes())
    assert evaluator.evaluate("broken", {}).error_code == "PARSE_ERROR"
    assert evaluator.integer("seats", {}, 0) == 3


def test_compile_strict_writes_nothing_beside_a_broken_flag(run: Any, broken: Path, tmp_path: Path) -> None:
    target = tmp_path / "flags.burgee"
    assert run("compile", broken, "-o", target, "--strict").code == 1
    assert not target.exists()


def test_compile_that_fails_leaves_the_old_file(run: Any, project: Path, snapshot: Path) -> None:
    before = snapshot.read_bytes()
    (project / "flags.yaml").write_text(NOT_YAML, encoding="utf-8")
    failed = run("compile", project, "-o", snapshot)
    assert failed.code == 1
    assert "no snapshot was written" in failed.err
    assert snapshot.read_bytes() == before


def test_compile_to_a_place_that_does_not_exist_is_1(run: Any, project: Path, tmp_path: Path) -> None:
    failed = run("compile", project, "-o", tmp_path / "nowhere" / "x")
    assert failed.code == 1
    assert failed.err.startswith("burgee: ")


def test_disasm_of_a_snapshot_and_of_its_project_are_the_same(run: Any, project: Path, snapshot: Path) -> None:
    shown = run("disasm", snapshot)
    assert shown.code == 0
    assert "banner" in shown.out
    assert "professionals" in shown.out
    assert run("disasm", project).out == shown.out


def test_a_corrupted_snapshot_is_1(run: Any, snapshot: Path) -> None:
    data = bytearray(snapshot.read_bytes())
    data[len(data) // 2] ^= 1
    snapshot.write_bytes(data)
    for arguments in (["disasm", snapshot], ["evaluate", snapshot, "banner"], ["explain", snapshot, "banner"]):
        failed = run(*arguments)
        assert failed.code == 1
        assert failed.out == ""
        assert failed.err.startswith(f"burgee: {snapshot}: ")


# --- evaluate, explain ------------------------------------------------------------------------------------------------


def test_evaluate_prints_one_json_document(run: Any, project: Path, snapshot: Path) -> None:
    answer = run("evaluate", project, "banner", "-c", PRO).document()
    version = Evaluator(snapshot.read_bytes()).snapshot_version
    assert answer == {
        "flag_key": "banner",
        "value": "#f00",
        "variant": "red",
        "reason": "TARGETING_MATCH",
        "rule": "professionals",
        "bucket": None,
        "error_code": None,
        "detail": "enabled",
        "metadata": None,
        "snapshot_version": version,
    }
    assert run("evaluate", snapshot, "banner", "-c", PRO).document() == answer


def test_evaluate_says_bucket_and_default(run: Any, project: Path) -> None:
    split = run("evaluate", project, "checkout", "-c", PRO).document()
    assert split["reason"] == "SPLIT"
    assert 0 <= split["bucket"] < 2**32
    assert run("evaluate", project, "banner").document()["reason"] == "DEFAULT"


def test_evaluate_of_an_unknown_flag_is_an_answer(run: Any, project: Path) -> None:
    answer = run("evaluate", project, "nothing").document()
    assert (answer["value"], answer["error_code"]) == (None, "FLAG_NOT_FOUND")


def test_evaluate_all_is_an_object_by_flag(run: Any, snapshot: Path) -> None:
    answers = run("evaluate", snapshot, "--all", "-c", PRO).document()
    assert set(answers) == {"banner", "checkout", "limits", "ratio", "seats"}
    for key, answer in answers.items():
        assert answer == run("evaluate", snapshot, key, "-c", PRO).document()


def test_the_context_may_come_from_a_file(run: Any, project: Path, tmp_path: Path) -> None:
    (tmp_path / "context.json").write_text(PRO, encoding="utf-8")
    assert run("evaluate", project, "banner", "-c", f"@{tmp_path / 'context.json'}").document()["variant"] == "red"


def test_the_clock_can_be_given(run: Any, project: Path) -> None:
    scheduled = GOOD.replace("  seats:\n", "  seats:\n    schedule: {start: 2030-01-01T00:00:00Z}\n")
    (project / "flags.yaml").write_text(scheduled, encoding="utf-8")
    start_ms = 1_893_456_000_000
    assert run("evaluate", project, "seats", "--now", start_ms - 1).document()["detail"] == "not_scheduled"
    assert run("evaluate", project, "seats", "--now", start_ms).document()["detail"] == "default"


def test_explain_shows_steps_and_agrees_with_evaluate(run: Any, project: Path) -> None:
    told = run("explain", project, "banner", "-c", PRO)
    assert told.code == 0
    for word in ("professionals", "plan", "pro", "red", "TARGETING_MATCH"):
        assert word in told.out
    document = run("explain", project, "banner", "-c", PRO, "--json").document()
    assert document["evaluation"]["variant"] == "red"
    assert document["steps"]


def test_diagnostics_stay_off_standard_output(run: Any, broken: Path) -> None:
    answered = run("evaluate", broken, "banner", "-c", PRO)
    assert answered.document()["variant"] == "red"
    assert " error " in answered.err


def test_another_dialect(run: Any, tmp_path: Path) -> None:
    path = tmp_path / "flags.json"
    path.write_text(FLAGD, encoding="utf-8")
    assert run("evaluate", path, "a", "--dialect", "flagd").document()["value"] == 1


# --- called wrongly ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nonsense"],
        ["check"],
        ["check", "/no/such/path"],
        ["check", "PROJECT", "--dialect", "klingon"],
        ["compile", "PROJECT"],
        ["evaluate", "PROJECT"],
        ["evaluate", "PROJECT", "banner", "--all"],
        ["evaluate", "PROJECT", "banner", "-c", "{"],
        ["evaluate", "PROJECT", "banner", "-c", "[]"],
        ["evaluate", "PROJECT", "banner", "-c", "@/no/such/file"],
        ["evaluate", "PROJECT", "banner", "--now", "noon"],
        ["explain", "PROJECT"],
        ["serve", "PROJECT", "--port", "70000"],
        ["serve", "PROJECT", "--port", "x"],
        ["serve", "PROJECT", "--host", "no.such.host.invalid"],
        ["serve", "/no/such/path"],
        ["serve", "PROJECT", "--dialect", "klingon"],
    ],
)
def test_a_wrong_call_is_2_with_words_on_standard_error(run: Any, project: Path, arguments: list[str]) -> None:
    failed = run(*(str(project) if argument == "PROJECT" else argument for argument in arguments))
    assert failed.code == 2
    assert failed.out == ""
    assert failed.err
    assert "Traceback" not in failed.err


# --- as a person runs it ----------------------------------------------------------------------------------------------


def test_the_command_in_its_own_process(project: Path, tmp_path: Path) -> None:
    answered = burgee("evaluate", str(project), "banner", "-c", "-", stdin=PRO)
    assert (answered.returncode, json.loads(answered.stdout)["variant"]) == (0, "red")
    (project / "flags.yaml").write_text(WITH_A_BROKEN_FLAG, encoding="utf-8")
    assert burgee("check", str(project)).returncode == 1
    wrong = burgee("check", str(tmp_path / "nothing"))
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert burgee("--help").returncode == 0
