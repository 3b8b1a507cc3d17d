"""Random IR projects for tests: right ones, and ones where here and there something is wrong."""

import pickle
from typing import Any

from hypothesis import strategies as st

from config_sync import ir
from evaluator.snapshot import opcodes as codes

Strategy = st.SearchStrategy[Any]
TRUTHS = st.sampled_from([ir.FALSE, ir.TRUE, ir.UNKNOWN])
VARIANTS = ["on", "off", ""]
LONG = st.just(70_000).map("x".__mul__)
WRONG_JSON = st.sampled_from(["\ud800", float("nan"), float("inf"), 2**64, b"bytes", {"\ud800": 1}, [[{1: 2}]]]) | LONG


class Projects:
    """Strategies for projects. ``rate``: how many right things there are for each wrong one; 0 for no wrong ones."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self.json = self.pick(_json(), WRONG_JSON)
        self.attributes = self._attributes()
        self.expressions = self._expressions()
        self.bucketings = self._bucketings()
        self.conditions = self._conditions()

    def pick(self, right: Strategy, wrong: Strategy) -> Strategy:
        if not self._rate:
            return right
        return st.integers(1, self._rate).flatmap(lambda number: wrong if number == self._rate else right)

    def some(self, right: list[Any], *wrong: Any) -> Strategy:
        return self.pick(st.sampled_from(right), st.sampled_from(wrong))

    def projects(self) -> Strategy:
        flags = st.lists(self._flags(), max_size=5, unique_by=lambda flag: flag.key)
        metadata = st.one_of(st.none(), st.just({"m": 1}), st.dictionaries(st.just("m"), self.some(["x", 1.5], None, [])))
        segments = st.fixed_dictionaries({"s": self._tests(), "t": self._tests()})
        return st.builds(ir.Project, st.just("native"), flags.map(_placed), segments, metadata).map(_fresh)

    # --- flags --------------------------------------------------------------------------------------------------------

    def _flags(self) -> Strategy:
        variants = st.tuples(*(st.builds(ir.Variant, self.some([name], "nobody", "on"), self.json) for name in VARIANTS))
        return st.builds(
            ir.Flag,
            self.some(["a", "b", "c", "d", "ü"], "", "x" * 300, "\ud800"),
            variants,
            st.lists(self._rules(), max_size=3).map(tuple),
            self._outcomes(),
            default_reason=st.integers(0, 12),
            metadata=st.one_of(st.none(), st.fixed_dictionaries({"m": self.some(["x", True, 1.5], None, [], "\ud800")})),
            error=self.some([None], "said the front end", "\ud800"),
        )

    def _rules(self) -> Strategy:
        ids = self.some([None, "r", "ü"], "", "\ud800")
        return st.builds(ir.Rule, self._outcomes(), st.integers(0, 12), st.one_of(st.none(), self.conditions), id=ids)

    def _names(self) -> Strategy:
        return self.some(VARIANTS, "nobody", ir.NEXT_RULE, "\ud800")

    def _outcomes(self) -> Strategy:
        constants = st.builds(ir.Constant, self._names())
        return st.one_of(constants, constants, st.just(ir.NoAnswer()), self._splits(), st.builds(ir.Computed, self.expressions))

    def _splits(self) -> Strategy:
        targets = st.one_of(st.just(ir.NEXT_RULE), st.none(), self._names())
        ranges = st.lists(st.builds(ir.Range, st.integers(-1, 2**32), targets), max_size=4)
        ascending = ranges.map(lambda items: tuple(sorted(items, key=lambda item: item.last)))
        return st.builds(
            ir.Split,
            self.bucketings,
            self.pick(ascending, ranges.map(tuple)),
            on_missing=st.integers(0, codes.ON_LAST),
            past_end=self.some(list(range(codes.ON_LAST + 1)), codes.ON_LAST + 1),
            fallback=self.pick(self._names(), st.none()),
        )

    def _bucketings(self) -> Strategy:
        sources = st.one_of(st.just(ir.TARGETING_KEY), self.attributes, self.expressions)
        other = {"unit": st.integers(0, codes.UNIT_LAST), "seed": self.some([0, 7, 2**32 - 1], 2**32), "source": sources}
        salts = {"prefix": self.some(["", "salt", "ü"], "\ud800"), "suffix": self.some(["", "end"], "x" * 5_000)}
        total = self.some([1, 100, 2**32 - 1], 0, 2**32)
        hashes, spaces = self.some([1, 3], 0, 2, 4), self.some([0, 1, 2, 3], 4)
        usual = st.builds(ir.Bucketing, hash=hashes, space=spaces, total=total, **other, **salts)
        return st.one_of(
            usual, usual, st.builds(ir.Bucketing, hash=st.just(2), space=st.just(1), total=total, **other, **salts)
        )

    # --- conditions ---------------------------------------------------------------------------------------------------

    def _conditions(self) -> Strategy:
        needed = st.lists(self._names(), max_size=2).map(tuple)
        buckets = st.lists(st.tuples(st.integers(-1, 50), st.integers(-1, 2**32)), max_size=3).map(tuple)
        leaves = st.one_of(
            self._tests(),
            self._tests(),
            self.pick(st.just(ir.Prerequisite("a", ("on",))), st.builds(ir.Prerequisite, st.sampled_from("abcdef"), needed)),
            st.builds(ir.SegmentReference, self.some(["s", "t"], "nobody")),
            st.builds(ir.InBucket, self.bucketings, buckets, TRUTHS),
            st.builds(ir.Truthy, self.expressions),
        )
        return st.recursive(leaves, _groups, max_leaves=5)

    def _tests(self) -> Strategy:
        return st.sampled_from(sorted(OPERANDS)).flatmap(self._test)

    def _test(self, operator: str) -> Strategy:
        right, wrong = OPERANDS[operator]
        operand = self.pick(right, st.one_of(wrong, self.json))
        attribute = st.none() if operator == "now" else self.pick(self.attributes, st.none())
        return st.builds(
            ir.Test,
            self.some([operator], "nonsense"),
            attribute,
            operand,
            compare=st.integers(0, 5),
            mode=st.sampled_from([0, 1, 2, 8, 24, 32, 64]) if operator == "version" else st.sampled_from([0, 1, 2]),
            negate=st.booleans(),
            missing=TRUTHS,
            mistyped=TRUTHS,
        )

    def _attributes(self) -> Strategy:
        names = self.some(["p", "q", "targetingKey"], "", "\ud800")
        paths = self.some([(), ("p", "k"), ("p", 0)], ("x",) * 40, ("\ud800",))
        conversions = self.some([0, 0, *range(4, codes.ATTRIBUTE_LAST_CONVERSION + 1, 4)], 3, 24)
        plain = st.builds(ir.Attribute, names, paths, empty_is_missing=st.booleans(), convert=conversions)
        return st.one_of(plain, plain, st.builds(ir.Attribute, names, fallback=plain))

    def _expressions(self) -> Strategy:
        constants = self.json.map(lambda value: ir.Expression(codes.NODE_CONSTANT, value=value))
        variables = st.sampled_from(["p", "q", "p.k", "$flagd.timestamp", "$flagd.flagKey", ""]).map(_variable)
        operations = self.some([op for op in range(3, codes.NODE_LAST + 1) if op != codes.NODE_MATCHES], 0, codes.NODE_LAST + 1)

        patterns = self.some(["^a", "é|on"], "a(", 1)

        def larger(inner: Strategy) -> Strategy:
            constant = patterns.map(lambda pattern: ir.Expression(codes.NODE_CONSTANT, value=pattern))
            matches = st.builds(ir.Expression, st.just(codes.NODE_MATCHES), st.tuples(inner, constant))
            return st.one_of(st.builds(ir.Expression, operations, st.lists(inner, max_size=3).map(tuple)), matches)

        return st.recursive(st.one_of(constants, variables), larger, max_leaves=6)


def _json() -> Strategy:
    scalars = st.one_of(
        st.none(), st.booleans(), st.integers(-3, 3), st.sampled_from([2**53 + 1, 2**64 - 1, 0.5, -0.0, "a", "é", "on"])
    )
    return st.recursive(
        scalars,
        lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(["k", "l"]), inner, max_size=2)),
        max_leaves=3,
    )


def _variable(path: str) -> ir.Expression:
    empty = ir.Expression(codes.NODE_CONSTANT)
    return ir.Expression(codes.NODE_VARIABLE, (ir.Expression(codes.NODE_CONSTANT, value=path), empty))


def _groups(inner: Strategy) -> Strategy:
    several = st.lists(inner, max_size=3).map(tuple)
    return st.one_of(several.map(ir.All), several.map(ir.Any_), inner.map(ir.Not))


def _fresh(project: ir.Project) -> ir.Project:
    """A copy that Hypothesis doesn't know part by part: it would take for ever to print how each was made."""
    copied: ir.Project = pickle.loads(pickle.dumps(project))
    return copied


def _placed(flags: list[ir.Flag]) -> tuple[ir.Flag, ...]:
    """Every flag with a place of its own."""
    fields = ({name: getattr(flag, name) for name in flag.__struct_fields__} for flag in flags)
    return tuple(ir.Flag(**{**given, "origin": ir.Origin("d", ("flags", number))}) for number, given in enumerate(fields))


_NUMBERS = (
    st.one_of(st.integers(-3, 3), st.sampled_from([2**53, 2**63 - 1, 2**63, -(2**63), 0.5, -0.0, 1e300, 10**20])),
    st.sampled_from([float("nan"), 10**400, 2**64 + 1, True, "1"]),
)
_INTEGERS = st.integers(-3, 3) | st.sampled_from([2**62, 10**15]), st.sampled_from([0.5, 2**63, True])
_TEXTS = st.sampled_from(["", "a", "é", "1.2.3", "p" * 20]), st.sampled_from(["\ud800", 1]) | LONG
_LISTS = st.lists(_json(), max_size=3).map(tuple), st.just(["a"])
_MEMBERS = st.one_of(
    st.lists(_NUMBERS[0] | _TEXTS[0] | st.booleans() | st.none(), max_size=8).map(tuple),
    st.integers(1, 60).map(lambda count: tuple(f"customer-{number}" for number in range(count))),
)
_PARTS = st.tuples(st.none() | st.integers(0, 9), st.binary(min_size=32, max_size=32))
_WINDOWS = (
    st.builds(
        ir.Window,
        days=st.sampled_from([(), (0, 6)]),
        minutes=st.sampled_from([None, (0, 60), (1400, 60)]),
        dates=st.sampled_from([None, (0, 50_000)]),
        absolute=st.sampled_from([None, (0, 2**60)]),
        zone=st.sampled_from([None, "Europe/Berlin"]),
    ),
    st.sampled_from([ir.Window((7,)), ir.Window(minutes=(0, 1440)), ir.Window(dates=(0, 2**40)), ir.Window(zone="../passwd")]),
)
OPERANDS: dict[str, tuple[Strategy, Strategy]] = {
    "equal": (_json() | _NUMBERS[0], WRONG_JSON | _NUMBERS[1]),
    "one_of": (_MEMBERS, st.sampled_from([("\ud800",), (float("nan"),), ([],), "text", ("x" * 5_000,)])),
    "less": _NUMBERS,
    "less_equal": _NUMBERS,
    "greater": _NUMBERS,
    "greater_equal": _NUMBERS,
    "contains": _TEXTS,
    "starts_with": _TEXTS,
    "ends_with": _TEXTS,
    "matches": (st.sampled_from(["[a-z]+", "^a", "", "(p|q){2}"]), st.sampled_from(["(", "\\1", "\ud800", 5])),
    "time": _INTEGERS,
    "version": (st.sampled_from(["1.2.3", "0.0.1-rc.1"]), st.sampled_from(["\ud800", 5])),
    "length": _INTEGERS,
    "distance": (
        st.builds(ir.Place, st.sampled_from([0, 52.5]), st.just(13.4), st.sampled_from([1.5, 9000.0]), st.just(1.6)),
        st.sampled_from([ir.Place(91, 0, 1), ir.Place(0, 181, 1), ir.Place(0, 0, float("nan")), ir.Place(0, 0, 1, 0)]),
    ),
    "window": _WINDOWS,
    "now": _INTEGERS,
    "contains_all": _LISTS,
    "contains_any": _LISTS,
    "path": (st.tuples(st.sampled_from([("k",), ("k", 0), ()]), _json()), st.just("k")),
    "exists": (st.none(), st.none()),
    "order": (
        st.one_of(_TEXTS[0], st.integers(-3, 2**64 - 1), st.sampled_from([0.5, -0.0, 1e300]), st.lists(_json(), max_size=3)),
        st.sampled_from([None, True, {}, "\ud800", float("nan"), 2**64]),
    ),
    "within": (_TEXTS[0] | _LISTS[0], st.sampled_from([["a"], "\ud800", 5, None])),
    "modulo": (
        st.tuples(st.sampled_from([1, 7, 2**63 - 1]), st.integers(-3, 3), st.integers(-3, 3)),
        st.sampled_from([(0, 0, 0), (-1, 0, 0), (2**63, 0, 1), (7, 0), (7, 0.5, 1), [7, 0, 1], (True, 0, 0)]),
    ),
    "in_network": (
        st.lists(st.builds(ir.Network, st.just(6), st.integers(0, 2**128 - 1), st.integers(0, 128)), max_size=3).map(tuple)
        | st.builds(ir.Network, st.just(4), st.integers(0, 2**32 - 1), st.integers(0, 32)).map(lambda network: (network,)),
        st.sampled_from(["10.0.0.0/8", (5,), (ir.Network(4, 0, 33),), (ir.Network(4, 2**32, 8),), (ir.Network(5, 0, 0),)]),
    ),
    "digest": (
        st.builds(ir.Digests, _TEXTS[0], st.lists(_PARTS, max_size=3).map(tuple)),
        st.sampled_from([ir.Digests("", ((0, b""),)), ir.Digests("", ((-1, bytes(32)),)), ir.Digests("\ud800", ()), "text"]),
    ),
}
