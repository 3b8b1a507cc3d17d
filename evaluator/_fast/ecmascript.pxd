# ECMAScript's view of JSON values: text, numbers, order, JSON text (docs/snapshot-format.md, section 4.9).
#
# The fast twin of ``_pure.ecmascript``. What is raised makes the expression fail.

from cpython.dict cimport PyDict_GetItemWithError, PyDict_Keys
from cpython.object cimport PyObject
from libc.math cimport NAN
from libc.stdint cimport uint64_t

from evaluator._fast.generated cimport *
from evaluator._fast.jsonlogic cimport is_container, is_list, known, same_scalars, to_double
from evaluator._fast.operators cimport automaton_accepts
from evaluator._fast.scopes cimport CHARACTERS_PER_STEP, MAX_DEPTH, MAX_TEXT, Run, items_of, spend
from evaluator._fast.values cimport number_in_text

cdef extern from "kernels.h":
    const char* text_utf8(PyObject* text, Py_ssize_t* length)

cdef extern from "ecmascript.h":
    object es_number_text(double number)
    bint es_number(const char** text, Py_ssize_t* length, double* number)
    int es_order(const char* left, Py_ssize_t n, const char* right, Py_ssize_t m)
    object es_padded_version(const char* text, Py_ssize_t length)
    bint es_is_index(const char* p, Py_ssize_t n)

cdef inline object text_of_any(Run* run, object value, int depth):
    """ToString of a known value."""
    cdef Py_ssize_t i
    cdef list parts
    if value is None:
        return "null"
    if isinstance(value, str):
        return value
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, dict):
        return "[object Object]"
    if not is_list(value):
        return es_number_text(to_double(value))
    if depth > MAX_DEPTH:
        raise ValueError
    parts = items_of(run, value)
    for i in range(len(parts)):
        parts[i] = "" if parts[i] is None else text_of_any(run, parts[i], depth + 1)
    text = ",".join(parts)
    if len(<str>text) > MAX_TEXT:
        raise ValueError
    spend(run, len(<str>text) // CHARACTERS_PER_STEP)
    return text


cdef inline object primitive(Run* run, object value):
    """ToPrimitive; a text is paid for."""
    if is_container(value):
        value = text_of_any(run, value, 1)
    if isinstance(value, str):
        spend(run, len(<str>value) // CHARACTERS_PER_STEP)
    return value


cdef inline double number_of_primitive(object value) except? -1.0:
    cdef Py_ssize_t length
    cdef double number
    cdef const char* text
    if not isinstance(value, str):
        return to_double(value)
    text = text_utf8(<PyObject*>value, &length)
    return number if es_number(&text, &length, &number) or number_in_text(text, length, &number) else NAN


cdef inline bint before(Run* run, object left, object right, bint or_equal) except -1:
    cdef double a, b
    cdef Py_ssize_t n, m
    cdef const char* first
    cdef const char* second
    left, right = primitive(run, left), primitive(run, right)
    if isinstance(left, str) and isinstance(right, str):
        first = text_utf8(<PyObject*>left, &n)
        second = text_utf8(<PyObject*>right, &m)
        return es_order(first, n, second, m) < or_equal
    a, b = number_of_primitive(left), number_of_primitive(right)
    return a <= b if or_equal else a < b


cdef inline object kind_of(object value):
    """``typeof``, with null and lists apart."""
    if value is None:
        return "null"
    if value is True or value is False:
        return "boolean"
    if isinstance(value, str):
        return "string"
    return "object" if isinstance(value, dict) else "array" if is_list(value) else "number"


cdef inline object padded_version(object value):
    """Of a number its text; of anything but a text that isn't empty, the version 0."""
    cdef Py_ssize_t length = 0
    cdef const char* text
    if isinstance(value, float) or (isinstance(value, int) and not isinstance(value, bool)):
        value = es_number_text(to_double(value))
    if not isinstance(value, str) or not len(<str>value):
        value = "0"
    text = text_utf8(<PyObject*>value, &length)
    return es_padded_version(text, length)


cdef inline bint is_index(object name) noexcept:
    cdef Py_ssize_t length
    cdef const char* text = text_utf8(<PyObject*>name, &length)
    return text != NULL and es_is_index(text, length)


cdef inline bint in_order(object value, list parts) except -1:
    """Whether a map's names, but for those like array indices, are these, and nothing else is one."""
    cdef Py_ssize_t at = 1
    for name in PyDict_Keys(value):
        name = known(name)
        if not isinstance(name, str):
            raise ValueError
        if not is_index(name):
            while at < len(parts) and is_index(parts[at]):
                at += 2
            if at >= len(parts) or name != parts[at]:
                return False
            at += 2
    while at < len(parts) and is_index(parts[at]):
        at += 2
    return at >= len(parts)


cdef inline bint same_json(Run* run, object value, object form, int depth) except -1:
    """Whether JSON.stringify would write the value as the form says: a scalar, ``["array", …]``, ``["object", name, value, …]``."""
    cdef Py_ssize_t i
    cdef PyObject* found
    cdef list parts, items
    if depth > MAX_DEPTH:
        raise ValueError
    if not is_list(form):
        return not is_container(value) and not isinstance(form, dict) and same_scalars(value, form)
    parts = items_of(run, form)
    if not len(parts):
        return False
    if parts[0] == "array" and is_list(value):
        items = items_of(run, value)
        if len(items) != len(parts) - 1:
            return False
        for i in range(len(items)):
            if not same_json(run, items[i], parts[i + 1], depth + 1):
                return False
        return True
    if parts[0] != "object" or not isinstance(value, dict):
        return False
    spend(run, dict.__len__(value))
    if len(parts) != 2 * dict.__len__(value) + 1:
        return False
    for i in range(1, len(parts), 2):
        if not isinstance(parts[i], str):
            return False
    if not in_order(value, parts):
        return False
    for i in range(1, len(parts), 2):
        found = PyDict_GetItemWithError(value, parts[i])
        if found == NULL or not same_json(run, known(<object>found), parts[i + 1], depth + 1):
            return False
    return True


cdef inline bint is_binary(int op) noexcept nogil:
    return op == NODE_BEFORE or op == NODE_NOT_AFTER or op == NODE_SAME_JSON


cdef inline object scripted(Run* run, const node_row* row, object value, object other):
    """One node's value from its arguments; ``other`` is the second one's of those that have two."""
    cdef int op = row.op
    cdef Py_ssize_t length
    cdef const char* text
    if op == NODE_TEXT:
        return text_of_any(run, value, 1)
    if op == NODE_NUMBER:
        return number_of_primitive(primitive(run, value))
    if op == NODE_SAME_JSON:
        return same_json(run, value, other, 1)
    if op == NODE_KIND:
        return kind_of(value)
    if is_binary(op):
        return before(run, value, other, op == NODE_NOT_AFTER)
    if isinstance(value, str):
        spend(run, len(<str>value) // CHARACTERS_PER_STEP)
    if op == NODE_PADDED_VERSION:
        return padded_version(value)
    if not isinstance(value, str):
        return value if op == NODE_LOWER else False
    if op == NODE_LOWER:
        return (<str>value).lower()
    text = text_utf8(<PyObject*>value, &length)
    return automaton_accepts(run.automata + <uint64_t>row.value * 8, text, length)
