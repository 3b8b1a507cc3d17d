# The memory of one call: its clock and its slots, on the stack unless a program has many attributes. Inline: every call has one.

from cpython.object cimport PyObject
from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc

from evaluator._fast.generated cimport *
from evaluator._fast.program cimport Program
from evaluator._fast.slots cimport Call, Slot
from evaluator._fast.values cimport scaled_float, scaled_integer

cdef extern from "kernels.h":
    int int_value(PyObject* number, int64_t* value)
    void Py_XDECREF(PyObject* o)
    int count_trailing_zeros "__builtin_ctzll"(uint64_t bits) nogil

cdef enum:
    INLINE_SLOTS = 32  # attributes of a program that need no allocation per call


cdef struct Frame:
    Call call
    uint64_t mask
    uint32_t attributes
    Slot slots[INLINE_SLOTS]


cdef inline bint set_clock(Call* call, object now) noexcept:
    """A number of milliseconds in range; booleans aren't numbers."""
    cdef int64_t integer
    call.now = <PyObject*>now
    call.has_now = True
    if now is True or now is False:
        return False
    try:
        if isinstance(now, int):
            return int_value(<PyObject*>now, &integer) and scaled_integer(integer, 1000, &call.now_us)
        return isinstance(now, float) and scaled_float(float.__pos__(now), 1000.0, &call.now_us)
    except Exception:
        return False


cdef inline bint open_large(Frame* frame) noexcept:
    frame.call.slots = <Slot*>malloc(frame.attributes * sizeof(Slot))
    frame.call.filled = <uint64_t*>calloc((frame.attributes + 63) // 64, sizeof(uint64_t))
    if frame.call.slots != NULL and frame.call.filled != NULL:
        return True
    free(frame.call.slots)
    free(frame.call.filled)
    return False


cdef inline bint open_frame(Program p, Frame* frame, PyObject* context, PyObject* now) noexcept:
    """False if ``now`` is no time (or there is no memory): nothing was opened then."""
    cdef Call* call = &frame.call
    frame.attributes = p.counts[SECTION_ATTRIBUTES]
    call.context = context
    call.now = NULL
    call.has_now = False
    if now != <PyObject*>None and not set_clock(call, <object>now):
        return False
    frame.mask = 0
    call.slots = frame.slots
    call.filled = &frame.mask
    if frame.attributes > INLINE_SLOTS:
        return open_large(frame)
    return True


cdef inline void close_large(Frame* frame) noexcept:
    cdef uint32_t i
    for i in range(frame.attributes):
        if frame.call.filled[i >> 6] >> (i & 63) & 1:
            Py_XDECREF(frame.call.slots[i].object)
    free(frame.call.slots)
    free(frame.call.filled)


cdef inline void close_frame(Frame* frame) noexcept:
    """Lets go of every value that was looked at."""
    cdef uint64_t bits = frame.mask
    if frame.attributes > INLINE_SLOTS:
        close_large(frame)
        return
    while bits:
        Py_XDECREF(frame.slots[count_trailing_zeros(bits)].object)
        bits &= bits - 1


cdef inline object as_dict(object context):
    """Any context as an exact dict; None for what is no mapping, or can't be copied."""
    if context is None:
        return {}
    from collections.abc import Mapping  # loaded by every interpreter's start-up

    try:
        return dict(context) if isinstance(context, Mapping) else None
    except Exception:
        return None
