# What expressions compare, and the count of steps that bounds them: the part of ``_pure.scopes`` that knows no context. Inline.

from cpython.dict cimport PyDict_GetItemWithError
from cpython.list cimport PyList_GET_ITEM, PyList_GET_SIZE
from cpython.object cimport PyObject
from cpython.tuple cimport PyTuple_GET_ITEM, PyTuple_GET_SIZE

from evaluator._fast.generated cimport *
from evaluator._fast.jsonlogic cimport is_container, is_list, known, loosely_equal_scalars, same_scalars

cdef enum:
    MAX_STEPS = 100000
    MAX_TEXT = 65536  # characters of a text that is made
    CHARACTERS_PER_STEP = 64
    MAX_DEPTH = 64  # of values that are walked


cdef struct Run:
    const node_row* nodes
    PyObject* values  # of the program
    const char* automata
    PyObject* view
    Py_ssize_t steps


cdef inline int spend(Run* run, Py_ssize_t steps) except -1:
    run.steps -= steps
    if run.steps < 0:
        raise ValueError
    return 0


cdef inline list items_of(Run* run, object value):
    """The elements of a list, known; nothing for anything else."""
    cdef Py_ssize_t i
    cdef list result = []
    if isinstance(value, list):
        spend(run, PyList_GET_SIZE(value))
        for i in range(PyList_GET_SIZE(value)):
            result.append(known(<object>PyList_GET_ITEM(value, i)))
    elif isinstance(value, tuple):
        spend(run, PyTuple_GET_SIZE(value))
        for i in range(PyTuple_GET_SIZE(value)):
            result.append(known(<object>PyTuple_GET_ITEM(value, i)))
    return result


cdef inline bint strictly_equal(Run* run, object left, object right, int depth) except -1:
    """Same kind and equal; lists by element, maps by key."""
    if isinstance(left, dict) or isinstance(right, dict):
        return isinstance(left, dict) and isinstance(right, dict) and same_maps(run, left, right, depth)
    if is_list(left) or is_list(right):
        return is_list(left) and is_list(right) and same_lists(run, left, right, depth)
    return same_scalars(left, right)


cdef inline bint same_lists(Run* run, object left, object right, int depth) except -1:
    cdef Py_ssize_t i
    cdef list first = items_of(run, left), second = items_of(run, right)
    if depth > MAX_DEPTH:
        raise ValueError
    if len(first) != len(second):
        return False
    for i in range(len(first)):
        if not strictly_equal(run, first[i], second[i], depth + 1):
            return False
    return True


cdef inline bint same_maps(Run* run, object left, object right, int depth) except -1:
    cdef PyObject* other
    if depth > MAX_DEPTH:
        raise ValueError
    if dict.__len__(left) != dict.__len__(right):
        return False
    spend(run, dict.__len__(left))
    for key, value in dict.items(left):
        other = PyDict_GetItemWithError(right, key)
        if other == NULL or not strictly_equal(run, known(value), known(<object>other), depth + 1):
            return False
    return True


cdef inline bint loosely_equal(Run* run, object left, object right) except -1:
    if is_container(left) or is_container(right):
        return strictly_equal(run, left, right, 1)
    return loosely_equal_scalars(left, right)
