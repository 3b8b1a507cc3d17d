# SHA-256 of parts of texts, for DIGEST (docs/snapshot-format.md section 3). Inline: ``operators`` alone uses them.

from cpython.object cimport PyObject
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp

from evaluator._fast.generated cimport *
from evaluator._fast.program cimport Program

cdef extern from "kernels.h" nogil:
    uint32_t load_u32(const void* p)
    void sha256(const char* data, Py_ssize_t n, uint8_t* digest)

cdef extern from "kernels.h":
    const char* text_utf8(PyObject* text, Py_ssize_t* length)

cdef extern from "Python.h":
    object PyUnicode_FromObject(object o)


cdef inline bint has_digest(Program p, const condition_row* row, const char* text, Py_ssize_t size):
    """Whether the SHA-256 of some part of the text, and the salt, is among the row's."""
    cdef const char* item = p.text + <uint32_t>row.payload
    cdef uint8_t[32] digest
    cdef uint32_t i, length, hashed = 0
    cdef Py_ssize_t part, start
    cdef bint known = False
    cdef bytes joined
    for i in range(row.count):
        length = load_u32(item + 36 * <uint64_t>i)
        part = size if length == DIGEST_WHOLE else length
        if part > size:
            continue
        if not known or length != hashed:
            start = size - part if row.mode & MODE_FROM_END else 0
            joined = text[start : start + part] + (p.text + row.offset)[: row.length]
            sha256(joined, len(joined), digest)
            known, hashed = True, length
        if memcmp(item + 36 * <uint64_t>i + 4, digest, 32) == 0:
            return True
    return False


cdef inline bint some_has_digest(Program p, const condition_row* row, list items):
    """The same of one of the texts among the items."""
    cdef Py_ssize_t length
    cdef const char* utf8
    for item in items:
        if isinstance(item, str):
            text = PyUnicode_FromObject(item)
            utf8 = text_utf8(<PyObject*>text, &length)
            if utf8 != NULL and has_digest(p, row, utf8, length):
                return True
    return False
