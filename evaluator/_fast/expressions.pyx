"""The interpreter of value expressions over rows of ``nodes``: the fast twin of ``_pure``'s expressions and scopes, function for
function (docs/dialects/flagd.md, section 3).

Works on Python objects, but reads their built-in base only, never a subclass's overrides. Any exception, the limits' own included,
means that the expression fails; the callers turn it into "unknown" or an error reason.
"""

from cpython.dict cimport PyDict_GetItemWithError
from cpython.list cimport PyList_GET_ITEM, PyList_GET_SIZE
from cpython.object cimport PyObject
from cpython.tuple cimport PyTuple_GET_ITEM, PyTuple_GET_SIZE
from libc.stdint cimport uint32_t

from evaluator._fast.ecmascript cimport is_binary, scripted, text_of_any
from evaluator._fast.fractional cimport affix, compared_versions, fractional
from evaluator._fast.generated cimport *
from evaluator._fast.jsonlogic cimport arithmetic, is_list, known, less, list_index, substring, to_number, truthy
from evaluator._fast.program cimport Program
from evaluator._fast.scopes cimport (
    CHARACTERS_PER_STEP, MAX_STEPS, MAX_TEXT, Run, items_of, loosely_equal, spend, strictly_equal,
)
from evaluator._fast.values cimport text_of

cdef object ROOT = object()  # the outermost scope: the context with $flagd in it
cdef object ABSENT = object()  # what a path leads to when it leads nowhere


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
    run.automata = program.automata
    run.view = <PyObject*>view
    run.steps = MAX_STEPS
    return value_of(&run, node, ROOT)


# ---- scopes ----------------------------------------------------------------------------------------------------------


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


cdef object member(Run* run, object path, object scope):
    """What lies at a dotted path, or ABSENT: a map's member by key, a list's by index, or its ``length``."""
    if path is None:
        return ABSENT if scope is ROOT else scope
    text = text_of(path)
    if text is None:
        return ABSENT
    value = (<View>run.view).context if scope is ROOT else scope
    steps = (<str>text).split(".")
    spend(run, len(<list>steps))
    for step in <list>steps:
        if isinstance(value, dict):
            value = entry(value, step)
        elif not is_list(value):
            return ABSENT
        elif step == "length":
            value = PyList_GET_SIZE(value) if isinstance(value, list) else PyTuple_GET_SIZE(value)
        else:
            value = element(value, list_index(step))
        if value is ABSENT:
            return value
    return known(value)


# ---- nodes -----------------------------------------------------------------------------------------------------------


cdef object value_of(Run* run, uint32_t node, object scope):
    """The value of one node in a scope."""
    cdef const node_row* row = &run.nodes[node]
    cdef int op = row.op
    cdef bint literal
    spend(run, 1)
    if op == NODE_CONSTANT:
        return (<list>run.values)[row.value]
    if op == NODE_VARIABLE:
        found = argument(run, row, 0, scope)
        found = member(run, found, scope) if row.mode & MODE_MEMBERS else find(run, found, scope)
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
    if op >= NODE_TEXT:
        found = argument(run, row, 0, scope)
        return scripted(run, row, found, argument(run, row, 1, scope) if is_binary(op) else None)
    if NODE_FRACTIONAL <= op <= NODE_FRACTIONAL_CBOR:
        values = arguments(run, row, scope)
        literal = row.count and is_literal_list(run, row.first_child)
        return fractional(op, values, literal, (<View>run.view).flag_key, (<View>run.view).context)
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


cdef bint is_literal_list(Run* run, uint32_t node) noexcept:
    cdef const node_row* row = &run.nodes[node]
    return row.op == NODE_LIST or (row.op == NODE_CONSTANT and is_list((<list>run.values)[row.value]))


cdef object truthy_text(object value):
    """UNIT_TRUTHY: the text of what is truthy in ECMAScript's sense, else None. Raises for a list too long or too deep."""
    cdef Run run
    run.steps = MAX_STEPS
    if isinstance(value, str):
        return value if len(<str>value) else None
    value = known(value)
    return text_of_any(&run, value, 1) if truthy(value) or is_list(value) else None
