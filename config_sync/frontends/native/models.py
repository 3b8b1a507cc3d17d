"""The wire types of the native dialect: what may be written, field by field. The JSON Schema is generated from these.

Shallow on purpose: a part with a life of its own (a condition, a rule, a split) is ``Any`` here and read by itself, so that one
mistake never hides another. ``strict`` models refuse unknown fields; table items have columns of their own and only warn.
"""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct

from config_sync import words
from config_sync.frontends.native.models_exact import ExpressionRef, part, word

Number = int | float | str  # numbers may be strings, as tables and forms write them
Percent = Annotated[Number, Meta(description="0 to 100, fractions welcome: 0.5 is half a percent")]
Share = Annotated[Number, Meta(description="0.0 to 1.0")]
Instant = Annotated[Number, Meta(description="ISO 8601 (no zone means UTC), or seconds since the epoch")]
HashVersion = Annotated[Literal[1, 2, "1", "2"], Meta(description="1: MD5 (legacy, bit-exact); 2 (default): MurmurHash3")]
Metadata = Annotated[dict[str, bool | int | float | str], Meta(description="flat; reported with every evaluation")]


ConditionRef = Annotated[Any, part("Condition", "when this holds")]
ConditionsRef = Annotated[
    Any,
    Meta(description="a condition, or a list of which all must hold", extra_json_schema={"$ref": "#/$defs/ConditionOrList"}),
]
SplitRef = Annotated[Any, Meta(description="a variant by bucket", extra_json_schema={"$ref": "#/$defs/AnySplit"})]
ScheduleRef = Annotated[Any, part("Schedule", "when it runs")]
LayerRef = Annotated[Any, part("LayerPlace", "its share of a layer")]
TargetingRef = Annotated[
    Any,
    Meta(
        description="a list of conditions that must all hold, a group, or prioritised rules",
        extra_json_schema={"$ref": "#/$defs/Targeting"},
    ),
]
RuleRef = Annotated[Any, part("Rule", "the first rule that applies decides")]
NeededFlagRef = Annotated[Any, part("NeededFlag", "another flag's variants")]
DefaultRef = Annotated[
    Any,
    Meta(description="the variant when no rule decides; or another outcome", extra_json_schema={"$ref": "#/$defs/Default"}),
]
SimpleVariantRef = Annotated[Any, part("SimpleVariant", "a weighted variant")]
TargetingRuleRef = Annotated[Any, part("TargetingRule", "one prioritised rule")]

# --- conditions -------------------------------------------------------------------------------------------------------


class Comparison(Struct, forbid_unknown_fields=True):
    """One operator on one attribute of the context."""

    operator: Annotated[
        str,
        Meta(description="eq, in, gt, contains, before, semantic_version, …", extra_json_schema={"$ref": "#/$defs/Operator"}),
    ]
    attribute: (
        Annotated[str, Meta(description="an entry of the context; a.b walks into it if there is no entry a.b")] | None
    ) = None
    value: Annotated[Any, Meta(description="what to compare with")] = UNSET
    additional_value: Annotated[
        Any, Meta(description="the upper bound of between, the comparison of semantic_version and array_length, …")
    ] = UNSET
    description: str | None = None


class Group(Struct, forbid_unknown_fields=True):
    """Conditions and groups under one operator."""

    operator: Literal["and", "or", "not"] = "and"
    conditions: list[ConditionRef] | None = None
    groups: list[ConditionRef] | None = None
    description: str | None = None


class AllOf(Struct, forbid_unknown_fields=True):
    """Every one of these."""

    all: list[ConditionRef]
    description: str | None = None


class AnyOf(Struct, forbid_unknown_fields=True):
    """At least one of these."""

    any: list[ConditionRef]
    description: str | None = None


class NotOf(Struct, forbid_unknown_fields=True, rename={"condition": "not"}):
    """The opposite; of a list, that not all of it holds."""

    condition: ConditionsRef
    description: str | None = None


class InSegment(Struct, forbid_unknown_fields=True):
    """A condition of ``segments`` by its name."""

    segment: str
    description: str | None = None


# --- parts of flags ---------------------------------------------------------------------------------------------------


class Split(Struct, forbid_unknown_fields=True):
    """Variants by bucket; the percentages sum to 100."""

    variants: dict[str, Percent]
    by: Annotated[str, Meta(description="the attribute that is hashed (default: the flag's bucket_by)")] | None = None
    salt: Annotated[str, Meta(description="default: the flag's salt and `_variant`")] | None = None
    hash_version: HashVersion | None = None


class Answer(Struct, forbid_unknown_fields=True):
    """What is answered: one of these."""

    variant: str | None = None
    split: SplitRef | None = None
    no_answer: Annotated[bool, Meta(description="no value: the caller's default is used")] = False
    expression: Annotated[ExpressionRef, Meta(description="its value names the variant")] = UNSET


class Rule(Struct, forbid_unknown_fields=True):
    """The first rule that applies decides."""

    id: str | None = None
    when: ConditionsRef | None = None
    variant: str | None = None
    split: SplitRef | None = None
    no_answer: Annotated[bool, Meta(description="no value: the caller's default is used")] = False
    expression: Annotated[ExpressionRef, Meta(description="its value names the variant")] = UNSET
    rollout: Percent | None = None
    reason: Annotated[str, word(words.REASONS, "what is reported when this rule decides")] | None = None
    reported_id: Annotated[str, Meta(description="an id that several rules may share")] | None = None
    description: str | None = None


class NeededFlag(Struct, forbid_unknown_fields=True):
    """Another flag that must answer one of these variants; without any, one whose value is true."""

    flag: str
    variant: str | bool | None = None
    variants: list[str] | None = None


class Schedule(Struct, forbid_unknown_fields=True):
    """From ``start`` (inclusive) to ``end`` (exclusive)."""

    start: Instant | None = None
    end: Instant | None = None


class LayerPlace(Struct, forbid_unknown_fields=True):
    """A share of a layer's traffic, as percentages: [0, 50] is its first half."""

    name: str
    range: Annotated[list[Any], Meta(description="[from, to], or a list of such pairs")]


class PrioritisedRules(Struct):
    """Prioritised rules: the first that matches, and whose own rollout includes the user, lets the user in."""

    rules: list[TargetingRuleRef] | None = None
    default_rule: TargetingRuleRef = None
    version: Any = None


class TargetingRule(Struct):
    """One of ``PrioritisedRules``."""

    id: str | int | None = None
    name: str | None = None
    rule: ConditionsRef | None = None
    rollout_percentage: Percent | None = None
    priority: Number | None = None


# --- flags and experiments --------------------------------------------------------------------------------------------


class Shared(Struct):
    """What every kind of item may have."""

    key: str | None = None
    name: str | None = None
    description: str | None = None
    tags: list[str] | None = None
    owner: str | None = None
    metadata: Metadata | None = None
    version: Any = None
    created_at: Any = None
    updated_at: Any = None
    salt: (
        Annotated[str, Meta(description="what buckets depend on besides the unit (default: the key); keep it when renaming")]
        | None
    ) = None
    hash_version: HashVersion | None = None
    bucket_by: Annotated[str, Meta(description="the attribute whose value is hashed (default: targetingKey)")] | None = None
    prerequisites: list[NeededFlagRef] | None = None
    overrides: Annotated[dict[str, str | bool], Meta(description="a forced variant per unit")] | None = None
    schedule: ScheduleRef | None = None
    start: Instant | None = None
    end: Instant | None = None
    layer: LayerRef | None = None
    holdouts: list[str] | None = None


class FullFlag(Shared, forbid_unknown_fields=True):
    """A flag with named, typed values and ordered rules."""

    type: Literal["boolean", "string", "integer", "number", "object", "any"] | None = None
    variants: (
        Annotated[dict[str, Any], Meta(description="a value per name; a boolean flag without any has on and off")] | None
    ) = None
    unnamed: Annotated[list[str], Meta(description="variants that are reported without their name")] | None = None
    reported_as: Annotated[dict[str, str], Meta(description="variants that are reported under another name")] | None = None
    is_on: Annotated[list[str], Meta(description="variants that are true to a boolean question, though no booleans")] | None = (
        None
    )
    variant_fields: Annotated[dict[str, Any], Meta(description="what a variant has besides its value")] | None = None
    default: DefaultRef | None = None
    default_reason: Annotated[str, word(words.REASONS, "what is reported when no rule decides")] | None = None
    off: (
        Annotated[str, Meta(description="the variant when disabled, unscheduled, held out, … (default: the default)")] | None
    ) = None
    enabled: bool | None = None
    rules: list[RuleRef] | None = None
    split: SplitRef | None = None
    flag_id: str | int | None = None
    error: Annotated[str, Meta(description="why the flag is broken: it answers its default, with an error")] | None = None


class SimpleVariant(Struct):
    """A variant of a table item."""

    key: str
    allocation: Share
    payload: Any = None
    name: str | None = None
    description: str | None = None


class SimpleFlag(Shared):
    """A flag as the platform's table holds it: on or off, for a share of the users, with weighted variants."""

    flag_id: str | int | None = None
    enabled: bool | None = None
    rollout_percentage: Percent | None = None
    targeting_rules: TargetingRef | None = None
    default_variant: str | None = None
    variants: list[SimpleVariantRef] | None = None


class Experiment(Shared):
    """An experiment as the platform's table holds it."""

    variants: list[SimpleVariantRef] | None = None
    experiment_id: str | int | None = None
    status: Literal["draft", "active", "paused", "completed"] = "draft"
    traffic_allocation: Share | None = None
    targeting_rules: TargetingRef | None = None


# --- the project ------------------------------------------------------------------------------------------------------


class Layer(Struct, forbid_unknown_fields=True):
    """Traffic that flags and experiments share out among themselves, so that a unit is in at most one."""

    key: str | None = None
    description: str | None = None
    salt: str | None = None
    by: str | None = None
    hash_version: HashVersion | None = None


class Holdout(Struct, forbid_unknown_fields=True):
    """Units that are kept out of everything that names this holdout."""

    percentage: Percent
    key: str | None = None
    description: str | None = None
    salt: str | None = None
    by: str | None = None
    hash_version: HashVersion | None = None


class Segment(Struct, forbid_unknown_fields=True):
    """A reusable condition."""

    when: ConditionsRef
    key: str | None = None
    description: str | None = None


class Document(Struct, forbid_unknown_fields=True):
    """The sections of one document; several documents make one project."""

    version: Any = None
    metadata: Metadata | None = None
    segments: Any = None
    layers: Any = None
    holdouts: Any = None
    flags: Any = None
    experiments: Any = None
