from libc.stdint cimport uint32_t, uint64_t

from evaluator._fast.frames cimport Frame
from evaluator._fast.program cimport Program

cdef struct Answer:
    uint32_t flag  # row numbers; NONE where there is none
    uint32_t variant
    uint32_t rule  # an index of rule ids
    uint32_t reason
    uint64_t bucket
    bint has_bucket


cdef void ask(Program p, object key, object context, object now, Answer* out) noexcept
cdef void ask_in(Program p, Frame* frame, bint opened, uint32_t index, Answer* out) noexcept
cdef void refuse(Answer* out, uint32_t flag, uint32_t reason) noexcept nogil
