# Attributes of one call: each is looked up once, into a slot that all the flags of an evaluate-all share. Inline, because this
# is the hot path of every module that includes it. Whatever a caller's objects raise is swallowed: it makes a value unusable.

from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF, Py_INCREF
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from evaluator._fast.generated cimport *
from evaluator._fast.hashing cimport converted
from evaluator._fast.program cimport AttributeName, Program
from evaluator._fast.values cimport at_path

cdef extern from "kernels.h" nogil:
    uint64_t text_prefix(const char* p, Py_ssize_t n)
    int64_t wall_clock_us()

cdef extern from "kernels.h":
    PyObject* dict_guess(PyObject* dict, PyObject* key, Py_ssize_t place)
    Py_ssize_t dict_place(PyObject* dict, PyObject* key)
    PyObject* _PyDict_GetItem_KnownHash(PyObject* dict, PyObject* key, Py_hash_t hash)
    PyObject* PyErr_Occurred()
    void PyErr_Clear()
    const char* text_utf8(PyObject* text, Py_ssize_t* length)
    int int_value(PyObject* number, int64_t* value)
    int same_text(PyObject* a, PyObject* b)
    int PyUnicode_CheckExact(PyObject* o)
    int PyLong_CheckExact(PyObject* o)
    int PyFloat_CheckExact(PyObject* o)
    double PyFloat_AS_DOUBLE(PyObject* o)
    PyObject* Py_None
    PyObject* Py_True
    PyObject* Py_False
    object PyUnicode_FromObject(object o)

cdef enum SlotKind:
    MISSING
    UNUSABLE
    NULL_VALUE
    BOOLEAN
    INTEGER
    FLOAT
    BIG_INTEGER
    TEXT
    OTHER


cdef struct Slot:
    PyObject* object  # a strong reference while the call lasts: a hostile key may change the context under us
    const char* text
    Py_ssize_t length
    uint64_t prefix
    int64_t integer
    double number
    uint32_t hash
    uint8_t kind
    uint8_t hashed
    uint64_t unused  # 64 bytes: a cache line each, and found by a shift


cdef struct Call:
    PyObject* context  # an exact dict, held by the caller
    PyObject* now  # what the caller gave as the clock, or NULL
    int64_t now_us
    bint has_now
    uint32_t flag  # the one being evaluated
    Slot* slots
    uint64_t* filled  # a bit per attribute


cdef inline void classify_subclass(Slot* slot) noexcept:
    """A subclass of str, int or float is read as the base value it holds."""
    cdef object value = <object>slot.object
    slot.kind = OTHER
    try:
        if isinstance(value, str):
            plain = PyUnicode_FromObject(value)
        elif isinstance(value, int):
            plain = int.__pos__(value)
        elif isinstance(value, float):
            plain = float.__pos__(value)
        else:
            return
    except Exception:
        return
    Py_INCREF(plain)
    Py_DECREF(value)
    slot.object = <PyObject*>plain
    classify(slot)


cdef inline void classify(Slot* slot) noexcept:
    """The kind of ``slot.object`` and what operators read of it."""
    cdef PyObject* value = slot.object
    slot.hashed = False
    if PyUnicode_CheckExact(value):
        slot.text = text_utf8(value, &slot.length)
        if slot.text == NULL:
            slot.kind = UNUSABLE
            return
        slot.prefix = text_prefix(slot.text, slot.length)
        slot.kind = TEXT
    elif PyLong_CheckExact(value):
        slot.kind = INTEGER if int_value(value, &slot.integer) else BIG_INTEGER
    elif PyFloat_CheckExact(value):
        slot.number = PyFloat_AS_DOUBLE(value)
        slot.kind = FLOAT
    elif value == Py_None:
        slot.kind = NULL_VALUE
    elif value == Py_True or value == Py_False:
        slot.integer = value == Py_True
        slot.kind = BOOLEAN
    else:
        classify_subclass(slot)


cdef inline bint counts_as_missing(const attribute_row* row, const Slot* slot) noexcept nogil:
    if slot.kind == NULL_VALUE:
        return row.flags & (ATTRIBUTE_EMPTY_IS_MISSING | ATTRIBUTE_NULL_IS_MISSING)
    return row.flags & ATTRIBUTE_EMPTY_IS_MISSING and slot.kind == TEXT and slot.length == 0


cdef inline void replace(Slot* slot, int how) noexcept:
    """The value as the attribute's conversion has it; unusable if there is none."""
    slot.object = converted(how, slot.object)
    if slot.object != NULL:
        classify(slot)
    else:
        slot.kind = UNUSABLE


cdef inline bint is_there(const attribute_row* row, Slot* slot) noexcept:
    """Whether the value counts as one; then it is as the attribute wants it. Small integers are as good as their doubles."""
    cdef int how = row.flags & ATTRIBUTE_CONVERSION
    if counts_as_missing(row, slot):
        return False
    if how == 0 or slot.kind <= NULL_VALUE:
        return True
    if how == ATTRIBUTE_AS_TEXT:
        if slot.kind == TEXT:
            return True
    elif how == ATTRIBUTE_AS_NUMBER or how == ATTRIBUTE_AS_SECONDS:
        if slot.kind == FLOAT or (slot.kind == INTEGER and -0x80000000 <= slot.integer <= 0x7FFFFFFF):
            return True
    replace(slot, how)
    return True


cdef inline bint guard_holds(Program p, Call* call, const attribute_row* row) noexcept:
    """Whether the attribute's guard, if it has one, is the text that it must be."""
    cdef Slot* slot
    if not row.flags & ATTRIBUTE_GUARDED:
        return True
    slot = resolve(p, call, row.guard)
    if slot.kind == MISSING:
        return row.flags & ATTRIBUTE_GUARD_OPTIONAL
    return slot.kind == TEXT and same_text(slot.object, <PyObject*>p.attribute_names[row.guard_text])


cdef inline void resolve_further(Program p, Call* call, const attribute_row* row, Slot* slot) noexcept:
    """Nothing under the name itself: the path, then the fallback."""
    cdef bint found = False
    cdef Slot* other
    if (row.path != NONE or row.flags & ATTRIBUTE_PATH_ONLY) and guard_holds(p, call, row):
        try:
            value = at_path(<object>call.context, <list>p.paths[row.path] if row.path != NONE else [], &found)
            if found:
                Py_INCREF(value)
                slot.object = <PyObject*>value
                classify(slot)
                if not is_there(row, slot):
                    Py_DECREF(<object>slot.object)
                    found = False
        except Exception:
            slot.kind = UNUSABLE
            slot.object = NULL
            return
    if found:
        return
    slot.kind = MISSING
    slot.object = NULL
    if row.fallback != NONE_16:
        other = resolve(p, call, row.fallback)
        slot[0] = other[0]
        if slot.object != NULL:
            Py_INCREF(<object>slot.object)


cdef inline PyObject* look_up(Call* call, AttributeName* name) noexcept:
    """The context's entry, borrowed. Contexts tend to be built alike, so its place in the last one is tried first: public API,
    checked by identity, and three times as quick as a hashed look-up. A layout that keeps failing is learned anew."""
    cdef PyObject* value = dict_guess(call.context, name.name, name.place)
    if value != NULL:
        return value
    if name.wrong_guesses & 63 == 0:
        name.place = dict_place(call.context, name.name)
    name.wrong_guesses += 1
    return _PyDict_GetItem_KnownHash(call.context, name.name, name.hash)


cdef inline bint stands(Program p, Call* call, const attribute_row* row, Slot* slot) noexcept:
    """Whether what the name leads to counts as being there."""
    return guard_holds(p, call, row) and is_there(row, slot)


cdef inline Slot* fill(Program p, Call* call, uint32_t attribute) noexcept:
    cdef Slot* slot = &call.slots[attribute]
    cdef AttributeName* name = &p.names_by_attribute[attribute]
    cdef PyObject* value = look_up(call, name)
    call.filled[attribute >> 6] |= <uint64_t>1 << (attribute & 63)
    if value != NULL:
        Py_INCREF(<object>value)
        slot.object = value
        classify(slot)
        if not name.flags or stands(p, call, &p.attributes[attribute], slot):
            return slot
        Py_DECREF(<object>slot.object)  # not ``value``: a subclass was replaced by the value it holds
    elif PyErr_Occurred() != NULL:
        PyErr_Clear()
        slot.kind = UNUSABLE
        slot.object = NULL
        return slot
    resolve_further(p, call, &p.attributes[attribute], slot)
    return slot


cdef inline Slot* resolve(Program p, Call* call, uint32_t attribute) noexcept:
    if call.filled[attribute >> 6] >> (attribute & 63) & 1:
        return &call.slots[attribute]
    return fill(p, call, attribute)


cdef inline int64_t clock_us(Call* call) noexcept:
    """The clock in µs. The wall clock is read at most once a call, in whole milliseconds."""
    if not call.has_now:
        call.now_us = wall_clock_us() // 1000 * 1000
        call.has_now = True
    return call.now_us
