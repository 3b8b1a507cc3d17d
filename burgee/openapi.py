"""``burgee openapi``: the edge endpoints as an OpenAPI 3.1 document, made from the handlers' own constants.

Paths, limits, reasons, error codes and headers are the ones that the handlers use, so that the document changes with them;
``docs/openapi.json`` is the committed copy, and ``tests/handlers/test_openapi.py`` asks the handlers whether it is true. For
``burgee.commands``.
"""

import json

from burgee import openapi_events, openapi_results
from burgee.openapi_parts import (
    JSON,
    TEXT,
    Document,
    answer,
    headers,
    identifier,
    object_of,
    operation,
    problems,
    query,
    ref,
    refusals,
    responses,
)
from evaluator.reasons import DETAILS, ERROR_CODES, WORDS
from handlers._assigning import ENABLED, OVERRIDE
from handlers._context import MAX_BYTES, MAX_DEPTH, MAX_INTEGER, MAX_KEYS
from handlers._edge import DEFAULT_MAX_BATCH
from handlers._ids import MAX_ID
from handlers._ofrep import FLAGS_PATH, HEALTH_PATH
from handlers.assignments import PATHS as ASSIGN_PATHS
from handlers.flags import BATCH_PATH, EVALUATE_PATH

VERSION = "1"  # of the endpoints, not of the package
IDENTIFIER_PATTERN = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$"  # visible, and not blank


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
            "description": "The endpoints. What they mean: flags.md, ofrep.md, assignments.md, ingest.md, results.md in docs.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name} for name in ("flags", "ofrep", "assignments", "events", "results", "health")],
        "security": [{}, {"apiKey": []}],
        "paths": {
            EVALUATE_PATH: {"get": _flag_by_query(), "post": _flag_by_body()},
            BATCH_PATH: {"post": _batch()},
            FLAGS_PATH: {"post": _ofrep_bulk()},
            FLAGS_PATH + "/{key}": {"post": _ofrep_single()},
            ASSIGN_PATHS[0]: {"get": _assign_by_query(), "post": _assign_by_body()},
            **openapi_events.paths(),
            **openapi_results.paths(),
            HEALTH_PATH: {"get": _health()},
        },
        "components": {
            "schemas": _schemas(),
            "headers": headers(),
            "responses": responses(),
            "securitySchemes": {"apiKey": {"type": "apiKey", "in": "header", "name": "X-Api-Key"}},
        },
    }


# --- flags ------------------------------------------------------------------------------------------------------------


def _flag_by_query() -> Document:
    parameters = [query("user_id"), query("flag_key"), _context_parameter()]
    return operation("flags", "evaluateFlag", "Whether a flag is on for a user", parameters=parameters) | _flag_answers()


def _flag_by_body() -> Document:
    body = object_of({"user_id": identifier(), "flag_key": identifier(), "context": ref("Context")}, ("user_id", "flag_key"))
    return operation("flags", "evaluateFlagByBody", "Whether a flag is on for a user", body) | _flag_answers()


def _flag_answers() -> Document:
    return {"responses": {"200": answer("Evaluated", ref("Flag")), **refusals("400", "404", "413", "500", "503")}}


def _batch() -> Document:
    keys = {"type": "array", "items": identifier(), "maxItems": DEFAULT_MAX_BATCH}
    body = object_of({"user_id": identifier(), "flag_keys": keys, "context": ref("Context")}, ("user_id", "flag_keys"))
    shown = object_of(
        {"user_id": TEXT, "flags": {"type": "object", "additionalProperties": ref("BatchedFlag")}}, all_required=True
    )
    answers = {"200": answer("Evaluated; each flag by its key", shown), **refusals("400", "413", "500", "503")}
    return operation("flags", "evaluateFlags", "Whether each of some flags is on for a user", body) | {"responses": answers}


# --- OFREP ------------------------------------------------------------------------------------------------------------


def _ofrep_single() -> Document:
    key: Document = {"name": "key", "in": "path", "required": True, "description": "The flag's key, percent-encoded."}
    key["schema"] = {"type": "string", "minLength": 1}
    made = operation("ofrep", "evaluateOneFlag", "OFREP: one flag", _ofrep_body(), [key])
    answers = {
        "200": answer("Evaluated; without value: the caller's own default", ref("Evaluation")),
        "400": answer("Not evaluated", ref("EvaluationFailure")),
        "404": answer("No such flag", ref("EvaluationFailure")),
    }
    return made | {"responses": answers | problems("413", "415", "500", "503")}


def _ofrep_bulk() -> Document:
    condition = {"name": "If-None-Match", "in": "header", "description": "The tag of an earlier answer.", "schema": TEXT}
    made = operation("ofrep", "evaluateAllFlags", "OFREP: every flag", _ofrep_body(), [condition])
    items = {"type": "array", "items": {"anyOf": [ref("Evaluation"), ref("EvaluationFailure")]}}
    answered = answer("Evaluated", object_of({"flags": items}, ("flags",)))
    answered["headers"] = answered["headers"] | {"ETag": ref("ETag", "headers")}
    answers = {
        "200": answered,
        "304": {"description": "As before", "headers": {"ETag": ref("ETag", "headers")}},
        "400": answer("The context can't be used", ref("BulkFailure")),
    }
    return made | {"responses": answers | problems("413", "415", "500", "503")}


def _ofrep_body() -> Document:
    return {"type": "object", "properties": {"context": ref("OfrepContext")}, "required": ["context"]}


# --- assignments ------------------------------------------------------------------------------------------------------


def _assign_by_query() -> Document:
    parameters = [query("user_id"), query("experiment_key"), _context_parameter()]
    made = operation(
        "assignments", "assign", "A user's variant in an experiment, the same for as long as it runs", None, parameters
    )
    return made | _assign_answers()


def _assign_by_body() -> Document:
    names = {"user_id": identifier(), "experiment_key": identifier(), "context": ref("Context")}
    body = object_of(names, ("user_id", "experiment_key"))
    return operation("assignments", "assignByBody", "A user's variant in an experiment", body) | _assign_answers()


def _assign_answers() -> Document:
    shown = {"oneOf": [ref("Assignment"), ref("Exclusion")]}
    refused = refusals("400", "404", "413", "415", "500", "503")
    return {"responses": {"200": answer("Assigned, or excluded", shown), **refused}}


# --- health -----------------------------------------------------------------------------------------------------------


def _health() -> Document:
    shown = {"anyOf": [ref("Health"), ref("IngestHealth")]}
    answers = {"200": answer("It answers", shown), **problems("500", "503")}
    return operation("health", "health", "Whether the function answers, and from what") | {"responses": answers}


def _context_parameter() -> Document:
    return {
        "name": "context",
        "in": "query",
        "description": "The evaluation context as JSON.",
        "content": {JSON: {"schema": ref("Context")}},
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
        "Flag": object_of(
            {
                "user_id": TEXT, "flag_key": TEXT, "flag_id": {"type": ["string", "null"]}, "enabled": {"type": "boolean"},
                "reason": {"enum": answered}, "variant": TEXT, "warning": TEXT,
            },
            ("user_id", "flag_key", "flag_id", "enabled", "reason"),
        ),
        "BatchedFlag": object_of(
            {"enabled": {"type": "boolean"}, "reason": {"enum": details}, "variant": {"type": ["string", "null"]}},
            all_required=True,
        ),
        "Evaluation": object_of(
            {"key": TEXT, "reason": {"enum": words}, "variant": TEXT, "value": {}, "metadata": {"type": "object"}},
            ("key", "reason"),
        ),
        "EvaluationFailure": object_of(
            {"key": TEXT, "errorCode": {"enum": codes}, "errorDetails": TEXT, "metadata": {"type": "object"}},
            ("key", "errorCode"),
        ),
        "BulkFailure": object_of({"errorCode": {"const": "INVALID_CONTEXT"}, "errorDetails": TEXT}, all_required=True),
        "Assignment": object_of(
            {
                "user_id": TEXT, "experiment_key": TEXT, "experiment_id": TEXT, "variant": TEXT,
                "assignment_id": {"type": ["string", "null"]}, "timestamp": {"type": "string", "format": "date-time"},
                "excluded": {"const": False}, "reason": {"enum": answered}, "persisted": {"type": "boolean"},
                "payload": {}, "warning": TEXT,
            },
            ("user_id", "experiment_key", "experiment_id", "variant", "assignment_id", "timestamp", "excluded", "persisted"),
        ),
        "Exclusion": object_of(
            {
                "user_id": TEXT, "experiment_key": TEXT, "variant": {"type": "null"}, "excluded": {"const": True},
                "reason": {"enum": excluded}, "warning": TEXT,
            },
            ("user_id", "experiment_key", "variant", "excluded", "reason"),
        ),
        "Health": object_of(
            {
                "status": {"enum": ["ok", "degraded"]}, "snapshot_version": TEXT, "version": {"type": "integer"},
                "age_ms": number_or_null,
            },
            ("status", "snapshot_version"),
        ),
        **openapi_events.schemas(),
        **openapi_results.schemas(),
        "Refusal": object_of({"error": TEXT}, all_required=True),
        "Problem": object_of({"errorDetails": TEXT}, all_required=True),
    }  # fmt: skip


def _context(known: Document) -> Document:
    """A map of attributes: ``MAX_DEPTH`` levels, itself the first."""
    return {
        "type": "object",
        "description": f"Attributes of whom the question is about: at most {MAX_BYTES} bytes as compact JSON, no integer of "
        f"more than {MAX_INTEGER.bit_length() + 1} bits, no number that a double can't hold.",
        "properties": known,
        "additionalProperties": ref("Value2"),
        "maxProperties": MAX_KEYS,
    }


def _value(depth: int) -> Document:
    """An attribute's value whose own maps and lists, if any, would be at level ``depth``."""
    plain: list[Document] = [{"type": ["string", "boolean", "null", "number"]}]
    if depth == MAX_DEPTH:
        inner: Document = {"anyOf": plain}
        return {"anyOf": [*plain, {"type": "array", "items": inner}, {"type": "object", "additionalProperties": inner}]}
    below = ref(f"Value{depth + 1}")
    return {"anyOf": [*plain, {"type": "array", "items": below}, {"type": "object", "additionalProperties": below}]}
