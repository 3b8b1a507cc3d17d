# Membership in a list of texts: few of them compared one by one, many in a hash table that is read in place. Inline: hot.

from libc.stdint cimport uint16_t, uint32_t, uint64_t
from libc.string cimport memcmp

from evaluator._fast.generated cimport *
from evaluator._fast.operators cimport NO, YES, Truth
from evaluator._fast.program cimport Program
from evaluator._fast.slots cimport Slot

cdef extern from "kernels.h" nogil:
    uint16_t load_u16(const void* p)
    uint32_t load_u32(const void* p)
    uint32_t murmur3_32(const char* data, Py_ssize_t n, uint32_t seed)


cdef inline Truth small_set(Program p, const condition_row* row, const Slot* slot) noexcept:
    """Compares with every one, without leaving early: which of them is equal is what a branch can't predict."""
    cdef const text_ref_row* ref = &p.text_refs[row.offset]
    cdef uint32_t i, candidates = 0
    for i in range(row.count):
        candidates |= (ref[i].prefix == slot.prefix) & (ref[i].length == <uint64_t>slot.length)
    if slot.length <= 8 or not candidates:
        return <Truth>candidates
    for i in range(row.count):
        if ref[i].length == <uint64_t>slot.length and memcmp(p.text + ref[i].offset, slot.text, slot.length) == 0:
            return YES
    return NO


cdef inline Truth table_set(Program p, const condition_row* row, Slot* slot) noexcept:
    """Linear probing over the slots of a set, in place; everything read of it is checked against its heap."""
    cdef const char* header = p.sets + <uint64_t>row.offset * 8
    cdef uint32_t slots = load_u32(header + 4), heap_bytes = load_u32(header + 8), index, entry, at, probes
    cdef const char* heap = header + 16 + 4 * <uint64_t>slots
    if not slot.hashed:
        slot.hash = murmur3_32(slot.text, slot.length, SET_SEED)
        slot.hashed = True
    index = <uint32_t>((<uint64_t>slot.hash * slots) >> 32)
    for probes in range(slots):
        entry = load_u32(header + 16 + 4 * <uint64_t>index)
        if entry == SET_EMPTY_SLOT:
            return NO
        at = entry >> 8
        if (entry & 255) == (slot.hash & 255) and at + 2 <= heap_bytes and load_u16(heap + at) == slot.length:
            if at + 2 + <uint64_t>slot.length <= heap_bytes and memcmp(heap + at + 2, slot.text, slot.length) == 0:
                return YES
        index += 1
        if index == slots:
            index = 0
    return NO
