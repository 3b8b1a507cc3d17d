from libc.stdint cimport int64_t, uint64_t

from evaluator._fast.generated cimport *
from evaluator._fast.program cimport Program
from evaluator._fast.slots cimport FLOAT, INTEGER, Slot
from evaluator._fast.values cimport UNORDERED, order_double_integer

cdef extern from "kernels.h" nogil:
    double bits_to_double(uint64_t bits)

cdef enum Truth:
    NO = 0
    YES = 1
    UNKNOWN = 2
    ABSENT = 3

cdef enum:
    NO_NUMBER = 3  # beside the orders -1, 0, 1 and UNORDERED


cdef bint automaton_accepts(const char* automaton, const char* text, Py_ssize_t length) noexcept nogil
cdef int order_rare(const Slot* slot, const condition_row* row, bint coerce) noexcept
cdef Truth in_numbers(Program p, const condition_row* row, const Slot* slot) noexcept
cdef Truth or_elements(Program p, const condition_row* row, Slot* slot, Truth otherwise) noexcept
cdef bint instant_of_slot(const Slot* slot, const condition_row* row, int64_t* instant) noexcept


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
