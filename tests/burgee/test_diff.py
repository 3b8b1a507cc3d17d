"""``burgee diff``: which flags differ, and with contexts who changes variant, from what to what."""

import json
from pathlib import Path

import pytest

from burgee.cli import main
from evaluator import Evaluator
from tests.burgee.projects import FLAGD, GOOD, NOT_YAML

USERS = [{"targetingKey": f"user-{number}"} for number in range(400)]
LARGER = GOOD.replace('{"on": 50, "off": 50}', '{"on": 75, "off": 25}')


@pytest.fixture
def old(project: Path) -> str:
    return str(project)


@pytest.fixture
def new(tmp_path: Path) -> str:
    path = tmp_path / "new.yaml"
    path.write_text(LARGER + "  added:\n    type: boolean\n", encoding="utf-8")
    return str(path)


def contexts(tmp_path: Path, text: str) -> str:
    path = tmp_path / "contexts.json"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_the_same_project_does_not_differ(old: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diff", old, old]) == 0
    assert capsys.readouterr().out == "no flag changes\n\nnone of 1,000 contexts gets another answer\n"


def test_which_flags_differ(old: str, new: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diff", old, new]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "+ added"
    assert lines[1].startswith("~ checkout: ")
    assert lines[2] == ""


def test_without_users_some_are_made_up(old: str, new: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diff", old, new, "--json"]) == 0
    impact = json.loads(capsys.readouterr().out)["impact"]
    assert impact["contexts"] == 1_000
    [checkout] = [flag for flag in impact["flags"] if flag["key"] == "checkout"]
    assert 150 < checkout["moved"] < 350  # a quarter of those who have a key
    assert main(["diff", old, new, "--users", "20"]) == 0
    assert "of 20 contexts" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["diff", old, new, "--users", "-1"])


def test_two_dialects(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old, new = tmp_path / "flags.json", tmp_path / "flags.yaml"
    old.write_text(FLAGD)
    new.write_text("flags: {a: {type: integer, variants: {x: 1, y: 2}, default: x}}")
    assert main(["diff", str(old), str(new), "--old-dialect", "flagd", "--new-dialect", "native"]) == 0
    assert capsys.readouterr().out == "~ a: variants\n\nnone of 1,000 contexts gets another answer\n"
    assert main(["diff", str(new), str(old), "--old-dialect", "native", "--dialect", "flagd"]) == 0


@pytest.mark.parametrize("one_a_line", [False, True])
def test_who_changes_variant(old: str, new: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], one_a_line: bool) -> None:
    text = "\n\n".join(map(json.dumps, USERS)) + "\n" if one_a_line else json.dumps(USERS)
    assert main(["diff", old, new, "--contexts", contexts(tmp_path, text), "--json"]) == 0
    impact = json.loads(capsys.readouterr().out)["impact"]
    assert impact["contexts"] == len(USERS)
    checkout = next(flag for flag in impact["flags"] if flag["key"] == "checkout")
    assert checkout["moves"] == [{"before": "off", "after": "on", "count": movers(old, new, tmp_path)}]


def movers(old: str, new: str, tmp_path: Path) -> int:
    """How many users get another answer from ``checkout``, counted one by one."""
    cores: list[Evaluator] = []
    for name in (old, new):
        target = tmp_path / "counted.burgee"
        assert main(["compile", name, "-o", str(target)]) == 0
        cores.append(Evaluator(target.read_bytes()))
    counted = sum(cores[0].boolean("checkout", user, False) != cores[1].boolean("checkout", user, False) for user in USERS)
    assert 0.15 * len(USERS) < counted < 0.35 * len(USERS)  # a quarter
    return counted


def test_the_impact_in_words(old: str, new: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diff", old, new, "--contexts", contexts(tmp_path, json.dumps(USERS))]) == 0
    out = capsys.readouterr().out
    assert "off -> on" in out
    assert "400 contexts" in out


def test_snapshots_can_be_compared_too(old: str, new: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = str(tmp_path / "old.burgee")
    main(["compile", old, "-o", target])
    capsys.readouterr()
    main(["diff", target, new])
    from_snapshot = capsys.readouterr().out
    main(["diff", old, new])
    assert capsys.readouterr().out == from_snapshot


@pytest.mark.parametrize(
    "case",
    [("[1]", "number 1"), ("[{}, []]", "number 2"), ("{}\n{", ":2"), ("nonsense", ":1"), ("[", "not JSON"), ('{}\n"x"', ":2")],
)
def test_contexts_that_are_none_are_2(
    old: str, new: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], case: tuple[str, str]
) -> None:
    text, place = case
    assert main(["diff", old, new, "--contexts", contexts(tmp_path, text)]) == 2
    assert place in capsys.readouterr().err


def test_what_does_not_compile_is_1(old: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text(NOT_YAML, encoding="utf-8")
    assert main(["diff", old, str(bad)]) == 1
    assert "bad.yaml" in capsys.readouterr().err
    assert main(["diff", old, str(tmp_path / "nothing")]) == 2
