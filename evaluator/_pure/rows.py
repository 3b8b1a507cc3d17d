"""The rows of the snapshot's tables as named tuples, field for field as in ``snapshot.layout`` (a test compares them).

What the fields mean: docs/snapshot-format.md, section 3. Used by ``_pure``, ``explain`` and ``snapshot.describe``.
"""

from typing import NamedTuple


class FlagRow(NamedTuple):
    first_rule: int
    rule_count: int
    default_outcome: int
    first_variant: int
    variant_count: int
    default_reason: int
    state: int
    rank: int
    has_time: int
    reserved: int
    metadata: int
    metadata_json: int
    metadata_json_length: int
    key_json: int
    key_json_length: int
    message: int


class RuleRow(NamedTuple):
    first_condition: int
    condition_count: int
    reason: int
    reserved: int
    outcome: int
    id: int


class ConditionRow(NamedTuple):
    op: int
    mode: int
    attribute: int
    on_false: int
    on_true: int
    on_unknown: int
    on_missing: int
    count: int  # type: ignore[assignment]  # hides tuple.count, which nobody calls
    offset: int
    length: int
    payload: int


class OutcomeRow(NamedTuple):
    kind: int
    hash: int
    space: int
    unit: int
    attribute: int
    on_missing: int
    past_end: int
    variant: int
    first_range: int
    range_count: int
    seed: int
    total: int
    node: int
    prefix: int
    suffix: int
    prefix_length: int
    suffix_length: int
    reserved: int


class RangeRow(NamedTuple):
    last: int
    target: int
    reserved: int


class VariantRow(NamedTuple):
    name: int
    value: int
    kind: int
    flags: int
    reserved_2: int
    name_json: int
    name_json_length: int
    value_json: int
    value_json_length: int
    reserved_3: int


class AttributeRow(NamedTuple):
    name: int
    path: int
    fallback: int
    flags: int
    reserved: int
    guard: int
    guard_text: int


class TextRefRow(NamedTuple):
    length: int
    offset: int
    prefix: int


class NodeRow(NamedTuple):
    op: int
    mode: int
    count: int  # type: ignore[assignment]  # hides tuple.count, which nobody calls
    first_child: int
    value: int
    reserved: int


class WindowRow(NamedTuple):
    days: int
    flags: int
    start_minute: int
    end_minute: int
    reserved: int
    start_day: int
    end_day: int
    zone: int
    reserved_2: int
    start: int
    end: int


class PlaceRow(NamedTuple):
    latitude: float
    longitude: float
    radius: float
    km_per_unit: float
