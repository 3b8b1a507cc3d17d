from libc.stdint cimport uint32_t

from evaluator._fast.program cimport Program


cdef class View:
    """One evaluation as value expressions see it: its context, its flag and its clock (milliseconds)."""

    cdef dict context
    cdef object flag_key
    cdef object now_ms


cpdef object evaluate_expression(Program program, uint32_t node, View view)
cdef object truthy_text(object value)
