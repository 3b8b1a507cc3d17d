"""Values as operators see them (docs/snapshot-format.md section 4): the fast twin of ``_pure``'s values, times and places.

Only what is off the hot path works on Python objects; those functions may raise what a hostile object raises, and their callers
in ``matching`` turn that into "unknown". Subclasses of the built-in types are read through the base type, never their overrides.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.dict cimport PyDict_GetItemWithError
from cpython.object cimport PyObject
from libc.math cimport fabs, floor, trunc
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t

from evaluator._fast.generated cimport *

cdef extern from "kernels.h" nogil:
    uint32_t load_u32(const void* p)
    int32_t load_i32(const void* p)
    int64_t load_i64(const void* p)

cdef extern from "kernels.h":
    const char* text_utf8(PyObject* text, Py_ssize_t* length)

cdef extern from "Python.h":
    double PyOS_string_to_double(const char* s, char** endptr, PyObject* overflow_exception) except? -1.0
    object PyUnicode_FromObject(object o)

cdef enum:
    MAX_INTEGER_BITS = 1024

cdef double TWO_63 = 9223372036854775808.0
cdef double EXACT_FLOATS = 9007199254740992.0
cdef int64_t MAX_INSTANT = 4611686018427387904
cdef int64_t DAY_US = 86400000000


# ---- numbers ---------------------------------------------------------------------------------------------------------


cdef int order_double_integer(double number, int64_t integer) noexcept nogil:
    """Exact order of a double and a 64-bit integer: -1, 0, 1, or UNORDERED for NaN."""
    cdef double whole
    if number != number:
        return UNORDERED
    if number >= TWO_63:
        return 1
    if number < -TWO_63:
        return -1
    whole = trunc(number)
    if <int64_t>whole != integer:
        return 1 if <int64_t>whole > integer else -1
    return (number > whole) - (number < whole)


cdef inline bint is_blank(char c) noexcept nogil:
    return c == 32 or 9 <= c <= 13


cdef inline bint is_digit(char c) noexcept nogil:
    return 48 <= c <= 57


cdef bint number_in_text(const char* text, Py_ssize_t length, double* number) noexcept:
    """The decimal number that is the whole text, ASCII blanks around it allowed; False if it is none."""
    cdef Py_ssize_t i, start = 0, end = length, digits = 0
    while start < end and is_blank(text[start]):
        start += 1
    while end > start and is_blank(text[end - 1]):
        end -= 1
    i = start
    if i < end and (text[i] == c"+" or text[i] == c"-"):
        i += 1
    while i < end and is_digit(text[i]):
        i += 1
        digits += 1
    if i < end and text[i] == c".":
        i += 1
        while i < end and is_digit(text[i]):
            i += 1
            digits += 1
    if digits == 0:
        return False
    if i < end and (text[i] == c"e" or text[i] == c"E"):
        i += 1
        if i < end and (text[i] == c"+" or text[i] == c"-"):
            i += 1
        if i == end:
            return False
        while i < end and is_digit(text[i]):
            i += 1
    if i != end:
        return False
    try:
        number[0] = PyOS_string_to_double(PyBytes_AS_STRING(PyBytes_FromStringAndSize(text + start, end - start)), NULL, NULL)
    except Exception:
        return False
    return True


# ---- text ------------------------------------------------------------------------------------------------------------


cdef object text_of(object value):
    """The value as text (a str that has UTF-8), or None if it has none."""
    cdef double number
    cdef Py_ssize_t length
    if isinstance(value, str):
        value = PyUnicode_FromObject(value)
        return value if text_utf8(<PyObject*>value, &length) != NULL else None
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, int):
        value = int.__pos__(value)
        return str(value) if value.bit_length() <= MAX_INTEGER_BITS else None
    if isinstance(value, float):
        number = value
        if fabs(number) < EXACT_FLOATS and number == floor(number):
            return str(<int64_t>number)
        return float.__repr__(value)
    return None


# ---- objects ---------------------------------------------------------------------------------------------------------


cdef object items_of(object value):
    """The elements of a list, tuple, set or frozenset as a list of its own; None for anything else."""
    if isinstance(value, list):
        return list.__getitem__(value, slice(None))
    if isinstance(value, tuple):
        return [item for item in tuple.__iter__(value)]
    if isinstance(value, set):
        return [item for item in set.__iter__(value)]
    if isinstance(value, frozenset):
        return [item for item in frozenset.__iter__(value)]
    return None


cdef bint deep_equal(object expected, object value, bint boolean_number):
    """Equality of JSON values: 1 equals 1.0; booleans are numbers or aren't. ``expected`` is the snapshot's and bounds the depth."""
    if boolean_number:
        expected, value = without_boolean(expected), without_boolean(value)
    if expected is None or expected is True or expected is False:
        return value is expected
    if type(expected) is str:
        return isinstance(value, str) and expected == PyUnicode_FromObject(value)
    if type(expected) is int or type(expected) is float:
        if value is True or value is False:
            return False
        if isinstance(value, int):
            return expected == int.__pos__(value)
        return isinstance(value, float) and expected == float.__pos__(value)
    if type(expected) is list:
        return (isinstance(value, list) or isinstance(value, tuple)) and lists_equal(expected, items_of(value), boolean_number)
    return isinstance(value, dict) and maps_equal(expected, value, boolean_number)


cdef object without_boolean(object value):
    return 1 if value is True else 0 if value is False else value


cdef bint lists_equal(list expected, list items, bint boolean_number):
    cdef Py_ssize_t i
    if len(expected) != len(items):
        return False
    for i in range(len(expected)):
        if not deep_equal(expected[i], items[i], boolean_number):
            return False
    return True


cdef bint maps_equal(dict expected, object value, bint boolean_number):
    cdef PyObject* found
    if len(expected) != dict.__len__(value):
        return False
    for key, item in expected.items():
        found = PyDict_GetItemWithError(value, key)
        if found == NULL or not deep_equal(item, <object>found, boolean_number):
            return False
    return True


cdef object at_path(object value, list path, bint* found):
    """What lies at the end of the path; ``found`` says whether anything does."""
    cdef PyObject* entry
    cdef Py_ssize_t position
    found[0] = False
    for step in path:
        if type(step) is str and isinstance(value, dict):
            entry = PyDict_GetItemWithError(value, step)
            if entry == NULL:
                return None
            value = <object>entry
        elif type(step) is int and (isinstance(value, list) or isinstance(value, tuple)):
            items = items_of(value)
            if not 0 <= step < len(items):
                return None
            value = items[step]
        else:
            return None
    found[0] = True
    return value


cdef object fresh_copy(object value):
    """A copy of a JSON value that shares nothing mutable with it."""
    if type(value) is dict:
        return {key: fresh_copy(item) for key, item in (<dict>value).items()}
    if type(value) is list:
        return [fresh_copy(item) for item in <list>value]
    return value


# ---- instants --------------------------------------------------------------------------------------------------------


cdef bint scaled_integer(int64_t value, int64_t factor, int64_t* instant) noexcept nogil:
    if value > MAX_INSTANT // factor or value < -(MAX_INSTANT // factor):
        return False
    instant[0] = value * factor
    return True


cdef bint scaled_float(double value, double factor, int64_t* instant) noexcept nogil:
    cdef double shifted = value * factor + 0.5
    if not fabs(shifted) <= <double>MAX_INSTANT:  # not: NaN
        return False
    instant[0] = <int64_t>floor(shifted)
    return True


cdef inline bint two_digits(const char* text, int* value) noexcept nogil:
    value[0] = (text[0] - 48) * 10 + text[1] - 48
    return is_digit(text[0]) and is_digit(text[1])


cdef inline int64_t day_number(int64_t year, int month, int day) noexcept nogil:
    """Days since 1970-01-01 in the proleptic Gregorian calendar (years from March, so that leap days come last)."""
    cdef int64_t y = year - (month <= 2)
    cdef int64_t era = y // 400
    cdef int64_t of_era = y - era * 400
    cdef int64_t of_year = (153 * (month - 3 if month > 2 else month + 9) + 2) // 5 + day - 1
    return era * 146097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719468


cdef bint calendar_day(const char* text, int64_t* days) noexcept nogil:
    """`YYYY-MM-DD`, ten characters."""
    cdef int high, low, month, day, year, longest
    if not (two_digits(text, &high) and two_digits(text + 2, &low) and two_digits(text + 5, &month) and two_digits(text + 8, &day)):
        return False
    year = high * 100 + low
    if text[4] != c"-" or text[7] != c"-" or year < 1 or not 1 <= month <= 12:
        return False
    longest = 30 if month == 4 or month == 6 or month == 9 or month == 11 else 31
    if month == 2:
        longest = 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    days[0] = day_number(year, month, day)
    return 1 <= day <= longest


cdef bint zone_offset(const char* text, Py_ssize_t length, int64_t* seconds) noexcept nogil:
    """Nothing, `Z`, `±HH`, `±HHMM` or `±HH:MM`."""
    cdef int hours = 0, minutes = 0
    seconds[0] = 0
    if length == 0 or (length == 1 and (text[0] == c"Z" or text[0] == c"z")):
        return True
    if (text[0] != c"+" and text[0] != c"-") or (length != 3 and length != 5 and length != 6):
        return False
    if not two_digits(text + 1, &hours) or (length > 3 and not two_digits(text + length - 2, &minutes)):
        return False
    if hours > 23 or minutes > 59 or (length == 6 and text[3] != c":"):
        return False
    seconds[0] = (hours * 60 + minutes) * 60
    if text[0] == c"-":
        seconds[0] = -seconds[0]
    return True


cdef bint instant_in_text(const char* text, Py_ssize_t length, bint strict, int64_t* instant) noexcept nogil:
    """An ISO 8601 date, or date and time, in µs; False if the text is none. ``strict``: RFC 3339, nothing left out."""
    cdef int64_t days = 0, offset = 0, fraction = 0, scale = 100000
    cdef int hour = 0, minute = 0, second = 0
    cdef Py_ssize_t i = 10
    if length < 10 or not calendar_day(text, &days):
        return False
    if strict and (length < 20 or text[10] != c"T" or text[16] != c":" or text[length - 1] != c"Z" and text[length - 3] != c":"):
        return False
    if length > 10:
        if length < 16 or (text[10] != c"T" and text[10] != c"t" and text[10] != c" ") or text[13] != c":":
            return False
        if not two_digits(text + 11, &hour) or not two_digits(text + 14, &minute):
            return False
        i = 16
        if length >= 19 and text[16] == c":":
            if not two_digits(text + 17, &second):
                return False
            i = 19
            if length > 20 and text[19] == c"." and is_digit(text[20]):
                i = 20
                while i < length and is_digit(text[i]):
                    fraction += (text[i] - 48) * scale
                    scale //= 10
                    i += 1
        if hour > 23 or minute > 59 or second > 59 or not zone_offset(text + i, length - i, &offset):
            return False
    instant[0] = days * DAY_US + ((hour * 60 + minute) * 60 + second - offset) * 1000000 + fraction
    return True


cdef bint instant_of_object(object value, bint strict, int64_t* instant):
    """A datetime, a date, or whatever else writes itself in ISO 8601."""
    cdef Py_ssize_t length
    cdef const char* text
    written = None if value is None or isinstance(value, (list, tuple, set, frozenset, dict)) else value.isoformat()
    if not isinstance(written, str):
        return False
    written = PyUnicode_FromObject(written)
    text = text_utf8(<PyObject*>written, &length)
    return text != NULL and instant_in_text(text, length, strict, instant)


# ---- windows ---------------------------------------------------------------------------------------------------------


cdef inline int64_t floor_divide(int64_t a, int64_t b) noexcept nogil:
    return a // b - (a % b < 0)


cdef int64_t offset_at(const char* zone, int64_t instant) noexcept nogil:
    """The zone's UTC offset in seconds: that of the last transition not after the instant."""
    cdef uint32_t count = load_u32(zone), low = 0, high = count, middle
    cdef int64_t second = floor_divide(instant, 1000000)
    while low < high:
        middle = (low + high) // 2
        if load_i64(zone + 8 + 8 * <uint64_t>middle) <= second:
            low = middle + 1
        else:
            high = middle
    if low == 0:
        return load_i32(zone + 4)
    return load_i32(zone + 8 + 8 * <uint64_t>count + 4 * <uint64_t>(low - 1))


cdef bint in_window(const window_row* window, const char* zones, int64_t instant) noexcept nogil:
    cdef int64_t local = instant, day, minute
    local += 0 if window.zone == NONE else offset_at(zones + <uint64_t>window.zone * 8, instant) * 1000000
    day = floor_divide(local, DAY_US)
    minute = (local - day * DAY_US) // 60000000
    if not window.days >> (day + 3 - floor_divide(day + 3, 7) * 7) & 1:
        return False
    if window.flags & WINDOW_MINUTES:
        if window.start_minute <= window.end_minute:
            if not window.start_minute <= minute <= window.end_minute:
                return False
        elif not (minute >= window.start_minute or minute <= window.end_minute):
            return False
    if window.flags & WINDOW_DATES and not window.start_day <= day <= window.end_day:
        return False
    return not window.flags & WINDOW_ABSOLUTE or window.start <= instant <= window.end
