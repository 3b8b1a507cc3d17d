"""Row layouts of the snapshot's tables: one description for the writer, the pure reader and the generated C structs.

Every row is little-endian with naturally aligned fields and a size that is a multiple of 8 (sections of raw bytes or
64-bit words excepted). The order of ``SECTIONS`` is the order of the section table. No imports beyond the standard
library's ``struct``, so that ``setup.py`` can run the file alone. Meaning of each field: docs/snapshot-format.md.
"""

import struct

_CODES = {"u8": "B", "u16": "H", "u32": "I", "i32": "i", "u64": "Q", "i64": "q", "f64": "d"}
_SIZES = {"u8": 1, "u16": 2, "u32": 4, "i32": 4, "u64": 8, "i64": 8, "f64": 8}


class Row:
    """A fixed-size record: its name, its (field, type) pairs and the ``struct.Struct`` that packs them in order."""

    def __init__(self, name: str, *fields: tuple[str, str]) -> None:
        self.name = name
        self.fields = fields
        self.packer = struct.Struct("<" + "".join(_CODES[kind] for _, kind in fields))
        self.size = self.packer.size
        offset = 0
        for field, kind in fields:
            if offset % _SIZES[kind]:
                raise ValueError(f"{name}.{field} is not aligned")
            offset += _SIZES[kind]


FLAG = Row(
    "flag",
    ("first_rule", "u32"),
    ("rule_count", "u32"),
    ("default_outcome", "u32"),
    ("first_variant", "u32"),
    ("variant_count", "u16"),
    ("default_reason", "u8"),
    ("state", "u8"),
    ("rank", "u8"),
    ("has_time", "u8"),
    ("reserved", "u16"),
    ("metadata", "u32"),
    ("metadata_json", "u32"),
    ("metadata_json_length", "u32"),
    ("key_json", "u32"),
    ("key_json_length", "u32"),
    ("message", "u32"),
)
RULE = Row(
    "rule",
    ("first_condition", "u32"),
    ("condition_count", "u16"),
    ("reason", "u8"),
    ("reserved", "u8"),
    ("outcome", "u32"),
    ("id", "u32"),
)
CONDITION = Row(
    "condition",
    ("op", "u8"),
    ("mode", "u8"),
    ("attribute", "u16"),
    ("on_false", "u16"),
    ("on_true", "u16"),
    ("on_unknown", "u16"),
    ("on_missing", "u16"),
    ("count", "u32"),
    ("offset", "u32"),
    ("length", "u32"),
    ("payload", "u64"),
)
OUTCOME = Row(
    "outcome",
    ("kind", "u8"),
    ("hash", "u8"),
    ("space", "u8"),
    ("unit", "u8"),
    ("attribute", "u16"),
    ("on_missing", "u8"),
    ("past_end", "u8"),
    ("variant", "u32"),
    ("first_range", "u32"),
    ("range_count", "u32"),
    ("seed", "u32"),
    ("total", "u32"),
    ("node", "u32"),
    ("prefix", "u32"),
    ("suffix", "u32"),
    ("prefix_length", "u16"),
    ("suffix_length", "u16"),
    ("reserved", "u32"),
)
RANGE = Row("range", ("last", "u64"), ("target", "u32"), ("reserved", "u32"))
VARIANT = Row(
    "variant",
    ("name", "u32"),
    ("value", "u32"),
    ("kind", "u8"),
    ("flags", "u8"),
    ("reserved_2", "u16"),
    ("name_json", "u32"),
    ("name_json_length", "u32"),
    ("value_json", "u32"),
    ("value_json_length", "u32"),
    ("reserved_3", "u32"),
)
ATTRIBUTE = Row(
    "attribute",
    ("name", "u32"),
    ("path", "u32"),
    ("fallback", "u16"),
    ("flags", "u8"),
    ("reserved", "u8"),
    ("guard", "u16"),
    ("guard_text", "u16"),
)
TEXT_REF = Row("text_ref", ("length", "u32"), ("offset", "u32"), ("prefix", "u64"))
NODE = Row(
    "node", ("op", "u8"), ("mode", "u8"), ("count", "u16"), ("first_child", "u32"), ("value", "u32"), ("reserved", "u32")
)
WINDOW = Row(
    "window",
    ("days", "u8"),
    ("flags", "u8"),
    ("start_minute", "u16"),
    ("end_minute", "u16"),
    ("reserved", "u16"),
    ("start_day", "i32"),
    ("end_day", "i32"),
    ("zone", "u32"),
    ("reserved_2", "u32"),
    ("start", "i64"),
    ("end", "i64"),
)
PLACE = Row("place", ("latitude", "f64"), ("longitude", "f64"), ("radius", "f64"), ("km_per_unit", "f64"))
NUMBER = Row("number", ("bits", "u64"))
BYTE = Row("byte", ("byte", "u8"))

# name -> row; `count` in the section table counts rows (bytes for the last four).
SECTIONS: tuple[tuple[str, Row], ...] = (
    ("flags", FLAG),
    ("rules", RULE),
    ("conditions", CONDITION),
    ("outcomes", OUTCOME),
    ("ranges", RANGE),
    ("variants", VARIANT),
    ("attributes", ATTRIBUTE),
    ("text_refs", TEXT_REF),
    ("nodes", NODE),
    ("windows", WINDOW),
    ("places", PLACE),
    ("numbers", NUMBER),
    ("text", BYTE),
    ("sets", BYTE),
    ("automata", BYTE),
    ("zones", BYTE),
)
SECTION_ENTRY = Row("section", ("start", "u32"), ("count", "u32"))  # start is in units of 8 bytes from the tables' first byte
