"""Every answer validates against the protocol's OpenAPI document, where that is on this machine.

Three corrections are made to the document first, because as it stands no server can satisfy it: its ``oneOf`` over value types
counts ``codeDefaultFlag``, which has no constraints, beside every other type, and an integer is a float too; and its reasons
leave out DEFAULT, which the protocol's own texts and reference servers send (docs/ofrep.md).
"""

import json
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from handlers._http import Request
from handlers.ofrep import FLAGS_PATH, respond
from tests.conftest import conformance_data
from tests.handlers.flags import FLAGS

CONTEXTS: list[dict[str, Any]] = [{}, {"targetingKey": "user-1"}, {"targetingKey": "user-7", "plan": "pro"}]
SINGLE = {200: "serverEvaluationSuccess", 400: "evaluationFailure", 404: "flagNotFound"}


@pytest.fixture(scope="module")
def document() -> Any:
    place = conformance_data("ofrep", "openapi.yaml")
    if place is None:
        pytest.skip("the OFREP OpenAPI document isn't on this machine")
    document = yaml.safe_load(place.read_text(encoding="utf-8"))
    schemas = document["components"]["schemas"]
    common, values = schemas["evaluationSuccess"]["allOf"]
    common["properties"]["reason"]["enum"].append("DEFAULT")
    values["anyOf"] = values.pop("oneOf")
    schemas["codeDefaultFlag"]["not"] = {"required": ["value"]}
    return document


def check(document: Any, schema: str, body: bytes) -> None:
    reference = {"$ref": f"#/components/schemas/{schema}", "components": document["components"]}
    Draft202012Validator(reference).validate(json.loads(body))


@pytest.mark.parametrize("context", CONTEXTS)
def test_single_answers_validate(evaluator: Any, document: Any, context: Any) -> None:
    for key in [flag.key for flag in FLAGS if flag.key != "list"] + ["no-such-flag"]:
        for body in (json.dumps({"context": context}).encode(), b"{}"):
            response = respond(Request("POST", f"{FLAGS_PATH}/{key}", {}, body), evaluator)
            check(document, SINGLE[response.status], response.body)


@pytest.mark.parametrize("context", CONTEXTS)
def test_bulk_answers_validate(evaluator: Any, document: Any, context: Any) -> None:
    response = respond(Request("POST", FLAGS_PATH, {}, json.dumps({"context": context}).encode()), evaluator)
    body = json.loads(response.body)
    body["flags"] = [item for item in body["flags"] if item["key"] != "list"]  # arrays are outside the protocol (docs/ofrep.md)
    check(document, "bulkEvaluationSuccess", json.dumps(body).encode())


def test_refusals_validate(evaluator: Any, document: Any) -> None:
    check(document, "bulkEvaluationFailure", respond(Request("POST", FLAGS_PATH), evaluator).body)
    check(document, "generalErrorResponse", respond(Request("POST", FLAGS_PATH, {}, b"{}"), None).body)
