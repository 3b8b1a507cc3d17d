"""The endpoints of results in the OpenAPI document, from the handler's constants. For ``burgee.openapi``."""

from burgee.openapi_parts import TEXT, Document, answer, object_of, operation, ref, refusals
from handlers._results import CONVERSION, DOWN, FITS, MEAN, NOTHING_YET, UP, WRONG
from handlers.results import MAX_PHASE, PICTURE, PREFIX, RESULTS

_NUMBER: Document = {"type": "number"}
_MAYBE: Document = {"type": ["number", "null"]}
_COUNT: Document = {"type": "integer", "minimum": 0}
_CHANCE: Document = {"type": "number", "minimum": 0, "maximum": 1}
_BOUNDS: Document = {"type": ["array", "null"], "items": _NUMBER, "minItems": 2, "maxItems": 2}
_MOMENT: Document = {"type": "string", "format": "date-time"}


def paths() -> Document:
    """The document, and the picture."""
    phase = _parameter(
        "phase", "Which phase; the newest if it is left out.", {"type": "integer", "minimum": 1, "maximum": MAX_PHASE}
    )
    history = _parameter("history", "1: with the looks that were kept.", {"enum": ["0", "1"]})
    metric = _parameter("metric", "Whose lift; of the one with most events if it is left out.", TEXT)
    refused = refusals("400", "404", "500", "503")
    told = {"200": answer("What is known", ref("Results")), **refused}
    drawn = answer("The lift over time", TEXT)
    drawn["content"] = {"image/svg+xml": {}}
    about = [_key(), phase]
    return {
        f"{PREFIX}{{key}}{RESULTS}": {
            "get": operation("results", "results", "How an experiment does", parameters=[*about, history]) | {"responses": told}
        },
        f"{PREFIX}{{key}}{PICTURE}": {
            "get": operation("results", "resultsPicture", "The lift over time, as SVG", parameters=[*about, metric])
            | {"responses": {"200": drawn, **refused}}
        },
    }


def _key() -> Document:
    words = "The experiment's key, percent-encoded."
    return {"name": "key", "in": "path", "required": True, "description": words, "schema": {"type": "string", "minLength": 1}}


def _parameter(name: str, description: str, schema: Document) -> Document:
    return {"name": name, "in": "query", "required": False, "description": description, "schema": schema}


def schemas() -> Document:
    """The components that only they have."""
    by_variant: Document = {"type": "object", "additionalProperties": _NUMBER}
    method = dict.fromkeys(("alpha", "horizon", "mismatch_p", "min_users", "min_of_either", "min_values"), _NUMBER)
    return {
        "Results": object_of(
            {
                "experiment": object_of(dict.fromkeys(("id", "key", "name", "status"), TEXT), all_required=True),
                "as_of": _MOMENT,
                "phase": {"anyOf": [ref("Phase"), {"type": "null"}]},
                "phases": {"type": "array", "items": ref("Phase")},
                "control": {"type": ["string", "null"]},
                "sample_ratio": object_of(
                    {
                        "p_value": _CHANCE,
                        "mismatch": {"type": "boolean"},
                        "verdict": {"enum": [FITS, WRONG, NOTHING_YET]},
                        "observed": {"type": "object", "additionalProperties": _COUNT},
                        "expected": by_variant,
                    },
                    all_required=True,
                ),
                "variants": {"type": "array", "items": ref("VariantResults")},
                "metrics": {"type": "array", "items": ref("MetricResults")},
                "metrics_left_out": _COUNT,
                "method": object_of(method, all_required=True),
                "history": {"type": "array", "items": ref("Look")},
            },
            ("experiment", "as_of", "phase", "phases", "control", "sample_ratio", "variants", "metrics", "method"),
        ),
        "Phase": object_of({"number": _COUNT, "started_at": _MOMENT, "allocation": by_variant}, all_required=True),
        "VariantResults": object_of(
            {
                "variant": TEXT, "allocation": _CHANCE, "exposures": _COUNT, "users": ref("DistinctUsers"),
                "events": {"type": "object", "additionalProperties": ref("EventTotals")},
            },
            all_required=True,
        ),
        "DistinctUsers": object_of(dict.fromkeys(("estimate", "low", "high"), _NUMBER), all_required=True),
        "EventTotals": object_of(
            {
                "events": _COUNT, "users": ref("DistinctUsers"), "conversion": {"type": ["number", "null"], "maximum": 1},
                "properties": {"type": "object", "additionalProperties": ref("PropertyTotals")},
            },
            all_required=True,
        ),
        "PropertyTotals": object_of(
            {"n": _COUNT} | dict.fromkeys(("sum", "sum_of_squares", "mean", "standard_deviation"), _MAYBE), all_required=True
        ),
        "MetricResults": object_of(
            {
                "metric": TEXT, "kind": {"enum": [CONVERSION, MEAN]}, "event_type": TEXT,
                "property": {"type": ["string", "null"]},
                "values": {"type": "object", "additionalProperties": _MAYBE},
                "comparisons": {"type": "array", "items": ref("Comparison")},
            },
            all_required=True,
        ),
        "Comparison": object_of(
            {
                "variant": TEXT, "lift": _MAYBE, "lift_interval": _BOUNDS, "difference": _MAYBE, "difference_interval": _BOUNDS,
                "p_value": _MAYBE, "direction": {"enum": [UP, DOWN, None]}, "verdict": TEXT,
                "fixed_horizon": {"anyOf": [ref("FixedHorizon"), {"type": "null"}]},
            },
            all_required=True,
        ),
        "FixedHorizon": object_of(
            {"lift_interval": _BOUNDS, "difference_interval": _BOUNDS, "p_value": _CHANCE, "note": TEXT}, all_required=True
        ),
        "Look": object_of(
            {"at_ms": _COUNT, "users": _COUNT, "mismatch_p": _CHANCE, "lifts": {"type": "object"}}, all_required=True
        ),
    }  # fmt: skip
