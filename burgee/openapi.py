"""``burgee openapi``: the edge endpoints as an OpenAPI 3.1 document, made from the handlers' own constants.

Paths, limits, reasons, error codes and headers are the ones that the handlers use, so that the document changes with them;
``docs/openapi.json`` is the committed copy, and ``tests/handlers/test_openapi.py`` asks the handlers whether it is true. For
``burgee.commands``.
"""

import json
from typing import Any

from evaluator.reasons import DETAILS, ERROR_CODES, WORDS
from handlers._assigning import ENABLED, OVERRIDE
from handlers._context import MAX_BYTES, MAX_DEPTH, MAX_INTEGER, MAX_KEYS
from handlers._edge import DEFAULT_MAX_BATCH
from handlers._http import MAX_BODY_BYTES, SECURITY_HEADERS
from handlers._ids import MAX_ID
from handlers._ofrep import FLAGS_PATH, HEALTH_PATH
from handlers.assignments import PATHS as ASSIGN_PATHS
from handlers.flags import BATCH_PATH, EVALUATE_PATH

Document = dict[str, Any]

VERSION = "1"  # of the endpoints, not of the package
JSON = "application/json"
IDENTIFIER_PATTERN = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$"  # visible, and not blank
TEXT: Document = {"type": "string"}


def text() -> str:
    """The document as JSON with a line for each member, as it is committed."""
    return json.dumps(document(), indent=1, ensure_ascii=False) + "\n"


def document() -> Document:
    """All endpoints of the edge functions."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Burgee: feature flags and experiments",
            "version": VERSION,
            "description": "The edge endpoints: docs/flags.md, docs/ofrep.md and docs/assignments.md say what they mean.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name} for name in ("flags", "ofrep", "assignments", "health")],
        "security": [{}, {"apiKey": []}],
        "paths": {
            EVALUATE_PATH: {"get": _flag_by_query(), "post": _flag_by_body()},
            BATCH_PATH: {"post": _batch()},
            FLAGS_PATH: {"post": _ofrep_bulk()},
            FLAGS_PATH + "/{key}": {"post": _ofrep_single()},
            ASSIGN_PATHS[0]: {"get": _assign_by_query(), "post": _assign_by_body()},
            HEALTH_PATH: {"get": _health()},
        },
        "components": {
            "schemas": _schemas(),
            "headers": _headers(),
            "responses": _responses(),
            "securitySchemes": {"apiKey": {"type": "apiKey", "in": "header", "name": "X-Api-Key"}},
        },
    }


# --- flags ------------------------------------------------------------------------------------------------------------


def _flag_by_query() -> Document:
    parameters = [_query("user_id"), _query("flag_key"), _context_parameter()]
    return _operation("flags", "evaluateFlag", "Whether a flag is on for a user", parameters=parameters) | _flag_answers()


def _flag_by_body() -> Document:
    body = _object({"user_id": _identifier(), "flag_key": _identifier(), "context": _ref("Context")}, ("user_id", "flag_key"))
    return _operation("flags", "evaluateFlagByBody", "Whether a flag is on for a user", body) | _flag_answers()


def _flag_answers() -> Document:
    return {"responses": {"200": _answer("Evaluated", _ref("Flag")), **_refusals("400", "404", "413", "500", "503")}}


def _batch() -> Document:
    keys = {"type": "array", "items": _identifier(), "maxItems": DEFAULT_MAX_BATCH}
    body = _object({"user_id": _identifier(), "flag_keys": keys, "context": _ref("Context")}, ("user_id", "flag_keys"))
    answer = _object(
        {"user_id": TEXT, "flags": {"type": "object", "additionalProperties": _ref("BatchedFlag")}}, all_required=True
    )
    responses = {"200": _answer("Evaluated; each flag by its key", answer), **_refusals("400", "413", "500", "503")}
    return _operation("flags", "evaluateFlags", "Whether each of some flags is on for a user", body) | {"responses": responses}


# --- OFREP ------------------------------------------------------------------------------------------------------------


def _ofrep_single() -> Document:
    key: Document = {"name": "key", "in": "path", "required": True, "description": "The flag's key, percent-encoded."}
    key["schema"] = {"type": "string", "minLength": 1}
    operation = _operation("ofrep", "evaluateOneFlag", "OFREP: one flag", _ofrep_body(), [key])
    answers = {
        "200": _answer("Evaluated; without value: the caller's own default", _ref("Evaluation")),
        "400": _answer("Not evaluated", _ref("EvaluationFailure")),
        "404": _answer("No such flag", _ref("EvaluationFailure")),
    }
    return operation | {"responses": answers | _problems("413", "415", "500", "503")}


def _ofrep_bulk() -> Document:
    condition = {"name": "If-None-Match", "in": "header", "description": "The tag of an earlier answer.", "schema": TEXT}
    operation = _operation("ofrep", "evaluateAllFlags", "OFREP: every flag", _ofrep_body(), [condition])
    items = {"type": "array", "items": {"anyOf": [_ref("Evaluation"), _ref("EvaluationFailure")]}}
    answered = _answer("Evaluated", _object({"flags": items}, ("flags",)))
    answered["headers"] = answered["headers"] | {"ETag": _ref("ETag", "headers")}
    answers = {
        "200": answered,
        "304": {"description": "As before", "headers": {"ETag": _ref("ETag", "headers")}},
        "400": _answer("The context can't be used", _ref("BulkFailure")),
    }
    return operation | {"responses": answers | _problems("413", "415", "500", "503")}


def _ofrep_body() -> Document:
    return {"type": "object", "properties": {"context": _ref("OfrepContext")}, "required": ["context"]}


# --- assignments ------------------------------------------------------------------------------------------------------


def _assign_by_query() -> Document:
    parameters = [_query("user_id"), _query("experiment_key"), _context_parameter()]
    operation = _operation(
        "assignments", "assign", "A user's variant in an experiment, the same for as long as it runs", None, parameters
    )
    return operation | _assign_answers()


def _assign_by_body() -> Document:
    names = {"user_id": _identifier(), "experiment_key": _identifier(), "context": _ref("Context")}
    body = _object(names, ("user_id", "experiment_key"))
    return _operation("assignments", "assignByBody", "A user's variant in an experiment", body) | _assign_answers()


def _assign_answers() -> Document:
    answer = {"oneOf": [_ref("Assignment"), _ref("Exclusion")]}
    refusals = _refusals("400", "404", "413", "415", "500", "503")
    return {"responses": {"200": _answer("Assigned, or excluded", answer), **refusals}}


# --- health -----------------------------------------------------------------------------------------------------------


def _health() -> Document:
    responses = {"200": _answer("It answers", _ref("Health")), **_problems("500", "503")}
    return _operation("health", "health", "Whether the function answers, and from what") | {"responses": responses}


# --- what they are made of --------------------------------------------------------------------------------------------


def _operation(
    tag: str, name: str, summary: str, body: Document | None = None, parameters: list[Document] | None = None
) -> Document:
    made: Document = {"tags": [tag], "operationId": name, "summary": summary}
    if parameters:
        made["parameters"] = parameters
    if body is not None:
        words = f"At most {MAX_BODY_BYTES} bytes."
        made["requestBody"] = {"required": True, "description": words, "content": {JSON: {"schema": body}}}
    return made


def _ref(name: str, kind: str = "schemas") -> Document:
    return {"$ref": f"#/components/{kind}/{name}"}


def _object(properties: Document, required: tuple[str, ...] = (), all_required: bool = False) -> Document:
    return {"type": "object", "properties": properties, "required": list(properties if all_required else required)}


def _identifier() -> Document:
    return _ref("Identifier")


def _query(name: str) -> Document:
    return {"name": name, "in": "query", "required": True, "schema": _identifier()}


def _context_parameter() -> Document:
    return {
        "name": "context",
        "in": "query",
        "description": "The evaluation context as JSON.",
        "content": {JSON: {"schema": _ref("Context")}},
    }


def _answer(description: str, schema: Document) -> Document:
    headers = {
        name: _ref(name, "headers") for name in ("X-Request-Id", "X-Burgee-Version", "X-Burgee-Snapshot", "X-Burgee-Age-Ms")
    }
    headers |= {name: _ref(name, "headers") for name in SECURITY_HEADERS}
    return {"description": description, "headers": headers, "content": {JSON: {"schema": schema}}}


_STATUSES = {
    "400": "What the client sent can't be used",
    "401": "Who asks isn't known",
    "403": "Who asks may not",
    "404": "There is no such thing",
    "405": "This path doesn't answer this method",
    "413": "The body is too large",
    "415": "The body isn't JSON",
    "429": "Too many requests of this caller",
    "500": "A mistake of the configuration's or of ours",
    "503": "No snapshot of the flags has been loaded yet",
}
_ALWAYS = ("401", "403", "405", "429")  # whatever was asked


def _refusals(*statuses: str) -> Document:
    """References to refusals in the words of the platform's own endpoints."""
    return {status: _ref(f"Refusal{status}", "responses") for status in sorted((*statuses, *_ALWAYS))}


def _problems(*statuses: str) -> Document:
    """The same in OFREP's words."""
    return {status: _ref(f"Problem{status}", "responses") for status in sorted((*statuses, *_ALWAYS))}


def _responses() -> Document:
    made: Document = {}
    for kind, without in (("Refusal", ()), ("Problem", ("400", "404"))):  # OFREP's own are of another shape
        for status, words in _STATUSES.items():
            if status in without:
                continue
            one = _answer(words, _ref(kind))
            for name in ("X-Burgee-Version", "X-Burgee-Snapshot", "X-Burgee-Age-Ms"):
                del one["headers"][name]
            if status in ("429", "503"):
                one["headers"]["Retry-After"] = _ref("Retry-After", "headers")
            if status == "405":
                one["headers"]["Allow"] = _ref("Allow", "headers")
            made[kind + status] = one
    return made


def _headers() -> Document:
    def header(description: str, schema: Document, required: bool = False) -> Document:
        return {"description": description, "required": required, "schema": schema}

    number = {"type": "string", "pattern": "^[0-9]+$"}
    made = {name: header("The same in every response.", {"const": value}, True) for name, value in SECURITY_HEADERS.items()}
    return made | {
        "X-Request-Id": header("The request's, in logs and events as well.", TEXT),
        "X-Burgee-Version": header("The version of the snapshot that answered.", number),
        "X-Burgee-Snapshot": header("That snapshot's name.", TEXT),
        "X-Burgee-Age-Ms": header("Milliseconds since the store confirmed it.", number),
        "ETag": header("Of snapshot, context and results.", TEXT, True),
        "Retry-After": header("Seconds.", number, True),
        "Allow": header("The methods that the path answers.", TEXT, True),
    }


# --- schemas ------------------------------------------------------------------------------------------------------------


def _schemas() -> Document:
    codes = sorted({code for code in ERROR_CODES if code is not None})
    words = sorted({word for word, code in zip(WORDS, ERROR_CODES, strict=True) if code is None and word != "UNKNOWN"})
    details = sorted({detail for detail in DETAILS if detail != "unknown"})
    answered = sorted(
        {detail for detail, code in zip(DETAILS, ERROR_CODES, strict=True) if code is None and detail != "unknown"}
    )
    excluded = sorted({*answered} - {ENABLED, OVERRIDE})
    number_or_null: Document = {"type": ["integer", "null"], "minimum": 0}
    return {
        "Identifier": {"type": "string", "minLength": 1, "maxLength": MAX_ID, "pattern": IDENTIFIER_PATTERN},
        "Context": _context({}),
        "OfrepContext": _context({"targetingKey": {"type": ["string", "null"]}}),
        **{f"Value{depth}": _value(depth) for depth in range(2, MAX_DEPTH + 1)},
        "Flag": _object(
            {
                "user_id": TEXT, "flag_key": TEXT, "flag_id": {"type": ["string", "null"]}, "enabled": {"type": "boolean"},
                "reason": {"enum": answered}, "variant": TEXT, "warning": TEXT,
            },
            ("user_id", "flag_key", "flag_id", "enabled", "reason"),
        ),
        "BatchedFlag": _object(
            {"enabled": {"type": "boolean"}, "reason": {"enum": details}, "variant": {"type": ["string", "null"]}},
            all_required=True,
        ),
        "Evaluation": _object(
            {"key": TEXT, "reason": {"enum": words}, "variant": TEXT, "value": {}, "metadata": {"type": "object"}},
            ("key", "reason"),
        ),
        "EvaluationFailure": _object(
            {"key": TEXT, "errorCode": {"enum": codes}, "errorDetails": TEXT, "metadata": {"type": "object"}},
            ("key", "errorCode"),
        ),
        "BulkFailure": _object({"errorCode": {"const": "INVALID_CONTEXT"}, "errorDetails": TEXT}, all_required=True),
        "Assignment": _object(
            {
                "user_id": TEXT, "experiment_key": TEXT, "experiment_id": TEXT, "variant": TEXT,
                "assignment_id": {"type": ["string", "null"]}, "timestamp": {"type": "string", "format": "date-time"},
                "excluded": {"const": False}, "reason": {"enum": answered}, "persisted": {"type": "boolean"},
                "payload": {}, "warning": TEXT,
            },
            ("user_id", "experiment_key", "experiment_id", "variant", "assignment_id", "timestamp", "excluded", "persisted"),
        ),
        "Exclusion": _object(
            {
                "user_id": TEXT, "experiment_key": TEXT, "variant": {"type": "null"}, "excluded": {"const": True},
                "reason": {"enum": excluded}, "warning": TEXT,
            },
            ("user_id", "experiment_key", "variant", "excluded", "reason"),
        ),
        "Health": _object(
            {
                "status": {"enum": ["ok", "degraded"]}, "snapshot_version": TEXT, "version": {"type": "integer"},
                "age_ms": number_or_null,
            },
            ("status", "snapshot_version"),
        ),
        "Refusal": _object({"error": TEXT}, all_required=True),
        "Problem": _object({"errorDetails": TEXT}, all_required=True),
    }  # fmt: skip


def _context(known: Document) -> Document:
    """A map of attributes: ``MAX_DEPTH`` levels, itself the first."""
    return {
        "type": "object",
        "description": f"Attributes of whom the question is about: at most {MAX_BYTES} bytes as compact JSON, no integer of "
        f"more than {MAX_INTEGER.bit_length() + 1} bits, no number that a double can't hold.",
        "properties": known,
        "additionalProperties": _ref("Value2"),
        "maxProperties": MAX_KEYS,
    }


def _value(depth: int) -> Document:
    """An attribute's value whose own maps and lists, if any, would be at level ``depth``."""
    plain: list[Document] = [{"type": ["string", "boolean", "null", "number"]}]
    if depth == MAX_DEPTH:
        inner: Document = {"anyOf": plain}
        return {"anyOf": [*plain, {"type": "array", "items": inner}, {"type": "object", "additionalProperties": inner}]}
    below = _ref(f"Value{depth + 1}")
    return {"anyOf": [*plain, {"type": "array", "items": below}, {"type": "object", "additionalProperties": below}]}
