"""Snapshots built row by row, so that a test can say exactly what a core reads (and misread it on purpose)."""

import struct
from types import ModuleType
from typing import Any

from evaluator.snapshot import codec, layout
from evaluator.snapshot import opcodes as codes
from evaluator.snapshot.schema import Body

ROWS = dict(layout.SECTIONS)
ABSENT = object()
SURROGATE = "a\ud800"
RESULTS = ("true", "false", "unknown", "missing")
_ROUTES = ("on_true", "on_false", "on_unknown", "on_missing")


def prefix(text: bytes) -> int:
    return int.from_bytes(text[:8], "little")


def bits(number: int | float) -> int:
    """A payload: an i64's or a double's bits."""
    form = "<q" if isinstance(number, int) else "<d"
    return int(struct.unpack("<Q", struct.pack(form, number))[0])


class Tables:
    """The sections of one snapshot as lists of dicts (one per row) and byte strings; ``snapshot()`` encodes them."""

    def __init__(self) -> None:
        self.rows: dict[str, list[dict[str, int | float]]] = {name: [] for name, row in layout.SECTIONS if row.size > 8}
        self.numbers: list[int] = []
        self.bytes = {name: bytearray() for name in ("text", "sets", "automata", "zones")}
        self.meta: Any = {"compiler": "test", "dialect": "test"}
        self.flag_keys: list[Any] = []
        self.attribute_names: list[Any] = []
        self.paths: list[Any] = []
        self.variant_names: list[Any] = []
        self.rule_ids: list[Any] = []
        self.values: list[Any] = []

    def add(self, section: str, **fields: int | float) -> int:
        """Adds a row, its other fields zero; gives its index."""
        row = dict.fromkeys((name for name, _ in ROWS[section].fields), 0) | fields
        assert len(row) == len(ROWS[section].fields), f"{section} has no such field: {fields}"
        self.rows[section].append(row)
        return len(self.rows[section]) - 1

    def text(self, text: str | bytes) -> tuple[int, int]:
        """(offset, length) of these bytes in ``text``."""
        data = text.encode() if isinstance(text, str) else text
        self.bytes["text"] += data
        return len(self.bytes["text"]) - len(data), len(data)

    def blob(self, section: str, data: bytes) -> int:
        """The offset, in units of 8 bytes, of these bytes in a byte section."""
        heap = self.bytes[section]
        heap += bytes(-len(heap) % 8)
        heap += data
        return (len(heap) - len(data)) // 8

    def value(self, value: Any) -> int:
        self.values.append(value)
        return len(self.values) - 1

    def attribute(self, name: str, path: list[str | int] | None = None, fallback: int = codes.NONE_16, flags: int = 0) -> int:
        self.attribute_names.append(name)
        row = codes.NONE
        if path is not None:
            self.paths.append(path)
            row = len(self.paths) - 1
        return self.add("attributes", name=len(self.attribute_names) - 1, path=row, fallback=fallback, flags=flags)

    def variant(self, name: str, value: Any = None) -> int:
        """A variant with its value and their JSON texts."""
        kinds = {bool: 1, str: 2, int: 3, float: 4, dict: 5, list: 5}
        self.variant_names.append(name)
        name_at, name_size = self.text(codec.msgspec.json.encode(name))
        fields = {"name": len(self.variant_names) - 1, "name_json": name_at, "name_json_length": name_size, "value": codes.NONE}
        if value is not None:
            value_at, value_size = self.text(codec.msgspec.json.encode(value))
            fields |= {"value": self.value(value), "value_json": value_at, "value_json_length": value_size}
        return self.add("variants", kind=kinds.get(type(value), 0), **fields)

    def constant(self, variant: int) -> int:
        return self.outcome(codes.OUTCOME_CONSTANT, variant=variant)

    def outcome(self, kind: int, **fields: int) -> int:
        return self.add(
            "outcomes", **{"kind": kind, "variant": codes.NONE, "node": codes.NONE, "attribute": codes.NONE_16} | fields
        )

    def split(self, attribute: int, ranges: list[tuple[int, int]], **fields: int) -> int:
        """A SPLIT over (last, target) pairs; MurmurHash3 with seed 0 in the full space unless said otherwise."""
        first = len(self.rows["ranges"])
        for last, target in ranges:
            self.add("ranges", last=last, target=target)
        defaults = {"hash": codes.HASH_MURMUR3_32, "attribute": attribute, "first_range": first, "range_count": len(ranges)}
        return self.outcome(codes.OUTCOME_SPLIT, **defaults | fields)

    def rule(self, outcome: int, conditions: list[dict[str, int]] | None = None, **fields: int) -> int:
        """A rule over these rows (targets are MATCH when true, FAIL otherwise, unless the row says)."""
        first = len(self.rows["conditions"])
        ends = {"on_true": codes.JUMP_MATCH} | dict.fromkeys(("on_false", "on_unknown", "on_missing"), codes.JUMP_FAIL)
        for row in conditions or []:
            self.add("conditions", **ends | {"attribute": codes.NONE_16} | row)
        defaults = {"reason": codes.REASON_TARGETING_MATCH, "id": codes.NONE}
        counts = {"first_condition": first, "condition_count": len(conditions or [])}
        return self.add("rules", outcome=outcome, **counts | defaults | fields)

    def rule_id(self, name: str) -> int:
        self.rule_ids.append(name)
        return len(self.rule_ids) - 1

    def flag(
        self, key: str, default: int, rules: list[int] | None = None, variants: list[int] | None = None, **fields: int
    ) -> int:
        """A flag over consecutive rules and variants."""
        self.flag_keys.append(key)
        key_at, key_size = self.text(codec.msgspec.json.encode(key))
        defaults = {
            "first_rule": rules[0] if rules else 0,
            "rule_count": len(rules or []),
            "first_variant": variants[0] if variants else 0,
            "variant_count": len(variants or []),
            "default_outcome": default,
            "default_reason": codes.REASON_DEFAULT if rules else codes.REASON_STATIC,
            "metadata": codes.NONE,
            "message": codes.NONE,
            "key_json": key_at,
            "key_json_length": key_size,
        }
        return self.add("flags", **defaults | fields)

    def sections(self) -> dict[str, bytes]:
        packed = {name: b"".join(ROWS[name].packer.pack(*row.values()) for row in rows) for name, rows in self.rows.items()}
        packed["numbers"] = struct.pack(f"<{len(self.numbers)}Q", *self.numbers)
        return packed | {name: bytes(data) for name, data in self.bytes.items()}

    def snapshot(self) -> bytes:
        return codec.encode(
            Body(
                self.meta,
                self.flag_keys,
                self.attribute_names,
                self.paths,
                self.variant_names,
                self.rule_ids,
                self.values,
                b"",
                codec.encode_tables(self.sections()),
            )
        )


def questionnaire(tables: Tables, condition: dict[str, int], key: str = "f") -> Tables:
    """A flag whose variant says what the condition came to: one rule per result, each reached by that result alone."""
    variants = [tables.variant(name, name) for name in RESULTS]
    rules = []
    for route, variant in zip(_ROUTES, variants, strict=True):
        targets = dict.fromkeys(_ROUTES, codes.JUMP_FAIL) | {route: codes.JUMP_MATCH}
        rules.append(tables.rule(tables.constant(variant), [condition | targets]))
    tables.flag(key, tables.outcome(codes.OUTCOME_NO_ANSWER), rules, variants)
    return tables


def ask(
    implementation: ModuleType,
    op: int,
    value: Any = ABSENT,
    *,
    tables: Tables | None = None,
    now: int | float | None = None,
    flags: int = 0,
    **operand: int,
) -> str:
    """What one condition comes to on an attribute of this value: "true", "false", "unknown" or "missing"."""
    tables = tables or Tables()
    attribute = tables.attribute("a", flags=flags)
    questionnaire(tables, {"op": op, "attribute": attribute} | operand)
    context = {} if value is ABSENT else {"a": value}
    found = implementation.Evaluator(tables.snapshot()).evaluate("f", context, now)
    assert found.error_code is None, found
    assert found.variant in RESULTS, found
    return str(found.variant)


def is_set(attribute: int) -> dict[str, int]:
    """A condition that holds when the attribute is there."""
    return {"op": codes.OP_EXISTS, "attribute": attribute}


def answered(evaluation: Any) -> tuple[Any, ...]:
    return evaluation.variant, evaluation.reason_code, evaluation.rule, evaluation.bucket


def evaluate(implementation: ModuleType, tables: Tables, context: Any, now: Any = None) -> tuple[Any, ...]:
    return answered(implementation.Evaluator(tables.snapshot()).evaluate("f", context, now))


def ask_text(implementation: ModuleType, op: int, operand: str, value: Any, mode: int = 0) -> str:
    tables = Tables()
    offset, length = tables.text(operand)
    payload = prefix(operand.encode()) if op == codes.OP_EQ_TEXT else 0
    return ask(implementation, op, value, tables=tables, offset=offset, length=length, payload=payload, mode=mode)


def ask_number(implementation: ModuleType, op: int, operand: int | float, value: Any, mode: int = 0) -> str:
    integer = codes.MODE_INTEGER if isinstance(operand, int) else 0
    return ask(implementation, op, value, payload=bits(operand), mode=mode | integer)


def build_set(strings: list[str], slots: int | None = None) -> bytes:
    """A hash table of ``sets`` by the format's plainest reading."""
    import mmh3

    slots = slots or len(strings) * 2 + 1
    table, heap = [codes.SET_EMPTY_SLOT] * slots, bytearray()
    for string in strings:
        data = string.encode()
        digest = mmh3.hash(data, codes.SET_SEED, False)
        slot = (digest * slots) >> 32
        while table[slot] != codes.SET_EMPTY_SLOT:
            slot = (slot + 1) % slots
        table[slot] = len(heap) << 8 | digest & 255
        heap += struct.pack("<H", len(data)) + data
    return struct.pack(f"<4I{slots}I", len(strings), slots, len(heap), 0, *table) + bytes(heap)
