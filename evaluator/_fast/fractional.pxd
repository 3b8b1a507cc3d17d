# flagd's own operators on computed arguments: ``fractional`` in its three generations, ``sem_ver``, ``starts_with``, ``ends_with``.
#
# The fast twin of ``_pure.fractional`` and of the end of ``_pure.expressions`` (docs/dialects/flagd.md, section 3.3).

from cpython.dict cimport PyDict_GetItemWithError
from cpython.list cimport PyList_GET_ITEM, PyList_GET_SIZE
from cpython.object cimport PyObject
from cpython.tuple cimport PyTuple_GET_ITEM, PyTuple_GET_SIZE
from libc.math cimport floor, isfinite
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from evaluator._fast.generated cimport *
from evaluator._fast.hashing cimport canonical_cbor
from evaluator._fast.jsonlogic cimport is_container, is_list, known
from evaluator._fast.values cimport text_of

cdef extern from "kernels.h":
    const char* text_utf8(PyObject* text, Py_ssize_t* length)
    uint32_t murmur3_32(const char* data, Py_ssize_t n, uint32_t seed) nogil

cdef extern from "versions.h":
    ctypedef struct version:
        pass
    bint version_parse(const char* p, Py_ssize_t length, int mode, version* out)
    int version_compare(const version* a, const version* b)
    bint version_same_range(const version* a, const version* b, int parts)

cdef enum:
    MAX_TOTAL_WEIGHT = 2147483647
    VERSION_MODE = MODE_VERSION_PREFIX | MODE_VERSION_PARTIAL



cdef inline object affix(list values, bint start):
    """``starts_with`` and ``ends_with``: null unless given two texts."""
    if len(values) != 2 or not isinstance(values[0], str) or not isinstance(values[1], str):
        return None
    return (<str>values[0]).startswith(values[1]) if start else (<str>values[0]).endswith(values[1])


cdef inline bint parse_version(object text, version* out) noexcept:
    cdef Py_ssize_t length
    cdef const char* data
    if text is None:
        return False
    data = text_utf8(<PyObject*>text, &length)
    return data != NULL and version_parse(data, length, VERSION_MODE, out)


cdef inline object compared_versions(list values):
    """``sem_ver``: null unless given a version, an operator and a version."""
    cdef version value, operand
    cdef int order
    if len(values) != 3 or not isinstance(values[1], str):
        return None
    left, op, right = text_of(values[0]), values[1], text_of(values[2])
    if not parse_version(left, &value) or not parse_version(right, &operand):
        return None
    if op == "^" or op == "~":
        return version_same_range(&value, &operand, 1 if op == "^" else 2)
    order = version_compare(&value, &operand)
    if op == "=":
        return order == 0
    if op == "!=":
        return order != 0
    if op == "<":
        return order < 0
    if op == "<=":
        return order <= 0
    if op == ">":
        return order > 0
    return order >= 0 if op == ">=" else None


cdef inline object fractional(int op, list values, bint literal, object flag_key, dict context):
    """The variant. ``literal``: the first argument is written as a list; ``context`` has the targeting key."""
    cdef list variants = [], weights = []
    cdef Py_ssize_t length, first = 0
    cdef const char* text
    cdef uint32_t digest
    cdef int64_t total
    if op == NODE_FRACTIONAL_CBOR:
        unit = unit_of_any(values, literal, flag_key, context, &first)
    else:
        unit = unit_of_text(values, flag_key, context, &first)
    if unit is None:
        return None
    total = parse_weights(values, first, variants, weights)
    if total <= 0:
        return None
    if isinstance(unit, bytes):
        digest = murmur3_32(<bytes>unit, len(<bytes>unit), 0)
    else:
        text = text_utf8(<PyObject*>unit, &length)
        if text == NULL:
            raise ValueError
        digest = murmur3_32(text, length, 0)
    if op == NODE_FRACTIONAL_SIGNED:
        return choose_signed(variants, weights, total, digest)
    return choose(variants, weights, total, digest)


cdef inline object targeting_key(dict context):
    """The context's targeting key; None if it has none, it is no text, or empty. Raises what a hostile key raises."""
    cdef PyObject* found = PyDict_GetItemWithError(context, "targetingKey")
    key = None if found == NULL else known(<object>found)
    return key if isinstance(key, str) and len(<str>key) else None


cdef inline object unit_of_text(list values, object flag_key, dict context, Py_ssize_t* first):
    """v1 and v2: a text as it is, else flag key and targeting key in one; ``first`` is where the weights begin."""
    if len(values) and (values[0] is None or isinstance(values[0], str)):
        first[0] = 1
        if values[0] is not None:
            return values[0]
    key = targeting_key(context)
    return None if key is None else <str>flag_key + <str>key


cdef inline object unit_of_any(list values, bint literal, object flag_key, dict context, Py_ssize_t* first):
    """v3: the CBOR of the first argument's value, or, when that is written as a list, of [flag key, targeting key]."""
    if len(values) == 0:
        return None
    if literal:
        unit = targeting_key(context)
        if unit is not None:
            unit = [flag_key, unit]
    else:
        unit = values[0]
        first[0] = 1
    if unit is None:
        return None
    try:
        return canonical_cbor(unit, 1)
    except ValueError:
        return None


cdef inline Py_ssize_t size_of(object value) noexcept:
    return PyList_GET_SIZE(value) if isinstance(value, list) else PyTuple_GET_SIZE(value)


cdef inline object element(object value, Py_ssize_t index):
    return known(<object>(PyList_GET_ITEM(value, index) if isinstance(value, list) else PyTuple_GET_ITEM(value, index)))


cdef inline int64_t parse_weights(list values, Py_ssize_t first, list variants, list weights) except? -2:
    """Fills in variants and weights; gives the sum of the weights, or -1 if one of them, or the sum, is unusable."""
    cdef int64_t total = 0, weight
    cdef Py_ssize_t i
    for i in range(first, len(values)):
        pair = values[i]
        if not is_list(pair) or size_of(pair) == 0:
            return -1
        variant = element(pair, 0)
        weight = parse_weight(element(pair, 1)) if size_of(pair) > 1 else 1
        if is_container(variant) or weight < 0:
            return -1
        total += weight
        variants.append(variant)
        weights.append(weight)
    return total if total <= MAX_TOTAL_WEIGHT else -1


cdef inline int64_t parse_weight(object value) except? -2:
    """0 .. 2**31-1, or -1: not a whole number, or too large."""
    cdef double number
    if value is None:
        return 1
    if value is True or value is False or not (isinstance(value, int) or isinstance(value, float)):
        return -1
    if not value <= MAX_TOTAL_WEIGHT:
        return -1
    if isinstance(value, float):
        number = value
        if not isfinite(number) or number != floor(number):
            return -1
    return <int64_t>value if value > 0 else 0


cdef inline object choose(list variants, list weights, int64_t total, uint32_t digest):
    """v2 and v3: the variant of the hash. ``total`` is above 0."""
    cdef uint64_t bucket = (<uint64_t>digest * <uint64_t>total) >> 32
    cdef uint64_t end = 0
    cdef Py_ssize_t i
    for i in range(len(variants)):
        end += <uint64_t>weights[i]
        if bucket < end:
            return variants[i]
    return None


cdef inline object choose_signed(list variants, list weights, int64_t total, uint32_t digest):
    """v1: the same from a percentage in floating point; null past the end, where rounding may leave a little."""
    cdef double magnitude = <double>digest if digest >> 31 == 0 else 4294967296.0 - <double>digest
    cdef double bucket = magnitude / 2147483647.0 * 100.0
    cdef double end = 0.0
    cdef Py_ssize_t i
    for i in range(len(variants)):
        end += 100.0 * <double><int64_t>weights[i] / <double>total
        if bucket < end:
            return variants[i]
    return None
