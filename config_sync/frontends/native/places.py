"""The builder of geo_distance, in all the encodings that the platform writes (RUL-13, RUL-16). Used by ``operators`` only."""

from typing import Any

import msgspec

from config_sync import ir
from config_sync.frontends.native.question import Question, as_number, compare_code

KM_PER_UNIT = {"km": 1.0, "miles": 1.609344, "meters": 0.001}
_UNIT_ALIASES = {"kilometers": "km", "kilometres": "km", "mile": "miles", "mi": "miles", "m": "meters", "metres": "meters"}
_FIELDS = {"lat", "latitude", "lon", "lng", "longitude", "radius", "unit", "comparison", "center", "coordinates"}


def geo_distance(question: Question) -> ir.Condition | None:
    """``{lat, lon, radius, unit?, comparison?}``, or ``[lat, lon]`` with the radius (or that mapping) in additional_value."""
    spec = _merged(question)
    point = None if spec is None else _point(spec)
    if spec is None or point is None:
        return question.expected("a place", "for example {lat: 52.52, lon: 13.4, radius: 10, unit: km}")
    return _compared(question, spec, point)


def _compared(question: Question, spec: dict[str, Any], point: tuple[float, float]) -> ir.Condition | None:
    radius = as_number(spec.get("radius"))
    unit = str(spec.get("unit") or "km").lower()
    scale = KM_PER_UNIT.get(_UNIT_ALIASES.get(unit, unit))
    if radius is None or radius < 0:
        return question.bad("geo_distance needs a radius of 0 or more")
    if scale is None:
        return question.bad(f"{unit!r} is no unit of length", f"one of {', '.join(KM_PER_UNIT)}")
    compare = compare_code(question, spec.get("comparison") or "lte", "value")
    if compare is None:
        return None
    return question.test("distance", ir.Place(*point, float(radius), scale), compare=compare)


def _merged(question: Question) -> dict[str, Any] | None:
    """One mapping from both operands; None if they are neither."""
    value, extra = question.value, question.extra
    spec = {"center": value} if isinstance(value, list) else value
    if not isinstance(spec, dict):
        return None
    if isinstance(extra, dict):
        spec = spec | extra
    elif extra not in (msgspec.UNSET, None):
        spec = spec | ({"comparison": extra} if isinstance(extra, str) and as_number(extra) is None else {"radius": extra})
    for name in sorted(spec.keys() - _FIELDS):
        question.bad(f"geo_distance knows no {name!r}", f"its fields are {', '.join(sorted(_FIELDS))}", code="UNKNOWN-FIELD")
    return spec


def _point(spec: dict[str, Any]) -> tuple[float, float] | None:
    center = spec.get("center", spec.get("coordinates", spec))
    if isinstance(center, dict):
        center = [
            center.get("lat", center.get("latitude")),
            center.get("lon", center.get("lng", center.get("longitude"))),
        ]
    if not isinstance(center, list) or len(center) != 2:
        return None
    latitude, longitude = as_number(center[0]), as_number(center[1])
    if latitude is None or longitude is None or abs(latitude) > 90 or abs(longitude) > 180:
        return None
    return float(latitude), float(longitude)
