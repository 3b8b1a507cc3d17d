from cpython.object cimport PyObject
from libc.stdint cimport uint8_t, uint32_t, uint64_t

from evaluator._fast.generated cimport *

cdef extern from "kernels.h":
    Py_hash_t cached_hash(PyObject* text)
    int PyUnicode_CheckExact(PyObject* o)


cdef struct KeyEntry:
    PyObject* key
    Py_hash_t hash
    uint32_t row


cdef struct AttributeName:
    PyObject* name
    Py_hash_t hash
    uint32_t flags  # of the attribute's row
    Py_ssize_t place  # where the last context that was searched had it (slots.pxd); a guess, always checked
    uint32_t wrong_guesses


cdef struct VariantValue:
    PyObject* value  # held by the program's values; None for no value
    uint32_t kind


cdef struct Fragment:
    char* data
    Py_ssize_t length
    uint32_t owner  # the flag it was rendered for


cdef struct Recalled:
    PyObject* told  # held by the program's `made`; NULL for nothing yet
    uint32_t variant
    uint32_t reason


cdef class Program:
    """One verified snapshot: pointers into its bytes, and Python objects for what is handed out."""

    cdef bytes data
    cdef readonly str version
    cdef readonly dict meta
    cdef list keys, names, rule_ids, values, paths
    cdef list attribute_names
    cdef const flag_row* flags
    cdef const rule_row* rules
    cdef const condition_row* conditions
    cdef const outcome_row* outcomes
    cdef const range_row* ranges
    cdef const variant_row* variants
    cdef const attribute_row* attributes
    cdef const text_ref_row* text_refs
    cdef const node_row* nodes
    cdef const window_row* windows
    cdef const place_row* places
    cdef const uint64_t* numbers
    cdef const char* text
    cdef const char* sets
    cdef const char* automata
    cdef const char* zones
    cdef uint32_t counts[16]
    cdef uint8_t* state  # per flag: 0, or not to be walked: a tombstone, or it uses a code that this core doesn't know
    cdef AttributeName* names_by_attribute
    cdef VariantValue* variant_values
    cdef KeyEntry* key_table
    cdef uint32_t key_mask
    cdef Fragment* fragments  # JSON items, made on first use (evaluator.pyx)
    cdef Py_ssize_t fragment_count
    cdef object maker  # of `recall`, and what it made, by a number for flag, variant and reason
    cdef dict made
    cdef Recalled* recent  # per flag, what was last recalled of it
    cdef bytes metadata_json  # `,"metadata":{...}` of the flag set, or empty; made on first use

    cdef uint32_t find_other(self, object key) noexcept
    cdef int read(self) except -1
    cdef int allocate_state(self) except -1
    cdef int finish(self) except -1
    cdef int build_key_table(self) except -1
    cdef int build_attributes(self) except -1
    cdef int build_variants(self) except -1


cdef inline uint32_t find(Program p, object key) noexcept:
    """The flag row of a key, or NONE. The usual key is the very object that was found before, or a literal with a known hash."""
    cdef KeyEntry* entry
    if PyUnicode_CheckExact(<PyObject*>key):
        entry = &p.key_table[<uint32_t>cached_hash(<PyObject*>key) & p.key_mask]
        if entry.key == <PyObject*>key:
            return entry.row
    return p.find_other(key)


cdef int broken(str what) except -1  # raises SnapshotError


cdef inline int inside(uint64_t start, uint64_t count, uint64_t size, str what) except -1:
    """A run of rows or bytes that must lie in its table; an empty one refers to nothing."""
    if count and start + count > size:
        broken(what)
    return 0


cdef inline bint is_flat_map(object value) except -1:
    """A map whose values are texts, booleans, integers and finite floats."""
    if type(value) is not dict:
        return False
    for item in (<dict>value).values():
        if type(item) is float:
            if item - item != 0.0:
                return False
        elif type(item) is not str and type(item) is not int and type(item) is not bool:
            return False
    return True
