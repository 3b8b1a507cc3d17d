"""The wire types of the native dialect's exact forms (docs/dialects/native.md, section 9): conditions, buckets, attributes.

As shallow as ``models``, for the same reason. The words that stand for codes come from ``config_sync.words``.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct

from config_sync import words


def part(name: str, description: str) -> Meta:
    """A part that is read by itself, and that the schema refers to by name."""
    return Meta(description=description, extra_json_schema={"$ref": f"#/$defs/{name}"})


def word(family: Mapping[str, int], description: str) -> Meta:
    """One of the words of a family of codes."""
    return Meta(description=description, extra_json_schema={"enum": list(family)})


AttributeRef = Annotated[
    Any,
    Meta(description="an entry of the context, by name or as a mapping", extra_json_schema={"$ref": "#/$defs/AttributeRef"}),
]
SourceRef = Annotated[
    Any,
    Meta(description="an attribute, or the value of an expression", extra_json_schema={"$ref": "#/$defs/BucketSource"}),
]
BucketingRef = Annotated[Any, part("Bucketing", "how a unit becomes a bucket")]
BucketRangeRef = Annotated[Any, part("BucketRange", "buckets up to one, and what they get")]
InBucketRef = Annotated[Any, part("InBucket", "buckets of a unit")]
NeededAnswerRef = Annotated[Any, part("NeededAnswer", "another flag's answer")]
ExpressionRef = Annotated[Any, Meta(description="JSONLogic: a value, a list, or {operator: arguments}")]
Truth = Annotated[bool | Literal["unknown"], Meta(description="true, false or unknown")]

# --- conditions -------------------------------------------------------------------------------------------------------


class AttributePath(Struct, forbid_unknown_fields=True):
    """The context's entry of that name; else what a walk along the path finds; else the fallback."""

    name: str
    path: list[str | int] | None = None
    fallback: AttributeRef | None = None
    empty_is_missing: Annotated[bool, Meta(description="an empty string, and null, count as missing")] = False
    null_is_missing: Annotated[bool, Meta(description="null counts as missing")] = False
    convert: Annotated[str, word(words.CONVERSIONS, "what its value becomes")] | None = None


class ExactTest(Struct, forbid_unknown_fields=True):
    """One operator of the cores, with everything said."""

    test: Annotated[str, Meta(description="equal, one_of, less, contains, matches, …")]
    attribute: AttributeRef | None = None
    value: Annotated[Any, Meta(description="what to compare with")] = UNSET
    compare: Annotated[str, word(words.COMPARISONS, "of instants, versions, lengths, distances")] = "eq"
    mode: Annotated[list[str | int], Meta(description="how the operator reads the value")] | None = None
    negate: Annotated[bool, Meta(description="the operator's answer turned round; missing and mistyped stay")] = False
    missing: Annotated[Truth, Meta(description="without such an attribute")] = False
    mistyped: Annotated[Truth, Meta(description="when the operator doesn't apply to the value")] = False
    description: str | None = None


class Bucketing(Struct, forbid_unknown_fields=True):
    """How a unit becomes a bucket: the hash of prefix, unit and suffix, then the space."""

    hash: Annotated[str, word(words.HASHES, "of the UTF-8 of prefix, unit and suffix")]
    space: Annotated[str, word(words.SPACES, "from the hash to the bucket")] = "full"
    total: Annotated[int, Meta(description="how many buckets, for the spaces that divide")] = 0
    seed: Annotated[int, Meta(description="of a hash that takes one")] = 0
    prefix: str = ""
    suffix: str = ""
    by: SourceRef = "targetingKey"
    unit: Annotated[str, word(words.UNITS, "which values count as a unit, and their bytes")] = "text"


class InBucket(Struct, forbid_unknown_fields=True):
    """Some of the buckets; both ends of a pair are included."""

    bucketing: BucketingRef
    buckets: list[list[int]]
    missing: Annotated[Truth, Meta(description="without a unit")] = False


class InBucketOf(Struct, forbid_unknown_fields=True):
    """The unit lies in one of these buckets."""

    in_bucket: InBucketRef
    description: str | None = None


class NeededAnswer(Struct, forbid_unknown_fields=True):
    """Another flag, and the variants that count."""

    flag: str
    variants: list[str]


class PrerequisiteOf(Struct, forbid_unknown_fields=True):
    """Another flag answers one of these variants."""

    prerequisite: NeededAnswerRef
    description: str | None = None


class ExpressionTest(Struct, forbid_unknown_fields=True):
    """The expression's value is truthy."""

    expression: ExpressionRef
    description: str | None = None


class BucketRange(Struct, forbid_unknown_fields=True):
    """Buckets after the range before, up to ``to`` (included): one of variant, no answer, the next rule."""

    to: int
    variant: str | None = None
    no_answer: bool = False
    next_rule: bool = False


class BucketSplit(Struct, forbid_unknown_fields=True):
    """Variants by bucket, the buckets counted rather than shared out in percent."""

    bucketing: BucketingRef
    ranges: list[BucketRangeRef]
    on_missing: Annotated[str, word(words.ENDS, "without a unit")] = "error"
    past_end: Annotated[str, word(words.ENDS, "for the buckets after the last range")] = "next_rule"
    fallback: Annotated[str, Meta(description="the variant of `variant` in on_missing and past_end")] | None = None
