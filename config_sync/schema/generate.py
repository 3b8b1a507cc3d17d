"""From the native dialect's models to one JSON Schema. Used through ``config_sync.schema``.

The models are shallow (each part is read by itself), so what a part may be is put together here, under ``$defs``.
"""

import json
from typing import Any

import msgspec

from config_sync import ir
from config_sync.frontends.native import models, models_exact
from config_sync.frontends.native.operators import ALIASES, OPERATORS
from config_sync.later_fields import Kind, later_fields

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_SHORT = (models.Comparison, models.Group, models.AllOf, models.AnyOf, models.NotOf, models.InSegment)
_EXACT = (models_exact.ExactTest, models_exact.InBucketOf, models_exact.PrerequisiteOf, models_exact.ExpressionTest)
_CONDITIONS = _SHORT + _EXACT
_EXACT_PARTS = (
    models_exact.AttributePath,
    models_exact.Bucketing,
    models_exact.InBucket,
    models_exact.NeededAnswer,
    models_exact.BucketRange,
    models.Answer,
)
_SPLITS = (models.Split, models_exact.BucketSplit)
_PARTS = (models.Rule, models.NeededFlag, models.Schedule, models.LayerPlace, models.SimpleVariant, *_SPLITS, *_EXACT_PARTS)
_TARGETING = (models.PrioritisedRules, models.TargetingRule)
_ITEMS = (models.FullFlag, models.SimpleFlag, models.Experiment, models.Layer, models.Holdout, models.Segment)
_SECTIONS = {
    "segments": ("SegmentOrCondition", "reusable conditions by name"),
    "layers": ("LayerOrNothing", "traffic that flags and experiments share out, so that a unit is in at most one"),
    "holdouts": ("Holdout", "units that are kept out of everything that names the holdout"),
    "flags": ("Flag", "flags by key"),
    "experiments": ("Experiment", "experiments by key"),
}
_IN_THE_IR: dict[Kind, type[msgspec.Struct]] = {
    ir.Attribute: models_exact.AttributePath,
    ir.Bucketing: models_exact.Bucketing,
    ir.Test: models_exact.ExactTest,
    ir.Prerequisite: models_exact.NeededAnswer,
    ir.InBucket: models_exact.InBucket,
    ir.Range: models_exact.BucketRange,
    ir.Split: models_exact.BucketSplit,
    ir.Rule: models.Rule,
    ir.Flag: models.FullFlag,
}
_FULL_ONLY = ("type", "default", "off", "rules", "split")


def native_schema_text() -> str:
    """The schema as it is shipped."""
    return json.dumps(native_schema(), indent=1, ensure_ascii=False) + "\n"


def native_schema() -> Schema:
    """The schema of one document of the native dialect."""
    kinds = (*_CONDITIONS, *_PARTS, *_TARGETING, *_ITEMS, models.Document)
    _, defs = msgspec.json.schema_components(kinds, ref_template="#/$defs/{name}")
    for schema in defs.values():
        _open_for_extensions(schema)
    for kind, model in _IN_THE_IR.items():
        defs[model.__name__]["properties"] |= {name: {} for name in later_fields(kind)}
    document = defs.pop("Document")
    defs["SimpleFlag"]["not"] = {"anyOf": [{"required": [name]} for name in _FULL_ONLY]}
    defs |= _unions()
    document["properties"] |= _sections() | {"$schema": {"type": "string"}}
    document["title"] = "Burgee project"
    return {"$schema": DIALECT, **document, "$defs": dict(sorted(defs.items()))}


def _open_for_extensions(schema: Schema) -> None:
    """``x-…`` is allowed everywhere (a place for YAML anchors); nulls mean "not given"."""
    if schema.get("additionalProperties") is False:
        schema["patternProperties"] = {"^x-": {}}
    schema.get("properties", {}).update({name: _property(part) for name, part in schema.get("properties", {}).items()})


def _property(part: Schema) -> Schema:
    """A property that may be null, with its description where editors look for it."""
    optional = part.pop("default", ...) is None
    if optional and "$ref" in part:
        part = {"anyOf": [part, {"type": "null"}]}
    first: Schema = next(iter(part.get("anyOf", ())), {})
    if "description" in first:
        part["description"] = first.pop("description")
    return part


def _ref(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


def _list(name: str) -> Schema:
    return {"type": "array", "items": _ref(name)}


def _unions() -> dict[str, Schema]:
    """Parts that may be written in several ways."""
    return {
        "Operator": {"enum": [*OPERATORS, *ALIASES]},
        "Condition": {"anyOf": [_ref(model.__name__) for model in _CONDITIONS]},
        "AnySplit": {"anyOf": [_ref(model.__name__) for model in _SPLITS]},
        "AttributeRef": {"anyOf": [{"type": "string"}, _ref("AttributePath")]},
        "BucketSource": {"anyOf": [_ref("AttributeRef"), _ref("ExpressionTest")]},
        "Default": {"anyOf": [{"type": "string"}, _ref("Answer")]},
        "ConditionOrList": {"anyOf": [_ref("Condition"), _list("Condition")]},
        "Targeting": {"anyOf": [_list("Condition"), _ref("Condition"), _ref("PrioritisedRules")]},
        "Flag": {"anyOf": [_ref("FullFlag"), _ref("SimpleFlag")]},
        "SegmentOrCondition": {"anyOf": [_ref("Segment"), _ref("ConditionOrList")]},
        "LayerOrNothing": {"anyOf": [_ref("Layer"), {"type": "null"}]},
    }


def _sections() -> dict[str, Schema]:
    """Each section is a mapping by key, or a list of items that have a key."""
    return {
        section: {
            "description": description,
            "anyOf": [{"type": "object", "additionalProperties": _ref(name)}, _list(name), {"type": "null"}],
        }
        for section, (name, description) in _SECTIONS.items()
    }
