"""Random targeting and contexts that often meet: what flagd's users write, and what they'd better not. For property tests."""

from typing import Any

from hypothesis import strategies as st

VARIANTS = {"on": "on", "off": "off", "true": "yes", "false": "no", "1": "one"}
PATHS = (
    "a",
    "b",
    "user.name",
    "user.tags",
    "user.0",
    "list.1",
    "targetingKey",
    "$flagd.flagKey",
    "$flagd.timestamp",
    "absent",
    "",
)
TEXTS = ("", "a", "ab", "abc", "b", "1", "01", "0", "1.0", " ", "true", "on", "off", "1.2.3", "v1.2", "x1", "é", "12")
NUMBERS = (0, 1, 2, -1, 12, 1.0, 1.5, -0.0, 1.2, 2**53, 2**63, 2**70, 1e300)

texts = st.sampled_from(TEXTS)
numbers = st.sampled_from(NUMBERS)
scalars = st.one_of(texts, numbers, st.booleans(), st.none())
constants = st.one_of(scalars, scalars, st.lists(scalars, max_size=3))
variables = st.one_of(
    st.sampled_from(PATHS).map(lambda path: {"var": path}),
    st.tuples(st.sampled_from(PATHS), scalars).map(lambda pair: {"var": list(pair)}),
    st.sampled_from(("a", "b", "user.name")).map(lambda path: {"var": path}),
)


def _binary(operands: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    names = st.sampled_from(("==", "!=", "===", "!==", "<", "<=", ">", ">=", "in", "starts_with", "ends_with"))
    pair = st.one_of(st.tuples(variables, constants), st.tuples(constants, variables), st.tuples(operands, operands))
    return st.tuples(names, pair).map(lambda both: {both[0]: list(both[1])})


def _versions(operands: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    operators = st.sampled_from(("=", "!=", "<", "<=", ">", ">=", "^", "~", "==="))
    versions = st.sampled_from(("1", "1.2", "v1.2.3", "1.2.3-a", "2.0.0", "x", 1.2))
    return st.tuples(st.one_of(variables, operands), operators, versions).map(lambda three: {"sem_ver": list(three)})


def _lists(operands: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    names = st.sampled_from(("map", "filter", "all", "none", "some"))
    over = st.one_of(variables, st.lists(scalars, max_size=3))
    iterators = st.tuples(names, over, operands).map(lambda three: {three[0]: list(three[1:])})
    reductions = st.tuples(over, operands, scalars).map(lambda three: {"reduce": list(three)})
    return st.one_of(iterators, reductions)


def _others(operands: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    names = st.sampled_from(
        ("cat", "+", "-", "*", "/", "%", "min", "max", "merge", "substr", "missing", "missing_some", "!", "!!")
    )
    return st.tuples(names, st.lists(operands, max_size=3)).map(lambda both: {both[0]: both[1]})


def fractionals(operands: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    names = st.sampled_from(("on", "off", "on", "off", "absent", None, True, 1))
    weights = st.sampled_from((50, 1, 0, 33.0, 7, -5, None, "x", 2**31))
    sound = st.tuples(st.sampled_from(("on", "off", True, 1)), st.integers(0, 100)).map(list)
    pairs = st.one_of(sound, sound, sound, st.tuples(names, weights).map(list), st.tuples(operands, st.just(1)).map(list))
    salted = st.one_of(variables, texts, st.just({"var": "$flagd.flagKey"}))
    units = st.one_of(variables, st.lists(salted, max_size=3).map(lambda parts: {"cat": parts}), operands)
    return st.tuples(st.lists(units, max_size=1), st.lists(pairs, max_size=4)).map(
        lambda both: {"fractional": both[0] + both[1]}
    )


def _grow(operands: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    conditions = st.lists(operands, min_size=1, max_size=5)
    return st.one_of(
        _binary(operands),
        _binary(operands),
        conditions.map(lambda children: {"if": children}),
        st.tuples(st.sampled_from(("and", "or")), conditions).map(lambda both: {both[0]: both[1]}),
        _versions(operands),
        _lists(operands),
        _others(operands),
        fractionals(operands),
    )


rules = st.recursive(st.one_of(constants, variables, _binary(variables)), _grow, max_leaves=12)
results = st.one_of(st.sampled_from(("on", "off", "on", "absent", None, True, 1)), fractionals(variables), rules)
chains = st.recursive(
    results,
    lambda children: (
        st.lists(st.tuples(rules, children), min_size=1, max_size=3).map(
            lambda pairs: {"if": [part for pair in pairs for part in pair]}
        )
        | st.tuples(rules, children, children).map(lambda three: {"if": list(three)})
    ),
    max_leaves=4,
)
targetings = chains.filter(lambda rule: isinstance(rule, dict) and len(rule) == 1)

values = st.one_of(scalars, st.lists(scalars, max_size=3), st.dictionaries(texts, scalars, max_size=2), st.tuples(scalars))
contexts = st.fixed_dictionaries(
    {},
    optional={
        "targetingKey": st.one_of(texts, values),
        "a": values,
        "b": values,
        "user": st.one_of(values, st.fixed_dictionaries({}, optional={"name": values, "tags": values, "0": values})),
        "list": values,
        "$flagd": values,
    },
)
clocks = st.sampled_from((0, 1_700_000_000_000, 1_700_000_000_500.5, -1))


def document(targeting: Any, default: str | None = "off") -> dict[str, Any]:
    """A flagd document with one flag, ``flag``."""
    flag = {"state": "ENABLED", "variants": VARIANTS, "defaultVariant": default, "targeting": targeting}
    return {"flags": {"flag": flag}}
