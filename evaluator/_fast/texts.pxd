# The operators on a value as text: CONTAINS_TEXT, STARTS_WITH, ENDS_WITH, MATCHES. Inline: ``operators`` alone uses them.

from cpython.object cimport PyObject
from libc.stdint cimport uint64_t
from libc.string cimport memcmp

from evaluator._fast.forms cimport contains
from evaluator._fast.generated cimport *
from evaluator._fast.operators cimport NO, UNKNOWN, YES, Truth, automaton_accepts
from evaluator._fast.program cimport Program
from evaluator._fast.slots cimport BIG_INTEGER, FLOAT, INTEGER, OTHER, TEXT, Slot
from evaluator._fast.values cimport items_of, text_of

cdef extern from "kernels.h":
    const char* text_utf8(PyObject* text, Py_ssize_t* length)
    object double_decimals(double number)


cdef inline bint text_test(Program p, const condition_row* row, const char* text, Py_ssize_t length) noexcept:
    cdef const char* part = p.text + row.offset
    if row.length > <uint64_t>length:
        return False
    if row.op == OP_STARTS_WITH:
        return memcmp(text, part, row.length) == 0
    if row.op == OP_ENDS_WITH:
        return memcmp(text + length - row.length, part, row.length) == 0
    return contains(text, length, part, row.length)


cdef inline object text_for(const condition_row* row, object value):
    """The value as text; with MODE_TEXT_ONLY a string alone has one."""
    return None if row.mode & MODE_TEXT_ONLY and not isinstance(value, str) else text_of(value)


cdef inline object folded(object text, const condition_row* row):
    """The text in the form that is compared."""
    if row.op == OP_MATCHES:
        return text
    if row.mode & MODE_CASEFOLD:
        return (<str>text).casefold()
    return (<str>text).lower() if row.mode & MODE_LOWERCASE else text


cdef inline Truth element_is_text(Program p, const condition_row* row, list items):
    """CONTAINS_TEXT on a list: an element whose text is the operand."""
    cdef Py_ssize_t length
    cdef const char* utf8
    for item in items:
        text = text_for(row, item)
        if text is not None:
            text = folded(text, row)
            utf8 = text_utf8(<PyObject*>text, &length)
            if length == row.length and memcmp(utf8, p.text + row.offset, length) == 0:
                return YES
    return NO


cdef inline Truth match_text(Program p, const condition_row* row, const Slot* slot):
    """CONTAINS_TEXT, STARTS_WITH, ENDS_WITH, MATCHES on the value as text."""
    cdef const char* utf8 = slot.text
    cdef Py_ssize_t length = slot.length
    cdef object text
    if slot.kind != TEXT or (row.mode & (MODE_CASEFOLD | MODE_LOWERCASE) and row.op != OP_MATCHES):
        if slot.kind == OTHER and row.op == OP_CONTAINS_TEXT:
            items = items_of(<object>slot.object)
            return UNKNOWN if items is None else element_is_text(p, row, items)
        if row.mode & (MODE_DECIMAL | MODE_TEXT_ONLY) == MODE_DECIMAL and INTEGER <= slot.kind <= BIG_INTEGER:
            text = double_decimals(slot.number if slot.kind == FLOAT else int.__float__(<object>slot.object))
        else:
            text = text_for(row, <object>slot.object)
        if text is None:
            return UNKNOWN
        text = folded(text, row)
        utf8 = text_utf8(<PyObject*>text, &length)
    if row.op == OP_MATCHES:
        return YES if automaton_accepts(p.automata + row.payload * 8, utf8, length) else NO
    return YES if text_test(p, row, utf8, length) else NO
