"""Requirement INF-08: the functions behind an HTTP API answer as behind their own URLs, and refuse what makes no sense."""

import json
import os
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest

from burgee import openapi
from burgee.up.platform import ROUTES
from config_sync import compile_project
from handlers import assignments, flags, ingest, results
from handlers._http import MAX_BODY_BYTES, SECURITY_HEADERS
from handlers.flags import BATCH_PATH, EVALUATE_PATH
from infra.routes import PATHS
from tests.aws import Aws
from tests.handlers.assigning import assignments_table, experiment
from tests.handlers.http_api import REQUEST_ID, ROLE, by_function_url, by_http_api, encoded
from tests.handlers.ingesting import new_stream

HANDLERS: dict[str, Callable[[Any, Any], dict[str, Any]]] = {
    "flags": flags.handler,
    "assignments": assignments.handler,
    "ingest": ingest.handler,
    "results": results.handler,
}
SLASHED, SPACED = "team/new checkout", "größe"
PROJECT = {
    "flags": {key: {"type": "boolean", "default": "on"} for key in ("simple", SLASHED, SPACED)},
    "experiments": [experiment()],
}
OFREP = "/ofrep/v1/evaluate/flags"
CONTEXT = {"context": {"targetingKey": "u1"}}
EVENT = {"event_type": "purchase", "user_id": "u1", "event_id": "e-1", "timestamp": "2026-01-02T03:04:05Z"}
PAGE = "https://app.example"
# What is asked, of everything that is documented; and mistakes.
ASKED: list[tuple[str, str, Any]] = [
    ("GET", f"{EVALUATE_PATH}?user_id=u1&flag_key=simple", None),
    ("GET", f"{EVALUATE_PATH}?user_id=u%201&flag_key={quote(SLASHED)}&context=%7B%22country%22%3A%22US%22%7D", None),
    ("POST", EVALUATE_PATH, {"user_id": "ü", "flag_key": "simple", "context": {"country": "AT"}}),
    ("POST", BATCH_PATH, {"user_id": "u1", "flag_keys": ["simple", SPACED]}),
    ("POST", OFREP, CONTEXT),
    ("POST", f"{OFREP}/simple", CONTEXT),
    ("POST", f"{OFREP}/{quote(SLASHED, safe='')}", CONTEXT),
    ("POST", f"{OFREP}/{quote(SPACED)}", CONTEXT),
    ("GET", "/assign?user_id=u1&experiment_key=checkout", None),
    ("POST", "/assign", {"user_id": "u1", "experiment_key": "checkout", "context": {}}),
    ("POST", "/events", EVENT),
    ("POST", "/events/batch", {"events": [EVENT, {"event_type": "x"}]}),
    ("GET", "/experiments/none/results", None),
    ("GET", "/experiments/none/results.svg", None),
    ("GET", "/health", None),
    ("HEAD", "/health", None),
    ("OPTIONS", EVALUATE_PATH, None),
    ("DELETE", EVALUATE_PATH, None),
    ("GET", OFREP, None),
    ("GET", EVALUATE_PATH, None),
    ("POST", "/assign", b"{"),
    ("POST", "/events", [1]),
]


@pytest.fixture(scope="module")
def deployed(aws: Aws, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """All functions with a project, a table and a stream. Who may ask is everybody, until a test says otherwise."""
    place = tmp_path_factory.mktemp("api")
    snapshot = compile_project(PROJECT).snapshot
    assert snapshot is not None
    (place / "flags.burgee").write_bytes(snapshot)
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("BURGEE_") and name != "BURGEE_CORE"]:
            patch.delenv(name)
        mine = {"BURGEE_BUNDLE": str(place / "flags.burgee"), "BURGEE_SCRATCH": "", "BURGEE_TRACKING": "none"}
        patient = dict.fromkeys(("BURGEE_STORE_BUDGET_MS", "BURGEE_STORE_FIRST_BUDGET_MS", "BURGEE_INGEST_BUDGET_MS"), "20000")
        mine |= {"ASSIGNMENTS_TABLE": assignments_table(aws), "KINESIS_STREAM_NAME": new_stream(aws), "DYNAMODB_TABLE": "none"}
        for name, value in (aws.environment | mine | patient | {"BURGEE_ALLOW_ORIGINS": PAGE}).items():
            patch.setenv(name, value)
        _forget()
        yield
    _forget()


def _forget() -> None:
    flags.reset_evaluator()
    assignments.reset_assigner()
    ingest.reset_ingest()
    results.reset_results()


def answered(event: dict[str, Any], function: str = "") -> dict[str, Any]:
    """What the function gives that the event's path is routed to: over JSON both ways, as on Lambda."""
    name = function or PATHS[event["routeKey"].partition(" ")[2]]
    answer: dict[str, Any] = json.loads(json.dumps(HANDLERS[name](json.loads(json.dumps(event)), None)))
    return answer


def said(answer: dict[str, Any]) -> str:
    """The sentence of a refusal."""
    document = json.loads(answer["body"])
    return str(document.get("error", document.get("errorDetails")))


# --- the same answers --------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("deployed")
@pytest.mark.parametrize(("method", "target", "body"), ASKED, ids=lambda value: str(value)[:48])
def test_inf_08_an_http_api_gets_the_answer_of_a_function_url(method: str, target: str, body: Any) -> None:
    """Status, headers and body; assignments are stored, so that the second is the first again."""
    through = by_http_api(method, target, body, {"Origin": PAGE})
    function = PATHS[through["routeKey"].partition(" ")[2]]
    direct = answered(by_function_url(method, target, body, {"Origin": PAGE}), function)
    answer = answered(through)
    assert answer == direct
    assert answer["headers"]["X-Request-Id"] == REQUEST_ID
    assert SECURITY_HEADERS.items() <= answer["headers"].items()
    assert answer["headers"]["Access-Control-Allow-Origin"] == PAGE or function == "results"


@pytest.mark.usefixtures("deployed")
def test_inf_08_what_was_asked_is_everything_that_is_documented() -> None:
    """And it was answered: most of the list above with 2xx."""
    routed = [by_http_api(method, target, body) for method, target, body in ASKED]
    assert {event["routeKey"].partition(" ")[2] for event in routed} == set(openapi.document()["paths"])
    assert [answered(event)["statusCode"] for event in routed] == [
        200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 202, 202, 404, 404, 200, 200, 204, 405, 405, 400, 400, 400,
    ]  # fmt: skip


@pytest.mark.usefixtures("deployed")
def test_inf_08_bodies_may_come_in_base64() -> None:
    event = by_http_api("POST", BATCH_PATH, {"user_id": "ü", "flag_keys": ["simple"]})
    assert answered(encoded(event)) == answered(event)
    assert answered(event)["statusCode"] == 200


# --- routes ------------------------------------------------------------------------------------------------------------


def test_inf_08_the_documented_paths_are_routed_and_no_others() -> None:
    assert set(PATHS) == set(openapi.document()["paths"])


@pytest.mark.usefixtures("deployed")
@pytest.mark.parametrize("path", PATHS)
def test_inf_08_a_path_is_routed_to_the_function_that_knows_it(path: str) -> None:
    """The others say that there is nothing; health is everybody's."""
    event = by_http_api("DELETE", path.replace("{key}", "simple"))
    known = {name for name in HANDLERS if answered(event, name)["statusCode"] == 405}
    assert known == (set(HANDLERS) if path == "/health" else {PATHS[path]})
    assert all(said(answered(event, name)) == "there is nothing at this path" for name in HANDLERS.keys() - known)


@pytest.mark.parametrize("path", PATHS)
def test_inf_08_the_local_platform_routes_alike(path: str) -> None:
    assert next((name for prefix, name in ROUTES.items() if path.startswith(prefix)), "flags") == PATHS[path]


# --- what makes no sense is refused ------------------------------------------------------------------------------------

LARGE = b'{"context":"' + b"x" * MAX_BODY_BYTES + b'"}'


@pytest.mark.usefixtures("deployed")
@pytest.mark.parametrize(
    ("target", "body", "status", "words"),
    [
        (EVALUATE_PATH, {"user_id": 7, "flag_key": "simple"}, 400, "user_id must be a string"),
        (EVALUATE_PATH, {"user_id": "u1", "flag_key": "simple", "context": []}, 400, "context must be an object"),
        (EVALUATE_PATH, LARGE, 413, "larger than 262144 bytes"),
        (BATCH_PATH, b"{", 400, "the request body must be a JSON object"),
        (BATCH_PATH, {"user_id": "u1", "flag_keys": "simple"}, 400, "flag_keys must be a list of strings"),
        (BATCH_PATH, {"user_id": "u1", "flag_keys": ["simple"] * 101}, 400, "more than 100 keys"),
        (OFREP, b"{", 400, "JSON"),
        (f"{OFREP}/simple", {"context": 7}, 400, "context"),
        (f"{OFREP}/simple", LARGE, 413, "larger than 262144 bytes"),
        ("/assign", b"not JSON", 400, "JSON"),
        ("/assign", {"user_id": "u1"}, 400, "experiment_key"),
        (
            "/assign",
            {"user_id": "u1", "experiment_key": "checkout", "context": {"a": {"b": {"c": {"d": {"e": {}}}}}}},
            400,
            "levels",
        ),
        ("/assign", LARGE, 413, "larger than 262144 bytes"),
        ("/events", b"not JSON", 400, "JSON"),
        ("/events", {"event_type": "purchase"}, 400, "user_id"),
        ("/events", {**EVENT, "properties": 3}, 400, "properties"),
        ("/events", LARGE, 413, "larger than 262144 bytes"),
        ("/events/batch", {"events": []}, 400, "event"),
        ("/events/batch", {"events": [EVENT] * 501}, 400, "500"),
    ],
    ids=lambda value: value[:32].decode() if isinstance(value, bytes) else None,
)
def test_inf_08_a_bad_body_is_refused_in_words(target: str, body: Any, status: int, words: str) -> None:
    """An HTTP API can't look into bodies: the functions do. The sentence is fixed, and nothing of the body is in it."""
    answer = answered(by_http_api("POST", target, body))
    assert (answer["statusCode"], words in said(answer)) == (status, True), answer
    assert len(said(answer)) < 200
    assert SECURITY_HEADERS.items() <= answer["headers"].items()


@pytest.mark.usefixtures("deployed")
def test_inf_08_a_body_that_is_not_what_the_event_says_is_refused() -> None:
    event = by_http_api("POST", OFREP, CONTEXT) | {"isBase64Encoded": True}
    assert (answered(event)["statusCode"], said(answered(event))) == (400, "the event's body is not valid base64")


@pytest.mark.usefixtures("deployed")
def test_inf_08_a_body_of_another_type_is_refused() -> None:
    answer = answered(by_http_api("POST", OFREP, b"a=1", {"Content-Type": "application/x-www-form-urlencoded"}))
    assert (answer["statusCode"], said(answer)) == (415, "the request body must be application/json")


# --- who may ask, which pages may read ---------------------------------------------------------------------------------


@pytest.mark.usefixtures("deployed")
def test_inf_08_the_functions_own_key_check_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """An HTTP API has no API keys; the header gets to the function, in lower case."""
    digest = "2c70e12b7a0646f92279f427c7b38e7334d8e5389cff167a1dc30e73f826b683"  # of "key"
    monkeypatch.setenv("BURGEE_AUTH", "api-key")
    monkeypatch.setenv("BURGEE_API_KEY_DIGESTS", f"shop:{digest}")
    _forget()
    try:
        asked = [by_http_api("POST", OFREP, CONTEXT, headers) for headers in ({}, {"X-Api-Key": "no"}, {"X-Api-Key": "key"})]
        assert [answered(event)["statusCode"] for event in asked] == [401, 401, 200]
        assert answered(by_http_api("GET", "/health"))["statusCode"] == 200
    finally:
        monkeypatch.undo()
        _forget()


@pytest.mark.usefixtures("deployed")
def test_inf_08_results_are_for_whom_iam_has_let_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BURGEE_AUTH", "iam")
    _forget()
    try:
        path = "/experiments/none/results"
        assert answered(by_http_api("GET", path))["statusCode"] == 403
        assert answered(by_http_api("GET", path, arn=ROLE))["statusCode"] == 404, "let in: there is no such experiment"
    finally:
        monkeypatch.undo()
        _forget()


@pytest.mark.usefixtures("deployed")
@pytest.mark.parametrize(("origin", "allowed"), [(PAGE, PAGE), ("https://other.example", None)])
def test_inf_08_preflights_are_the_functions_own(origin: str, allowed: str | None) -> None:
    """The API has no CORS of its own: what a browser sees is one list of origins, and one header."""
    asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    for path in ("/assign", "/events", EVALUATE_PATH, f"{OFREP}/simple"):
        answer = answered(by_http_api("OPTIONS", path, headers=asked))
        assert answer["statusCode"] == 204
        assert answer["headers"].get("Access-Control-Allow-Origin") == allowed
        assert "Access-Control-Allow-Credentials" not in answer["headers"]
