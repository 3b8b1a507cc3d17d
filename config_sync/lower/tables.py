"""The tables under construction: every section and list of one snapshot, and the numbering of what flags share.

Used by the lowering only.
"""

from config_sync import ir
from config_sync.lower.json_text import NameTable, ValueTable
from config_sync.lower.sections import Heap, RowSection
from evaluator.snapshot import layout
from evaluator.snapshot import opcodes as codes


class Tables:
    """One attribute per section of the snapshot, named as in ``layout.SECTIONS``, and the body's lists."""

    def __init__(self) -> None:
        self.flags = RowSection(layout.FLAG)
        self.rules = RowSection(layout.RULE)
        self.conditions = RowSection(layout.CONDITION)
        self.outcomes = RowSection(layout.OUTCOME)
        self.ranges = RowSection(layout.RANGE)
        self.variants = RowSection(layout.VARIANT)
        self.attributes = RowSection(layout.ATTRIBUTE)
        self.text_refs = RowSection(layout.TEXT_REF)
        self.nodes = RowSection(layout.NODE)
        self.windows = RowSection(layout.WINDOW)
        self.places = RowSection(layout.PLACE)
        self.numbers = RowSection(layout.NUMBER)
        self.text = Heap()
        self.sets = Heap(8)
        self.automata = Heap(8)
        self.zones = Heap(8)
        self.attribute_names = NameTable()
        self.variant_names = NameTable()
        self.rule_ids = NameTable()
        self.values = ValueTable()
        self.paths: list[list[str | int]] = []
        self._path_numbers: dict[tuple[tuple[str | int, ...], tuple[type, ...]], int] = {}
        self._attribute_numbers: dict[ir.Attribute, int] = {}

    def sections(self) -> dict[str, bytearray]:
        """The finished sections by name."""
        return {name: getattr(self, name).data for name, _ in layout.SECTIONS}

    def path(self, steps: tuple[str | int, ...]) -> int:
        """The index of a path."""
        key = (steps, tuple(map(type, steps)))
        index = self._path_numbers.setdefault(key, len(self.paths))
        if index == len(self.paths):
            self.paths.append(list(steps))
        return index

    def attribute(self, attribute: ir.Attribute | None) -> int:
        """The row of an attribute, its fallback placed before it; ``NONE_16`` for none."""
        if attribute is None:
            return codes.NONE_16
        known = self._attribute_numbers.get(attribute)
        if known is not None:
            return known
        fallback = self.attribute(attribute.fallback)
        name, path = self.attribute_names.intern(attribute.name), self.path(attribute.path) if attribute.path else codes.NONE
        guard = (0, 0)
        if attribute.guard is not None:
            guard = self.attribute(attribute.guard[0]), self.attribute_names.intern(attribute.guard[1])
        index = self.attributes.intern(name, path, fallback, _flags(attribute), 0, *guard)
        self._attribute_numbers[attribute] = index
        return index

    def text_span(self, text: str | bytes) -> tuple[int, int]:
        """Offset and length in bytes of a text in the text section."""
        data = text.encode() if isinstance(text, str) else text
        return self.text.intern(data), len(data)


def _flags(attribute: ir.Attribute) -> int:
    """The ATTRIBUTE_* bits."""
    chosen = (
        (attribute.empty_is_missing, codes.ATTRIBUTE_EMPTY_IS_MISSING),
        (attribute.null_is_missing, codes.ATTRIBUTE_NULL_IS_MISSING),
        (attribute.path_only, codes.ATTRIBUTE_PATH_ONLY),
        (attribute.guard is not None, codes.ATTRIBUTE_GUARDED),
        (attribute.guard is not None and attribute.guard[2], codes.ATTRIBUTE_GUARD_OPTIONAL),
    )
    return attribute.convert | sum(bit for is_set, bit in chosen if is_set)
