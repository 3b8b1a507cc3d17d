"""``burgee results``: by the function's URL and from the table itself, as tables, as JSON and as a picture."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from xml.etree import ElementTree

import pytest
from rich.console import Console

from burgee.cli import main
from burgee.results_view import FIELD_COLUMNS, FIELD_ROWS, Point, field, picture
from config_sync import compile_project
from config_sync.release import publish
from config_sync.store import open_store
from handlers import _edge, _snapshots, results
from tests.aws import Aws
from tests.handlers.assigning import experiment
from tests.handlers.counted import Counted
from tests.handlers.platform import SCHEDULED

HALVES = {"control": 0.5, "treatment": 0.5}
PROJECT = {"experiments": [experiment(), experiment("empty"), experiment("a b/c")]}
NOW_MS = 1_800_000_000_000


class Clock:
    """Epoch nanoseconds, by hand."""

    ms = NOW_MS

    def time_ns(self) -> int:
        return self.ms * 1_000_000


@pytest.fixture
def store(tmp_path: Path) -> str:
    """With the project's first version."""
    url = str(tmp_path / "store")
    publish(open_store(url), lambda: compile_project(PROJECT))
    return url


@pytest.fixture
def table(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> Counted:
    """Where the treatment of "checkout" is better, and was looked at once before."""
    for name, value in aws.environment.items():
        monkeypatch.setenv(name, value)
    made = Counted(aws)
    made.phase("exp_checkout", 1, NOW_MS - 86_400_000, HALVES)
    exposed = made.exposed("exp_checkout", 1, control=1_500, treatment=1_500)
    made.events("exp_checkout", "control", 1, "purchase", exposed["control"][:150])
    made.events("exp_checkout", "treatment", 1, "purchase", exposed["treatment"][:240])
    return made


@pytest.fixture
def url(store: str, table: Counted, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The function behind a server."""
    for name, value in {"BURGEE_STORE": store, "BURGEE_SCRATCH": "", "DYNAMODB_TABLE": table.name}.items():
        monkeypatch.setenv(name, value)
    clock = Clock()
    monkeypatch.setattr(results, "time", clock)
    _forget()
    results.handler(SCHEDULED, None)
    clock.ms += 3_600_000
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Door)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()
    _forget()


def _forget() -> None:
    _edge.reset_edge()
    _snapshots.reset_reader()
    results.reset_results()


class _Door(BaseHTTPRequestHandler):
    """As a Function URL hands requests on."""

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        event = {
            "rawPath": path,
            "rawQueryString": query,
            "headers": {name.lower(): value for name, value in self.headers.items()},
            "requestContext": {"http": {"method": "GET", "path": path, "sourceIp": "192.0.2.1"}, "requestId": "r"},
        }
        answer: Any = results.handler(event, None)
        self.send_response(answer["statusCode"])
        for name, value in answer["headers"].items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer["body"].encode())

    def log_message(self, *_: Any) -> None:
        """Says nothing."""


def said(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out


def test_by_its_url_it_says_who_is_ahead(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["results", "checkout", "--url", url]) == 0
    text = said(capsys)
    assert "checkout  active" in text
    assert "sample ratio: the counts fit the allocation" in text
    assert "treatment is ahead" in text
    assert "+60." in text
    assert "lift of purchase over time" in text
    assert "60 minutes" in text


def test_the_url_may_come_from_the_environment(
    url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BURGEE_RESULTS_URL", url + "/")
    assert main(["results", "a b/c"]) == 0
    assert "no phase has begun" in said(capsys)


def test_json_is_the_functions_document(url: str, store: str, table: Counted, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["results", "checkout", "--url", url, "--json"]) == 0
    by_url = json.loads(said(capsys))
    assert by_url["metrics"][0]["comparisons"][0]["verdict"] == "treatment is ahead"
    assert len(by_url["history"]) == 2
    assert main(["results", "checkout", "--table", table.name, "--store", store, "--json"]) == 0
    by_table = json.loads(said(capsys))
    assert by_table["metrics"] == by_url["metrics"], "whoever reads the table comes to the same"
    assert by_table["variants"] == by_url["variants"]
    assert len(by_table["history"]) == 2


def test_the_picture_goes_into_a_file(url: str, store: str, table: Counted, tmp_path: Path) -> None:
    drawn = []
    for number, where in enumerate((["--url", url], ["--table", table.name, "--store", store])):
        target = tmp_path / f"{number}.svg"
        assert main(["results", "checkout", *where, "--svg", str(target), "--metric", "purchase"]) == 0
        root = ElementTree.parse(target).getroot()
        drawn.append([element.text for element in root.iter("{http://www.w3.org/2000/svg}text")][:1])
    assert drawn == [["checkout: lift of purchase"]] * 2


def test_mon_04_a_wrong_ratio_is_an_exit_code(url: str, table: Counted, capsys: pytest.CaptureFixture[str]) -> None:
    table.exposed("exp_checkout", 1, control=1_500, treatment=900)
    assert main(["results", "checkout", "--url", url]) == 1
    text = said(capsys)
    assert "sample ratio: sample ratio mismatch" in text
    assert "not to be trusted" in text


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["nothing", "--url", "URL"], 1, "there is no experiment"),
        (["checkout", "--url", "URL", "--phase", "3"], 1, "no such phase"),
        (["checkout", "--url", "URL", "--metric", "fame"], 1, "there is no metric 'fame'; there are: purchase"),
        (["checkout", "--url", "http://127.0.0.1:1"], 1, "can't be reached"),
        (["checkout", "--url", "ftp://127.0.0.1"], 2, "no URL"),
        (["checkout", "--store", "x"], 2, "goes with --table"),
        (["nothing", "--table", "TABLE", "--store", "STORE"], 1, "no experiment"),
        (["checkout", "--table", "TABLE", "--store", "STORE", "--phase", "2"], 1, "no phase 2"),
        (["checkout", "--table", "no-such-table", "--store", "STORE"], 1, "can't be read"),
        (["checkout", "--table", "TABLE", "--store", "no-such-place"], 1, "no-such-place"),
        (["checkout", "--table", "TABLE", "--store", "STORE", "--metric", "fame"], 1, "there is no metric"),
    ],
)
def test_what_cannot_be_done_is_said(
    url: str, store: str, table: Counted, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, message: str
) -> None:
    places = {"URL": url, "TABLE": table.name, "STORE": store}
    assert main(["results", *(places.get(word, word) for word in arguments)]) == code
    assert message in capsys.readouterr().err


def test_without_a_store_the_table_is_not_enough(
    table: Counted, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("BURGEE_STORE", raising=False)
    assert main(["results", "checkout", "--table", table.name]) == 2
    assert "BURGEE_STORE" in capsys.readouterr().err


def test_an_answer_of_somebody_else_is_said(
    url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for body in (b"<html>", b"[]", b'{"metrics": 5}'):
        monkeypatch.setattr("burgee.results._get", lambda *_, found=body: found)
        assert main(["results", "checkout", "--url", url]) == 1
        assert "isn't that of the results function" in capsys.readouterr().err


def test_the_key_goes_along(url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    digest = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"  # of "test"
    monkeypatch.setenv("BURGEE_AUTH", "api-key")
    monkeypatch.setenv("BURGEE_API_KEY_DIGESTS", f"me:{digest}")
    _edge.reset_edge()
    assert main(["results", "checkout", "--url", url]) == 1
    assert "401: a valid API key is needed" in capsys.readouterr().err
    monkeypatch.setenv("BURGEE_API_KEY", "test")
    assert main(["results", "checkout", "--url", url]) == 0


# --- how it looks -----------------------------------------------------------------------------------------------------------


def printed(document: dict[str, Any], width: int) -> str:
    console = Console(width=width, record=True, file=open("/dev/null", "w"), highlight=False)  # noqa: SIM115
    for part in picture(document, None, width):
        console.print(part)
    console.file.close()
    return console.export_text()


def document(variant: str = "treatment", lift: float = 0.1, bounds: list[float] | None = None) -> dict[str, Any]:
    compared = {
        "variant": variant, "lift": lift, "lift_interval": bounds, "p_value": 0.5, "direction": None,
        "verdict": "no difference",
    }  # fmt: skip
    return {
        "experiment": {"id": "e", "key": "key", "name": "A name", "status": "active"},
        "as_of": "2027-01-15T08:00:00Z",
        "phase": None,
        "phases": [],
        "control": "control",
        "sample_ratio": {"p_value": 1.0, "mismatch": False, "verdict": "fits", "observed": {}, "expected": {}},
        "variants": [],
        "metrics": [
            {"metric": "purchase", "kind": "conversion", "values": {"control": 0.1, variant: 0.11}, "comparisons": [compared]}
        ],
    }


def test_a_stroke_has_its_ends_the_lift_and_zero_where_they_are() -> None:
    text = printed(document(lift=0.1, bounds=[-0.1, 0.2]), 120)
    (row,) = [line for line in text.splitlines() if line.startswith("treatment  ")]
    stroke = row[row.index("├") :].rstrip()
    assert stroke == "├───────┼───────●───────┤"


def test_everything_fits_on_80_columns() -> None:
    text = printed(document("a variant with quite a long name", bounds=[-0.1, 0.2]), 80)
    assert max(map(len, text.splitlines())) <= 80
    assert "├" not in text
    assert "+10.0 %" in text
    assert "-10.0 % … +20.0 %" in text
    assert "a variant with quite a long name: no difference" in text.replace("\n", " ")


def test_names_draw_nothing_of_their_own() -> None:
    """A name is no markup, and moves no cursor."""
    text = printed(document("[red]\x1b[2Jx[/red]"), 120)
    assert "\x1b" not in text
    assert "[red]" in text


def test_the_field_shows_band_lift_and_zero() -> None:
    points = [Point(at, 0.1, None if at < 10 else -0.1, None if at < 10 else 0.3) for at in range(100)]
    *rows, axis = field(points)
    assert len(rows) == FIELD_ROWS
    assert {len(row) for row in rows} == {FIELD_COLUMNS + 11}
    (zero,) = [row for row in rows if row.startswith(f"{'0 %':>10} ")]
    assert set(zero[11:]) == {"─"}
    marked = [row for row in rows if "●" in row]
    assert len(marked) == 1, "a lift that doesn't move is one row"
    assert marked[0].count("●") == FIELD_COLUMNS
    assert not any(row[11] == "░" for row in rows), "no band before there were bounds"
    assert sum(row[-1] == "░" for row in rows) >= FIELD_ROWS // 2
    assert axis.strip().startswith("first look")


@pytest.mark.parametrize("lift", [0.0, -1.0, 1e6])
def test_the_field_takes_any_lift(lift: float) -> None:
    rows = field([Point(0, lift, None, None), Point(1, lift, lift, lift)])
    assert sum("●" in row for row in rows) == 1
