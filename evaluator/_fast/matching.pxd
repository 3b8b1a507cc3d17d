# One operator on one value: the usual operators here, inline where they are asked; lists by element and the rare ones further off.

from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memcmp

from evaluator._fast.generated cimport *
from evaluator._fast.operators cimport NO, NO_NUMBER, UNKNOWN, YES, Truth, order_slot, or_elements
from evaluator._fast.program cimport Program
from evaluator._fast.sets cimport small_set, table_set
from evaluator._fast.slots cimport BOOLEAN, NULL_VALUE, TEXT, Slot


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
