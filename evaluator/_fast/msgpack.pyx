"""A msgpack reader for the snapshot's body: Python objects for what is small, pointers into the bytes for what is big.

Its own, because importing a general library costs twenty times what the whole load does. Only ``program`` uses it.
"""

cimport cython
from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

from evaluator.errors import SnapshotError

cdef extern from "kernels.h" nogil:
    double bits_to_double(uint64_t bits)


cdef enum:
    MAX_DEPTH = 64  # the body itself is 1


cdef inline const uint8_t* take(Reader* reader, Py_ssize_t size) except NULL:
    cdef const uint8_t* start = reader.here
    if size > reader.end - start:
        raise SnapshotError("the snapshot's body ends in the middle of a value")
    reader.here = start + size
    return start


cdef inline uint64_t big_endian(Reader* reader, int size) except? 0xFFFFFFFFFFFFFFFE:
    cdef const uint8_t* at = take(reader, size)
    cdef uint64_t value = 0
    cdef int i
    for i in range(size):
        value = (value << 8) | at[i]
    return value


cdef inline object read_text(Reader* reader, Py_ssize_t size):
    cdef const uint8_t* at = take(reader, size)
    try:
        return PyUnicode_DecodeUTF8(<const char*>at, size, NULL)
    except UnicodeDecodeError:
        raise SnapshotError("a text in the snapshot's body is not UTF-8") from None


cdef int check_container(Reader* reader, Py_ssize_t size, int depth) except -1:
    if depth > MAX_DEPTH:
        raise SnapshotError("the snapshot's body is nested too deep")
    if size > reader.end - reader.here:  # each element takes a byte at least, so this bounds the allocation
        raise SnapshotError("a container in the snapshot's body is longer than the body")
    return 0


cdef object read_list(Reader* reader, Py_ssize_t size, int depth):
    check_container(reader, size, depth)
    cdef list items = []
    cdef Py_ssize_t i
    for i in range(size):
        items.append(read_value(reader, depth + 1))
    return items


cdef object read_map(Reader* reader, Py_ssize_t size, int depth):
    check_container(reader, size, depth)
    cdef dict items = {}
    cdef Py_ssize_t i
    for i in range(size):
        key = read_value(reader, depth + 1)
        if type(key) is not str:
            raise SnapshotError("a map in the snapshot's body has a key that is no text")
        items[key] = read_value(reader, depth + 1)
    return items


cdef object read_value(Reader* reader, int depth):
    """The next value as a Python object; ``depth`` is that of the containers around it, itself included. Raises SnapshotError."""
    cdef uint8_t tag = take(reader, 1)[0]
    cdef const uint8_t* at
    cdef uint32_t single
    cdef float number
    if tag < 0x80:
        return tag
    if tag < 0x90:
        return read_map(reader, tag & 0x0F, depth)
    if tag < 0xA0:
        return read_list(reader, tag & 0x0F, depth)
    if tag < 0xC0:
        return read_text(reader, tag & 0x1F)
    if tag >= 0xE0:
        return <int8_t>tag
    if tag == 0xC0:
        return None
    if tag == 0xC2:
        return False
    if tag == 0xC3:
        return True
    if 0xC4 <= tag <= 0xC6:
        size = <Py_ssize_t>big_endian(reader, 1 << (tag - 0xC4))
        at = take(reader, size)
        return PyBytes_FromStringAndSize(<const char*>at, size)
    if tag == 0xCA:
        single = <uint32_t>big_endian(reader, 4)
        memcpy(&number, &single, 4)
        return <double>number
    if tag == 0xCB:
        return bits_to_double(big_endian(reader, 8))
    if 0xCC <= tag <= 0xCF:
        return big_endian(reader, 1 << (tag - 0xCC))
    if tag == 0xD0:
        return <int8_t>big_endian(reader, 1)
    if tag == 0xD1:
        return <int16_t>big_endian(reader, 2)
    if tag == 0xD2:
        return <int32_t>big_endian(reader, 4)
    if tag == 0xD3:
        return <int64_t>big_endian(reader, 8)
    if 0xD9 <= tag <= 0xDB:
        return read_text(reader, <Py_ssize_t>big_endian(reader, 1 << (tag - 0xD9)))
    if tag == 0xDC or tag == 0xDD:
        return read_list(reader, <Py_ssize_t>big_endian(reader, 2 if tag == 0xDC else 4), depth)
    if tag == 0xDE or tag == 0xDF:
        return read_map(reader, <Py_ssize_t>big_endian(reader, 2 if tag == 0xDE else 4), depth)
    raise SnapshotError("the snapshot's body has a type that snapshots don't use")


cdef Py_ssize_t read_array(Reader* reader) except -1:
    """The length of the array that begins here. Raises SnapshotError."""
    cdef uint8_t tag = take(reader, 1)[0]
    if 0x90 <= tag < 0xA0:
        return tag & 0x0F
    if tag == 0xDC or tag == 0xDD:
        return <Py_ssize_t>big_endian(reader, 2 if tag == 0xDC else 4)
    raise SnapshotError("the snapshot's body is no array")


cdef Py_ssize_t read_binary(Reader* reader, const uint8_t** data) except -1:
    """The length of the bin that begins here, whose first byte ``data`` then points to. Raises SnapshotError."""
    cdef uint8_t tag = take(reader, 1)[0]
    if not 0xC4 <= tag <= 0xC6:
        raise SnapshotError("the snapshot's tables are no binary")
    cdef Py_ssize_t size = <Py_ssize_t>big_endian(reader, 1 << (tag - 0xC4))
    data[0] = take(reader, size)
    return size
