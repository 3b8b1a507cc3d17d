cimport cython
from libc.stdint cimport uint32_t

from evaluator._fast.frames cimport Frame
from evaluator._fast.program cimport Program
from evaluator._fast.walk cimport Answer


@cython.final
@cython.no_gc
@cython.freelist(64)
cdef class Evaluation:
    cdef Program program
    cdef object unknown_key  # what was asked for, when no flag has that key
    cdef Answer answer


cdef object flag_metadata(Program p, uint32_t index)
cdef list texts_of(object keys, bint once)
cdef bytes render_all(Program p, Frame* frame, bint opened)
cdef object recalled(Program p, const Answer* answer, object key, object make)
