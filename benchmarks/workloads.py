"""The workloads W1 to W5: projects, contexts, and the same flags by hand for the floors. Read by every benchmark.

W1  a boolean flag that is on for everyone
W2  boolean: ``country`` in three and ``age >= 18``, then half the users by a hash of the targeting key; every context matches
W3  three strings, 33/33/34 by targeting key
W4  100 flags: 40 x W1, 40 x W2, 20 x W3
W5  1,000 flags of ten rules; the tenth has a list of 1,000 members and is the only one that holds
"""

import random
from typing import Any

from config_sync import ir
from evaluator.snapshot import opcodes as codes

CONTEXTS = 10_000
COUNTRIES = ("US", "CA", "GB")
LARGE_FLAGS = 1_000
LARGE_MEMBERS = 1_000
LARGE_RULES = 10
ATTRIBUTES = ("country", "plan", "tier")

HALF = (1 << 31) - 1
THIRD = round((1 << 32) * 0.33) - 1
TWO_THIRDS = round((1 << 32) * 0.66) - 1
FULL = (1 << 32) - 1

Context = dict[str, Any]


def contexts(count: int = CONTEXTS) -> list[Context]:
    """W1 to W4: one dict a user, each with its own strings, as a request would bring them."""
    chance = random.Random(1)
    return [
        {
            "targetingKey": f"user-{number:08d}",
            "country": chance.choice(COUNTRIES),
            "age": chance.randrange(18, 90),
            "plan": chance.choice(("free", "pro", "team")),
        }
        for number in range(count)
    ]


def seed_of(key: str) -> int:
    """A seed per flag, so that flags split independently."""
    return random.Random(key).getrandbits(32)


def _boolean(key: str, rules: tuple[ir.Rule, ...], default: str, reason: int) -> ir.Flag:
    variants = (ir.Variant("on", True), ir.Variant("off", False))
    return ir.Flag(key, variants=variants, rules=rules, default=ir.Constant(default), default_reason=reason)


def simple(key: str) -> ir.Flag:
    """W1."""
    return _boolean(key, (), "on", codes.REASON_STATIC)


def targeted(key: str) -> ir.Flag:
    """W2."""
    split = ir.Split(ir.Bucketing(seed=seed_of(key)), (ir.Range(HALF, "on"),), past_end=codes.ON_DEFAULT)
    condition = ir.All(
        (
            ir.Test("one_of", ir.Attribute("country"), COUNTRIES),
            ir.Test("greater_equal", ir.Attribute("age"), 18),
        )
    )
    return _boolean(key, (ir.Rule(split, codes.REASON_SPLIT, condition, id="adults"),), "off", codes.REASON_DEFAULT)


def variants(key: str) -> ir.Flag:
    """W3."""
    ranges = (ir.Range(THIRD, "a"), ir.Range(TWO_THIRDS, "b"), ir.Range(FULL, "c"))
    rule = ir.Rule(ir.Split(ir.Bucketing(seed=seed_of(key)), ranges), codes.REASON_SPLIT)
    values = (ir.Variant("a", "alpha"), ir.Variant("b", "beta"), ir.Variant("c", "gamma"))
    return ir.Flag(key, variants=values, rules=(rule,), default=ir.Constant("a"), default_reason=codes.REASON_DEFAULT)


def keys_of_all() -> tuple[list[str], list[str], list[str]]:
    """The keys of W4: the simple, the targeted and the split ones."""
    return (
        [f"simple-{number:02d}" for number in range(40)],
        [f"targeted-{number:02d}" for number in range(40)],
        [f"variants-{number:02d}" for number in range(20)],
    )


def project() -> ir.Project:
    """W1 to W4 in one project: ``w1``, ``w2``, ``w3``."""
    return ir.Project("native", (simple("w1"), targeted("w2"), variants("w3")))


def project_of_all() -> ir.Project:
    """W4."""
    ones, twos, threes = keys_of_all()
    flags = [simple(key) for key in ones] + [targeted(key) for key in twos] + [variants(key) for key in threes]
    return ir.Project("native", tuple(flags))


# --- W5 ---------------------------------------------------------------------------------------------------------------


def large_key(number: int) -> str:
    return f"large-{number:04d}"


def large_members(number: int) -> list[str]:
    """The 1,000 users that flag ``number`` is on for; no two flags share one."""
    start = number * LARGE_MEMBERS
    return [f"user-{(start + member) * 7919 % 100_000_000:08d}" for member in range(LARGE_MEMBERS)]


# The nine comparisons that no context satisfies, the same for every flag: by hand their strings stay in the cache.
LARGE_PAIRS = tuple((ATTRIBUTES[rule % 3], f"{ATTRIBUTES[rule % 3]}-{rule}") for rule in range(LARGE_RULES - 1))


def large(number: int) -> ir.Flag:
    rules = [
        ir.Rule(ir.Constant("on"), codes.REASON_TARGETING_MATCH, ir.Test("equal", ir.Attribute(name), text), id=f"rule-{rule}")
        for rule, (name, text) in enumerate(LARGE_PAIRS)
    ]
    members = ir.Test("one_of", ir.TARGETING_KEY, tuple(large_members(number)))
    rules.append(ir.Rule(ir.Constant("on"), codes.REASON_TARGETING_MATCH, members, id="members"))
    return _boolean(large_key(number), tuple(rules), "off", codes.REASON_DEFAULT)


def large_project(flags: int = LARGE_FLAGS) -> ir.Project:
    return ir.Project("native", tuple(large(number) for number in range(flags)))


def large_questions(count: int = CONTEXTS, flags: int = LARGE_FLAGS) -> list[tuple[str, Context]]:
    """(key, context): a flag and one of its members in random order, so that each question meets a cold flag."""
    chance = random.Random(5)
    members = [large_members(number) for number in range(flags)]
    questions = []
    for _ in range(count):
        number = chance.randrange(flags)
        context = {"targetingKey": chance.choice(members[number]), "country": "US", "plan": "pro", "tier": "gold"}
        questions.append((large_key(number), context))
    return questions


# --- the snapshots ----------------------------------------------------------------------------------------------------


def snapshot(wanted: ir.Project) -> bytes:
    """The compiled project."""
    from config_sync.lower import lower
    from evaluator.snapshot import codec

    return codec.encode(lower(wanted).body)


# --- the same by hand -------------------------------------------------------------------------------------------------


def by_hand(floors: Any) -> None:
    """Gives the floors module the constants of W2, W3 and W4."""

    def two(key: str) -> Any:
        return floors.Targeted(COUNTRIES, 18, seed_of(key), HALF)

    def three(key: str) -> Any:
        return floors.Variants(seed_of(key), THIRD, TWO_THIRDS, "alpha", "beta", "gamma")

    ones, twos, threes = keys_of_all()
    floors.register({key: two(key) for key in ["w2", *twos]})
    floors.register_all([(k, floors.Simple(True)) for k in ones], [(k, two(k)) for k in twos], [(k, three(k)) for k in threes])


def large_by_hand(floors: Any, flags: int = LARGE_FLAGS) -> None:
    """Gives the floors module the constants of W5."""
    floors.register(
        {large_key(n): floors.Large(LARGE_PAIRS, "targetingKey", large_members(n)) for n in range(flags)},
    )
