"""docs/openapi.json is what ``burgee openapi`` prints, and what the handlers do: requests made from it, answers held to it.

schemathesis makes the requests (requirement DOC-02): good ones, and ones that break the document's rules. They reach the
handlers as events of a Function URL, in this process.
"""

import json
import os
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any, cast

import jsonschema
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from requests.structures import CaseInsensitiveDict
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks as conformance
from urllib3 import HTTPHeaderDict, HTTPResponse

from burgee import openapi
from burgee.cli import main
from burgee.up.urls import FunctionUrl
from config_sync import compile_project
from handlers import assignments, flags, ingest, results
from handlers._http import Request
from tests.aws import Aws
from tests.conftest import ROOT
from tests.handlers.assigning import PlayedClient, assignments_table, down, experiment
from tests.handlers.counted import Counted
from tests.handlers.ingesting import new_stream, post, stream_of

EXAMPLES = 6  # requests of each kind to each operation
PAUSED, RUNNING = "paused", "checkout"
PROJECT = {
    "flags": {
        "simple": {"type": "boolean", "default": "on"},
        "text": {
            "type": "string",
            "variants": {"a": "alpha", "b": 'ß"\n'},
            "default": "a",
            "rules": [{"when": {"attribute": "country", "operator": "in", "value": ["US"]}, "variant": "b", "rollout": 50}],
            "metadata": {"owner": "growth"},
        },
        "item": {"flag_id": "flag_1", "enabled": True, "rollout_percentage": 40},
    },
    "experiments": {RUNNING: experiment(), PAUSED: experiment(PAUSED, status="paused")},
}
KEYS = ("simple", "text", "item", RUNNING, PAUSED)
CONFORMS = (
    not_a_server_error,
    conformance.status_code_conformance,
    conformance.content_type_conformance,
    conformance.response_headers_conformance,
    conformance.response_schema_conformance,
)
# What breaks the rules is refused here; elsewhere some of it is ignored, with a warning (requirements FLH-11, ASG-37).
STRICT = {"evaluateFlags", "sendEvent"}

schema = schemathesis.openapi.from_dict(openapi.document())
OPERATIONS = {operation.definition.raw["operationId"]: operation for operation in (o.ok() for o in schema.get_all_operations())}


def test_the_committed_document_is_the_handlers_own(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["openapi"]) == 0
    printed = capsys.readouterr().out
    assert printed == (ROOT / "docs" / "openapi.json").read_text(encoding="utf-8"), (
        "make it anew: burgee openapi > docs/openapi.json"
    )


def test_every_path_of_the_handlers_is_in_it() -> None:
    paths = openapi.document()["paths"]
    assert set(paths) == {
        "/feature-flags/evaluate",
        "/feature-flags/evaluate/batch",
        "/ofrep/v1/evaluate/flags",
        "/ofrep/v1/evaluate/flags/{key}",
        "/assign",
        "/events",
        "/events/batch",
        "/experiments/{key}/results",
        "/experiments/{key}/results.svg",
        "/health",
    }


def test_every_reference_leads_somewhere() -> None:
    document = openapi.document()
    named = set()

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            if "$ref" in value:
                named.add(value["$ref"])
                place: Any = document
                for part in value["$ref"].removeprefix("#/").split("/"):
                    place = place[part]
            for member in value.values():
                walk(member)
        elif isinstance(value, list):
            for member in value:
                walk(member)

    walk(document)
    components = document["components"]
    for kind in ("schemas", "headers", "responses"):
        assert {f"#/components/{kind}/{name}" for name in components[kind]} <= named, f"{kind} that nothing refers to"


# --- asked ----------------------------------------------------------------------------------------------------------------


class InProcess(requests.adapters.BaseAdapter):
    """Hands requests to the handlers as Lambda does."""

    def __init__(self) -> None:
        super().__init__()
        plan = SimpleNamespace(region="us-east-1")
        self._url = FunctionUrl(cast(Any, SimpleNamespace(name="edge", plan=plan)))

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        path, _, query = (request.path_url or "/").partition("?")
        body = request.body.encode() if isinstance(request.body, str) else request.body or b""
        scope = {
            "method": request.method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [(_bytes(name), _bytes(value)) for name, value in request.headers.items()],
            "http_version": "1.1",
        }
        event = self._url.event(scope, body, "request-1")
        others = {"/assign": assignments.handler, "/events": ingest.handler, "/events/batch": ingest.handler}
        default = results.handler if path.startswith("/experiments/") else flags.handler
        handler: Callable[[Any, Any], dict[str, Any]] = others.get(path, default)
        return _response(request, handler(json.loads(json.dumps(event)), None))

    def close(self) -> None:
        """There is nothing to close."""


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("utf-8")


def _response(request: requests.PreparedRequest, result: dict[str, Any]) -> requests.Response:
    made = requests.Response()
    made.status_code = result["statusCode"]
    made.headers = CaseInsensitiveDict(result["headers"])
    made._content = result.get("body", "").encode()
    made.request, made.url, made.reason = request, request.url or "", ""
    made.raw = HTTPResponse(b"", HTTPHeaderDict(result["headers"]), made.status_code, version=11)
    return made


@pytest.fixture(scope="module")
def session(aws: Aws, tmp_path_factory: pytest.TempPathFactory) -> Iterator[requests.Session]:
    """A session whose requests to http://edge reach the handlers, with this module's project and a table for assignments."""
    place = tmp_path_factory.mktemp("openapi")
    snapshot = compile_project(PROJECT).snapshot
    assert snapshot is not None
    (place / "flags.burgee").write_bytes(snapshot)
    with pytest.MonkeyPatch.context() as patch:
        for name in os.environ:
            if name.startswith("BURGEE_"):
                patch.delenv(name)
        mine = {"BURGEE_BUNDLE": str(place / "flags.burgee"), "BURGEE_SCRATCH": ""}
        patient = dict.fromkeys(("BURGEE_STORE_BUDGET_MS", "BURGEE_STORE_FIRST_BUDGET_MS", "BURGEE_INGEST_BUDGET_MS"), "20000")
        theirs = {
            "ASSIGNMENTS_TABLE": assignments_table(aws),
            "KINESIS_STREAM_NAME": new_stream(aws),
            "BURGEE_TRACKING": "none",
            "DYNAMODB_TABLE": _counted(aws).name,
        }
        for name, value in (aws.environment | mine | patient | theirs).items():
            patch.setenv(name, value)
        with requests.Session() as made:
            made.mount("http://edge", InProcess())
            _forget()
            yield made
        _forget()


def _counted(aws: Aws) -> Counted:
    """A table of counters with something to say of the running experiment."""
    made = Counted(aws)
    made.phase("exp_checkout", 1, 1_790_000_000_000, {"control": 0.5, "treatment": 0.5})
    for variant, users in made.exposed("exp_checkout", 1, control=700, treatment=700).items():
        made.events("exp_checkout", variant, 1, "purchase", users[:600], {"revenue": {user: "9.5" for user in users}})
    return made


def _forget() -> None:
    flags.reset_evaluator()
    assignments.reset_assigner()
    ingest.reset_ingest()
    results.reset_results()


GOOD, BAD = GenerationMode.POSITIVE, GenerationMode.NEGATIVE
ABOUT_EXPERIMENTS = ("results", "resultsPicture")
NOTHING_WRONG = ("health",)  # there is nothing in the request that could be


@pytest.mark.parametrize("path", openapi.document()["paths"])
def test_doc_02_a_path_answers_the_methods_that_the_document_says(session: requests.Session, path: str) -> None:
    refused = session.delete(f"http://edge{path.replace('{key}', 'simple')}")
    assert refused.status_code == 405
    implied = {"OPTIONS", "HEAD"} if path == "/health" else {"OPTIONS"}
    assert set(refused.headers["Allow"].split(", ")) == {name.upper() for name in openapi.document()["paths"][path]} | implied


@pytest.mark.parametrize(
    ("name", "mode"),
    [(name, mode) for name in OPERATIONS for mode in (GOOD, BAD) if mode == GOOD or name not in NOTHING_WRONG],
    ids=lambda value: {GOOD: "good", BAD: "bad"}.get(value, value),
)
def test_doc_02_answers_are_what_the_document_says(session: requests.Session, name: str, mode: GenerationMode) -> None:
    operation = OPERATIONS[name]
    wanted = [*CONFORMS, conformance.negative_data_rejection] if name in STRICT else list(CONFORMS)
    seen: dict[int, int] = {}

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
        phases=[Phase.generate],  # making a failing request smaller takes longer than all of this
    )
    @given(case=operation.as_strategy(mode), key=st.sampled_from(KEYS))
    def ask(case: schemathesis.Case, key: str) -> None:
        if mode == GOOD:
            _about(case, RUNNING if name in ABOUT_EXPERIMENTS else key)
        response = case.call(base_url="http://edge", session=session)
        seen[response.status_code] = seen.get(response.status_code, 0) + 1
        case.validate_response(response, checks=wanted)

    ask()
    if mode == GOOD:
        assert seen.keys() & {200, 202}, seen


@pytest.mark.parametrize(
    ("component", "kind", "status"),
    [
        ("EventsRefused", "throttled", 429),
        ("EventsRefused", "denied", 503),
        ("EventsRefused", None, 400),
        ("EventResults", None, 202),
    ],
)
def test_doc_02_what_a_stream_in_trouble_leads_to_is_in_the_document(component: str, kind: str | None, status: int) -> None:
    client = PlayedClient(down(kind) if kind else lambda *_: {"Records": [{}]})
    sent = [{}, 3] if status == 400 else [{"event_type": "a", "user_id": "b"}, {}]
    response = post(sent, stream_of(client, sleep=lambda _: None))
    assert response.status == status
    assert str(status) in openapi.document()["paths"]["/events/batch"]["post"]["responses"]
    _validate(component, json.loads(response.text))


def test_doc_02_the_health_of_ingest_is_in_the_document() -> None:
    response = ingest.answer(Request("GET", "/health"), stream_of(PlayedClient()))
    _validate("IngestHealth", json.loads(response.text))


def _validate(component: str, body: Any) -> None:
    place = {"$ref": f"#/components/schemas/{component}", "components": openapi.document()["components"]}
    jsonschema.Draft202012Validator(place).validate(body)


def _about(case: schemathesis.Case, key: str) -> None:
    """Most drawn keys are of nothing: puts one in that is there."""
    for place in (case.query, case.path_parameters, case.body):
        if isinstance(place, dict):
            for name in ("flag_key", "experiment_key", "key"):
                if name in place:
                    place[name] = key
            if "phase" in place:
                place["phase"] = 1
            if "metric" in place:
                place["metric"] = "purchase/revenue"
            if "flag_keys" in place:
                place["flag_keys"] = [key, *place["flag_keys"]][:100]
