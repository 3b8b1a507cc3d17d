# JSONLogic's view of single values: truth, numbers, comparison, arithmetic, text (docs/dialects/flagd.md, section 3).
#
# The fast twin of ``_pure.jsonlogic``. Reads the built-in base of values only, never a subclass's overrides.

from cpython.list cimport PyList_GET_SIZE
from cpython.object cimport PyObject
from cpython.tuple cimport PyTuple_GET_SIZE
from libc.math cimport HUGE_VAL, NAN, fabs, floor, fmod, isfinite, trunc
from libc.stdint cimport int64_t

from evaluator._fast.generated cimport *
from evaluator._fast.values cimport number_in_text, text_of

cdef extern from "kernels.h":
    const char* text_utf8(PyObject* text, Py_ssize_t* length)

cdef extern from "Python.h":
    object PyUnicode_FromObject(object o)
    double PyLong_AsDouble(object o) except? -1.0

cdef enum:
    MAX_INDEX = 1000000000  # positions and lengths are clamped to this
    MAX_INDEX_DIGITS = 9



cdef inline bint is_list(object value) noexcept:
    return isinstance(value, list) or isinstance(value, tuple)


cdef inline bint is_container(object value) noexcept:
    return isinstance(value, list) or isinstance(value, tuple) or isinstance(value, dict)


cdef inline object known(object value):
    """JSON's kinds as they are, subclasses as their base; any other object, and text that isn't Unicode, is null."""
    cdef Py_ssize_t length
    if value is None or value is True or value is False:
        return value
    if isinstance(value, str):
        value = PyUnicode_FromObject(value)
        return value if text_utf8(<PyObject*>value, &length) != NULL else None
    if isinstance(value, int):
        return int.__pos__(value)
    if isinstance(value, float):
        return float.__pos__(value)
    return value if is_container(value) else None


cdef inline bint truthy(object value) noexcept:
    """JavaScript's truth, but an empty list is false: null, false, 0, NaN, "" and [] are false, everything else is true."""
    cdef double number
    if value is True:
        return True
    if value is None or value is False:
        return False
    if isinstance(value, str):
        return len(<str>value) != 0
    if isinstance(value, int):
        return not is_zero(value)
    if isinstance(value, float):
        number = <double>value
        return number != 0.0 and number == number
    if isinstance(value, list):
        return PyList_GET_SIZE(value) > 0
    if isinstance(value, tuple):
        return PyTuple_GET_SIZE(value) > 0
    return isinstance(value, dict)


cdef inline bint is_zero(object number) noexcept:
    try:
        return not int.__bool__(number)
    except Exception:
        return False


cdef inline object to_number(object value):
    """null and blank text are 0, booleans 0 and 1, text its decimal number; None for anything else."""
    cdef const char* text
    cdef Py_ssize_t length, i
    cdef double number = 0.0
    if value is None or value is False:
        return 0
    if value is True:
        return 1
    if isinstance(value, int) or isinstance(value, float):
        return value
    if not isinstance(value, str):
        return None
    text = text_utf8(<PyObject*>value, &length)
    if text == NULL:
        return None
    for i in range(length):
        if not (text[i] == 32 or 9 <= text[i] <= 13):
            return number if number_in_text(text, length, &number) else None
    return 0


cdef inline double to_double(object value):
    """``to_number`` as a double: NaN for no number, an infinity for an integer too large."""
    if isinstance(value, float):
        return <double>value
    number = to_number(value)
    if number is None:
        return NAN
    if isinstance(number, float):
        return <double>number
    try:
        return PyLong_AsDouble(number)
    except OverflowError:
        return HUGE_VAL if number > 0 else -HUGE_VAL


cdef inline object from_double(double result):
    """A result of arithmetic: whole ones below 2**53 as integers; null when it isn't finite."""
    if not isfinite(result):
        return None
    return <int64_t>result if result == floor(result) and fabs(result) < 9007199254740992.0 else result


cdef inline Py_ssize_t to_index(object value) except? -1:
    """A position or length, cut towards zero; 0 for no number."""
    cdef double number = to_double(value)
    if number != number:
        return 0
    if number > MAX_INDEX:
        return MAX_INDEX
    return -MAX_INDEX if number < -MAX_INDEX else <Py_ssize_t>trunc(number)


cdef inline Py_ssize_t list_index(object step) noexcept:
    """The list position that a step of a path names: decimal digits without leading zeros; -1 for anything else."""
    cdef Py_ssize_t length, i, index = 0
    cdef const char* text = text_utf8(<PyObject*>step, &length)
    if text == NULL or length == 0 or length > MAX_INDEX_DIGITS or (text[0] == c"0" and length > 1):
        return -1
    for i in range(length):
        if not 48 <= text[i] <= 57:
            return -1
        index = index * 10 + (text[i] - 48)
    return index


cdef inline bint loosely_equal_scalars(object left, object right) except -1:
    """JavaScript's ``==`` for null, booleans, numbers and text."""
    if left is None or right is None:
        return left is None and right is None
    if isinstance(left, str) and isinstance(right, str):
        return <str>left == <str>right
    a, b = to_number(left), to_number(right)
    return a is not None and b is not None and a == b


cdef inline bint same_scalars(object left, object right) except -1:
    """JavaScript's ``===`` for null, booleans, numbers and text."""
    if left is None or right is None:
        return left is None and right is None
    if isinstance(left, str) or isinstance(right, str):
        return isinstance(left, str) and isinstance(right, str) and <str>left == <str>right
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    return left == right


cdef inline bint less(object left, object right, bint or_equal) except -1:
    """JavaScript's ``<`` and ``<=``: two texts by code point, anything else as numbers."""
    if isinstance(left, str) and isinstance(right, str):
        return left <= right if or_equal else left < right
    a, b = to_number(left), to_number(right)
    if a is None or b is None:
        return False
    return a <= b if or_equal else a < b


cdef inline object arithmetic(int op, list values):
    cdef Py_ssize_t count = len(values)
    cdef double result, other
    if op == NODE_ADD:
        result = 0.0
        for value in values:
            result += to_double(value)
        return from_double(result)
    if count == 0:
        return None
    if op == NODE_MULTIPLY:
        result = 1.0
        for value in values:
            result *= to_double(value)
        return from_double(result)
    result = to_double(values[0])
    if op == NODE_MINIMUM or op == NODE_MAXIMUM:
        for value in values:
            other = to_double(value)
            if other != other:
                return None
            if (other > result) if op == NODE_MAXIMUM else (other < result):
                result = other
        return from_double(result)
    if op == NODE_SUBTRACT:
        return from_double(result - to_double(values[1]) if count > 1 else -result)
    if count < 2:
        return None
    other = to_double(values[1])
    if op == NODE_DIVIDE:
        return None if other == 0.0 else from_double(result / other)
    if not isfinite(result) or other != other or other == 0.0:
        return None
    return from_double(fmod(result, other))


cdef inline object substring(list values):
    """Characters from a position (negative: from the end) on, at most so many (negative: without the last ones)."""
    cdef Py_ssize_t size, start, end, length
    text = text_of(values[0]) if len(values) else ""
    if text is None:
        text = ""
    start = to_index(values[1]) if len(values) > 1 else 0
    size = len(<str>text)
    if start < 0:
        start = max(0, size + start)
    start = min(start, size)
    end = size
    if len(values) > 2:
        length = to_index(values[2])
        end = min(size, start + length) if length >= 0 else max(start, size + length)
    return (<str>text)[start:end]
