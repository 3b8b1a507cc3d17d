"""Value expressions; being written."""

from libc.stdint cimport uint32_t

from evaluator._fast.program cimport Program


cdef class View:
    pass


cdef object evaluate_expression(Program program, uint32_t node, View view):
    raise NotImplementedError


cdef bint truthy(object value):
    return bool(value)
