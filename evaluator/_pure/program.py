"""A loaded snapshot: every row decoded. ``_pure.load`` makes and checks it.

Used by ``_pure``, ``explain`` and ``config_sync``'s disassembler.
"""

from typing import Any

from evaluator._pure import rows


class Program:
    """The tables of one snapshot, decoded: lists of rows by section name, the byte sections as bytes, the body's lists.

    ``unsupported[row]`` says that a flag uses a code this core doesn't know. Immutable once loaded, but for ``recalled``: what
    ``Evaluator.recall`` was last told to make, and what that made by flag, variant and reason.
    """

    recalled: tuple[Any, dict[Any, Any]] = (None, {})

    version: str
    meta: dict[str, Any]
    flag_keys: list[str]
    attribute_names: list[str]
    paths: list[list[str | int]]
    variant_names: list[str]
    rule_ids: list[str]
    values: list[Any]
    flags: list[rows.FlagRow]
    rules: list[rows.RuleRow]
    conditions: list[rows.ConditionRow]
    outcomes: list[rows.OutcomeRow]
    ranges: list[rows.RangeRow]
    variants: list[rows.VariantRow]
    attributes: list[rows.AttributeRow]
    text_refs: list[rows.TextRefRow]
    nodes: list[rows.NodeRow]
    windows: list[rows.WindowRow]
    places: list[rows.PlaceRow]
    numbers: list[int]
    text: bytes
    sets: bytes
    automata: bytes
    zones: bytes
    row_of: dict[str, int]
    unsupported: list[bool]

    @property
    def metadata(self) -> dict[str, Any]:
        """The flag set's metadata; empty if it has none."""
        return dict(self.meta.get("metadata", {}))

    def flag_metadata(self, row: int) -> dict[str, Any] | None:
        """A fresh copy of a flag's metadata, or None."""
        index = self.flags[row].metadata
        return dict(self.values[index]) if index < len(self.values) else None

    def slice(self, offset: int, length: int) -> bytes:
        """These bytes of the ``text`` section."""
        return self.text[offset : offset + length]
