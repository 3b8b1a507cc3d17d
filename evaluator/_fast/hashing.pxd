from cpython.object cimport PyObject
from libc.stdint cimport uint64_t

from evaluator._fast.generated cimport outcome_row
from evaluator._fast.program cimport Program


cdef object canonical_cbor(object value, int depth)
cdef uint64_t bucket_of_bytes(Program p, const outcome_row* row, const char* unit, Py_ssize_t length, bint* failed) noexcept
cdef object unit_bytes(int code, object value)
cdef PyObject* converted(int how, PyObject* value) noexcept
