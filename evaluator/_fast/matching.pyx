"""Attributes, operators and buckets: integers, bytes and tables; nothing here knows flags or dialects.

``match`` walks a rule's condition rows. An attribute is looked up once per call into a slot, which all the flags of an
evaluate-all share. Whatever a caller's objects raise is swallowed here: it makes a value unusable or an operator unknown.
"""

from cpython.dict cimport PyDict_CheckExact
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF, Py_INCREF, Py_XDECREF
from libc.math cimport fabs, floor
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memchr, memcmp, memcpy

from evaluator._fast.expressions cimport View, evaluate_expression, truthy
from evaluator._fast.generated cimport *
from evaluator._fast.hashing cimport canonical_cbor
from evaluator._fast.program cimport Program
from evaluator._fast.values cimport (
    UNORDERED, at_path, deep_equal, distance, in_window, instant_in_text, instant_of_object, items_of, number_in_text,
    order_double_integer, place_of, scaled_float, scaled_integer, text_of,
)

cdef extern from "kernels.h" nogil:
    uint16_t load_u16(const void* p)
    uint32_t load_u32(const void* p)
    double bits_to_double(uint64_t bits)
    uint64_t text_prefix(const char* p, Py_ssize_t n)
    uint32_t murmur3_32(const char* data, Py_ssize_t n, uint32_t seed)
    void md5(const char* data, Py_ssize_t n, uint8_t* digest)
    int64_t wall_clock_us()

cdef extern from "kernels.h":
    PyObject* _PyDict_GetItem_KnownHash(PyObject* dict, PyObject* key, Py_hash_t hash)
    PyObject* PyErr_Occurred()
    void PyErr_Clear()
    const char* text_utf8(PyObject* text, Py_ssize_t* length)
    int int_value(PyObject* number, int64_t* value)
    int PyUnicode_CheckExact(PyObject* o)
    int PyLong_CheckExact(PyObject* o)
    int PyFloat_CheckExact(PyObject* o)
    double PyFloat_AS_DOUBLE(PyObject* o)
    PyObject* Py_None
    PyObject* Py_True
    PyObject* Py_False
    object PyUnicode_FromObject(object o)

cdef extern from "versions.h":
    ctypedef struct version:
        pass
    bint version_parse(const char* p, Py_ssize_t length, int mode, version* out)
    int version_compare(const version* a, const version* b)
    bint version_same_range(const version* a, const version* b, int parts)

cdef double EXACT_FLOATS = 9007199254740992.0
cdef double TWO_63 = 9223372036854775808.0
cdef enum:
    UNIT_BUFFER = 512  # bytes of prefix + unit + suffix that need no allocation


# ---- attributes ------------------------------------------------------------------------------------------------------


cdef void classify_subclass(Slot* slot) noexcept:
    """A subclass of str, int or float is read as the base value it holds."""
    cdef object value = <object>slot.object
    slot.kind = OTHER
    try:
        if isinstance(value, str):
            plain = PyUnicode_FromObject(value)
        elif isinstance(value, int):
            plain = int.__pos__(value)
        elif isinstance(value, float):
            plain = float.__pos__(value)
        else:
            return
    except Exception:
        return
    Py_INCREF(plain)
    Py_DECREF(value)
    slot.object = <PyObject*>plain
    classify(slot)


cdef inline void classify(Slot* slot) noexcept:
    """The kind of ``slot.object`` and what operators read of it."""
    cdef PyObject* value = slot.object
    slot.hashed = False
    if PyUnicode_CheckExact(value):
        slot.text = text_utf8(value, &slot.length)
        if slot.text == NULL:
            slot.kind = UNUSABLE
            return
        slot.prefix = text_prefix(slot.text, slot.length)
        slot.kind = TEXT
    elif PyLong_CheckExact(value):
        slot.kind = INTEGER if int_value(value, &slot.integer) else BIG_INTEGER
    elif PyFloat_CheckExact(value):
        slot.number = PyFloat_AS_DOUBLE(value)
        slot.kind = FLOAT
    elif value == Py_None:
        slot.kind = NULL_VALUE
    elif value == Py_True or value == Py_False:
        slot.integer = value == Py_True
        slot.kind = BOOLEAN
    else:
        classify_subclass(slot)


cdef inline bint counts_as_missing(const attribute_row* row, const Slot* slot) noexcept nogil:
    return row.flags & ATTRIBUTE_EMPTY_IS_MISSING and (slot.kind == NULL_VALUE or (slot.kind == TEXT and slot.length == 0))


cdef void resolve_further(Program p, Call* call, const attribute_row* row, Slot* slot) noexcept:
    """Nothing under the name itself: the path, then the fallback."""
    cdef bint found = False
    cdef Slot* other
    if row.path != NONE:
        try:
            value = at_path(<object>call.context, <list>p.paths[row.path], &found)
            if found:
                Py_INCREF(value)
                slot.object = <PyObject*>value
                classify(slot)
                if counts_as_missing(row, slot):
                    Py_DECREF(<object>slot.object)
                    found = False
        except Exception:
            slot.kind = UNUSABLE
            slot.object = NULL
            return
    if found:
        return
    slot.kind = MISSING
    slot.object = NULL
    if row.fallback != NONE_16:
        other = resolve(p, call, row.fallback)
        slot[0] = other[0]
        if slot.object != NULL:
            Py_INCREF(<object>slot.object)


cdef Slot* fill(Program p, Call* call, uint32_t attribute) noexcept:
    cdef Slot* slot = &call.slots[attribute]
    cdef const attribute_row* row
    cdef PyObject* value = _PyDict_GetItem_KnownHash(
        call.context, p.names_by_attribute[attribute].name, p.names_by_attribute[attribute].hash
    )
    call.filled[attribute >> 6] |= <uint64_t>1 << (attribute & 63)
    if value != NULL:
        Py_INCREF(<object>value)
        slot.object = value
        classify(slot)
        row = &p.attributes[attribute]
        if not row.flags or not counts_as_missing(row, slot):
            return slot
        Py_DECREF(<object>slot.object)  # not ``value``: a subclass was replaced by the value it holds
    elif PyErr_Occurred() != NULL:
        PyErr_Clear()
        slot.kind = UNUSABLE
        slot.object = NULL
        return slot
    resolve_further(p, call, &p.attributes[attribute], slot)
    return slot


cdef inline Slot* resolve(Program p, Call* call, uint32_t attribute) noexcept:
    if call.filled[attribute >> 6] >> (attribute & 63) & 1:
        return &call.slots[attribute]
    return fill(p, call, attribute)


cdef bint read_clock(Call* call) noexcept:
    """``now_us`` is set; the wall clock is read at most once a call, in whole milliseconds."""
    if not call.has_now:
        call.now_us = wall_clock_us() // 1000 * 1000
        call.has_now = True
    return True


cdef View view_of(Call* call):
    cdef View view = View.__new__(View)
    view.context = <dict>call.context
    view.flag_key = <object>call.flag_key
    if call.now != NULL:
        view.now_ms = <object>call.now
    else:
        read_clock(call)
        view.now_ms = call.now_us // 1000
    return view


# ---- operators -------------------------------------------------------------------------------------------------------


cdef inline Truth small_set(Program p, const condition_row* row, const Slot* slot) noexcept:
    cdef const text_ref_row* ref = &p.text_refs[row.offset]
    cdef uint32_t i
    for i in range(row.count):
        if ref[i].prefix == slot.prefix and ref[i].length == <uint64_t>slot.length:
            if slot.length <= 8 or memcmp(p.text + ref[i].offset, slot.text, slot.length) == 0:
                return YES
    return NO


cdef inline Truth table_set(Program p, const condition_row* row, Slot* slot) noexcept:
    """Linear probing over the slots of a set, in place; everything read of it is checked against its heap."""
    cdef const char* header = p.sets + <uint64_t>row.offset * 8
    cdef uint32_t slots = load_u32(header + 4), heap_bytes = load_u32(header + 8), index, entry, at, probes
    cdef const char* heap = header + 16 + 4 * <uint64_t>slots
    if not slot.hashed:
        slot.hash = murmur3_32(slot.text, slot.length, SET_SEED)
        slot.hashed = True
    index = <uint32_t>((<uint64_t>slot.hash * slots) >> 32)
    for probes in range(slots):
        entry = load_u32(header + 16 + 4 * <uint64_t>index)
        if entry == SET_EMPTY_SLOT:
            return NO
        at = entry >> 8
        if (entry & 255) == (slot.hash & 255) and at + 2 <= heap_bytes and load_u16(heap + at) == slot.length:
            if at + 2 + <uint64_t>slot.length <= heap_bytes and memcmp(heap + at + 2, slot.text, slot.length) == 0:
                return YES
        index += 1
        if index == slots:
            index = 0
    return NO


cdef int order_big(const Slot* slot, const condition_row* row):
    """A Python integer beyond 64 bits against the operand."""
    cdef object value = <object>slot.object
    cdef double operand
    if row.mode & MODE_INTEGER:
        return 1 if value > 0 else -1
    operand = bits_to_double(row.payload)
    if operand != operand:
        return UNORDERED
    return 1 if value > operand else -1 if value < operand else 0


cdef inline int order_float(double number, const condition_row* row) noexcept:
    cdef double operand
    if row.mode & MODE_INTEGER:
        return order_double_integer(number, <int64_t>row.payload)
    operand = bits_to_double(row.payload)
    if number != number or operand != operand:
        return UNORDERED
    return (number > operand) - (number < operand)


cdef inline int order_integer(int64_t integer, const condition_row* row) noexcept:
    cdef int order
    if row.mode & MODE_INTEGER:
        return (integer > <int64_t>row.payload) - (integer < <int64_t>row.payload)
    order = order_double_integer(bits_to_double(row.payload), integer)
    return order if order == UNORDERED else -order


cdef enum:
    NO_NUMBER = 3


cdef int order_rare(const Slot* slot, const condition_row* row, bint coerce) noexcept:
    cdef double number
    if slot.kind == BIG_INTEGER:
        try:
            return order_big(slot, row)
        except Exception:
            return NO_NUMBER
    if slot.kind == TEXT and coerce and number_in_text(slot.text, slot.length, &number):
        return order_float(number, row)
    return NO_NUMBER


cdef inline int order_slot(const Slot* slot, const condition_row* row, bint coerce) noexcept:
    """The value against a number operand: -1, 0, 1, UNORDERED, or NO_NUMBER."""
    if slot.kind == INTEGER:
        return order_integer(slot.integer, row)
    if slot.kind == FLOAT:
        return order_float(slot.number, row)
    return order_rare(slot, row, coerce)


cdef inline bint holds(int compare, int order) noexcept nogil:
    """A CMP_* code on an order; UNORDERED satisfies none, CMP_NE included."""
    if order == UNORDERED:
        return False
    if compare == CMP_EQ:
        return order == 0
    if compare == CMP_NE:
        return order != 0
    if compare == CMP_LT:
        return order < 0
    if compare == CMP_LE:
        return order <= 0
    if compare == CMP_GT:
        return order > 0
    return order >= 0


cdef Truth in_numbers(Program p, const condition_row* row, const Slot* slot) noexcept:
    """Binary search (the leftmost not below) among sorted integers, or sorted doubles."""
    cdef const uint64_t* numbers = p.numbers + row.offset
    cdef uint32_t low = 0, high = row.count, middle
    cdef condition_row probe
    cdef int order
    if slot.kind == NULL_VALUE:
        return UNKNOWN
    probe.mode = MODE_INTEGER if row.op == OP_IN_INTEGER else 0
    while low < high:
        middle = (low + high) // 2
        probe.payload = numbers[middle]
        order = order_slot(slot, &probe, False)
        if order == 0:
            return YES
        if order == UNORDERED or order == NO_NUMBER:
            return NO
        if order > 0:
            low = middle + 1
        else:
            high = middle
    return NO


cdef bint contains(const char* text, Py_ssize_t length, const char* part, Py_ssize_t size) noexcept nogil:
    """Whether the bytes occur. Bounded like the naive search; ``memchr`` makes the usual case quick."""
    cdef const char* at = text
    cdef const char* last = text + length - size
    if size == 0:
        return True
    while at <= last:
        at = <const char*>memchr(at, part[0], last - at + 1)
        if at == NULL:
            return False
        if memcmp(at, part, size) == 0:
            return True
        at += 1
    return False


cdef bint text_test(Program p, const condition_row* row, const char* text, Py_ssize_t length) noexcept:
    cdef const char* part = p.text + row.offset
    if row.length > <uint64_t>length:
        return False
    if row.op == OP_STARTS_WITH:
        return memcmp(text, part, row.length) == 0
    if row.op == OP_ENDS_WITH:
        return memcmp(text + length - row.length, part, row.length) == 0
    return contains(text, length, part, row.length)


cdef bint automaton_accepts(const char* automaton, const char* text, Py_ssize_t length) noexcept nogil:
    """One table step a byte, whatever the pattern."""
    cdef uint32_t classes = load_u32(automaton + 4), state = load_u32(automaton + 8)
    cdef const uint8_t* of_byte = <const uint8_t*>automaton + 16
    cdef const char* table = automaton + 272
    cdef Py_ssize_t i
    for i in range(length):
        if state <= AUTOMATON_ACCEPT:
            return state == AUTOMATON_ACCEPT
        state = load_u16(table + 2 * (<uint64_t>state * classes + of_byte[<uint8_t>text[i]]))
    if state > AUTOMATON_ACCEPT:
        state = load_u16(table + 2 * (<uint64_t>state * classes + classes - 1))
    return state == AUTOMATON_ACCEPT


cdef Truth element_is_text(Program p, const condition_row* row, list items):
    """CONTAINS_TEXT on a list: an element whose text is the operand."""
    cdef Py_ssize_t length
    cdef const char* utf8
    for item in items:
        text = text_of(item)
        if text is not None and row.mode & MODE_CASEFOLD:
            text = (<str>text).casefold()
        if text is not None:
            utf8 = text_utf8(<PyObject*>text, &length)
            if length == row.length and memcmp(utf8, p.text + row.offset, length) == 0:
                return YES
    return NO


cdef Truth match_text(Program p, const condition_row* row, const Slot* slot):
    """CONTAINS_TEXT, STARTS_WITH, ENDS_WITH, MATCHES on the value as text."""
    cdef const char* utf8 = slot.text
    cdef Py_ssize_t length = slot.length
    cdef object text
    if slot.kind != TEXT or (row.mode & MODE_CASEFOLD and row.op != OP_MATCHES):
        if slot.kind == OTHER and row.op == OP_CONTAINS_TEXT:
            items = items_of(<object>slot.object)
            return UNKNOWN if items is None else element_is_text(p, row, items)
        text = text_of(<object>slot.object)
        if text is None:
            return UNKNOWN
        if row.mode & MODE_CASEFOLD and row.op != OP_MATCHES:
            text = (<str>text).casefold()
        utf8 = text_utf8(<PyObject*>text, &length)
    if row.op == OP_MATCHES:
        return YES if automaton_accepts(p.automata + row.payload * 8, utf8, length) else NO
    return YES if text_test(p, row, utf8, length) else NO


cdef bint instant_of(const Slot* slot, int64_t* instant):
    if slot.kind == TEXT:
        return instant_in_text(slot.text, slot.length, instant)
    if slot.kind == INTEGER:
        return scaled_integer(slot.integer, 1000000, instant)
    if slot.kind == FLOAT:
        return scaled_float(slot.number, 1000000.0, instant)
    return slot.kind == OTHER and instant_of_object(<object>slot.object, instant)


cdef Truth match_version(Program p, const condition_row* row, const Slot* slot):
    cdef version value, operand
    cdef const char* utf8 = slot.text
    cdef Py_ssize_t length = slot.length
    if slot.kind != TEXT:
        text = text_of(<object>slot.object) if row.mode & MODE_VERSION_PARTIAL else None
        if text is None:
            return UNKNOWN
        utf8 = text_utf8(<PyObject*>text, &length)
    if not version_parse(utf8, length, row.mode, &value) or not version_parse(p.text + row.offset, row.length, row.mode, &operand):
        return UNKNOWN
    if row.mode & (MODE_VERSION_SAME_MINOR | MODE_VERSION_SAME_MAJOR):
        return YES if version_same_range(&value, &operand, 2 if row.mode & MODE_VERSION_SAME_MINOR else 1) else NO
    return YES if holds(row.mode & CMP_MASK, version_compare(&value, &operand)) else NO


cdef Truth match_length(const condition_row* row, const Slot* slot):
    cdef object value = <object>slot.object
    cdef int64_t length, operand = <int64_t>row.payload
    if isinstance(value, str):
        length = str.__len__(value)
    elif isinstance(value, dict):
        length = dict.__len__(value)
    else:
        items = items_of(value)
        if items is None:
            return UNKNOWN
        length = len(items)
    return YES if holds(row.mode & CMP_MASK, (length > operand) - (length < operand)) else NO


cdef Truth match_distance(Program p, const condition_row* row, const Slot* slot):
    cdef const place_row* place = &p.places[row.offset]
    cdef double latitude, longitude, far
    cdef int compare = row.mode & CMP_MASK
    if not place_of(<object>slot.object, &latitude, &longitude):
        return UNKNOWN
    far = distance(place, latitude, longitude)
    if compare == CMP_EQ or compare == CMP_NE:
        return YES if (fabs(far - place.radius) <= 0.01) == (compare == CMP_EQ) else NO
    return YES if holds(compare, (far > place.radius) - (far < place.radius)) else NO


cdef Truth match_list(Program p, const condition_row* row, const Slot* slot):
    """CONTAINS_ALL and CONTAINS_ANY."""
    cdef bint found
    items = items_of(<object>slot.object)
    if items is None:
        return UNKNOWN
    for wanted in <list>p.values[row.offset]:
        found = False
        for item in <list>items:
            if deep_equal(wanted, item):
                found = True
                break
        if found != (row.op == OP_CONTAINS_ALL):
            return YES if found else NO
    return YES if row.op == OP_CONTAINS_ALL else NO


cdef Truth match_path(Program p, const condition_row* row, const Slot* slot):
    cdef object value = <object>slot.object
    cdef bint found = False
    if slot.kind == TEXT:
        from evaluator.json_text import parse  # the one Python module the core asks for, and only when a text holds JSON

        try:
            value = parse(value)
        except ValueError:
            return UNKNOWN
    value = at_path(value, <list>p.paths[row.offset], &found)
    if not found:
        return UNKNOWN
    return YES if deep_equal(p.values[row.length], value) else NO


cdef Truth match_rare(Program p, Call* call, const condition_row* row, const Slot* slot):
    """Everything but the operators of the hot path; may raise what the caller's objects raise."""
    cdef int64_t instant
    cdef uint8_t op = row.op
    if op == OP_EXISTS:
        return YES
    if op == OP_EQ_VALUE:
        return YES if deep_equal(p.values[row.offset], <object>slot.object) else NO
    if slot.kind == NULL_VALUE:
        return UNKNOWN
    if op == OP_CONTAINS_TEXT or op == OP_STARTS_WITH or op == OP_ENDS_WITH or op == OP_MATCHES:
        return match_text(p, row, slot)
    if op == OP_TIME:
        if not instant_of(slot, &instant):
            return UNKNOWN
        return YES if holds(row.mode & CMP_MASK, (instant > <int64_t>row.payload) - (instant < <int64_t>row.payload)) else NO
    if op == OP_VERSION:
        return match_version(p, row, slot)
    if op == OP_LENGTH:
        return match_length(row, slot)
    if op == OP_DISTANCE:
        return match_distance(p, row, slot)
    if op == OP_PATH:
        return match_path(p, row, slot)
    return match_list(p, row, slot)


cdef Truth match_rare_safely(Program p, Call* call, const condition_row* row, const Slot* slot) noexcept:
    try:
        return match_rare(p, call, row, slot)
    except Exception:
        return UNKNOWN


cdef inline Truth match_slot(Program p, Call* call, const condition_row* row, Slot* slot) noexcept:
    """One operator on one value that is there and usable."""
    cdef int order
    cdef uint8_t op = row.op
    if op == OP_IN_TEXT_SMALL:
        return small_set(p, row, slot) if slot.kind == TEXT else UNKNOWN if slot.kind == NULL_VALUE else NO
    if op == OP_EQ_TEXT:
        if slot.kind != TEXT or slot.prefix != row.payload or <uint64_t>slot.length != row.length:
            return NO
        return YES if row.length <= 8 or memcmp(p.text + row.offset, slot.text, row.length) == 0 else NO
    if op == OP_IN_TEXT_TABLE:
        return table_set(p, row, slot) if slot.kind == TEXT else UNKNOWN if slot.kind == NULL_VALUE else NO
    if OP_LESS <= op <= OP_GREATER_EQUAL:
        order = order_slot(slot, row, row.mode & MODE_COERCE_TEXT)
        if order == NO_NUMBER:
            return UNKNOWN
        if op == OP_GREATER_EQUAL:
            return YES if order == 0 or order == 1 else NO
        if op == OP_GREATER:
            return YES if order == 1 else NO
        if op == OP_LESS_EQUAL:
            return YES if order <= 0 else NO
        return YES if order < 0 else NO
    if op == OP_EQ_NUMBER:
        return YES if order_slot(slot, row, False) == 0 else NO
    if op == OP_EQ_BOOLEAN:
        return YES if slot.kind == BOOLEAN and <uint64_t>slot.integer == row.payload else NO
    if op == OP_IS_NULL:
        return YES if slot.kind == NULL_VALUE else NO
    if op == OP_IN_INTEGER or op == OP_IN_FLOAT:
        return in_numbers(p, row, slot)
    return match_rare_safely(p, call, row, slot)


cdef Truth match_window(Program p, Call* call, const condition_row* row) noexcept:
    """The value as an instant; without one, the clock."""
    cdef Slot* slot = NULL
    cdef int64_t instant
    if row.attribute != NONE_16:
        slot = resolve(p, call, row.attribute)
    if slot == NULL or slot.kind == MISSING or slot.kind == NULL_VALUE:
        read_clock(call)
        instant = call.now_us
    elif slot.kind == UNUSABLE:
        return UNKNOWN
    else:
        try:
            if not instant_of(slot, &instant):
                return UNKNOWN
        except Exception:
            return UNKNOWN
    return YES if in_window(&p.windows[row.offset], p.zones, instant) else NO


cdef Truth match_bucket(Program p, Call* call, const condition_row* row) noexcept:
    cdef const outcome_row* split = &p.outcomes[row.offset]
    cdef uint64_t bucket
    cdef uint32_t i
    if bucket_of(p, call, split, &bucket) != UNIT_FOUND:
        return ABSENT
    for i in range(split.first_range, split.first_range + split.range_count):
        if bucket <= p.ranges[i].last:
            return YES if p.ranges[i].target != TARGET_NEXT_RULE else NO
    return NO


cdef Truth match_expression(Program p, Call* call, const condition_row* row) noexcept:
    try:
        return YES if truthy(evaluate_expression(p, row.offset, view_of(call))) else NO
    except Exception:
        return UNKNOWN


cdef Truth match_call(Program p, Call* call, const condition_row* row) noexcept:
    """The operators that ask the call, not one attribute."""
    if row.op == OP_BUCKET:
        return match_bucket(p, call, row)
    if row.op == OP_PREREQUISITE:
        return YES if call.prerequisite(p, call, row) else NO
    if row.op == OP_EXPRESSION:
        return match_expression(p, call, row)
    if row.op == OP_WINDOW:
        return match_window(p, call, row)
    read_clock(call)
    return YES if holds(row.mode & CMP_MASK, (call.now_us > <int64_t>row.payload) - (call.now_us < <int64_t>row.payload)) else NO


cdef int match(Program p, Call* call, const condition_row* row) noexcept:
    """Whether the rule that begins at ``row`` is definitely true. Jumps go forward inside the rule (checked at load), so it ends."""
    cdef Slot* slot
    cdef uint16_t jump
    cdef Truth truth
    while True:
        if OP_WINDOW <= row.op <= OP_EXPRESSION:
            truth = match_call(p, call, row)
        else:
            slot = resolve(p, call, row.attribute)
            if slot.kind > UNUSABLE:
                truth = match_slot(p, call, row, slot)
            else:
                truth = ABSENT if slot.kind == MISSING else UNKNOWN
        jump = (&row.on_false)[<int>truth]
        if jump >= JUMP_FAIL:
            return jump == JUMP_MATCH
        row += jump


# ---- buckets ---------------------------------------------------------------------------------------------------------


cdef inline Py_ssize_t decimal(int64_t value, char* buffer) noexcept nogil:
    """The decimal digits of an integer, at most 20 bytes."""
    cdef char[20] reversed
    cdef uint64_t rest = <uint64_t>value if value >= 0 else 0 - <uint64_t>value
    cdef Py_ssize_t count = 0, length = 0
    while True:
        reversed[count] = <char>(48 + rest % 10)
        rest //= 10
        count += 1
        if rest == 0:
            break
    if value < 0:
        buffer[0] = c"-"
        length = 1
    while count:
        count -= 1
        buffer[length] = reversed[count]
        length += 1
    return length


cdef uint64_t hash_of(const outcome_row* row, const char* data, Py_ssize_t length) noexcept nogil:
    cdef uint8_t[16] digest
    cdef uint64_t rest = 0
    cdef int i
    if row.hash == HASH_MURMUR3_32:
        return murmur3_32(data, length, row.seed)
    md5(data, length, digest)
    if row.hash == HASH_MD5_LE32:
        return load_u32(digest)
    for i in range(16):  # 128 bits modulo `total`, a byte at a time; the checks at load tie this hash to SPACE_MODULO
        rest = (rest * 256 + digest[i]) % row.total
    return rest


cdef inline uint64_t space_of(const outcome_row* row, uint64_t digest) noexcept nogil:
    if row.space == SPACE_FULL:
        return digest
    if row.space == SPACE_MODULO:
        return digest % row.total
    if row.space == SPACE_MULTIPLY:
        return (digest * row.total) >> 32
    return digest if digest >> 31 == 0 else (<uint64_t>1 << 32) - digest


cdef uint64_t bucket_of_bytes(Program p, const outcome_row* row, const char* unit, Py_ssize_t length, bint* failed) noexcept:
    cdef char[UNIT_BUFFER] buffer
    cdef char* joined = buffer
    cdef Py_ssize_t total = <Py_ssize_t>row.prefix_length + length + row.suffix_length
    cdef uint64_t digest
    if total > UNIT_BUFFER:
        joined = <char*>malloc(total)
        if joined == NULL:
            failed[0] = True
            return 0
    memcpy(joined, p.text + row.prefix, row.prefix_length)
    memcpy(joined + row.prefix_length, unit, length)
    memcpy(joined + row.prefix_length + length, p.text + row.suffix, row.suffix_length)
    digest = hash_of(row, joined, total)
    if joined != buffer:
        free(joined)
    return space_of(row, digest)


cdef bytes unit_bytes(int code, object value):
    """The unit's bytes by a UNIT_* code, or None for one that doesn't count. Raises for one that can't be encoded."""
    cdef double number
    cdef Py_ssize_t length
    cdef const char* utf8
    if value is None:
        return None
    if code == UNIT_CBOR:
        return canonical_cbor(value, 1)
    if isinstance(value, str):
        value = PyUnicode_FromObject(value)
        utf8 = text_utf8(<PyObject*>value, &length)
        if utf8 == NULL:
            raise ValueError
        return utf8[:length]
    if code == UNIT_STRING or value is True or value is False:
        return None
    if isinstance(value, float):
        number = float.__pos__(value)
        if not (fabs(number) < EXACT_FLOATS and number == floor(number)):
            return None
        value = int(<int64_t>number)
    if not isinstance(value, int) or int.bit_length(value) > 1024:
        return None
    return str(int.__pos__(value)).encode()


cdef UnitState bucket_of_object(Program p, Call* call, const outcome_row* row, const Slot* slot, uint64_t* bucket) noexcept:
    """The units off the hot path: expressions, CBOR, big integers, prefixes and suffixes."""
    cdef bint failed = False
    cdef bytes unit
    try:
        value = <object>slot.object if slot != NULL else evaluate_expression(p, row.node, view_of(call))
        unit = unit_bytes(row.unit, value)
        if unit is None:
            return UNIT_ABSENT
        bucket[0] = bucket_of_bytes(p, row, unit, len(unit), &failed)
    except Exception:
        return UNIT_UNUSABLE
    return UNIT_UNUSABLE if failed else UNIT_FOUND


cdef UnitState bucket_of(Program p, Call* call, const outcome_row* row, uint64_t* bucket) noexcept:
    cdef Slot* slot
    cdef const char* unit
    cdef Py_ssize_t length
    cdef char[24] digits
    cdef bint failed = False
    if row.node != NONE:
        return bucket_of_object(p, call, row, NULL, bucket)
    slot = resolve(p, call, row.attribute)
    if slot.kind == MISSING:
        return UNIT_ABSENT
    if slot.kind == UNUSABLE:
        return UNIT_UNUSABLE
    if slot.kind == TEXT and row.unit != UNIT_CBOR:
        unit = slot.text
        length = slot.length
    elif slot.kind == INTEGER and row.unit == UNIT_TEXT:
        unit = digits
        length = decimal(slot.integer, digits)
    else:
        return bucket_of_object(p, call, row, slot, bucket)
    if row.hash == HASH_MURMUR3_32 and row.prefix_length == 0 and row.suffix_length == 0:
        bucket[0] = space_of(row, murmur3_32(unit, length, row.seed))
        return UNIT_FOUND
    bucket[0] = bucket_of_bytes(p, row, unit, length, &failed)
    return UNIT_UNUSABLE if failed else UNIT_FOUND
