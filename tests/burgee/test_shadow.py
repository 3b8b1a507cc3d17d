"""``burgee shadow``: agreement of two evaluators is counted answer by answer, and must be whole (PIP-03)."""

import json
from pathlib import Path

import pytest

from burgee.cli import main
from tests.burgee.projects import GOOD
from tests.burgee.server import Server
from tests.conftest import ROOT

NOW = "1790000000000"


@pytest.fixture
def contexts(tmp_path: Path) -> str:
    """200 users, some with what the example's rules look at."""
    path = tmp_path / "contexts.jsonl"
    users = [
        {"targetingKey": f"user-{number}", "country": ("AT", "US")[number % 2], "platform": ("web", "ios")[number % 2]}
        for number in range(200)
    ]
    path.write_text("\n".join(json.dumps(user) for user in users))
    return str(path)


def test_pip_03_an_endpoint_and_the_library_agree_in_everything(contexts: str, capsys: pytest.CaptureFixture[str]) -> None:
    """``burgee serve`` answers over HTTP what the library answers in this process: 100 %."""
    flags = ["--flag", "hero-banner", "--flag", "new-seat-map", "--flag", "checkout-button"]  # none that looks at the clock
    with Server(ROOT / "examples") as server:
        assert main(["shadow", server.url, str(ROOT / "examples"), "--contexts", contexts, *flags]) == 0
    assert capsys.readouterr().out == "200 contexts: 600 of 600 answers agree (100 %)\n"


def test_pip_03_two_endpoints(project: Path, contexts: str, capsys: pytest.CaptureFixture[str]) -> None:
    with Server(project) as one, Server(project) as two:
        assert main(["shadow", one.url + "/", two.url, "--contexts", contexts]) == 0
    assert "(100 %)" in capsys.readouterr().out


def test_pip_03_one_answer_that_differs_is_not_agreement(
    project: Path, tmp_path: Path, contexts: str, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other.yaml"
    other.write_text(GOOD.replace('{"on": 50, "off": 50}', '{"on": 60, "off": 40}'))
    assert main(["shadow", str(project), str(other), "--contexts", contexts, "--now", NOW, "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["contexts"] == 200
    assert report["answers"] - report["agreed"] == sum(each["times"] for each in report["disagreements"]) > 0
    first = report["disagreements"][0]
    assert (first["flag"], first["left"], first["right"]) == ("checkout", "off = false", "on = true")
    lines = Path(contexts).read_text().splitlines()
    alone = tmp_path / "one.json"
    alone.write_text(f"[{lines[first['number'] - 1]}]")
    assert main(["shadow", str(project), str(other), "--contexts", str(alone), "--flag", "checkout", "--now", NOW]) == 1
    assert capsys.readouterr().out.startswith(
        "1 context: 0 of 1 answers agree (0 %)\n  checkout: off = false | on = true  1 times"
    )


def test_pip_03_nearly_all_is_never_shown_as_all(capsys: pytest.CaptureFixture[str]) -> None:
    from burgee.shadow import Disagreement, Report, _lines

    report = Report(10_000_000, 10_000_000, 9_999_999, (Disagreement("f", "on = true", "off = false", 1, 7),))
    assert next(_lines(report)).endswith("answers agree (less than 100 %)")


def test_pip_03_a_flag_that_one_side_lacks_is_a_disagreement(
    project: Path, tmp_path: Path, contexts: str, capsys: pytest.CaptureFixture[str]
) -> None:
    more = tmp_path / "more.yaml"
    more.write_text(GOOD + "  added:\n    type: boolean\n")
    assert main(["shadow", str(project), str(more), "--contexts", contexts]) == 1
    assert "added: (no flag) | off = false  200 times, first of context 1" in capsys.readouterr().out


def test_an_endpoint_that_refuses_a_context_is_compared_too(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "contexts.json"
    path.write_text(json.dumps([{"targetingKey": 7}]))
    with Server(project) as server:
        assert main(["shadow", server.url, server.url, "--contexts", str(path)]) == 0
    assert "1 of 1 answers agree" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("left", "code", "says"),
    [
        ("http://127.0.0.1:1", 1, "doesn't answer"),
        ("ftp://example", 2, "no URL of http or https"),
        ("nowhere", 2, "no such file"),
    ],
)
def test_what_cant_be_asked_is_said(
    project: Path, contexts: str, left: str, code: int, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["shadow", left, str(project), "--contexts", contexts]) == code
    assert says in capsys.readouterr().err


def test_no_contexts_are_no_agreement(project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "contexts.json"
    path.write_text("[]")
    assert main(["shadow", str(project), str(project), "--contexts", str(path)]) == 1
    assert "nothing to compare" in capsys.readouterr().err
