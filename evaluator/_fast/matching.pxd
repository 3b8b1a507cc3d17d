# One operator on one value: the usual operators here, inline for ``walk``, the rare ones and lists by element further off.

from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF, Py_INCREF
from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memcmp

from evaluator._fast.generated cimport *
from evaluator._fast.operators cimport NO, NO_NUMBER, UNKNOWN, YES, Truth, in_numbers, match_rare, order_slot
from evaluator._fast.program cimport Program
from evaluator._fast.sets cimport small_set, table_set
from evaluator._fast.slots cimport BOOLEAN, NULL_VALUE, OTHER, TEXT, UNUSABLE, Slot, classify
from evaluator._fast.values cimport items_of


cdef inline Truth match_elements(Program p, const condition_row* row, list items):
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


cdef inline Truth or_elements(Program p, const condition_row* row, Slot* slot, Truth otherwise) noexcept:
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


cdef inline Truth match_slot(Program p, const condition_row* row, Slot* slot) noexcept:
    """One operator on one value that is there and usable."""
    cdef int order
    cdef uint8_t op = row.op
    if op == OP_EQ_TEXT:
        if slot.kind != TEXT:
            return or_elements(p, row, slot, NO)
        if slot.prefix != row.payload or <uint64_t>slot.length != row.length:
            return NO
        return YES if row.length <= 8 or memcmp(p.text + row.offset, slot.text, row.length) == 0 else NO
    if op == OP_IN_TEXT_SMALL:
        return small_set(p, row, slot) if slot.kind == TEXT else or_elements(p, row, slot, NO)
    if op == OP_IN_TEXT_TABLE:
        return table_set(p, row, slot) if slot.kind == TEXT else or_elements(p, row, slot, NO)
    if OP_LESS <= op <= OP_GREATER_EQUAL:
        order = order_slot(slot, row, row.mode & MODE_COERCE_TEXT)
        if order == NO_NUMBER:
            return or_elements(p, row, slot, UNKNOWN)
        if op == OP_GREATER_EQUAL:
            return YES if order == 0 or order == 1 else NO
        if op == OP_GREATER:
            return YES if order == 1 else NO
        if op == OP_LESS_EQUAL:
            return YES if order <= 0 else NO
        return YES if order < 0 else NO
    if op == OP_EQ_NUMBER:
        order = order_slot(slot, row, False)
        return YES if order == 0 else or_elements(p, row, slot, NO) if order == NO_NUMBER else NO
    if op == OP_EQ_BOOLEAN and slot.kind == BOOLEAN:
        return YES if <uint64_t>slot.integer == row.payload else NO
    if op == OP_IS_NULL and slot.kind == NULL_VALUE:
        return YES
    return or_elements(p, row, slot, NO)
