"""Rows in words: what a condition asks and what an outcome does, for ``evaluator.explain`` and ``config_sync.disasm``.

A *program-like* object has the sections of ``layout.SECTIONS`` as attributes: lists of rows with the layout's field names
(``numbers`` a list of u64), the byte sections as bytes; and the body's ``flag_keys``, ``attribute_names``, ``paths``,
``variant_names`` and ``values``. Nothing here is asked while evaluating.
"""

import struct
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from evaluator.snapshot import opcodes as codes
from evaluator.snapshot.times_and_places import describe_network, describe_window, instant_text
from evaluator.snapshot.words import (
    COMPARISONS,
    CONVERSIONS,
    ENDS,
    HASHES,
    SPACES,
    UNITS,
    WIDTHS,
    listed,
    quoted,
    strings_of_set,
    text_of,
)

NODES: Final = {
    value: name[5:].lower() for name, value in vars(codes).items() if name.startswith("NODE_") and name != "NODE_LAST"
}
_ORDER: Final = {codes.OP_LESS: "<", codes.OP_LESS_EQUAL: "<=", codes.OP_GREATER: ">", codes.OP_GREATER_EQUAL: ">="}
_TEXT: Final = {codes.OP_CONTAINS_TEXT: "contains", codes.OP_STARTS_WITH: "starts with", codes.OP_ENDS_WITH: "ends with"}
_DECIMAL: Final = ", numbers without exponents"
_INSTANTS: Final = {
    codes.MODE_INSTANT_FULL: "with seconds and zone",
    codes.MODE_INSTANT_RFC3339: "as in RFC 3339",
    codes.MODE_INSTANT_MILLISECONDS: "or in milliseconds",
}
_HEADER: Final = struct.Struct("<IIII")


# --- conditions -------------------------------------------------------------------------------------------------------------


def describe_condition(program: Any, row: Any) -> str:
    """One row as a question: ``country is one of "CA", "US"``. Total: an unknown operator is named by its number."""
    describe = _DESCRIBERS.get(row.op)
    return describe(program, row) if describe else f"unknown operator {row.op}"


def describe_attribute(program: Any, index: int) -> str:
    """An attribute's name, path and fallbacks: ``country``, ``custom.tier else plan``."""
    names = []
    while index != codes.NONE_16:
        row = program.attributes[index]
        name = program.attribute_names[row.name]
        if row.path != codes.NONE:
            path = ".".join(str(step) for step in program.paths[row.path])
            labelled = row.flags & codes.ATTRIBUTE_PATH_ONLY or name.startswith("$") or name == path
            name = path if labelled else f"{name} else {path}"
        elif row.flags & codes.ATTRIBUTE_PATH_ONLY:
            name = "the context"
        name += CONVERSIONS.get(row.flags & codes.ATTRIBUTE_CONVERSION, " as something unknown")
        names.append(name + _provisos(program, row))
        index = row.fallback
    return " else ".join(names) or "nothing"


def _provisos(program: Any, row: Any) -> str:
    """What must be true of an attribute's row for it to count."""
    told = " (not empty)" if row.flags & codes.ATTRIBUTE_EMPTY_IS_MISSING else ""
    if not row.flags & codes.ATTRIBUTE_GUARDED:
        return told
    missing = "missing or " if row.flags & codes.ATTRIBUTE_GUARD_OPTIONAL else ""
    guard = program.attribute_names[program.attributes[row.guard].name]
    return f"{told} (where {guard} is {missing}{quoted(program.attribute_names[row.guard_text])})"


def _signed(bits: int) -> int:
    return bits - (1 << 64) if bits >> 63 else bits


def _double(bits: int) -> float:
    value: float = struct.unpack("<d", bits.to_bytes(8, "little"))[0]
    return value


def _number(row: Any) -> str:
    return str(_signed(row.payload)) if row.mode & codes.MODE_INTEGER else repr(_double(row.payload))


def _subject(program: Any, row: Any) -> str:
    named = describe_attribute(program, row.attribute)
    return f"{named} (or an element)" if row.mode & codes.MODE_EACH else named


def _comparison(row: Any) -> str:
    code = row.mode & codes.CMP_MASK
    return COMPARISONS[code] if code < len(COMPARISONS) else f"comparison {code}"


def _equal_text(program: Any, row: Any) -> str:
    return f"{_subject(program, row)} = {quoted(text_of(program, row.offset, row.length))}"


def _in_texts(program: Any, row: Any) -> str:
    if row.op == codes.OP_IN_TEXT_TABLE:
        count, *_ = _HEADER.unpack_from(program.sets, row.offset * 8)
        items: Iterable[str] = strings_of_set(program.sets, row.offset * 8)
    else:
        count = row.count
        items = (text_of(program, ref.offset, ref.length) for ref in program.text_refs[row.offset : row.offset + count])
    return f"{_subject(program, row)} is one of {listed(items, count)}"


def _equal_number(program: Any, row: Any) -> str:
    return f"{_subject(program, row)} = {_number(row)}"


def _in_numbers(program: Any, row: Any) -> str:
    decode = _signed if row.op == codes.OP_IN_INTEGER else _double
    items = (decode(bits) for bits in program.numbers[row.offset : row.offset + row.count])
    return f"{_subject(program, row)} is one of {listed(items, row.count)}"


def _equal_boolean(program: Any, row: Any) -> str:
    return f"{_subject(program, row)} is {'true' if row.payload else 'false'}"


def _is_null(program: Any, row: Any) -> str:
    return f"{_subject(program, row)} is null"


def _exists(program: Any, row: Any) -> str:
    return f"{_subject(program, row)} is there"


def _in_order(program: Any, row: Any) -> str:
    coerced = " (numeric strings count)" if row.mode & codes.MODE_COERCE_TEXT else ""
    exact = " (without blanks)" if row.mode & codes.MODE_EXACT_TEXT else ""
    return f"{_subject(program, row)} {_ORDER[row.op]} {_number(row)}{coerced}{exact}"


def _text_test(program: Any, row: Any) -> str:
    folded = (
        ", ignoring case" if row.mode & codes.MODE_CASEFOLD else ", in lower case" if row.mode & codes.MODE_LOWERCASE else ""
    ) + _proviso(row)
    return f"{_subject(program, row)} {_TEXT[row.op]} {quoted(text_of(program, row.offset, row.length))}{folded}"


def _proviso(row: Any) -> str:
    strict = ", strings only" if row.mode & codes.MODE_TEXT_ONLY else ""
    return (_DECIMAL if row.mode & codes.MODE_DECIMAL else "") + strict


def _matches(program: Any, row: Any) -> str:
    return f"{_subject(program, row)} matches /{text_of(program, row.offset, row.length)}/{_proviso(row)}"


def _time(program: Any, row: Any) -> str:
    return f"{_subject(program, row)} is an instant{_form(row)} {_comparison(row)} {instant_text(_signed(row.payload))}"


def _form(row: Any) -> str:
    return "".join(f" {name}" for bit, name in _INSTANTS.items() if row.mode & bit)


def _now(program: Any, row: Any) -> str:
    return f"now {_comparison(row)} {instant_text(_signed(row.payload))}"


def _version(program: Any, row: Any) -> str:
    operator = _comparison(row)
    if row.mode & codes.MODE_VERSION_SAME_MINOR:
        operator = "~"
    elif row.mode & codes.MODE_VERSION_SAME_MAJOR:
        operator = "^"
    strict = " (strings only)" if row.count & codes.VERSION_TEXT_ONLY else ""
    return f"{_subject(program, row)} is a version {operator} {text_of(program, row.offset, row.length)}{strict}"


def _length(program: Any, row: Any) -> str:
    return f"the length of {_subject(program, row)} {_comparison(row)} {_signed(row.payload)}"


def _distance(program: Any, row: Any) -> str:
    place = program.places[row.offset]
    unit = f" times {place.km_per_unit:g} km" if place.km_per_unit != 1 else " km"
    return (
        f"the distance of {_subject(program, row)} from ({place.latitude:g}, {place.longitude:g}) "
        f"{_comparison(row)} {place.radius:g}{unit}"
    )


def _window(program: Any, row: Any) -> str:
    subject = "now" if row.attribute == codes.NONE_16 else f"{_subject(program, row)} (or now)"
    return f"{subject}{_form(row)} is in the window {describe_window(program.windows[row.offset])}"


def _in_network(program: Any, row: Any) -> str:
    numbers = program.numbers[row.offset : row.offset + row.count * codes.NETWORK_NUMBERS]
    items = (
        describe_network(*numbers[at : at + codes.NETWORK_NUMBERS]) for at in range(0, len(numbers), codes.NETWORK_NUMBERS)
    )
    return f"{_subject(program, row)} is an address in one of {listed(items, row.count)}"


def _bucket(program: Any, row: Any) -> str:
    split = program.outcomes[row.offset]
    if split.kind != codes.OUTCOME_SPLIT:
        return "the bucket of an unknown split"
    spans = (f"{first}-{last}" for first, last, target in range_spans(program, split) if target != codes.TARGET_NEXT_RULE)
    return f"{describe_split(program, split)} is in {', '.join(spans) or 'nothing'}"


def _prerequisite(program: Any, row: Any) -> str:
    names = (
        program.variant_names[program.variants[variant].name]
        for variant in program.numbers[row.offset : row.offset + row.count]
    )
    return f"flag {quoted(program.flag_keys[row.payload])} answers one of {listed(names, row.count)}"


def _expression(program: Any, row: Any) -> str:
    return f"{describe_expression(program, row.offset)} is truthy"


def _contains_values(program: Any, row: Any) -> str:
    items = program.values[row.offset]
    which = "all" if row.op == codes.OP_CONTAINS_ALL else "any"
    parts = " (of a text its parts, of a map its keys)" if row.mode & codes.MODE_CONTAINER else ""
    return f"{_subject(program, row)} contains {which} of {listed(items, len(items))}{parts}{_loosely(row)}"


def _by_value(program: Any, row: Any) -> str:  # EQ_VALUE has no comparison in its mode, so "="
    return f"{_subject(program, row)} {_comparison(row)} {quoted(program.values[row.offset])}{_loosely(row)}"


def _within(program: Any, row: Any) -> str:
    whole = program.values[row.offset]
    if isinstance(whole, str):
        return f"{_subject(program, row)} is a part of {quoted(whole)}"
    return f"{_subject(program, row)} has nothing but {listed(whole, len(whole))}{_loosely(row)}"


def _loosely(row: Any) -> str:
    return " (true is 1)" if row.mode & codes.MODE_BOOLEAN_NUMBER else ""


def _modulo(program: Any, row: Any) -> str:
    first, last = map(_signed, program.numbers[row.offset : row.offset + row.count])
    return f"{_subject(program, row)} modulo {_signed(row.payload)} is in {first}-{last}"


def _digest(program: Any, row: Any) -> str:
    where = "end" if row.mode & codes.MODE_FROM_END else "start"
    return f"the SHA-256 of {_subject(program, row)}, or of its {where}, is one of {row.count:,}"


def _path(program: Any, row: Any) -> str:
    path = ".".join(str(step) for step in program.paths[row.offset]) or "(itself)"
    return f"{_subject(program, row)} at {path} = {quoted(program.values[row.length])}"


# --- splits, outcomes, windows, expressions ---------------------------------------------------------------------------------


def range_spans(program: Any, split: Any) -> Iterator[tuple[int, int, int]]:
    """(first bucket, last bucket, target) of each range; empty ranges left out."""
    first = 0
    for row in program.ranges[split.first_range : split.first_range + split.range_count]:
        if row.last >= first:
            yield first, row.last, row.target
            first = row.last + 1


def describe_split(program: Any, split: Any) -> str:
    """How the bucket comes about: ``bucket of murmur3_32(seed 7, "salt:" + targetingKey) modulo 100``."""
    unit = (
        describe_attribute(program, split.attribute) if split.node == codes.NONE else describe_expression(program, split.node)
    )
    if split.unit != codes.UNIT_TEXT:
        unit += f" as {UNITS.get(split.unit, split.unit)}"
    parts = [quoted(text_of(program, split.prefix, split.prefix_length)) if split.prefix_length else "", unit]
    parts.append(quoted(text_of(program, split.suffix, split.suffix_length)) if split.suffix_length else "")
    hashed = " + ".join(part for part in parts if part)
    seed = f"seed {split.seed}, " if split.hash == codes.HASH_MURMUR3_32 else ""
    space = SPACES.get(split.space, f"in space {split.space}").format(split.total, WIDTHS.get(split.hash, 32))
    return f"bucket of {HASHES.get(split.hash, f'hash {split.hash}')}({seed}{hashed}) {space}"


def describe_target(program: Any, target: int) -> str:
    """What a range leads to."""
    if target == codes.TARGET_NEXT_RULE:
        return "next rule"
    return "no answer" if target == codes.TARGET_NO_ANSWER else describe_variant(program, target)


def describe_variant(program: Any, variant: int) -> str:
    """A variant's name, quoted."""
    return quoted(program.variant_names[program.variants[variant].name])


def describe_outcome(program: Any, outcome: Any) -> str:
    """What an outcome answers, in one line."""
    if outcome.kind == codes.OUTCOME_CONSTANT:
        return f"variant {describe_variant(program, outcome.variant)}"
    if outcome.kind == codes.OUTCOME_NO_ANSWER:
        return "no answer"
    if outcome.kind == codes.OUTCOME_EXPRESSION:
        return f"the variant named by {describe_expression(program, outcome.node)}"
    if outcome.kind != codes.OUTCOME_SPLIT:
        return f"unknown outcome {outcome.kind}"
    spans = [f"{first}-{last} {describe_target(program, target)}" for first, last, target in range_spans(program, outcome)]
    spans.append(f"beyond {_end(program, outcome, outcome.past_end)}")
    return (
        f"{describe_split(program, outcome)}: {', '.join(spans)}; without a unit {_end(program, outcome, outcome.on_missing)}"
    )


def _end(program: Any, outcome: Any, action: int) -> str:
    if action == codes.ON_VARIANT:
        return describe_variant(program, outcome.variant)
    return ENDS[action] if action < len(ENDS) else f"action {action}"


def describe_expression(program: Any, index: int) -> str:
    """An expression as a call: ``equal(variable("country"), "US")``."""
    node = program.nodes[index]
    if node.op == codes.NODE_CONSTANT:
        return quoted(program.values[node.value])
    if node.op not in NODES:
        return f"unknown_{node.op}(…)"
    children = (describe_expression(program, child) for child in range(node.first_child, node.first_child + node.count))
    return f"{NODES[node.op]}({', '.join(children)})"


_DESCRIBERS: Final[dict[int, Callable[[Any, Any], str]]] = {
    codes.OP_EQ_TEXT: _equal_text,
    codes.OP_IN_TEXT_SMALL: _in_texts,
    codes.OP_IN_TEXT_TABLE: _in_texts,
    codes.OP_EQ_NUMBER: _equal_number,
    codes.OP_IN_INTEGER: _in_numbers,
    codes.OP_IN_FLOAT: _in_numbers,
    codes.OP_EQ_BOOLEAN: _equal_boolean,
    codes.OP_IS_NULL: _is_null,
    codes.OP_EQ_VALUE: _by_value,
    codes.OP_LESS: _in_order,
    codes.OP_LESS_EQUAL: _in_order,
    codes.OP_GREATER: _in_order,
    codes.OP_GREATER_EQUAL: _in_order,
    codes.OP_CONTAINS_TEXT: _text_test,
    codes.OP_STARTS_WITH: _text_test,
    codes.OP_ENDS_WITH: _text_test,
    codes.OP_MATCHES: _matches,
    codes.OP_TIME: _time,
    codes.OP_VERSION: _version,
    codes.OP_LENGTH: _length,
    codes.OP_DISTANCE: _distance,
    codes.OP_WINDOW: _window,
    codes.OP_NOW: _now,
    codes.OP_BUCKET: _bucket,
    codes.OP_PREREQUISITE: _prerequisite,
    codes.OP_EXPRESSION: _expression,
    codes.OP_CONTAINS_ALL: _contains_values,
    codes.OP_CONTAINS_ANY: _contains_values,
    codes.OP_PATH: _path,
    codes.OP_EXISTS: _exists,
    codes.OP_ORDER: _by_value,
    codes.OP_WITHIN: _within,
    codes.OP_MODULO: _modulo,
    codes.OP_IN_NETWORK: _in_network,
    codes.OP_DIGEST: _digest,
}
