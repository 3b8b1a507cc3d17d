"""The intermediate representation: what every dialect is translated into and what the passes work on.

Rich and named where the snapshot is flat and numbered. A front end builds a ``Project`` and says vendor differences with
codes (hash, space, unit, mode, what a missing attribute means); nothing downstream knows the dialect. Everything is a rule:
a disabled flag, a prerequisite, an override, a schedule, a layer or a holdout is a rule with its own reason placed before
the others.

Immutable; used by ``config_sync`` only.
"""

from typing import Any

import msgspec

from evaluator.snapshot import opcodes as codes

FALSE, TRUE, UNKNOWN = 0, 1, 2  # truth values of a condition

Pointer = tuple[str | int, ...]


class Origin(msgspec.Struct, frozen=True):
    """Where something was written: the document's name and the path of keys and indices inside it."""

    document: str
    pointer: Pointer = ()

    def child(self, *steps: str | int) -> "Origin":
        return Origin(self.document, self.pointer + steps)


NOWHERE = Origin("")


class Attribute(msgspec.Struct, frozen=True):
    """A reference into the evaluation context: an entry by name, else a walk along ``path``, else ``fallback``.

    ``convert`` is 0 or an ATTRIBUTE_AS_* code: what the value found here (not the fallback's) becomes. With ``path_only`` the
    name is a label that isn't looked up, and no path is the whole context. ``guard``: (attribute, text, whether missing does
    too); unless that attribute is that text, neither name nor path lead anywhere.
    """

    name: str
    path: tuple[str | int, ...] = ()
    fallback: "Attribute | None" = None
    empty_is_missing: bool = False
    null_is_missing: bool = False
    convert: int = 0
    path_only: bool = False
    guard: "tuple[Attribute, str, bool] | None" = None


TARGETING_KEY = Attribute("targetingKey")


class Expression(msgspec.Struct, frozen=True):
    """A node of a value expression: a ``NODE_*`` code, its children, its flavour, and a CONSTANT's value."""

    op: int
    children: "tuple[Expression, ...]" = ()
    value: Any = None
    mode: int = 0


class Window(msgspec.Struct, frozen=True):
    """A recurring and/or absolute time window; every part that is given must hold. ``zone`` is an IANA name."""

    days: tuple[int, ...] = ()  # 0 = Monday; empty = every day
    minutes: tuple[int, int] | None = None  # of the local day, both inclusive
    dates: tuple[int, int] | None = None  # days since 1970-01-01, both inclusive
    absolute: tuple[int, int] | None = None  # microseconds since the epoch, both inclusive
    zone: str | None = None


class Place(msgspec.Struct, frozen=True):
    latitude: float
    longitude: float
    radius: float
    km_per_unit: float = 1.0


class Network(msgspec.Struct, frozen=True):
    """IP addresses of one version (4 or 6) that share their first ``prefix`` bits with ``address``."""

    version: int
    address: int
    prefix: int


class Digests(msgspec.Struct, frozen=True):
    """SHA-256 digests of parts of a text, each followed by ``salt``: (bytes in the part or None for all, digest)."""

    salt: str
    items: tuple[tuple[int | None, bytes], ...]


class Bucketing(msgspec.Struct, frozen=True):
    """How a unit becomes a bucket: hash of ``prefix + unit + suffix``, then the space."""

    hash: int = codes.HASH_MURMUR3_32
    space: int = codes.SPACE_FULL
    unit: int = codes.UNIT_TEXT
    source: Attribute | Expression = TARGETING_KEY
    seed: int = 0
    total: int = 0
    prefix: str = ""
    suffix: str = ""


# --- conditions -------------------------------------------------------------------------------------------------------


class Test(msgspec.Struct, frozen=True, tag=True):
    """One operator on one attribute. ``operator`` and its operand:

    =============================================  ====================================================================
    equal                                          str | int | float | bool | None | list | dict
    one_of                                         tuple of str | int | float | bool | None
    less, less_equal, greater, greater_equal       int | float (``mode``: MODE_COERCE_TEXT, MODE_EXACT_TEXT)
    contains, starts_with, ends_with               str (``mode``: MODE_CASEFOLD, MODE_LOWERCASE; operand folded; MODE_DECIMAL,
                                                   MODE_TEXT_ONLY)
    matches                                        str: the pattern (``mode``: MODE_CASEFOLD, MODE_DECIMAL, MODE_TEXT_ONLY,
                                                   MODE_RUST_SYNTAX)
    time                                           int microseconds (``compare``; ``mode``: MODE_INSTANT_*)
    version                                        str (``compare``; ``mode``: MODE_VERSION_*; ``text_only``)
    length                                         int (``compare``)
    distance                                       Place (``compare``)
    window                                         Window (``mode``: MODE_INSTANT_*)
    now                                            int microseconds (``compare``; no attribute)
    contains_all, contains_any                     tuple of JSON values
    order                                          str | int | float | list (``compare``)
    within                                         str: the value is a part of it; tuple: its elements are among these
    modulo                                         (modulus > 0, first, last): the remainder is in first .. last
    path                                           (path: tuple of str | int, expected JSON value)
    exists                                         None
    in_network                                     tuple of Network
    digest                                         Digests (``mode``: MODE_FROM_END)
    =============================================  ====================================================================

    With MODE_BOOLEAN_NUMBER, ``contains_all``, ``contains_any``, ``order`` and ``within``, and ``equal`` with a list or map,
    take booleans as the numbers 0 and 1. With MODE_CONTAINER, ``contains_all`` and ``contains_any`` see the parts of a text
    and the keys of a map. ``negate`` inverts the operator's own yes or no. ``missing`` and ``mistyped`` are the test's *final*
    truth (not inverted) when there is no such attribute, and when the operator doesn't apply to the value. MODE_EACH belongs to
    all operators but window and now. ``text_only``: of ``version``, whose mode has no bit left for it.
    """

    operator: str
    attribute: Attribute | None = None
    operand: Any = None
    compare: int = codes.CMP_EQ
    mode: int = 0
    negate: bool = False
    missing: int = FALSE
    mistyped: int = FALSE
    origin: Origin = NOWHERE
    text_only: bool = False


class All(msgspec.Struct, frozen=True, tag=True):
    """True when every child is; an empty one is true."""

    children: "tuple[Condition, ...]"


class Any_(msgspec.Struct, frozen=True, tag=True):
    """True when some child is; an empty one is false."""

    children: "tuple[Condition, ...]"


class Not(msgspec.Struct, frozen=True, tag=True):
    child: "Condition"


class SegmentReference(msgspec.Struct, frozen=True, tag=True):
    """A reusable condition by name; the link pass replaces it."""

    name: str
    origin: Origin = NOWHERE


class Prerequisite(msgspec.Struct, frozen=True, tag=True):
    """True when another flag answers one of these variants; ``error`` when it answers an error."""

    flag: str
    variants: tuple[str, ...]
    origin: Origin = NOWHERE
    error: int = FALSE


class InBucket(msgspec.Struct, frozen=True, tag=True):
    """True when the unit's bucket lies in one of the inclusive ranges; ``missing`` when there is no unit."""

    bucketing: Bucketing
    ranges: tuple[tuple[int, int], ...]
    missing: int = FALSE


class Truthy(msgspec.Struct, frozen=True, tag=True):
    """True when the expression's value is truthy in JSONLogic's sense."""

    expression: Expression


Condition = Test | All | Any_ | Not | SegmentReference | Prerequisite | InBucket | Truthy

# --- outcomes ---------------------------------------------------------------------------------------------------------


class Constant(msgspec.Struct, frozen=True, tag=True):
    """Always this variant."""

    variant: str


class NoAnswer(msgspec.Struct, frozen=True, tag=True):
    """No value: the caller's default is used."""


class Range(msgspec.Struct, frozen=True):
    """Buckets up to ``last`` (inclusive, after the range before) go to ``variant``; None: no answer; NEXT_RULE: fall on."""

    last: int
    variant: str | None


NEXT_RULE = "\x00next"  # not a possible variant name


class Split(msgspec.Struct, frozen=True, tag=True):
    """A variant by bucket. ``on_missing`` and ``past_end`` are ``ON_*`` codes; with ON_VARIANT, ``fallback`` names it."""

    bucketing: Bucketing
    ranges: tuple[Range, ...]
    on_missing: int = codes.ON_ERROR
    past_end: int = codes.ON_NEXT_RULE
    fallback: str | None = None


class Computed(msgspec.Struct, frozen=True, tag=True):
    """The expression's value names the variant (OUTCOME_EXPRESSION)."""

    expression: Expression


Outcome = Constant | NoAnswer | Split | Computed

# --- flags ------------------------------------------------------------------------------------------------------------


UNNAMED_ON, UNNAMED_OFF = "\x00on", ""  # variants of a flag that is merely on or off; reported as None


def reported_name(name: str) -> str:
    """A variant's name as the snapshot has it: without what follows a NUL. An empty one is reported as None."""
    return name.partition("\x00")[0]


class Variant(msgspec.Struct, frozen=True):
    """A named value. Names are unique within a flag; only what comes before a NUL is shown, and an empty name isn't.

    ``is_on``: to a boolean question, it answers true if its value is no boolean.
    """

    name: str
    value: Any  # JSON value; None = no value
    is_on: bool = False


class Rule(msgspec.Struct, frozen=True):
    """Decides when ``condition`` is definitely true (None = always) and ``outcome`` gives an answer."""

    outcome: Outcome
    reason: int
    condition: Condition | None = None
    id: str | None = None
    origin: Origin = NOWHERE


class Flag(msgspec.Struct, frozen=True):
    """One flag or experiment. ``error`` makes it a tombstone: only ``default`` is kept, with reason PARSE_ERROR.

    ``ignored``: of a flag with an error, its front end has already kept what its dialect answers then; it's no tombstone.
    """

    key: str
    variants: tuple[Variant, ...] = ()
    rules: tuple[Rule, ...] = ()
    default: Outcome = NoAnswer()
    default_reason: int = codes.REASON_STATIC
    metadata: dict[str, bool | int | float | str] | None = None
    error: str | None = None
    ignored: bool = False
    origin: Origin = NOWHERE


class Project(msgspec.Struct, frozen=True):
    """A whole set of flags, as one dialect's documents describe it. ``segments`` are what SegmentReference names."""

    dialect: str
    flags: tuple[Flag, ...] = ()
    segments: dict[str, Condition] = {}
    metadata: dict[str, bool | int | float | str] | None = None
