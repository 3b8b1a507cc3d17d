"""The operators off the hot path: text, instants, versions, places, lists, paths, windows and numbers of unusual kinds.

``walk`` calls them with a value that is there and usable. They work on Python objects where they must, and whatever such an object
raises is caught in ``match_rare`` and ``match_window``: it makes the operator unknown.
"""

from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF, Py_INCREF
from libc.math cimport fabs, fmod
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from evaluator._fast.digests cimport has_digest, some_has_digest
from evaluator._fast.forms cimport in_networks, is_full
from evaluator._fast.generated cimport *
from evaluator._fast.matching cimport match_slot
from evaluator._fast.places cimport distance, place_of
from evaluator._fast.program cimport Program
from evaluator._fast.slots cimport FLOAT, BIG_INTEGER, INTEGER, NULL_VALUE, OTHER, TEXT, UNUSABLE, Call, Slot, classify
from evaluator._fast.texts cimport match_text
from evaluator._fast.values cimport (
    UNORDERED, at_path, deep_equal, instant_in_text, instant_of_object, items_of, number_in_text, order_double_integer,
    scaled_float, scaled_integer, text_of, without_boolean,
)

cdef extern from "kernels.h" nogil:
    uint16_t load_u16(const void* p)
    uint32_t load_u32(const void* p)
    double bits_to_double(uint64_t bits)


cdef extern from "kernels.h":
    const char* text_utf8(PyObject* text, Py_ssize_t* length)

cdef extern from "Python.h":
    object PyUnicode_FromObject(object o)

cdef extern from "versions.h":
    ctypedef struct version:
        pass
    bint version_parse(const char* p, Py_ssize_t length, int mode, version* out)
    int version_compare(const version* a, const version* b)
    bint version_same_range(const version* a, const version* b, int parts)


# ---- numbers ---------------------------------------------------------------------------------------------------------


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


cdef int order_rare(const Slot* slot, const condition_row* row, bint coerce) noexcept:
    cdef double number
    if slot.kind == BIG_INTEGER:
        try:
            return order_big(slot, row)
        except Exception:
            return NO_NUMBER
    if slot.kind == TEXT and coerce and number_in_text(slot.text, slot.length, &number):
        if row.mode & MODE_EXACT_TEXT and (slot.text[0] <= 32 or slot.text[slot.length - 1] <= 32):  # a blank
            return NO_NUMBER
        return order_float(number, row)
    return NO_NUMBER


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


cdef Truth match_modulo(Program p, const condition_row* row, const Slot* slot):
    """The remainder has the sign of the modulus, which is positive."""
    cdef int64_t base = <int64_t>row.payload, first = <int64_t>p.numbers[row.offset], last = <int64_t>p.numbers[row.offset + 1]
    cdef int64_t rest
    cdef double remainder
    cdef int low, high
    if slot.kind == INTEGER:
        rest = slot.integer % base
        rest += base if rest < 0 else 0
    elif slot.kind == BIG_INTEGER:
        rest = int.__pos__(<object>slot.object) % base
    elif slot.kind == FLOAT:
        remainder = fmod(slot.number, <double>base)
        remainder += <double>base if remainder < 0 else 0.0
        low, high = order_double_integer(remainder, first), order_double_integer(remainder, last)
        return YES if (low == 0 or low == 1) and high <= 0 else NO
    else:
        return UNKNOWN
    return YES if first <= rest <= last else NO


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


cdef bint instant_of(const Slot* slot, const condition_row* row, int64_t* instant):
    """In the form that the row's MODE_INSTANT_* want."""
    cdef int64_t factor = 1000 if row.mode & MODE_INSTANT_MILLISECONDS else 1000000
    if slot.kind == TEXT:
        if row.mode & MODE_INSTANT_FULL and not is_full(slot.text, slot.length):
            return False
        return instant_in_text(slot.text, slot.length, row.mode & MODE_INSTANT_RFC3339, instant)
    if slot.kind == INTEGER:
        return scaled_integer(slot.integer, factor, instant)
    if slot.kind == FLOAT:
        return scaled_float(slot.number, <double>factor, instant)
    return slot.kind == OTHER and instant_of_object(<object>slot.object, row.mode & MODE_INSTANT_RFC3339, instant)


cdef Truth match_version(Program p, const condition_row* row, const Slot* slot):
    cdef version value, operand
    cdef const char* utf8 = slot.text
    cdef Py_ssize_t length = slot.length
    if slot.kind != TEXT:
        partial = row.mode & MODE_VERSION_PARTIAL and not row.count & VERSION_TEXT_ONLY
        text = text_of(<object>slot.object) if partial else None
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
    cdef bint found, parts = row.mode & MODE_CONTAINER and slot.kind == TEXT
    cdef object value = <object>slot.object
    if parts:
        for wanted in <list>p.values[row.offset]:
            if type(wanted) is not str:
                return UNKNOWN
        value = PyUnicode_FromObject(value)
        items = []
    elif row.mode & MODE_CONTAINER and isinstance(value, dict):
        items = [key for key in dict.keys(value)]
    else:
        items = items_of(value)
    if items is None:
        return UNKNOWN
    for wanted in <list>p.values[row.offset]:
        found = parts and wanted in <str>value
        for item in <list>items:
            if deep_equal(wanted, item, row.mode & MODE_BOOLEAN_NUMBER):
                found = True
                break
        if found != (row.op == OP_CONTAINS_ALL):
            return YES if found else NO
    return YES if row.op == OP_CONTAINS_ALL else NO


cdef Truth match_within(Program p, const condition_row* row, const Slot* slot):
    """A text that is a part of the operand; a list that has no element that the operand doesn't have."""
    cdef object whole = p.values[row.offset]
    cdef bint found
    if type(whole) is str:
        return UNKNOWN if slot.kind != TEXT else YES if PyUnicode_FromObject(<object>slot.object) in <str>whole else NO
    items = items_of(<object>slot.object)
    if items is None:
        return UNKNOWN
    for item in <list>items:
        found = False
        for wanted in <list>whole:
            if deep_equal(wanted, item, row.mode & MODE_BOOLEAN_NUMBER):
                found = True
                break
        if not found:
            return NO
    return YES


cdef int order_against(object value, object expected, bint boolean_number) except? -1:
    """-1, 0, 1, UNORDERED, or NO_NUMBER for what doesn't compare (section 4.8). ``expected`` is the snapshot's: it bounds the depth."""
    if boolean_number:
        expected = without_boolean(expected)
        value = without_boolean(value)
    if type(expected) is list:
        if not (isinstance(value, list) or isinstance(value, tuple)):
            return NO_NUMBER
        return order_of_lists(items_of(value), expected, boolean_number)
    if type(expected) is str:
        if not isinstance(value, str):
            return NO_NUMBER
        value = PyUnicode_FromObject(value)
    elif type(expected) is not int and type(expected) is not float or value is True or value is False:
        return NO_NUMBER
    elif isinstance(value, int):
        value = int.__pos__(value)
    elif isinstance(value, float):
        value = float.__pos__(value)
    else:
        return NO_NUMBER
    return 1 if value > expected else -1 if value < expected else 0 if value == expected else UNORDERED


cdef int order_of_lists(list items, list expected, bint boolean_number) except? -1:
    cdef Py_ssize_t i, count = len(items), wanted = len(expected)
    for i in range(min(count, wanted)):
        if not deep_equal(expected[i], items[i], boolean_number):
            return order_against(items[i], expected[i], boolean_number)
    return (count > wanted) - (count < wanted)


cdef Truth match_order(Program p, const condition_row* row, const Slot* slot):
    cdef int order = order_against(<object>slot.object, p.values[row.offset], row.mode & MODE_BOOLEAN_NUMBER)
    return UNKNOWN if order == NO_NUMBER else YES if holds(row.mode & CMP_MASK, order) else NO


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
    return YES if deep_equal(p.values[row.length], value, False) else NO


cdef Truth ask_rare(Program p, const condition_row* row, const Slot* slot):
    """Everything but the operators of the hot path; may raise what the caller's objects raise."""
    cdef int64_t instant
    cdef int found
    cdef uint8_t op = row.op
    if op == OP_EXISTS:
        return YES
    if op == OP_EQ_VALUE:
        return YES if deep_equal(p.values[row.offset], <object>slot.object, row.mode & MODE_BOOLEAN_NUMBER) else NO
    if slot.kind == NULL_VALUE:
        return UNKNOWN
    if op == OP_CONTAINS_TEXT or op == OP_STARTS_WITH or op == OP_ENDS_WITH or op == OP_MATCHES:
        return match_text(p, row, slot)
    if op == OP_TIME:
        if not instant_of(slot, row, &instant):
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
    if op == OP_ORDER:
        return match_order(p, row, slot)
    if op == OP_WITHIN:
        return match_within(p, row, slot)
    if op == OP_MODULO:
        return match_modulo(p, row, slot)
    if op == OP_IN_NETWORK:
        found = in_networks(p, row, slot)
        return UNKNOWN if found < 0 else YES if found else NO
    if op == OP_DIGEST:
        if slot.kind == TEXT:
            return YES if has_digest(p, row, slot.text, slot.length) else NO
        items = items_of(<object>slot.object)
        return UNKNOWN if items is None else YES if some_has_digest(p, row, items) else NO
    return match_list(p, row, slot)


cdef Truth match_rare(Program p, const condition_row* row, const Slot* slot) noexcept:
    try:
        return ask_rare(p, row, slot)
    except Exception:
        return UNKNOWN


# ---- lists by element ------------------------------------------------------------------------------------------------


cdef Truth match_elements(Program p, const condition_row* row, list items):
    """MODE_EACH: whether the operator holds of any element by itself."""
    cdef condition_row alone = row[0]
    cdef Slot element
    cdef Truth truth
    alone.mode &= ~MODE_EACH
    for item in items:
        Py_INCREF(item)
        element.object = <PyObject*>item
        classify(&element)
        truth = match_slot(p, &alone, &element) if element.kind > UNUSABLE else UNKNOWN
        Py_DECREF(<object>element.object)
        if truth == YES:
            return YES
    return NO


cdef Truth or_elements(Program p, const condition_row* row, Slot* slot, Truth otherwise) noexcept:
    """The operators that ``match_slot`` doesn't answer for this kind of value: lists under MODE_EACH, nulls, rare operators."""
    cdef uint8_t op = row.op
    if row.mode & MODE_EACH and slot.kind == OTHER:
        if isinstance(<object>slot.object, (list, tuple)):
            try:
                return match_elements(p, row, items_of(<object>slot.object))
            except Exception:
                return UNKNOWN
    if op == OP_IN_TEXT_SMALL or op == OP_IN_TEXT_TABLE:
        return UNKNOWN if slot.kind == NULL_VALUE else NO
    if op == OP_IN_INTEGER or op == OP_IN_FLOAT:
        return in_numbers(p, row, slot)
    if op > OP_GREATER_EQUAL or op == OP_EQ_VALUE:
        return match_rare(p, row, slot)
    return otherwise


cdef bint instant_of_slot(const Slot* slot, const condition_row* row, int64_t* instant) noexcept:
    """The value as an instant, for WINDOW."""
    try:
        return instant_of(slot, row, instant)
    except Exception:
        return False
