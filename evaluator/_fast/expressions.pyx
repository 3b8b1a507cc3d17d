"""The interpreter of value expressions over rows of ``nodes``: the fast twin of ``_pure``'s expressions, scopes, jsonlogic and
fractional, function for function (docs/dialects/flagd.md, section 3).

Works on Python objects, but reads their built-in base only, never a subclass's overrides. Any exception, the limits' own included,
means that the expression fails; the callers turn it into "unknown" or an error reason.
"""

from cpython.dict cimport PyDict_GetItemWithError
from cpython.list cimport PyList_GET_ITEM, PyList_GET_SIZE
from cpython.object cimport PyObject
from cpython.tuple cimport PyTuple_GET_ITEM, PyTuple_GET_SIZE
from libc.math cimport HUGE_VAL, NAN, fabs, floor, fmod, isfinite, trunc
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from evaluator._fast.generated cimport *
from evaluator._fast.hashing cimport canonical_cbor
from evaluator._fast.program cimport Program
from evaluator._fast.values cimport number_in_text, text_of

cdef extern from "kernels.h":
    const char* text_utf8(PyObject* text, Py_ssize_t* length)
    uint32_t murmur3_32(const char* data, Py_ssize_t n, uint32_t seed) nogil

cdef extern from "versions.h":
    ctypedef struct version:
        pass
    bint version_parse(const char* p, Py_ssize_t length, int mode, version* out)
    int version_compare(const version* a, const version* b)
    bint version_same_range(const version* a, const version* b, int parts)

cdef extern from "Python.h":
    object PyUnicode_FromObject(object o)
    double PyLong_AsDouble(object o) except? -1.0

cdef enum:
    MAX_STEPS = 100000
    MAX_TEXT = 65536  # characters of a concatenation
    CHARACTERS_PER_STEP = 64
    MAX_DEPTH = 64  # of values that are compared
    MAX_INDEX = 1000000000  # positions and lengths are clamped to this
    MAX_INDEX_DIGITS = 9
    MAX_TOTAL_WEIGHT = 2147483647
    VERSION_MODE = MODE_VERSION_PREFIX | MODE_VERSION_PARTIAL

cdef double EXACT_FLOATS = 9007199254740992.0
cdef double TWO_32 = 4294967296.0

cdef object ROOT = object()  # the outermost scope: the context with $flagd in it
cdef object ABSENT = object()  # what a path leads to when it leads nowhere


cdef struct Run:
    const node_row* nodes
    PyObject* values  # of the program
    PyObject* view
    Py_ssize_t steps


cdef class View:
    def __init__(self, dict context not None, now_ms, flag_key):
        self.context = context
        self.now_ms = now_ms
        self.flag_key = flag_key


cpdef object evaluate_expression(Program program, uint32_t node, View view):
    """The value of the expression whose root is this row; raises when it fails."""
    cdef Run run
    run.nodes = program.nodes
    run.values = <PyObject*>program.values
    run.view = <PyObject*>view
    run.steps = MAX_STEPS
    return value_of(&run, node, ROOT)


cdef inline int spend(Run* run, Py_ssize_t steps) except -1:
    run.steps -= steps
    if run.steps < 0:
        raise ValueError
    return 0


# ---- single values ---------------------------------------------------------------------------------------------------


cdef inline bint is_list(object value) noexcept:
    return isinstance(value, list) or isinstance(value, tuple)


cdef inline bint is_container(object value) noexcept:
    return isinstance(value, list) or isinstance(value, tuple) or isinstance(value, dict)


cdef object known(object value):
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


cpdef bint truthy(object value) noexcept:
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


cdef bint is_zero(object number) noexcept:
    try:
        return not int.__bool__(number)
    except Exception:
        return False


cdef object to_number(object value):
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


cdef double to_double(object value):
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


cdef object from_double(double result):
    """A result of arithmetic: whole ones below 2**53 as integers; null when it isn't finite."""
    if not isfinite(result):
        return None
    return <int64_t>result if result == floor(result) and fabs(result) < EXACT_FLOATS else result


cdef Py_ssize_t to_index(object value) except? -1:
    """A position or length, cut towards zero; 0 for no number."""
    cdef double number = to_double(value)
    if number != number:
        return 0
    if number > MAX_INDEX:
        return MAX_INDEX
    return -MAX_INDEX if number < -MAX_INDEX else <Py_ssize_t>trunc(number)


cdef Py_ssize_t list_index(object step) noexcept:
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


cdef bint loosely_equal_scalars(object left, object right) except -1:
    """JavaScript's ``==`` for null, booleans, numbers and text."""
    if left is None or right is None:
        return left is None and right is None
    if isinstance(left, str) and isinstance(right, str):
        return <str>left == <str>right
    a, b = to_number(left), to_number(right)
    return a is not None and b is not None and a == b


cdef bint same_scalars(object left, object right) except -1:
    """JavaScript's ``===`` for null, booleans, numbers and text."""
    if left is None or right is None:
        return left is None and right is None
    if isinstance(left, str) or isinstance(right, str):
        return isinstance(left, str) and isinstance(right, str) and <str>left == <str>right
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    return left == right


cdef bint less(object left, object right, bint or_equal) except -1:
    """JavaScript's ``<`` and ``<=``: two texts by code point, anything else as numbers."""
    if isinstance(left, str) and isinstance(right, str):
        return left <= right if or_equal else left < right
    a, b = to_number(left), to_number(right)
    if a is None or b is None:
        return False
    return a <= b if or_equal else a < b


# ---- scopes ----------------------------------------------------------------------------------------------------------


cdef list items_of(Run* run, object value):
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


cdef object entry(object mapping, object key):
    """A dict's entry, or ABSENT. Raises what a hostile key's ``__eq__`` raises."""
    cdef PyObject* found = PyDict_GetItemWithError(mapping, key)
    return ABSENT if found == NULL else <object>found


cdef object element(object value, Py_ssize_t index):
    if isinstance(value, list):
        return <object>PyList_GET_ITEM(value, index) if 0 <= index < PyList_GET_SIZE(value) else ABSENT
    return <object>PyTuple_GET_ITEM(value, index) if 0 <= index < PyTuple_GET_SIZE(value) else ABSENT


cdef dict flagd(Run* run):
    cdef View view = <View>run.view
    now = view.now_ms
    now = int.__pos__(now) if isinstance(now, int) else float.__pos__(now)
    return {"flagKey": view.flag_key, "timestamp": int(now // 1000)}


cdef dict whole(Run* run):
    cdef View view = <View>run.view
    cdef dict result
    spend(run, len(view.context))
    result = view.context.copy()
    result["$flagd"] = flagd(run)
    return result


cdef object enter(Run* run, object value, object step):
    if value is ROOT:
        return flagd(run) if step == "$flagd" else entry((<View>run.view).context, step)
    if isinstance(value, dict):
        return entry(value, step)
    return element(value, list_index(step)) if is_list(value) else ABSENT


cdef object find(Run* run, object path, object scope):
    """What a dotted path leads to from the scope, or ABSENT. An empty path, or a null, is the whole scope."""
    text = "" if path is None else text_of(path)
    if text is None:
        return ABSENT
    if len(<str>text) == 0:
        return whole(run) if scope is ROOT else scope
    value = scope
    if "." not in <str>text:
        spend(run, 1)
        value = enter(run, value, text)
    else:
        steps = (<str>text).split(".")
        spend(run, len(<list>steps))
        for step in <list>steps:
            value = enter(run, value, step)
            if value is ABSENT:
                break
    return value if value is ABSENT else known(value)


cdef object targeting_key(Run* run):
    """The context's targeting key; None if it has none, it is no text, or empty."""
    key = entry((<View>run.view).context, "targetingKey")
    if key is ABSENT:
        return None
    key = known(key)
    return key if isinstance(key, str) and len(<str>key) else None


cdef bint loosely_equal(Run* run, object left, object right) except -1:
    if is_container(left) or is_container(right):
        return strictly_equal(run, left, right, 1)
    return loosely_equal_scalars(left, right)


cdef bint strictly_equal(Run* run, object left, object right, int depth) except -1:
    """Same kind and equal; lists by element, maps by key."""
    if isinstance(left, dict) or isinstance(right, dict):
        return isinstance(left, dict) and isinstance(right, dict) and same_maps(run, left, right, depth)
    if is_list(left) or is_list(right):
        return is_list(left) and is_list(right) and same_lists(run, left, right, depth)
    return same_scalars(left, right)


cdef bint same_lists(Run* run, object left, object right, int depth) except -1:
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


cdef bint same_maps(Run* run, object left, object right, int depth) except -1:
    if depth > MAX_DEPTH:
        raise ValueError
    if dict.__len__(left) != dict.__len__(right):
        return False
    spend(run, dict.__len__(left))
    for key, value in dict.items(left):
        other = entry(right, key)
        if other is ABSENT or not strictly_equal(run, known(value), known(other), depth + 1):
            return False
    return True


# ---- nodes -----------------------------------------------------------------------------------------------------------


cdef object value_of(Run* run, uint32_t node, object scope):
    """The value of one node in a scope."""
    cdef const node_row* row = &run.nodes[node]
    cdef int op = row.op
    spend(run, 1)
    if op == NODE_CONSTANT:
        return (<list>run.values)[row.value]
    if op == NODE_VARIABLE:
        found = find(run, argument(run, row, 0, scope), scope)
        return argument(run, row, 1, scope) if found is ABSENT else found
    if op == NODE_LIST:
        return arguments(run, row, scope)
    if op == NODE_IF:
        return condition(run, row, scope)
    if op == NODE_AND or op == NODE_OR:
        return first_of(run, row, scope, op == NODE_OR)
    if op == NODE_NOT:
        return not truthy(argument(run, row, 0, scope))
    if op == NODE_TRUTH:
        return truthy(argument(run, row, 0, scope))
    if NODE_EQUAL <= op <= NODE_GREATER_EQUAL:
        return comparison(run, row, scope)
    if op == NODE_IN:
        return contained(run, row, scope)
    if op == NODE_CONCATENATE:
        return concatenation(run, row, scope)
    if NODE_ADD <= op <= NODE_MAXIMUM:
        return arithmetic(op, arguments(run, row, scope))
    if NODE_MAP <= op <= NODE_SOME:
        return iteration(run, row, scope)
    if op == NODE_MERGE:
        return merged(run, row, scope)
    if op == NODE_SUBSTRING:
        text = substring(arguments(run, row, scope))
        spend(run, len(<str>text) // CHARACTERS_PER_STEP)
        return text
    if op == NODE_MISSING:
        return missing(run, row, scope)
    if op == NODE_MISSING_SOME:
        return missing_some(run, row, scope)
    if op == NODE_STARTS_WITH or op == NODE_ENDS_WITH:
        return affix(arguments(run, row, scope), op == NODE_STARTS_WITH)
    if op == NODE_VERSION:
        return compared_versions(arguments(run, row, scope))
    if NODE_FRACTIONAL <= op <= NODE_FRACTIONAL_CBOR:
        return fractional(run, row, arguments(run, row, scope))
    raise ValueError  # a flag that uses an unknown node isn't run


cdef list arguments(Run* run, const node_row* row, object scope):
    cdef uint32_t i
    cdef list values = []
    for i in range(row.count):
        values.append(value_of(run, row.first_child + i, scope))
    return values


cdef inline object argument(Run* run, const node_row* row, uint32_t number, object scope):
    """The value of one child; null if there are fewer."""
    return value_of(run, row.first_child + number, scope) if number < row.count else None


cdef object condition(Run* run, const node_row* row, object scope):
    """Condition, result, condition, result, …, perhaps a last result."""
    cdef uint32_t i = 0
    while i + 1 < row.count:
        if truthy(argument(run, row, i, scope)):
            return argument(run, row, i + 1, scope)
        i += 2
    return argument(run, row, row.count - 1, scope) if row.count % 2 else None


cdef object first_of(Run* run, const node_row* row, object scope, bint wanted):
    """The first value that is, or isn't, truthy; else the last."""
    cdef uint32_t i
    value = None
    for i in range(row.count):
        value = argument(run, row, i, scope)
        if truthy(value) == wanted:
            break
    return value


cdef object comparison(Run* run, const node_row* row, object scope):
    cdef int op = row.op
    cdef list values
    if op <= NODE_NOT_SAME:
        left, right = argument(run, row, 0, scope), argument(run, row, 1, scope)
        if op == NODE_EQUAL or op == NODE_NOT_EQUAL:
            return loosely_equal(run, left, right) == (op == NODE_EQUAL)
        return strictly_equal(run, left, right, 1) == (op == NODE_SAME)
    values = arguments(run, row, scope)
    if len(values) < 2:
        return False
    if op == NODE_GREATER or op == NODE_GREATER_EQUAL:
        return less(values[1], values[0], op == NODE_GREATER_EQUAL)
    if not less(values[0], values[1], op == NODE_LESS_EQUAL):
        return False
    return len(values) < 3 or less(values[1], values[2], op == NODE_LESS_EQUAL)


cdef object contained(Run* run, const node_row* row, object scope):
    """Whether the second value, a text or a list, has the first."""
    needle, haystack = argument(run, row, 0, scope), argument(run, row, 1, scope)
    if isinstance(haystack, str):
        part = text_of(needle)
        spend(run, len(<str>haystack) // CHARACTERS_PER_STEP)
        return part is not None and part in <str>haystack
    for item in items_of(run, haystack):
        if strictly_equal(run, needle, item, 1):
            return True
    return False


cdef object concatenation(Run* run, const node_row* row, object scope):
    cdef list parts = []
    cdef Py_ssize_t length = 0
    for value in arguments(run, row, scope):
        part = text_of(value)
        if part is not None:
            length += len(<str>part)
            if length > MAX_TEXT:
                raise ValueError
            parts.append(part)
    spend(run, length // CHARACTERS_PER_STEP)
    return "".join(parts)


cdef object arithmetic(int op, list values):
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


cdef object substring(list values):
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


cdef object iteration(Run* run, const node_row* row, object scope):
    """map, filter, reduce, all, none, some: the second argument for each element of the first, as its scope."""
    cdef int op = row.op
    cdef list items = items_of(run, argument(run, row, 0, scope))
    cdef list result
    if op == NODE_REDUCE:
        value = argument(run, row, 2, scope)
        for item in items:
            value = argument(run, row, 1, {"current": item, "accumulator": value})
        return value
    if op == NODE_MAP or op == NODE_FILTER:
        result = []
        for item in items:
            value = argument(run, row, 1, item)
            if op == NODE_MAP:
                result.append(value)
            elif truthy(value):
                result.append(item)
        return result
    for item in items:
        if truthy(argument(run, row, 1, item)) != (op == NODE_ALL):
            return op == NODE_SOME
    return len(items) > 0 if op == NODE_ALL else op == NODE_NO


cdef object merged(Run* run, const node_row* row, object scope):
    cdef list result = []
    for value in arguments(run, row, scope):
        if is_list(value):
            result.extend(items_of(run, value))
        else:
            result.append(value)
    return result


cdef object missing(Run* run, const node_row* row, object scope):
    cdef list keys = arguments(run, row, scope)
    if len(keys) and is_list(keys[0]):
        keys = items_of(run, keys[0])
    return those_missing(run, keys, scope)


cdef object missing_some(Run* run, const node_row* row, object scope):
    cdef list options, absent
    needed = to_number(argument(run, row, 0, scope))
    keys = argument(run, row, 1, scope)
    options = items_of(run, keys) if is_list(keys) else [keys]
    absent = those_missing(run, options, scope)
    return [] if needed is not None and len(options) - len(absent) >= needed else absent


cdef list those_missing(Run* run, list keys, object scope):
    cdef list absent = []
    for key in keys:
        found = find(run, key, scope)
        if found is ABSENT or found is None or (isinstance(found, str) and len(<str>found) == 0):
            absent.append(key)
    return absent


# ---- flagd's own -----------------------------------------------------------------------------------------------------


cdef object affix(list values, bint start):
    """``starts_with`` and ``ends_with``: null unless given two texts."""
    if len(values) != 2 or not isinstance(values[0], str) or not isinstance(values[1], str):
        return None
    return (<str>values[0]).startswith(values[1]) if start else (<str>values[0]).endswith(values[1])


cdef bint parse_version(object text, version* out) noexcept:
    cdef Py_ssize_t length
    cdef const char* data
    if text is None:
        return False
    data = text_utf8(<PyObject*>text, &length)
    return data != NULL and version_parse(data, length, VERSION_MODE, out)


cdef object compared_versions(list values):
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


cdef object fractional(Run* run, const node_row* row, list values):
    cdef list variants = [], weights = []
    cdef Py_ssize_t length
    cdef const char* text
    cdef uint32_t digest
    cdef int64_t total
    cdef Py_ssize_t first = 0
    unit = unit_of_any(run, row, values, &first) if row.op == NODE_FRACTIONAL_CBOR else unit_of_text(run, values, &first)
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
    if row.op == NODE_FRACTIONAL_SIGNED:
        return choose_signed(variants, weights, total, digest)
    return choose(variants, weights, total, digest)


cdef object unit_of_text(Run* run, list values, Py_ssize_t* first):
    """v1 and v2: a text as it is, else flag key and targeting key in one; ``first`` is where the weights begin."""
    if len(values) and isinstance(values[0], str):
        first[0] = 1
        return values[0]
    if len(values) and values[0] is None:
        first[0] = 1
    key = targeting_key(run)
    return None if key is None else <str>(<View>run.view).flag_key + <str>key


cdef object unit_of_any(Run* run, const node_row* row, list values, Py_ssize_t* first):
    """v3: the CBOR of the first argument's value, or, when that is written as a list, of [flag key, targeting key]."""
    if len(values) == 0:
        return None
    if is_literal_list(run, row.first_child):
        unit = targeting_key(run)
        if unit is not None:
            unit = [(<View>run.view).flag_key, unit]
    else:
        unit = values[0]
        first[0] = 1
    if unit is None:
        return None
    try:
        return canonical_cbor(unit, 1)
    except ValueError:
        return None


cdef bint is_literal_list(Run* run, uint32_t node) noexcept:
    cdef const node_row* row = &run.nodes[node]
    return row.op == NODE_LIST or (row.op == NODE_CONSTANT and is_list((<list>run.values)[row.value]))


cdef int64_t parse_weights(list values, Py_ssize_t first, list variants, list weights) except? -2:
    """Fills in variants and weights; gives the sum of the weights, or -1 if one of them, or the sum, is unusable."""
    cdef int64_t total = 0, weight
    cdef Py_ssize_t i
    for i in range(first, len(values)):
        pair = values[i]
        if not is_list(pair):
            return -1
        variant = element(pair, 0)
        if variant is ABSENT:
            return -1
        variant = known(variant)
        weighed = element(pair, 1)
        weight = 1 if weighed is ABSENT else parse_weight(known(weighed))
        if is_container(variant) or weight < 0:
            return -1
        total += weight
        variants.append(variant)
        weights.append(weight)
    return total if total <= MAX_TOTAL_WEIGHT else -1


cdef int64_t parse_weight(object value) except? -2:
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


cdef object choose(list variants, list weights, int64_t total, uint32_t digest):
    """v2 and v3: the variant of the hash. ``total`` is above 0."""
    cdef uint64_t bucket = (<uint64_t>digest * <uint64_t>total) >> 32
    cdef uint64_t end = 0
    cdef Py_ssize_t i
    for i in range(len(variants)):
        end += <uint64_t>weights[i]
        if bucket < end:
            return variants[i]
    return None


cdef object choose_signed(list variants, list weights, int64_t total, uint32_t digest):
    """v1: the same from a percentage in floating point; null past the end, where rounding may leave a little."""
    cdef double magnitude = <double>digest if digest >> 31 == 0 else TWO_32 - <double>digest
    cdef double bucket = magnitude / 2147483647.0 * 100.0
    cdef double end = 0.0
    cdef Py_ssize_t i
    for i in range(len(variants)):
        end += 100.0 * <double><int64_t>weights[i] / <double>total
        if bucket < end:
            return variants[i]
    return None
