from cpython.object cimport PyObject
from libc.stdint cimport uint32_t, uint64_t

from evaluator._fast.program cimport Program
from evaluator._fast.slots cimport Call, Slot

cdef enum:
    INLINE_SLOTS = 32  # attributes of a program that need no allocation per call


cdef struct Frame:
    Call call
    uint64_t mask
    uint32_t attributes
    Slot slots[INLINE_SLOTS]


cdef struct Answer:
    uint32_t flag  # row numbers; NONE where there is none
    uint32_t variant
    uint32_t rule  # an index of rule ids
    uint32_t reason
    uint64_t bucket
    bint has_bucket


cdef bint open_frame(Program p, Frame* frame, PyObject* context, PyObject* now) noexcept
cdef void close_frame(Frame* frame) noexcept
cdef object as_dict(object context)
cdef void ask(Program p, object key, object context, object now, Answer* out) noexcept
cdef void ask_in(Program p, Frame* frame, bint opened, uint32_t index, Answer* out) noexcept
cdef void refuse(Answer* out, uint32_t flag, uint32_t reason) noexcept nogil
