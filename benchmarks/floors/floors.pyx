"""What a careful person would write by hand for one particular workload: the floors that the generic core is measured against.

Cython with the C API, compiled with the core's own flags, called from the same loop in the same process. They know their
workload's shape (which attributes, which tests) and take only its constants: nothing here is generic, nothing explains itself,
nothing survives a hostile context.

e_plus    flag by key in a dict, user id and two attributes in the context, frozenset test, int test, murmur3_32, bucket, a constant
f         100 flags as in W4 into a new presized dict, each as ``e_plus`` does it
g         ten rules: nine comparisons that fail, then a frozenset of 1,000
nothing   an empty function of three arguments
"""

cimport cython
from cpython.object cimport PyObject
from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memcpy

cdef extern from "Python.h":
    PyObject* PyDict_GetItem(object mapping, object key)
    int PyDict_SetItem(object mapping, object key, object value) except -1
    int PySet_Contains(object members, object value) except -1
    long PyLong_AsLong(object value) except? -1
    const char* PyUnicode_AsUTF8AndSize(object text, Py_ssize_t* size) except NULL
    int PyUnicode_Compare(object left, object right)
    object _PyDict_NewPresized(Py_ssize_t size)


cdef inline uint32_t rotate(uint32_t value, int bits) noexcept nogil:
    return (value << bits) | (value >> (32 - bits))


cdef inline uint32_t murmur3_32(const char* data, Py_ssize_t size, uint32_t seed) noexcept nogil:
    """MurmurHash3_x86_32 (Austin Appleby, public domain)."""
    cdef uint32_t h = seed
    cdef uint32_t k
    cdef Py_ssize_t i
    cdef Py_ssize_t blocks = size // 4
    cdef const uint8_t* tail = <const uint8_t*> data + blocks * 4
    for i in range(blocks):
        memcpy(&k, data + i * 4, 4)
        h ^= rotate(k * <uint32_t> 0xCC9E2D51, 15) * <uint32_t> 0x1B873593
        h = rotate(h, 13) * 5 + <uint32_t> 0xE6546B64
    k = 0
    if size & 3:
        if size & 3 == 3:
            k ^= <uint32_t> tail[2] << 16
        if size & 3 >= 2:
            k ^= <uint32_t> tail[1] << 8
        k ^= tail[0]
        h ^= rotate(k * <uint32_t> 0xCC9E2D51, 15) * <uint32_t> 0x1B873593
    h ^= <uint32_t> size
    h = (h ^ (h >> 16)) * <uint32_t> 0x85EBCA6B
    h = (h ^ (h >> 13)) * <uint32_t> 0xC2B2AE35
    return h ^ (h >> 16)


cdef inline uint32_t bucket(object user, uint32_t seed) except? 0:
    cdef Py_ssize_t size
    cdef const char* text = PyUnicode_AsUTF8AndSize(user, &size)
    return murmur3_32(text, size, seed)


@cython.final
cdef class Simple:
    """W1: on for everyone."""
    cdef object value

    def __init__(self, value):
        self.value = value


@cython.final
cdef class Targeted:
    """W2: country in a set, a least age, then everybody whose bucket is at most ``last``."""
    cdef object countries
    cdef long age
    cdef uint32_t seed, last

    def __init__(self, countries, age, seed, last):
        self.countries = frozenset(countries)
        self.age = age
        self.seed = seed
        self.last = last


@cython.final
cdef class Variants:
    """W3: three values by bucket."""
    cdef uint32_t seed, first, second
    cdef object a, b, c

    def __init__(self, seed, first, second, a, b, c):
        self.seed = seed
        self.first = first
        self.second = second
        self.a = a
        self.b = b
        self.c = c


@cython.final
cdef class Large:
    """W5: nine (attribute, text) pairs, then an attribute's 1,000 members; True when one holds."""
    cdef tuple names, operands
    cdef object last_name, members
    cdef Py_ssize_t count

    def __init__(self, pairs, last_name, members):
        self.names = tuple(name for name, _ in pairs)
        self.operands = tuple(operand for _, operand in pairs)
        self.count = len(self.names)
        self.last_name = last_name
        self.members = frozenset(members)


cdef dict FLAGS = {}
cdef list SIMPLE = []
cdef list TARGETED = []
cdef list VARIANTS = []


def register(dict flags):
    """Sets the flags that e_plus and g look up: key -> Targeted or Large."""
    global FLAGS
    FLAGS = flags


def register_all(list simple, list targeted, list variants):
    """Sets the flags of ``f``: lists of (key, Simple), (key, Targeted) and (key, Variants)."""
    global SIMPLE, TARGETED, VARIANTS
    SIMPLE, TARGETED, VARIANTS = simple, targeted, variants


cdef inline object targeted(Targeted flag, dict context):
    cdef PyObject* value = PyDict_GetItem(context, "country")
    if value is NULL or not PySet_Contains(flag.countries, <object> value):
        return False
    value = PyDict_GetItem(context, "age")
    if value is NULL or PyLong_AsLong(<object> value) < flag.age:
        return False
    value = PyDict_GetItem(context, "targetingKey")
    if value is NULL:
        return False
    return True if bucket(<object> value, flag.seed) <= flag.last else False


cdef inline object variants(Variants flag, dict context):
    cdef PyObject* value = PyDict_GetItem(context, "targetingKey")
    cdef uint32_t place
    if value is NULL:
        return None
    place = bucket(<object> value, flag.seed)
    if place <= flag.first:
        return flag.a
    return flag.b if place <= flag.second else flag.c


def e_plus(str key, dict context, default):
    """One W2 evaluation."""
    cdef PyObject* flag = PyDict_GetItem(FLAGS, key)
    if flag is NULL:
        return default
    return targeted(<Targeted> flag, context)


def f(dict context):
    """All W4 flags: a new dict of key -> value."""
    cdef object answers = _PyDict_NewPresized(100)
    cdef tuple pair
    for pair in SIMPLE:
        PyDict_SetItem(answers, pair[0], (<Simple> pair[1]).value)
    for pair in TARGETED:
        PyDict_SetItem(answers, pair[0], targeted(<Targeted> pair[1], context))
    for pair in VARIANTS:
        PyDict_SetItem(answers, pair[0], variants(<Variants> pair[1], context))
    return answers


def g(str key, dict context, default):
    """One W5 evaluation."""
    cdef PyObject* found = PyDict_GetItem(FLAGS, key)
    cdef PyObject* value
    cdef Large flag
    cdef Py_ssize_t i
    if found is NULL:
        return default
    flag = <Large> found
    for i in range(flag.count):
        value = PyDict_GetItem(context, flag.names[i])
        if value is not NULL and PyUnicode_Compare(<object> value, flag.operands[i]) == 0:
            return True
    value = PyDict_GetItem(context, flag.last_name)
    if value is not NULL and PySet_Contains(flag.members, <object> value):
        return True
    return default


def nothing(key, context, default):
    """An empty function."""
    return default


def hash_of(str text, uint32_t seed):
    """The murmur3_32 of ``text``, to check these floors against the known answers."""
    return bucket(text, seed)
