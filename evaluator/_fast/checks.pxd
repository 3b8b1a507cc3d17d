# The checks of the tables that only other tables refer to (docs/snapshot-format.md section 5). Inline: ``load`` alone uses them.

from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.math cimport fabs, isfinite
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from evaluator._fast.generated cimport *
from evaluator._fast.program cimport Program, broken, inside

cdef extern from "kernels.h" nogil:
    uint32_t load_u32(const void* p)
    int64_t load_i64(const void* p)
    uint64_t text_prefix(const char* p, Py_ssize_t n)


cdef inline int check_prefix(Program p, uint32_t offset, uint32_t length, uint64_t prefix) except -1:
    if prefix != (text_prefix(p.text + offset, length) if length else 0):
        broken("a text has another prefix")
    return 0


cdef inline int check_zone(Program p, uint32_t zone) except -1:
    cdef uint64_t offset = <uint64_t>zone * 8, count, i
    if zone == NONE:
        return 0
    inside(offset, 8, p.counts[SECTION_ZONES], "a time zone doesn't exist")
    count = load_u32(p.zones + offset)
    inside(offset + 8, count * 12, p.counts[SECTION_ZONES], "a time zone lies outside its section")
    for i in range(1, count):
        if load_i64(p.zones + offset + 8 * i) >= load_i64(p.zones + offset + 8 + 8 * i):
            broken("a time zone's transitions don't ascend")
    return 0


cdef inline int check_networks(Program p, const condition_row* row) except -1:
    cdef uint64_t i, version, prefix, count = NETWORK_NUMBERS * <uint64_t>row.count
    inside(row.offset, count, p.counts[SECTION_NUMBERS], "a condition's networks don't exist")
    for i in range(0, count, NETWORK_NUMBERS):
        version = p.numbers[row.offset + i] >> 8
        prefix = p.numbers[row.offset + i] & 255
        if not (version == 4 and prefix <= 32 or version == 6 and prefix <= 128):
            broken("a condition's network is none")
    return 0


cdef inline int check_kind(Program p, const variant_row* row) except -1:
    """The declared kind is what typed getters trust, so it has to be the value's."""
    value = p.values[row.value] if row.value != NONE else None
    cdef uint8_t kind = KIND_NONE
    if type(value) is bool:
        kind = KIND_BOOLEAN
    elif type(value) is str:
        kind = KIND_STRING
    elif type(value) is int:
        kind = KIND_INTEGER
    elif type(value) is float:
        kind = KIND_FLOAT
    elif type(value) is dict or type(value) is list:
        kind = KIND_OBJECT
    elif value is not None:
        broken("a variant's value is no JSON value")
    if kind != row.kind:
        broken("a variant's value is not of its kind")
    return 0


cdef inline int check_attributes(Program p) except -1:
    cdef uint32_t i
    cdef const attribute_row* row
    for i in range(p.counts[SECTION_ATTRIBUTES]):
        row = &p.attributes[i]
        inside(row.name, 1, len(p.attribute_names), "an attribute has no name")
        if row.path != NONE:
            inside(row.path, 1, len(p.paths), "an attribute's path doesn't exist")
        if row.fallback != NONE_16 and row.fallback >= i:
            broken("an attribute falls back on a later one")
        if row.flags & ATTRIBUTE_GUARDED:
            inside(row.guard_text, 1, len(p.attribute_names), "what an attribute's guard must be doesn't exist")
            if row.guard >= i:
                broken("an attribute is guarded by a later one")
    return 0


cdef inline int check_variants(Program p) except -1:
    cdef uint32_t i
    cdef const variant_row* row
    for i in range(p.counts[SECTION_VARIANTS]):
        row = &p.variants[i]
        inside(row.name, 1, len(p.names), "a variant has no name")
        if row.value != NONE:
            inside(row.value, 1, len(p.values), "a variant's value doesn't exist")
        inside(row.name_json, row.name_json_length, p.counts[SECTION_TEXT], "a variant's name lies outside the text")
        inside(row.value_json, row.value_json_length, p.counts[SECTION_TEXT], "a variant's value lies outside the text")
        check_kind(p, row)
    return 0


cdef inline int check_small_tables(Program p) except -1:
    cdef uint32_t i
    cdef const place_row* place
    for i in range(p.counts[SECTION_RANGES]):
        if p.ranges[i].target < TARGET_NEXT_RULE:
            inside(p.ranges[i].target, 1, p.counts[SECTION_VARIANTS], "a range's variant doesn't exist")
    for i in range(p.counts[SECTION_TEXT_REFS]):
        inside(p.text_refs[i].offset, p.text_refs[i].length, p.counts[SECTION_TEXT], "a text reference lies outside the text")
        check_prefix(p, p.text_refs[i].offset, p.text_refs[i].length, p.text_refs[i].prefix)
    for i in range(p.counts[SECTION_PLACES]):
        place = &p.places[i]
        if not (fabs(place.latitude) <= 90 and fabs(place.longitude) <= 180 and isfinite(place.radius)):
            broken("a place is not on the globe")
        if not (isfinite(place.km_per_unit) and place.km_per_unit > 0):
            broken("a place's unit is not positive")
    for i in range(p.counts[SECTION_WINDOWS]):
        check_zone(p, p.windows[i].zone)
    return 0


cdef inline int check_text_split(Program p, const outcome_row* row) except -1:
    """A hash of UTF-16 code units: everything in it is UTF-8, so that the kernel needn't check."""
    if row.unit == UNIT_CBOR:
        broken("a split hashes bytes as text")
    try:
        if row.prefix_length:
            PyUnicode_DecodeUTF8(p.text + row.prefix, row.prefix_length, NULL)
        if row.suffix_length:
            PyUnicode_DecodeUTF8(p.text + row.suffix, row.suffix_length, NULL)
    except UnicodeDecodeError:
        broken("a split's prefix or suffix is no text")
    return 0
