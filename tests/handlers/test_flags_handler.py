"""The function of feature flags: events in, results out; its settings, its headers, its singletons, the requirements' cases."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from config_sync import release
from config_sync.compile import CompileResult
from config_sync.diagnostics import Diagnostics
from config_sync.store import DirectoryStore
from handlers import _edge, _snapshots, flags
from handlers._edge import ConfigurationError, NoTelemetry, NoTracker, prepare
from handlers._http import SECURITY_HEADERS
from handlers._ofrep import FLAGS_PATH, HEALTH_PATH
from handlers._outcome import properties_of
from handlers.flags import BATCH_PATH, EVALUATE_PATH, get_evaluator, handler, reset_evaluator
from tests.conftest import spec_data
from tests.handlers.conftest import Configure
from tests.handlers.logged import errors_in
from tests.handlers.switches import DOCUMENT, compiled
from tests.handlers.test_events import balanced, event, foreign, proxied


class Context:
    aws_request_id = "00000000-0000-4000-8000-00000000c0de"


@pytest.fixture
def switches(configure: Configure, tmp_path: Path) -> Path:
    """The project of ``switches.py``, bundled."""
    path = tmp_path / "flags.burgee"
    path.write_bytes(compiled(DOCUMENT))
    configure(BUNDLE=path)
    return path


def call(document: Any) -> tuple[int, Any, dict[str, str]]:
    """Status, parsed body and headers; the result is checked for what every one has."""
    result: Any = handler(document, Context())
    assert json.loads(json.dumps(result)) == result, "a result is JSON"
    headers = result["headers"]
    assert SECURITY_HEADERS.items() <= headers.items()
    return result["statusCode"], json.loads(result["body"]) if "body" in result else None, headers


def get(path: str = EVALUATE_PATH, **parameters: str) -> dict[str, Any]:
    made = event(None, path, rawQueryString="", queryStringParameters=parameters)
    made["requestContext"]["http"]["method"] = "GET"
    return made


def post(path: str, body: Any) -> dict[str, Any]:
    return event(body if isinstance(body, str) else json.dumps(body), path)


ON = {"user_id": "u1", "flag_key": "on"}


def test_every_endpoint_of_the_function(switches: Path) -> None:
    assert call(get(**ON))[1]["enabled"] is True
    assert call(post(EVALUATE_PATH, ON))[1]["flag_id"] == "flag_1"
    assert call(post(BATCH_PATH, {"user_id": "u1", "flag_keys": ["on"]}))[1]["flags"]["on"]["enabled"] is True
    assert call(post(f"{FLAGS_PATH}/on", {"context": {}}))[1]["value"] is True
    assert len(call(post(FLAGS_PATH, {"context": {}}))[1]["flags"]) == len(DOCUMENT["flags"]) + 2
    assert call(get(HEALTH_PATH))[1]["status"] == "ok"
    for path in ("/", "/feature-flags", f"{EVALUATE_PATH}/", f"{EVALUATE_PATH}/x", f"{BATCH_PATH}/", "/feature-flags/Evaluate"):
        assert call(get(path, **ON))[0] == 404


def test_flh_05_flh_06_sec_04_model_07_every_status_has_all_headers(
    configure: Configure, switches: Path, tmp_path: Path
) -> None:
    origin = "https://app.example"
    seen = {}
    for settings in ({"BUNDLE": switches}, {"STORE": tmp_path}, {"BUNDLE": switches, "MAX_BATCH": "none"}):
        configure(**{"ALLOW_ORIGINS": origin, "BUNDLE": "", "MAX_BATCH": "", **settings})
        for document in (
            get(**ON),
            get(),
            get(user_id="u1", flag_key="x"),
            get(user_id="u1", flag_key="broken"),
            post(EVALUATE_PATH, "x" * 300_000),
        ):
            document["headers"]["origin"] = origin
            result: Any = handler(document, Context())
            assert set(result) == {"statusCode", "headers", "body", "isBase64Encoded"}
            seen[result["statusCode"]] = result["headers"]
    assert set(seen) == {200, 400, 404, 413, 500, 503}
    for status, headers in seen.items():
        assert headers["Content-Type"] == "application/json"
        assert SECURITY_HEADERS.items() <= headers.items()
        assert {"Content-Type", "X-Amz-Date", "Authorization", "X-Api-Key"} <= set(
            headers["Access-Control-Allow-Headers"].split(",")
        )
        assert {"GET", "OPTIONS"} <= set(headers["Access-Control-Allow-Methods"].split(","))
        assert "Access-Control-Allow-Credentials" not in headers
        if status != 500:  # the last one is of a function that couldn't read its settings
            assert headers["Access-Control-Allow-Origin"] == origin


def test_flh_07_sec_05_only_listed_origins_may_read(configure: Configure, switches: Path) -> None:
    for allowed, origin, expected in (
        ("https://a.example", "https://a.example", "https://a.example"),
        ("https://a.example", "https://b.example", None),
        ("", "https://a.example", None),
        ("*", "https://a.example", "*"),
    ):
        configure(BUNDLE=switches, ALLOW_ORIGINS=allowed)
        document = get(**ON)
        document["headers"]["origin"] = origin
        assert call(document)[2].get("Access-Control-Allow-Origin") == expected


def test_flh_12_the_request_id_comes_back_and_goes_everywhere(switches: Path) -> None:
    told: list[Any] = []

    class Tracker(NoTracker):
        def track_flags(self, request: Any, *rest: Any) -> None:
            told.append((request.request_id, request.source_ip, rest))

    class Telemetry(NoTelemetry):
        def begin(self) -> int:
            return 77

        def end(self, *rest: Any) -> None:
            told.append(rest)

    edge = prepare()
    edge.tracker, edge.telemetry = Tracker(), Telemetry()
    for document, expected, ip in (
        (get(**ON), "5f0b8a5e-0000-4000-8000-000000000000", "192.0.2.7"),
        (balanced(EVALUATE_PATH, ON), Context.aws_request_id, "203.0.113.9"),
    ):
        told.clear()
        assert call(document)[2]["X-Request-Id"] == expected
        (tracked_id, tracked_ip, rest), ended = told
        assert (tracked_id, tracked_ip) == (expected, ip)
        assert rest == ("u1", {"targetingKey": "u1"}, [properties_of("on", "flag_1", True, "enabled", None)])
        started, _, request, status = ended[:4]
        assert (started, status, request.request_id, request.source_ip) == (77, 200, expected, ip)
        assert request.account == ("flag", "enabled", "on", None)
    told.clear()
    call(get(user_id="u1"))
    assert [one[3] for one in told] == [400], "a refusal is logged and not tracked"


def test_flt_02_a_failure_of_tracking_costs_no_answer(switches: Path, capfd: pytest.CaptureFixture[str]) -> None:
    class Broken(NoTracker):
        pending = True

        def flush(self) -> None:
            raise RuntimeError("jane@example.com")

    prepare().tracker = Broken()
    assert call(get(**ON))[0] == 200
    out = capfd.readouterr().out
    [logged] = errors_in(out)
    assert logged["error"] == "RuntimeError" and "jane" not in out


def test_access_is_asked_before_anything_is_looked_at(switches: Path) -> None:
    from handlers._http import problem

    class Closed:
        def check(self, request: Any, event: Any) -> Any:
            return problem(401, "who are you")

    edge = prepare()
    edge.access = Closed()
    calls = _snapshots.reader().calls
    status, body, headers = call(get(**ON))
    assert (status, body) == (401, {"errorDetails": "who are you"})
    assert headers["X-Request-Id"] and _snapshots.reader().calls == calls


# --- singletons and settings ------------------------------------------------------------------------------------------


def test_hash_18_flh_08_one_evaluator_for_all_and_another_after_a_reset(switches: Path) -> None:
    first = get_evaluator()
    assert first is not None and get_evaluator() is first
    call(get(**ON))
    assert get_evaluator() is first, "requests use the same"
    reset_evaluator()
    assert not _edge._of_process and not _snapshots._of_process
    assert get_evaluator() is not first


def test_hash_18_no_thread_sees_anothers_question(switches: Path) -> None:
    """Stateless: what is asked at the same time, or before, changes no answer."""
    users = [f"user_{number}" for number in range(300)]

    def variant(user_id: str) -> Any:
        return call(get(user_id=user_id, flag_key="split"))[1]["variant"]

    expected = [variant(user_id) for user_id in users]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(variant, users * 3)) == expected * 3
    assert set(expected) == {"control", "treatment"}


def test_flh_09_what_is_required_is_named_and_read_once(
    configure: Configure, switches: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(BUNDLE="")
    with pytest.raises(ValueError, match="BURGEE_STORE isn't set"):
        get_evaluator()
    configure(BUNDLE=switches)
    read = []
    monkeypatch.setattr(_edge, "_origins", lambda text: read.append(text) or ())
    for _ in range(3):
        assert call(get(**ON))[0] == 200
    assert len(read) == 1


@pytest.mark.parametrize("value", ["0", "-1", "many", "10001", "1.5"])
def test_flh_04_flh_10_a_wrong_setting_is_our_error_and_not_the_clients(
    configure: Configure, switches: Path, capfd: pytest.CaptureFixture[str], value: str
) -> None:
    configure(BUNDLE=switches, MAX_BATCH=value)
    with pytest.raises(ConfigurationError, match="BURGEE_MAX_BATCH"):
        get_evaluator()
    status, body, headers = call(get(user_id=""))
    assert (status, list(body)) == (500, ["error"])
    assert "Internal server error" in body["error"] and "BURGEE" not in body["error"]
    assert headers["X-Request-Id"] == "5f0b8a5e-0000-4000-8000-000000000000"
    [logged] = errors_in(capfd.readouterr().out)
    assert "BURGEE_MAX_BATCH" in logged["message"]


def test_bat_05_the_limit_is_a_setting(configure: Configure, switches: Path) -> None:
    configure(BUNDLE=switches, MAX_BATCH=2)
    assert call(post(BATCH_PATH, {"user_id": "u1", "flag_keys": ["on", "off"]}))[0] == 200
    assert call(post(BATCH_PATH, {"user_id": "u1", "flag_keys": ["on", "off", "us"]}))[0] == 400


def test_flh_03_flh_04_an_unforeseen_error_is_a_bare_500(
    switches: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> Any:
        raise ValueError("user_id cannot be jane@example.com")

    for where in ("most_bytes", "quote_json", "is_text"):
        with monkeypatch.context() as patch:
            patch.setattr(flags, where, fail)
            status, body, _ = call(get(context="{}", **ON))
        assert status == 500
        assert "Internal server error" in body["error"]
        out = capfd.readouterr().out
        assert "jane" not in json.dumps(body) + out
        assert [logged["error"] for logged in errors_in(out)] == ["ValueError"]


@pytest.mark.parametrize("document", foreign())
def test_any_event_gets_a_result(switches: Path, document: Any) -> None:
    assert call(document)[0] == 400


# --- kinds of events --------------------------------------------------------------------------------------------------


def test_asg_38_flh_11_a_body_in_base64(switches: Path) -> None:
    from base64 import b64encode

    body = b64encode(json.dumps({"context": {"country": "US"}}).encode()).decode()
    found = call(get(user_id="u1", flag_key="us") | {"body": body, "isBase64Encoded": True})[1]
    assert (found["enabled"], "warning" in found) == (True, False)
    broken = b64encode(b"\xff\xfe").decode()
    assert call(get(**ON) | {"body": broken, "isBase64Encoded": True})[1]["warning"]
    assert call(get(**ON) | {"body": "no base64", "isBase64Encoded": True})[0] == 400


def test_flh_13_asg_38_a_rest_api_and_a_load_balancer_ask_alike(switches: Path) -> None:
    parameters = {"user_id": "ü & 1", "flag_key": "über/flag", "context": '{"a":"b c"}'}
    expected = call(get(**parameters))[1]
    assert (expected["user_id"], expected["enabled"]) == ("ü & 1", True)
    assert call(proxied(EVALUATE_PATH, parameters))[1] == expected
    assert call(balanced(EVALUATE_PATH, parameters))[1] == expected
    result: Any = handler(balanced(EVALUATE_PATH, parameters, multiple=True), Context())
    assert json.loads(result["body"]) == expected
    assert "headers" not in result and result["multiValueHeaders"]["Content-Type"] == ["application/json"]


# --- stores -----------------------------------------------------------------------------------------------------------


def publish(store: Path, snapshot: bytes) -> None:
    result = CompileResult(snapshot, Diagnostics())
    assert release.publish(DirectoryStore(store), lambda: result, force=True).status == "published"


def test_bat_03_bat_04_flg_20_a_batch_reads_nothing_warm_or_cold(
    configure: Configure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Configuration is one snapshot in memory: a hundred flags nobody asked for yet cost no read of anything."""
    keys = [f"f{number}" for number in range(100)]
    publish(tmp_path / "store", compiled({"flags": [{"key": key, "enabled": True, "rollout_percentage": 100} for key in keys]}))
    configure(STORE=tmp_path / "store", REFRESH_MS=60_000)
    assert call(get(HEALTH_PATH))[0] == 200
    reader = _snapshots.reader()
    assert reader.checks == 1

    def no_file(*_: object, **__: object) -> Any:
        raise AssertionError("a read")

    monkeypatch.setattr("builtins.open", no_file)
    monkeypatch.setattr("os.open", no_file)
    for _ in range(2):
        found = call(post(BATCH_PATH, {"user_id": "u1", "flag_keys": keys}))[1]["flags"]
        assert len(found) == 100 and all(one["enabled"] for one in found.values())
    assert (reader.checks, reader.hits) == (1, 2)


def test_flg_10_flg_21_an_outage_leaves_the_last_answers_and_a_kill_switch_arrives(
    configure: Configure, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    publish(store, compiled(DOCUMENT))
    configure(STORE=store, REFRESH_MS=1)
    assert call(get(**ON))[1]["enabled"] is True
    off = {"flags": [{"key": "on", "enabled": False, "rollout_percentage": 100}]}
    publish(store, compiled(off))
    found = [call(get(**ON))[1] for _ in range(2)][-1]
    assert (found["enabled"], found["reason"]) == (False, "flag_disabled")
    store.rename(tmp_path / "gone")
    assert [call(get(**ON))[0] for _ in range(3)] == [200, 200, 200]
    configure(STORE=store, SCRATCH="")
    assert [call(get(user_id="u1", flag_key="nope"))[0] for _ in range(2)] == [503, 503], "an outage is no 404"


# --- the requirements' cases ------------------------------------------------------------------------------------------

DATA = spec_data("rules_engine_cases.json")


def _rules(case: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    if "operator" not in case or "attribute" in case:
        return case.get("group") or case.get("rules"), case["context"]
    condition = {"attribute": "subject", "operator": case["operator"], "value": case["value"]}
    if "additional_value" in case:
        condition["additional_value"] = case["additional_value"]
    return condition, {} if case.get("attribute_absent") else {"subject": case.get("actual")}


@pytest.mark.skipif(DATA is None, reason="the requirements' data files aren't here")
def test_rul_23_every_case_through_every_entry_point(configure: Configure, tmp_path: Path) -> None:
    assert DATA is not None
    cases = [case for kind in json.loads(DATA.read_text()).values() if isinstance(kind, list) for case in kind]
    assert len(cases) == 132
    found = {}
    keys = {case["id"]: f"case-{number}" for number, case in enumerate(cases)}
    table = [
        {"key": keys[case["id"]], "enabled": True, "rollout_percentage": 100, "targeting_rules": _rules(case)[0]}
        for case in cases
    ]
    path = tmp_path / "cases.burgee"
    path.write_bytes(compiled({"flags": table}))
    configure(BUNDLE=path)
    wrong = []
    for case in cases:
        key, context = keys[case["id"]], _rules(case)[1] or {}
        body = {"user_id": "user-1", "flag_key": key, "flag_keys": [key], "context": context}
        found = {
            "flag": call(post(EVALUATE_PATH, body))[1].get("enabled", False),
            "flag, GET": call(get(user_id="user-1", flag_key=key, context=json.dumps(context)))[1].get("enabled", False),
            "batch": call(post(BATCH_PATH, body))[1]["flags"][key]["enabled"],
            "OFREP": call(post(f"{FLAGS_PATH}/{key}", {"context": {"targetingKey": "user-1"} | context}))[1].get(
                "value", False
            ),
        }
        wrong += [(case["id"], where) for where, enabled in found.items() if enabled is not case["expect"]]
    assert wrong == []
