# What operators find in strings: parts, addresses, instants written in full. Inline: ``operators`` alone uses them.

from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memchr, memcmp

from evaluator._fast.generated cimport *
from evaluator._fast.program cimport Program
from evaluator._fast.slots cimport TEXT, Slot

cdef extern from "networks.h" nogil:
    int address_parse(const char* p, Py_ssize_t length, uint64_t* bits)
    bint network_has(const uint64_t* network, int version, const uint64_t* bits)


cdef inline bint is_full(const char* text, Py_ssize_t length) noexcept nogil:
    """Whether an instant's string has seconds and a zone."""
    cdef Py_ssize_t i
    if length < 18 or text[16] != c":":
        return False
    for i in range(17, length):
        if text[i] == c"Z" or text[i] == c"z" or text[i] == c"+" or text[i] == c"-":
            return True
    return False


cdef inline int in_networks(Program p, const condition_row* row, const Slot* slot) noexcept:
    """IN_NETWORK: whether a text is an address in one of the row's networks; -1 if it is none."""
    cdef uint64_t bits[2]
    cdef uint32_t i
    cdef int version = address_parse(slot.text, slot.length, bits) if slot.kind == TEXT else 0
    if version == 0:
        return -1
    for i in range(row.count):
        if network_has(p.numbers + row.offset + NETWORK_NUMBERS * <uint64_t>i, version, bits):
            return 1
    return 0


cdef inline bint contains(const char* text, Py_ssize_t length, const char* part, Py_ssize_t size) noexcept nogil:
    """Whether the bytes occur. Bounded like the naive search; ``memchr`` makes the usual case quick."""
    cdef const char* at = text
    cdef const char* last = text + length - size
    if size == 0:
        return True
    while at <= last:
        at = <const char*>memchr(at, part[0], last - at + 1)
        if at == NULL:
            return False
        if memcmp(at, part, size) == 0:
            return True
        at += 1
    return False
