"""``burgee convert``: the native project is written, everybody stays, and the proof is told."""

import json
from pathlib import Path

import pytest

from burgee import convert
from burgee.cli import main
from config_sync.convert import Converted, convert_project
from tests.burgee.projects import FLAGD, NOT_YAML
from tests.golden import cases

SPLIT = cases.HERE / "flagd-fractional" / "flags.json"


def test_what_is_written_compiles_and_moves_nobody(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "flags.yaml"
    assert main(["convert", str(SPLIT), "--from", "flagd", "-o", str(target)]) == 0
    said = capsys.readouterr()
    assert said.out == ""
    assert "byte for byte those of the original" in said.err and "none of 1,000 contexts gets another answer" in said.err
    assert main(["diff", str(SPLIT), str(target), "--old-dialect", "flagd", "--new-dialect", "native"]) == 0
    assert capsys.readouterr().out == "no flag changes\n\nnone of 1,000 contexts gets another answer\n"


def test_hash_salt_and_space_are_spelled_out(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["convert", str(SPLIT), "--from", "flagd"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("# In the native dialect; `burgee convert` wrote it from the dialect flagd.\n")
    assert "hash: murmur3_32" in text and "space: multiply" in text and "total: 100" in text and "seed: 0" in text


def test_a_broken_flag_is_told_and_kept_as_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = json.loads(FLAGD)
    document["flags"]["b"] = {**document["flags"]["a"], "state": "SOMETIMES"}
    source, target = tmp_path / "flags.json", tmp_path / "flags.yaml"
    source.write_text(json.dumps(document))
    assert main(["convert", str(source), "--from", "flagd", "-o", str(target)]) == 0
    said = capsys.readouterr().err
    assert "INVALID-STATE" in said and "1 error in the original" in said
    assert "error:" in target.read_text()
    assert main(["check", str(target)]) == 1
    assert "FLAG-ERROR" in capsys.readouterr().out


def test_users_of_ones_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    contexts = tmp_path / "users.json"
    contexts.write_text(json.dumps([{"targetingKey": "a"}, {"targetingKey": "b"}]))
    assert main(["convert", str(SPLIT), "--from", "flagd", "--contexts", str(contexts)]) == 0
    assert "none of 2 contexts" in capsys.readouterr().err


def test_whoever_would_move_stops_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A converter that deals anew (here: one hash for another) writes nothing and exits 1."""

    def wrong(place: str, dialect: str) -> Converted:
        right = convert_project(place, dialect)
        other = tmp_path / "other.yaml"
        other.write_text((right.text or "").replace("seed: 0", "seed: 1"))
        return Converted((right.text or ""), right.original, convert_project(other, "native").original)

    monkeypatch.setattr(convert, "convert_project", wrong)
    target = tmp_path / "flags.yaml"
    assert main(["convert", str(SPLIT), "--from", "flagd", "-o", str(target)]) == 1
    said = capsys.readouterr().err
    assert "contexts get another answer" in said and "laid out otherwise" in said and "nothing was written" in said
    assert not target.exists()


def test_what_does_not_compile_is_not_converted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "flags.yaml"
    source.write_text(NOT_YAML)
    assert main(["convert", str(source), "--from", "flagd"]) == 1
    assert "YAML-SYNTAX" in capsys.readouterr().err
    assert main(["convert", str(source), "--from", "klingon"]) == 2
