"""The workloads W1 to W5: projects in the native dialect, contexts, and the same flags by hand for the floors.

W1  a boolean flag that is on for everyone
W2  boolean: ``country`` in three and ``age >= 18``, then half the users by a hash of the targeting key; every context matches
W3  three strings, 33/33/34 by targeting key
W4  100 flags: 40 x W1, 40 x W2, 20 x W3
W5  1,000 flags of ten rules; the tenth has a list of 1,000 members and is the only one that holds

Every benchmark reads these. The floors get the constants (seeds, ends of ranges) from the compiled project.
"""

import random
from functools import cache
from typing import Any

from config_sync import ir
from config_sync.compile import CompileResult, compile_project

CONTEXTS = 10_000
COUNTRIES = ("US", "CA", "GB")
LEAST_AGE = 18
LARGE_FLAGS = 1_000
LARGE_MEMBERS = 1_000
LARGE_RULES = 10
ATTRIBUTES = ("country", "plan", "tier")

# The nine comparisons that no context satisfies, the same for every flag: by hand their strings stay in the cache.
LARGE_PAIRS = tuple((ATTRIBUTES[rule % 3], f"{ATTRIBUTES[rule % 3]}-{rule}") for rule in range(LARGE_RULES - 1))

Context = dict[str, Any]
Document = dict[str, Any]


def contexts(count: int = CONTEXTS) -> list[Context]:
    """W1 to W4: one dict a user, each with its own strings, as a request would bring them."""
    chance = random.Random(1)
    return [
        {
            "targetingKey": f"user-{number:08d}",
            "country": chance.choice(COUNTRIES),
            "age": chance.randrange(LEAST_AGE, 90),
            "plan": chance.choice(("free", "pro", "team")),
        }
        for number in range(count)
    ]


def _compare(attribute: str, operator: str, value: Any) -> Document:
    return {"attribute": attribute, "operator": operator, "value": value}


def simple() -> Document:
    """W1."""
    return {"type": "boolean", "default": "on"}


def targeted(decision: Document | None = None) -> Document:
    """W2; ``decision`` is how the rule halves the users."""
    half = decision or {"split": {"variants": {"enabled": 50, "off": 50}}}
    conditions = [_compare("country", "in", list(COUNTRIES)), _compare("age", "gte", LEAST_AGE)]
    values = {"enabled": True, "off": False}  # the first by name has the lower buckets, as in the floor
    return {
        "type": "boolean",
        "variants": values,
        "default": "off",
        "rules": [{"id": "adults", "when": {"all": conditions}, **half}],
    }


def variants() -> Document:
    """W3."""
    values = {"a": "alpha", "b": "beta", "c": "gamma"}
    return {"type": "string", "variants": values, "default": "a", "split": {"variants": {"a": 33, "b": 33, "c": 34}}}


def document() -> Document:
    """W1 to W3 in one project; ``w2-rollout`` is W2 written as a rollout rather than as a split."""
    as_rollout = targeted({"variant": "enabled", "rollout": 50})
    return {"flags": {"w1": simple(), "w2": targeted(), "w2-rollout": as_rollout, "w3": variants()}}


def keys_of_all() -> tuple[list[str], list[str], list[str]]:
    """The keys of W4: the simple, the targeted and the split ones."""
    return (
        [f"simple-{number:02d}" for number in range(40)],
        [f"targeted-{number:02d}" for number in range(40)],
        [f"variants-{number:02d}" for number in range(20)],
    )


def document_of_all() -> Document:
    """W4."""
    ones, twos, threes = keys_of_all()
    flags = {key: simple() for key in ones} | {key: targeted() for key in twos} | {key: variants() for key in threes}
    return {"flags": flags}


# --- W5 ---------------------------------------------------------------------------------------------------------------


def large_key(number: int) -> str:
    return f"large-{number:04d}"


def large_members(number: int) -> list[str]:
    """The 1,000 users that flag ``number`` is on for; no two flags share one."""
    start = number * LARGE_MEMBERS
    return [f"user-{(start + member) * 7919 % 100_000_000:08d}" for member in range(LARGE_MEMBERS)]


def large(number: int) -> Document:
    whens = [_compare(name, "eq", text) for name, text in LARGE_PAIRS]
    whens.append(_compare("targetingKey", "in", large_members(number)))
    rules = [{"id": f"rule-{rule}", "when": when, "variant": "on"} for rule, when in enumerate(whens)]
    return {"type": "boolean", "default": "off", "rules": rules}


def large_document(flags: int = LARGE_FLAGS) -> Document:
    """W5."""
    return {"flags": {large_key(number): large(number) for number in range(flags)}}


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


# --- compiled ---------------------------------------------------------------------------------------------------------


def _compiled(wanted: Document) -> CompileResult:
    result = compile_project(wanted)
    if result.snapshot is None or len(result.diagnostics):
        raise AssertionError(f"a workload doesn't compile: {list(result.diagnostics)}")
    return result


def _bytes(result: CompileResult) -> bytes:
    assert result.snapshot is not None
    return result.snapshot


def compile_document(wanted: Document) -> bytes:
    """Any project in the native dialect."""
    return _bytes(_compiled(wanted))


@cache
def compiled() -> CompileResult:
    """W1 to W3."""
    return _compiled(document())


@cache
def compiled_of_all() -> CompileResult:
    """W4."""
    return _compiled(document_of_all())


def snapshot() -> bytes:
    return _bytes(compiled())


def snapshot_of_all() -> bytes:
    return _bytes(compiled_of_all())


@cache
def large_snapshot() -> bytes:
    """W5."""
    return _bytes(_compiled(large_document()))


# --- the same by hand -------------------------------------------------------------------------------------------------


def _splits(result: CompileResult) -> dict[str, ir.Split]:
    """The split of every flag that has one, after the passes."""
    assert result.project is not None
    found = {}
    for flag in result.project.flags:
        outcomes = [*(rule.outcome for rule in flag.rules), flag.default]
        splits = [outcome for outcome in outcomes if isinstance(outcome, ir.Split)]
        if splits:
            found[flag.key] = splits[0]
    return found


def constants() -> dict[str, tuple[int, int]]:
    """key -> (seed, end of the first range) of W2."""
    return {key: (split.bucketing.seed, split.ranges[0].last) for key, split in _splits(compiled()).items()}


def by_hand(floors: Any) -> None:
    """Gives the floors module the constants of W2, W3 and W4."""
    splits = _splits(compiled()) | _splits(compiled_of_all())

    def two(key: str) -> Any:
        split = splits[key]
        return floors.Targeted(COUNTRIES, LEAST_AGE, split.bucketing.seed, split.ranges[0].last)

    def three(key: str) -> Any:
        split = splits[key]
        return floors.Variants(split.bucketing.seed, split.ranges[0].last, split.ranges[1].last, "alpha", "beta", "gamma")

    ones, twos, threes = keys_of_all()
    floors.register({key: two(key) for key in ["w2", *twos]})
    floors.register_all([(k, floors.Simple(True)) for k in ones], [(k, two(k)) for k in twos], [(k, three(k)) for k in threes])


def large_by_hand(floors: Any, flags: int = LARGE_FLAGS) -> None:
    """Gives the floors module the constants of W5."""
    floors.register({large_key(n): floors.Large(LARGE_PAIRS, "targetingKey", large_members(n)) for n in range(flags)})
