"""The smoke test of a deployment: it passes against ``burgee up``, and each of its checks fails when that is broken (PIP-02).

What is broken stands between the two: a proxy that spoils answers on their way back.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Self

import httpx
import pytest

from scripts.smoke.__main__ import KEY, main, options_of, platform_of, run, urls_of
from scripts.smoke.asking import FUNCTIONS, Platform, Wrong
from scripts.smoke.checks import CHECKS, NO_PATH, Asked
from tests.burgee.platform import Up
from tests.conftest import ROOT

CONTEXT = {"platform": "web", "cart": {"items": 2}}
EXPERIMENT = ["--experiment", "checkout-button", "--context", json.dumps(CONTEXT)]
PASSED_BY = ("connection", "transfer-encoding", "content-length", "content-encoding", "server", "date")


@dataclass
class Answer:
    """One on its way back. ``headers`` by lower-case name; ``asked`` counts the requests for its path until now."""

    method: str
    path: str
    status: int
    headers: dict[str, str]
    body: bytes
    asked: int = 1

    def json(self) -> Any:
        return json.loads(self.body)

    def put(self, document: Any) -> None:
        self.body = json.dumps(document).encode()


Fault = Callable[[Answer], None]


class Broken:
    """A proxy before a platform, which does one thing to the answers. ``sent``: the headers that requests came with."""

    def __init__(self, url: str, fault: Fault) -> None:
        asked: dict[str, int] = {}
        self.sent: list[dict[str, str]] = []
        sent = self.sent
        client = httpx.Client(base_url=url, trust_env=False, timeout=120)

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one_request(self) -> None:
                self.raw_requestline = self.rfile.readline(65_537)
                if not self.raw_requestline or not self.parse_request():
                    self.close_connection = True
                    return
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                sent.append(headers)
                passed = {name: value for name, value in headers.items() if name not in ("host", *PASSED_BY)}
                found = client.request(self.command, self.path, content=body, headers=passed)
                path = self.path.partition("?")[0]
                asked[path] = asked.get(path, 0) + 1
                back = {name: value for name, value in found.headers.items() if name not in PASSED_BY}
                answer = Answer(self.command, path, found.status_code, back, found.content, asked[path])
                fault(answer)
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._client = client
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = Thread(target=self._server.serve_forever, args=(0.05,))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._client.close()


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    with Up(ROOT / "examples", tmp_path_factory.mktemp("temporary"), "--refresh-ms", "1000", "--no-view") as running:
        yield running


def failed(
    url: str, asked: Asked, key: str = "", seconds: float = 120, names: Collection[str] = CHECKS.keys()
) -> dict[str, str]:
    """What each failed check found."""
    results = run(Platform({"flags": url}, key, time.monotonic() + seconds), asked, names)
    assert {result.check for result in results} == set(names)
    return {result.check: result.found for result in results if result.outcome == "FAILED"}


def all_asked(**more: Any) -> Asked:
    return Asked(**({"flag": "sales-open", "experiment": "checkout-button", "context": CONTEXT} | more))


def test_pip_02_it_passes_against_the_local_platform(up: Up) -> None:
    """The command itself, in a process of its own, with everything that it can check without an API key."""
    command = [sys.executable, "-m", "scripts.smoke", "--url", up.url, *EXPERIMENT, "--counted", "--expect-version", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert [line.split()[:2] for line in lines[:-1]] == [["skipped" if name == "access" else "ok", name] for name in CHECKS]
    assert lines[-1] == "everything that was asked is well"


def test_pip_02_its_answer_as_json(up: Up, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--url", up.url, "--flag", "sales-open", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["ok"] is True
    outcomes = {each["check"]: each["outcome"] for each in document["checks"]}
    assert list(outcomes) == list(CHECKS)
    assert {name for name, outcome in outcomes.items() if outcome == "skipped"} == {
        "version",
        "assignment",
        "counted",
        "access",
    }


def test_doc_05_the_page_lists_every_check() -> None:
    page = (ROOT / "docs" / "deployment.md").read_text()
    section = page[page.index("## 8. The smoke test") : page.index("## 9.")]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    assert [name.strip("` ") for row in rows for name in row.split(",")] == list(CHECKS)


# --- broken ---------------------------------------------------------------------------------------------------------------


def on(method: str, path: str, *, nth: int = 0, **more: Any) -> Callable[[Fault], Fault]:
    """The fault only where that was asked; ``nth``: only then."""

    def only(fault: Fault) -> Fault:
        def spoil(answer: Answer) -> None:
            if (answer.method, answer.path) == (method, path) and nth in (0, answer.asked):
                fault(answer)

        return spoil

    return only


def _set(name: str, value: Any) -> Fault:
    return lambda answer: answer.put({**answer.json(), name: value})


def _status(status: int) -> Fault:
    def spoil(answer: Answer) -> None:
        answer.status = status

    return spoil


def _header(name: str, value: str | None) -> Fault:
    def spoil(answer: Answer) -> None:
        answer.headers.pop(name, None)
        if value is not None:
            answer.headers[name] = value

    return spoil


def _batched_otherwise(answer: Answer) -> None:
    document = answer.json()
    if "flags" in document:
        document["flags"]["sales-open"]["enabled"] = False
        answer.put(document)


def _traceback(answer: Answer) -> None:
    if answer.status == 404:
        answer.put({"error": "Traceback (most recent call last): KeyError: 'user'"})


def _no_counts(answer: Answer) -> None:
    document = answer.json()
    for variant in document["variants"]:
        variant["events"] = {}
    answer.put(document)


def _served_again(answer: Answer) -> None:
    if answer.status == 304:
        answer.status = 200


def _other_each_time(answer: Answer) -> None:
    document = answer.json()
    if document.get("variant"):
        answer.put({**document, "assignment_id": f"assign_{answer.asked}"})


ON_HEALTH, ON_SINGLE, ON_BATCH = (
    on("GET", "/health"),
    on("POST", "/feature-flags/evaluate"),
    on("POST", "/feature-flags/evaluate/batch"),
)
ON_BULK, ON_OFREP = on("POST", "/ofrep/v1/evaluate/flags"), on("POST", "/ofrep/v1/evaluate/flags/sales-open")
ON_ASSIGN, ON_EVENT, ON_EVENTS = on("POST", "/assign"), on("POST", "/events"), on("POST", "/events/batch")
ON_RESULTS = on("GET", "/experiments/checkout-button/results")

FAULTS: list[tuple[str, str, Fault]] = [
    ("health", "503", ON_HEALTH(_status(503))),
    ("health", "'degraded'", ON_HEALTH(_set("status", "degraded"))),
    ("health", "600000 ms ago", ON_HEALTH(_set("age_ms", 600_000))),
    ("version", "version 0", ON_HEALTH(_set("version", 0))),
    ("ofrep-bulk", "no flags", ON_BULK(_set("flags", []))),
    ("ofrep-bulk", "no ETag", ON_BULK(_header("etag", None))),
    ("ofrep-bulk", "200 instead of 304", ON_BULK(_served_again)),
    ("ofrep-single", "no evaluation", ON_OFREP(_set("key", "another"))),
    ("ofrep-single", "200 instead of 404", on("POST", "/ofrep/v1/evaluate/flags/smoke-no-such-flag")(_status(200))),
    (
        "ofrep-single",
        "PARSE_ERROR",
        on("POST", "/ofrep/v1/evaluate/flags/smoke-no-such-flag")(_set("errorCode", "PARSE_ERROR")),
    ),
    ("flag", "no JSON", ON_SINGLE(lambda answer: setattr(answer, "body", b"<html>"))),
    ("flag", "no JSON object", ON_SINGLE(lambda answer: answer.put([]))),
    ("flag", "none about sales-open", ON_SINGLE(_set("enabled", "yes"))),
    ("flag", "which version", ON_SINGLE(_header("x-burgee-version", None))),
    ("batch", "unexpected shape", ON_BATCH(_set("flags", 7))),
    ("batch", "isn't said to be so", ON_BATCH(_set("flags", {}))),
    ("batch", "in a batch", ON_BATCH(_batched_otherwise)),
    ("assignment", "none of 40 users", ON_ASSIGN(_set("excluded", True))),
    ("assignment", "wasn't stored", ON_ASSIGN(_set("persisted", False))),
    ("assignment", "another assignment", ON_ASSIGN(_other_each_time)),
    ("event", "wasn't taken", ON_EVENT(_set("accepted", 0))),
    ("event", "503 instead of 202", ON_EVENTS(_status(503))),
    ("event", "exactly one", ON_EVENTS(_set("rejected", 0))),
    ("counted", "count 0 events", ON_RESULTS(_no_counts)),
    ("wrong-input", "500 instead of 405", on("DELETE", "/feature-flags/evaluate")(_status(500))),
    ("wrong-input", "without a sentence", on("GET", "/smoke-no-such-path")(lambda answer: answer.put({}))),
    ("cors", "* may read it", on("OPTIONS", "/events")(_header("access-control-allow-origin", "*"))),
    ("cors", "smoke.invalid may", ON_SINGLE(_header("access-control-allow-origin", "https://smoke.invalid"))),
    ("cors", "credentials", ON_SINGLE(_header("access-control-allow-credentials", "true"))),
    ("access", "instead of 401", lambda answer: None),  # the local platform asks nobody for a key
    ("security-headers", "x-content-type-options", ON_SINGLE(_header("x-content-type-options", None))),
    ("security-headers", "cache-control: public", on("GET", "/smoke-no-such-path")(_header("cache-control", "public"))),
    ("security-headers", "x-request-id", ON_HEALTH(_header("x-request-id", None))),
    ("no-exceptions", "'Traceback'", on("GET", "/feature-flags/evaluate")(_traceback)),
]
# What has to be asked before: the whole smoke test for each fault would take a minute and a half.
NEEDS = {
    "counted": ("assignment", "event"),
    "security-headers": ("health", "flag", "wrong-input"),
    "no-exceptions": ("wrong-input",),
}


@pytest.mark.parametrize(("check", "says", "fault"), FAULTS, ids=[f"{name}-{says.split()[0]}" for name, says, _ in FAULTS])
def test_pip_02_each_check_fails_when_its_thing_is_broken(up: Up, check: str, says: str, fault: Fault) -> None:
    waits = check in ("version", "counted")
    asked = all_asked(version=1 if check == "version" else None, counted=check == "counted")
    with Broken(up.url, fault) as broken:
        names = {check, *NEEDS.get(check, ())}
        found = failed(broken.url, asked, "a-key" if check == "access" else "", 17 if waits else 120, names)
    assert says in found.get(check, "(passed)"), found


def test_pip_02_every_check_is_broken_once() -> None:
    assert {check for check, _, _ in FAULTS} == set(CHECKS)


def test_through_a_proxy_that_breaks_nothing_it_passes(up: Up) -> None:
    """So that what the faults show is the faults' doing; and a key is sent with every question but the ones without."""
    with Broken(up.url, lambda answer: None) as whole:
        assert failed(whole.url, all_asked()) == {}
        assert not any("x-api-key" in headers for headers in whole.sent)
        assert set(failed(whole.url, all_asked(), "a-key")) == {"access"}
        assert sum(headers.get("x-api-key") == "a-key" for headers in whole.sent) > 25


# --- what can be wrong with the command ---------------------------------------------------------------------------------------


def test_nobody_there_fails_every_check_quickly() -> None:
    started = time.monotonic()
    found = failed("http://127.0.0.1:1", all_asked())
    assert "no answer" in found["health"] and "no answer" in found["event"]
    assert time.monotonic() - started < 30, "before the time for the answers is over"


def test_when_the_time_is_over_that_is_said(up: Up) -> None:
    found = failed(up.url, all_asked(), seconds=0)
    assert "the time is over" in found["health"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "either --url or --outputs"),
        (["--url", "ftp://example"], "no URL"),
        (["--url", "http://h", "--context", "[]"], "JSON object"),
        (["--url", "http://h", "--context", "{"], "smoke: "),
        (["--url", "http://h", "--counted"], "needs --experiment"),
        (["--outputs", "nowhere.json"], "nowhere.json"),
    ],
)
def test_what_makes_no_sense_is_said(arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert says in capsys.readouterr().err


def test_pip_02_the_urls_of_a_deployment_are_in_cdks_outputs(
    up: Up, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    outputs = tmp_path / "outputs.json"
    ours = {"FlagsUrl": up.url + "/", "AssignmentsUrl": up.url, "IngestUrl": up.url, "Store": "s3://bucket/live"}
    outputs.write_text(json.dumps({"burgee-staging": ours, "burgee-prod": {"FlagsUrl": "https://prod"}}))
    assert urls_of(outputs, "burgee-prod") == {"flags": "https://prod"}
    assert urls_of(outputs, "burgee-staging")["ingest"] == up.url
    with pytest.raises(ValueError, match="name one with --stack"):
        urls_of(outputs, "")
    outputs.write_text(json.dumps({"burgee-staging": ours}))
    monkeypatch.setenv(KEY, "from-the-environment")
    assert main(["--outputs", str(outputs), *EXPERIMENT]) == 1  # up asks for no key, and that is what fails
    printed = capsys.readouterr().out
    assert [line for line in printed.splitlines() if line.startswith("FAILED")] == [
        line for line in printed.splitlines() if " access " in line
    ]
    assert "from-the-environment" not in printed


def test_pip_02_a_url_of_iams_is_asked_with_a_signature(monkeypatch: pytest.MonkeyPatch) -> None:
    from scripts.smoke.asking import _signature

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
    headers = _signature("GET", "https://abc.lambda-url.eu-central-1.on.aws/experiments/x/results", b"", {})
    assert "/eu-central-1/lambda/aws4_request" in headers["Authorization"]
    headers = _signature("GET", "https://abc.execute-api.eu-central-1.amazonaws.com/experiments/x/results", b"", {})
    assert "/eu-central-1/execute-api/aws4_request" in headers["Authorization"]
    for elsewhere in ("https://flags.example.com/health", "http://127.0.0.1:8080/health"):
        with pytest.raises(Wrong, match="at the URL that AWS gave it"):
            _signature("GET", elsewhere, b"", {})


API = "https://abc.execute-api.eu-central-1.amazonaws.com"
URL = "https://xyz.lambda-url.eu-central-1.on.aws"


@pytest.mark.parametrize(
    ("outputs", "more", "asked", "signed"),
    [
        ({"ApiUrl": API, "FlagsUrl": URL, "ResultsUrl": URL}, [], {"flags": API}, {"results"}),
        ({"ApiUrl": API}, ["--iam"], {"flags": API}, set(FUNCTIONS)),
        ({"ApiUrl": API, "ApiAuthorisation": "iam"}, [], {"flags": API}, set(FUNCTIONS)),
        ({"ApiUrl": API, "ApiAuthorisation": "api-key"}, [], {"flags": API}, {"results"}),
        ({"FlagsUrl": URL, "ResultsUrl": URL}, [], {"flags": URL, "results": URL}, {"results"}),
        ({"FlagsUrl": "http://127.0.0.1:8080"}, [], {"flags": "http://127.0.0.1:8080"}, set()),
    ],
)
def test_inf_08_an_apis_url_stands_for_all(
    tmp_path: Path, outputs: dict[str, str], more: list[str], asked: dict[str, str], signed: set[str]
) -> None:
    """Results are IAM's there as well as at their own URL; with ``--iam``, or by what the stack says, all of it is."""
    path = tmp_path / "outputs.json"
    path.write_text(json.dumps({"burgee-dev": outputs}))
    platform = platform_of(options_of(["--outputs", str(path), *more]))
    assert (dict(platform.urls), platform.signed) == (asked, signed)
    alone = platform_of(options_of(["--url", asked["flags"], *more]))
    assert ("results" in alone.signed) == ("results" in signed)


@pytest.mark.parametrize(
    ("body", "fails"),
    [
        ({"message": "Not Found"}, set()),
        ({"message": "Forbidden"}, {"wrong-input", "security-headers"}),
        ({}, {"wrong-input", "security-headers"}),
    ],
)
def test_inf_08_an_apis_own_404_is_right_for_no_path_alone(up: Up, body: dict[str, str], fails: set[str]) -> None:
    """In API Gateway's words, without a header of ours; for a path that isn't there, and for nothing else."""

    def fault(answer: Answer) -> None:
        if answer.path == NO_PATH:
            answer.put(body)
            answer.headers = {"content-type": "application/json", "apigw-requestid": "JKJaXmPLvHcESHA="}

    names = ("wrong-input", "security-headers")
    with Broken(up.url, fault) as broken:
        assert failed(broken.url, all_asked(), names=names).keys() == fails

    def none(answer: Answer) -> None:
        if (answer.path, answer.status) == ("/assign", 404):  # of an experiment that isn't there: the function says it
            answer.headers = {"content-type": "application/json"}
            answer.put({"message": "Not Found"})

    with Broken(up.url, none) as broken:
        assert "wrong-input" in failed(broken.url, all_asked(), names=names)


def test_inf_08_who_has_not_signed_is_refused(up: Up, monkeypatch: pytest.MonkeyPatch) -> None:
    """By an API that asks everybody to: before a function is asked, so without our headers."""
    monkeypatch.setattr("scripts.smoke.asking._signature", lambda *_: {"Authorization": "signed"})

    def guard(answer: Answer) -> None:
        if "authorization" not in broken.sent[-1]:
            answer.status, answer.headers = 403, {"content-type": "application/json"}
            answer.put({"message": "Forbidden"})

    names = ("wrong-input", "access", "security-headers")
    with Broken(up.url, guard) as broken:
        platform = Platform({"flags": broken.url}, "", time.monotonic() + 40, frozenset(FUNCTIONS))
        assert {each.check: each.outcome for each in run(platform, all_asked(), names)} == dict.fromkeys(names, "ok")
        assert {each.outcome for each in run(Platform({"flags": broken.url}), all_asked(), ("wrong-input",))} == {"FAILED"}
    platform = Platform({"flags": up.url}, "", time.monotonic() + 40, frozenset(FUNCTIONS))
    assert [each.outcome for each in run(platform, all_asked(), ("access",))] == ["FAILED"], "nobody asks for a signature there"
