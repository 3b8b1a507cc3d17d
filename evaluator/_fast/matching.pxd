from cpython.object cimport PyObject
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from evaluator._fast.expressions cimport View
from evaluator._fast.generated cimport condition_row, outcome_row
from evaluator._fast.program cimport Program

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

cdef enum Truth:
    NO = 0
    YES = 1
    UNKNOWN = 2
    ABSENT = 3

cdef enum UnitState:
    UNIT_FOUND
    UNIT_ABSENT
    UNIT_UNUSABLE


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


cdef struct Call:
    PyObject* context  # an exact dict, held by the caller
    PyObject* flag_key  # of the flag being evaluated, held by the program
    PyObject* now  # what the caller gave as the clock, or NULL
    int64_t now_us
    bint has_now
    Slot* slots
    uint64_t* filled  # a bit per attribute
    bint (*prerequisite)(Program p, Call* call, const condition_row* row) noexcept


cdef int match(Program p, Call* call, const condition_row* row) noexcept
cdef UnitState bucket_of(Program p, Call* call, const outcome_row* row, uint64_t* bucket) noexcept
cdef View view_of(Call* call)
