"""From a unit to its bytes and from bytes to a bucket: the fast twin of ``_pure.hashing``, ``buckets`` and ``conversions``.

``walk`` has the usual case inline; here is everything else.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF, Py_INCREF
from libc.math cimport fabs, floor
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from evaluator._fast.generated cimport *
from evaluator._fast.program cimport Program
from evaluator._fast.values cimport instant_of_object, items_of

cdef extern from "kernels.h":
    uint32_t load_u32(const void* p) nogil
    uint32_t load_u32_big(const void* p) nogil
    uint32_t c_murmur3_32 "murmur3_32"(const char* data, Py_ssize_t n, uint32_t seed) nogil
    uint64_t murmur3_x64_h1(const char* data, Py_ssize_t n) nogil
    void c_md5 "md5"(const char* data, Py_ssize_t n, uint8_t* digest) nogil
    uint64_t sha1_64(const char* data, Py_ssize_t n) nogil
    uint32_t fnv1a_utf16(const char* data, Py_ssize_t n) nogil
    Py_ssize_t decimal(int64_t value, char* buffer) nogil
    const char* text_utf8(PyObject* text, Py_ssize_t* length)

cdef extern from "Python.h":
    object PyUnicode_FromObject(object o)
    int PyFloat_Pack2(double x, char* p, int little_endian) except -1
    int PyFloat_Pack4(double x, char* p, int little_endian) except -1
    int PyFloat_Pack8(double x, char* p, int little_endian) except -1
    double PyFloat_Unpack2(const char* p, int little_endian) except? -1.0
    double PyFloat_Unpack4(const char* p, int little_endian) except? -1.0

cdef enum:
    MAX_CBOR_DEPTH = 64
    MAX_INTEGER_BITS = 1024
    UNIT_BUFFER = 512  # bytes of prefix + unit + suffix that need no allocation

cdef double TWO_63 = 9223372036854775808.0
cdef double EXACT_FLOATS = 9007199254740992.0


cdef bytes head(int major, uint64_t argument):
    """Major type and argument in the shortest of the five forms."""
    cdef uint8_t[9] form
    cdef int size = 0, i
    if argument < 24:
        form[0] = <uint8_t>(major << 5 | argument)
    else:
        size = 1 if argument < 0x100 else 2 if argument < 0x10000 else 4 if argument < 0x100000000 else 8
        form[0] = <uint8_t>(major << 5 | (24 if size == 1 else 25 if size == 2 else 26 if size == 4 else 27))
        for i in range(size):
            form[1 + i] = <uint8_t>(argument >> (8 * (size - 1 - i)))
    return PyBytes_FromStringAndSize(<char*>form, 1 + size)


cdef bytes text_item(object text):
    cdef Py_ssize_t length
    text = PyUnicode_FromObject(text)
    cdef const char* data = text_utf8(<PyObject*>text, &length)
    if data == NULL:
        raise ValueError
    return head(3, length) + PyBytes_FromStringAndSize(data, length)


cdef bytes integer_item(object value):
    """Major type 0 or 1; outside 64 bits a bignum (tags 2 and 3)."""
    if value.bit_length() > MAX_INTEGER_BITS:
        raise ValueError
    negative = value < 0
    magnitude = -1 - value if negative else value
    if magnitude < 1 << 64:
        return head(1 if negative else 0, magnitude)
    data = magnitude.to_bytes((magnitude.bit_length() + 7) // 8, "big")
    return (b"\xc3" if negative else b"\xc2") + head(2, len(data)) + data


cdef bytes float_item(double value):
    """The shortest of half, single and double precision that keeps the value."""
    cdef char[9] form
    if value != value:
        return b"\xf9\x7e\x00"
    try:
        PyFloat_Pack2(value, form + 1, 0)
        if PyFloat_Unpack2(form + 1, 0) == value:
            form[0] = <char>0xF9
            return PyBytes_FromStringAndSize(form, 3)
    except OverflowError:
        pass
    try:
        PyFloat_Pack4(value, form + 1, 0)
        if PyFloat_Unpack4(form + 1, 0) == value:
            form[0] = <char>0xFA
            return PyBytes_FromStringAndSize(form, 5)
    except OverflowError:
        pass
    form[0] = <char>0xFB
    PyFloat_Pack8(value, form + 1, 0)
    return PyBytes_FromStringAndSize(form, 9)


cdef object canonical_cbor(object value, int depth):
    cdef double number
    if value is None:
        return b"\xf6"
    if value is True:
        return b"\xf5"
    if value is False:
        return b"\xf4"
    if isinstance(value, float):
        number = float.__pos__(value)
        if not (fabs(number) < TWO_63 and number == floor(number)):
            return float_item(number)
        return integer_item(int(<int64_t>number))
    if isinstance(value, int):
        return integer_item(int.__pos__(value))
    if isinstance(value, str):
        return text_item(value)
    if depth > MAX_CBOR_DEPTH:
        raise ValueError
    if isinstance(value, list):
        parts = [canonical_cbor(item, depth + 1) for item in list.__getitem__(value, slice(None))]
        return head(4, len(parts)) + b"".join(parts)
    if isinstance(value, tuple):
        parts = [canonical_cbor(item, depth + 1) for item in tuple.__iter__(value)]
        return head(4, len(parts)) + b"".join(parts)
    if not isinstance(value, dict):
        raise ValueError
    pairs = []
    for key, item in list(dict.items(value)):
        if not isinstance(key, str):
            raise ValueError
        pairs.append((text_item(key), canonical_cbor(item, depth + 1)))
    pairs.sort()
    return head(5, len(pairs)) + b"".join([key + item for key, item in pairs])


# ---- conversions -----------------------------------------------------------------------------------------------------


cdef object texts_of(object value):
    """A list's or tuple's texts, or None if there is anything else in it, or it is something else."""
    if not isinstance(value, (list, tuple)):
        return None
    texts = []
    for item in items_of(value):
        if not isinstance(item, str):
            return None
        texts.append(PyUnicode_FromObject(item))
    return texts


cdef bint instant_seconds(object value, double* seconds):
    """Of an object that writes itself in ISO 8601; others give False."""
    cdef int64_t instant
    try:
        if not instant_of_object(value, False, &instant):
            return False
    except Exception:
        return False
    seconds[0] = <double>instant / 1e6
    return True


cdef object float_text(double number):
    if number != number:
        return "NaN"
    if number - number != 0:
        return "Infinity" if number > 0 else "-Infinity"
    text = float.__repr__(number)
    return str(int(number)) if number == floor(number) and "e" not in text else text


cdef object canonical_text(object value):
    cdef double seconds
    if isinstance(value, float):
        return float_text(float.__pos__(value))
    if isinstance(value, int) and int.bit_length(value) <= MAX_INTEGER_BITS:
        return str(value)
    texts = texts_of(value)
    if texts is not None:
        from evaluator.json_text import render

        return render(texts)
    if isinstance(value, int) or not instant_seconds(value, &seconds):
        raise ValueError
    return float_text(seconds)


cdef object conversion(int how, object value):
    """What an ATTRIBUTE_AS_* code makes of a value that is no subclass of str, int or float. Raises where there is nothing."""
    cdef double seconds
    cdef bint is_text = isinstance(value, str)
    if how == ATTRIBUTE_AS_TEXT:
        return value if is_text else canonical_text(value)
    if how == ATTRIBUTE_AS_TEXTS:
        if is_text:
            from evaluator.json_text import parse

            value = parse(value)
        texts = texts_of(value)
        if texts is None:
            raise ValueError
        return texts
    if how == ATTRIBUTE_AS_MAP_NAMES and isinstance(value, dict):
        return [name for name, item in dict.items(value) if isinstance(name, str) and isinstance(item, dict)]
    if how == ATTRIBUTE_AS_TRIMMED_TEXT and is_text:
        return (<str>value).strip()
    if how == ATTRIBUTE_AS_NUMBER or how == ATTRIBUTE_AS_SECONDS:
        if how == ATTRIBUTE_AS_SECONDS and not isinstance(value, (str, int, float)) and instant_seconds(value, &seconds):
            return seconds
        return float((<str>value).replace(",", ".") if is_text else value)
    raise ValueError


cdef PyObject* converted(int how, PyObject* value) noexcept:
    """The same for a reference that is given up; a new one, or NULL."""
    cdef object after
    try:
        after = conversion(how, <object>value)
        Py_INCREF(after)
        return <PyObject*>after
    except Exception:
        return NULL
    finally:
        Py_DECREF(<object>value)


# ---- buckets ---------------------------------------------------------------------------------------------------------


cdef uint64_t hash_of(const outcome_row* row, const char* data, Py_ssize_t length) noexcept nogil:
    cdef uint8_t[16] digest
    cdef char[24] digits
    cdef uint64_t rest = 0
    cdef int i
    if row.hash == HASH_MURMUR3_32:
        return c_murmur3_32(data, length, row.seed)
    if row.hash == HASH_SHA1_28 or row.hash == HASH_SHA1_60:
        return sha1_64(data, length) >> (36 if row.hash == HASH_SHA1_28 else 4)
    if row.hash >= HASH_FNV1A_32:
        rest = fnv1a_utf16(data, length)
        return rest if row.hash == HASH_FNV1A_32 else fnv1a_utf16(digits, decimal(<int64_t>rest, digits))
    c_md5(data, length, digest)
    if row.hash == HASH_MD5_LE32:
        return load_u32(digest)
    if row.hash == HASH_MD5_BE32:
        return load_u32_big(digest)
    for i in range(16):  # 128 bits modulo `total`, a byte at a time; the checks at load tie this hash to SPACE_MODULO
        rest = (rest * 256 + digest[i]) % row.total
    return rest


cdef uint64_t space_of(const outcome_row* row, uint64_t digest) noexcept nogil:
    if row.space == SPACE_FULL:
        return digest
    if row.space == SPACE_MODULO:
        return digest % row.total
    if row.space == SPACE_MULTIPLY:
        return (digest * row.total) >> 32
    return digest if digest >> 31 == 0 else (<uint64_t>1 << 32) - digest


cdef uint64_t bucket_of_bytes(Program p, const outcome_row* row, const char* unit, Py_ssize_t length, bint* failed) noexcept:
    cdef char[UNIT_BUFFER] buffer
    cdef char* joined = buffer
    cdef Py_ssize_t total = <Py_ssize_t>row.prefix_length + length + row.suffix_length
    cdef uint64_t digest
    if total > UNIT_BUFFER:
        joined = <char*>malloc(total)
        if joined == NULL:
            failed[0] = True
            return 0
    memcpy(joined, p.text + row.prefix, row.prefix_length)
    memcpy(joined + row.prefix_length, unit, length)
    memcpy(joined + row.prefix_length + length, p.text + row.suffix, row.suffix_length)
    digest = hash_of(row, joined, total)
    if joined != buffer:
        free(joined)
    return space_of(row, digest)


cdef object unit_bytes(int code, object value):
    """The unit's bytes by a UNIT_* code, or None for one that doesn't count. Raises for one that can't be encoded."""
    cdef double number
    cdef Py_ssize_t length
    cdef const char* utf8
    if value is None:
        return None
    if code == UNIT_CBOR:
        return canonical_cbor(value, 1)
    if isinstance(value, str):
        value = PyUnicode_FromObject(value)
        utf8 = text_utf8(<PyObject*>value, &length)
        if utf8 == NULL:
            raise ValueError
        return utf8[:length]
    if code == UNIT_STRING or value is True or value is False:
        return None
    if isinstance(value, float):
        number = float.__pos__(value)
        if not (fabs(number) < EXACT_FLOATS and number == floor(number)):
            return None
        value = int(<int64_t>number)
    if not isinstance(value, int) or int.bit_length(value) > MAX_INTEGER_BITS:
        return None
    return str(int.__pos__(value)).encode()
