"""The OFREP endpoint as a Lambda function: events in, results out, whatever the event, the store or the configuration."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from config_sync import release
from config_sync.compile import CompileResult
from config_sync.diagnostics import Diagnostics
from config_sync.store import DirectoryStore
from handlers import _edge
from handlers.ofrep import FLAGS_PATH, HEALTH_PATH, handler
from tests.conftest import ROOT
from tests.handlers.conftest import Configure
from tests.handlers.flags import constant, snapshot_of
from tests.handlers.logged import errors_in
from tests.handlers.test_events import event, foreign


class Context:
    aws_request_id = "00000000-0000-4000-8000-00000000c0de"


def call(document: Any) -> tuple[int, Any, dict[str, str]]:
    """Status, parsed body (None without one) and headers; the result is checked for what every one has."""
    result: Any = handler(document, Context())
    assert json.loads(json.dumps(result)) == result, "a result is JSON"
    assert result["isBase64Encoded"] is False
    assert result["headers"]["X-Frame-Options"] == "DENY"
    if "body" not in result:
        return result["statusCode"], None, result["headers"]
    assert result["headers"]["Content-Type"] == "application/json"
    return result["statusCode"], json.loads(result["body"]), result["headers"]


def get(path: str, method: str = "GET") -> dict[str, Any]:
    made = event(None, path)
    made["requestContext"]["http"]["method"] = method
    return made


def test_one_flag_and_all_of_them(bundle: Path) -> None:
    status, body, headers = call(event(path=f"{FLAGS_PATH}/boolean"))
    assert (status, body["value"], body["key"]) == (200, True, "boolean")
    assert (headers["X-Burgee-Version"], len(headers["X-Burgee-Snapshot"])) == ("0", 16)
    status, body, headers = call(event())
    assert status == 200 and len(body["flags"]) > 10
    again = event()
    again["headers"]["if-none-match"] = headers["ETag"]
    status, body, headers = call(again)
    assert (status, body) == (304, None)
    assert headers["X-Burgee-Snapshot"]


def test_a_key_is_decoded_once(bundle: Path) -> None:
    assert call(event(path=f"{FLAGS_PATH}/team%2F%C3%BC%20flag"))[1]["key"] == "team/ü flag"
    gateway = event(path=f"{FLAGS_PATH}/team/ü flag")
    gateway["requestContext"]["domainName"] = "abc.execute-api.us-east-1.amazonaws.com"
    assert call(gateway)[1]["key"] == "team/ü flag"
    assert call(event(path=f"{FLAGS_PATH}/a%2520b"))[1]["key"] == "a%20b"


def test_other_statuses_pass_through(bundle: Path) -> None:
    assert call(event(path=f"{FLAGS_PATH}/unknown"))[0] == 404
    assert call(event("{"))[0] == 400
    assert call(get(FLAGS_PATH))[0] == 405
    assert call(get("/"))[0] == 404
    status, body, headers = call(get(FLAGS_PATH, "OPTIONS"))
    assert (status, body) == (204, None)
    assert "X-Burgee-Version" in headers["Access-Control-Expose-Headers"]


def test_a_published_version_its_age_and_the_health_check(configure: Configure, tmp_path: Path, snapshot: bytes) -> None:
    publish(tmp_path / "store", snapshot)
    configure(STORE=tmp_path / "store")
    _, body, headers = call(event(path=f"{FLAGS_PATH}/boolean"))
    assert body["value"] is True
    assert headers["X-Burgee-Version"] == "1"
    assert 0 <= int(headers["X-Burgee-Age-Ms"]) < 5_000
    status, health, _ = call(get(HEALTH_PATH))
    assert status == 200
    assert (health["status"], health["version"], health["snapshot_version"]) == ("ok", 1, headers["X-Burgee-Snapshot"])
    assert health["age_ms"] >= 0


def test_flg_21_a_change_is_seen_by_the_first_request_after_the_refresh_interval(
    configure: Configure, tmp_path: Path, snapshot: bytes
) -> None:
    publish(tmp_path / "store", snapshot)
    configure(STORE=tmp_path / "store", REFRESH_MS=1)
    assert call(event(path=f"{FLAGS_PATH}/boolean"))[2]["X-Burgee-Version"] == "1"
    publish(tmp_path / "store", snapshot_of(constant("boolean", False)))
    found = [call(event(path=f"{FLAGS_PATH}/boolean")) for _ in range(2)][-1]
    assert (found[1]["value"], found[2]["X-Burgee-Version"]) == (False, "2")


def publish(store: Path, snapshot: bytes) -> None:
    """The snapshot as the store's next version, whatever is in it."""
    result = CompileResult(snapshot, Diagnostics())
    assert release.publish(DirectoryStore(store), lambda: result, force=True).status == "published"


def test_flg_10_asg_22_nothing_loaded_is_503_with_retry_after(configure: Configure, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    configure(STORE=tmp_path / "empty")
    for document in (event(), event(path=f"{FLAGS_PATH}/boolean"), get(HEALTH_PATH)):
        status, body, headers = call(document)
        assert (status, headers["Retry-After"]) == (503, "1")
        assert body["errorDetails"]
        assert "X-Burgee-Version" not in headers


@pytest.mark.parametrize("document", foreign())
def test_any_event_gets_a_result(bundle: Path, document: Any) -> None:
    status, body, _ = call(document)
    assert (status, list(body)) == (400, ["errorDetails"])


@pytest.mark.parametrize("headers", [{"origin": ["x"]}, {"content-type": 7}, {"if-none-match": {}}])
def test_headers_that_no_url_sends_are_answered_too(bundle: Path, headers: Any, configure: Configure) -> None:
    configure(BUNDLE=bundle, ALLOW_ORIGINS="https://app.example")
    assert call(event() | {"headers": headers})[0] == 500


# --- CORS ----------------------------------------------------------------------------------------------------------------


def test_flh_07_listed_origins_may_read(bundle: Path, configure: Configure) -> None:
    configure(BUNDLE=bundle, ALLOW_ORIGINS=" https://app.example , https://b.example:8443,")
    allowed = event()
    allowed["headers"]["origin"] = "https://b.example:8443"
    headers = call(allowed)[2]
    assert (headers["Access-Control-Allow-Origin"], headers["Vary"]) == ("https://b.example:8443", "Origin")
    allowed["headers"]["origin"] = "https://c.example"
    assert "Access-Control-Allow-Origin" not in call(allowed)[2]


# --- the configuration ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "BURGEE_STORE"),
        ({"STORE": "ftp://x"}, "BURGEE_STORE"),
        ({"STORE": "/tmp", "REFRESH_MS": "soon"}, "BURGEE_REFRESH_MS"),
        ({"STORE": "/tmp", "PUBLIC_KEYS": "abc"}, "BURGEE_PUBLIC_KEYS"),
        ({"STORE": "/tmp", "ALLOW_ORIGINS": "app.example"}, "BURGEE_ALLOW_ORIGINS"),
        ({"STORE": "/tmp", "ALLOW_ORIGINS": "https://app.example/"}, "BURGEE_ALLOW_ORIGINS"),
    ],
)
def test_flh_10_a_wrong_setting_is_a_well_formed_500_and_a_line_in_the_log(
    configure: Configure, capfd: pytest.CaptureFixture[str], settings: dict[str, str], words: str
) -> None:
    configure(**settings)
    for _ in range(2):
        status, body, _ = call(event())
        assert (status, list(body)) == (500, ["errorDetails"])
        assert words not in body["errorDetails"]
        [line] = capfd.readouterr().out.splitlines()
        logged = json.loads(line)
        assert (logged["level"], logged["error"]) == ("ERROR", "ConfigurationError")
        assert logged["request_id"] == Context.aws_request_id
        assert words in logged["message"]


def test_an_unforeseen_error_is_500_and_its_text_reaches_neither_the_client_nor_the_log(
    bundle: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> Any:
        raise RuntimeError("jane@example.com")

    for where in ("handlers._ofrep.read_context", "handlers._edge.read_event", "handlers._edge.result_of"):
        with monkeypatch.context() as patch:
            calls = iter([fail])
            module, _, name = where.rpartition(".")
            real = getattr(sys.modules[module], name)
            patch.setattr(where, lambda *args, calls=calls, real=real: next(calls, real)(*args))
            assert call(event())[0] == 500
        out = capfd.readouterr().out
        [logged] = errors_in(out)
        assert (logged["message"], logged["error"]) == ("an unforeseen error", "RuntimeError")
        assert logged["function_request_id"] == Context.aws_request_id
        assert any("fail" in place for place in logged["where"])
        assert "jane" not in out


# --- the init phase ---------------------------------------------------------------------------------------------------------

INIT = """
import sys; sys.path.insert(0, {root!r})
import handlers.ofrep
import gc
print("handlers._snapshots" in sys.modules, bool(handlers._edge._of_process), gc.get_freeze_count() > 1_000)
"""


def start(tmp_path: Path, **environment: str) -> list[str]:
    run = subprocess.run(
        [sys.executable, "-I", "-c", INIT.format(root=str(ROOT))],
        capture_output=True,
        text=True,
        check=True,
        env={"BURGEE_SCRATCH": str(tmp_path / "none"), "BURGEE_TRACKING": "none"} | environment,
    )
    return run.stdout.splitlines()


def test_in_lambda_the_bundle_is_loaded_when_the_module_is_and_elsewhere_nothing_is(bundle: Path, tmp_path: Path) -> None:
    assert start(tmp_path, BURGEE_BUNDLE=str(bundle)) == ["False False False"]
    assert start(tmp_path, BURGEE_BUNDLE=str(bundle), AWS_LAMBDA_FUNCTION_NAME="edge") == ["True True True"]


def test_flh_10_a_wrong_setting_doesnt_keep_the_function_from_starting(tmp_path: Path) -> None:
    line, imported = start(tmp_path, AWS_LAMBDA_FUNCTION_NAME="edge")
    assert imported == "True False True"
    logged = json.loads(line)
    assert "BURGEE_STORE" in logged["message"] and logged["service"] == "edge"


def test_nothing_of_a_test_is_left(configure: Configure) -> None:
    assert not _edge._of_process
