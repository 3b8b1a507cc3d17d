"""The public classes: ``Evaluator`` (load, swap, ask) and ``Evaluation`` (what came out, as integers until it is read).

``Evaluator`` is what callers hold: a Python layer over it would cost a third of an evaluation. Everything that takes ``now`` takes
epoch milliseconds; left out, the wall clock is read, once a call, if a rule asks for it. Order of the questions:
docs/snapshot-format.md section 6.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.object cimport PyObject
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy

from evaluator._fast.expressions cimport View, evaluate_expression
from evaluator._fast.generated cimport *
from evaluator._fast.load cimport load
from evaluator._fast.matching cimport UNIT_ABSENT, UNIT_FOUND, Call, Slot, UnitState, bucket_of, match, view_of
from evaluator._fast.program cimport Fragment, Program
from evaluator._fast.values cimport fresh_copy, scaled_float, scaled_integer

from evaluator.reasons import DETAILS, ERROR_CODES, MESSAGES, WORDS

cdef extern from "kernels.h":
    object dict_presized(Py_ssize_t n)
    int int_value(PyObject* number, int64_t* value)
    int PyDict_CheckExact(PyObject* o)
    object PyUnicode_FromObject(object o)
    void Py_XDECREF(PyObject* o)
    int count_trailing_zeros "__builtin_ctzll"(uint64_t bits) nogil

cdef enum:
    INLINE_SLOTS = 32  # attributes of a program that need no allocation per call
    WORD_COUNT = 5

cdef enum Decision:
    DECIDED
    NEXT_RULE
    USE_DEFAULT


cdef struct Frame:
    Call call
    uint64_t mask
    uint32_t attributes
    Slot slots[INLINE_SLOTS]


cdef struct Answer:
    uint32_t flag
    uint32_t variant
    uint32_t rule
    uint32_t reason
    uint64_t bucket
    bint has_bucket


cdef tuple words = tuple(WORDS)
cdef tuple error_codes = tuple(ERROR_CODES)
cdef tuple details = tuple(DETAILS)
cdef tuple SUCCESS_WORDS = ("STATIC", "DEFAULT", "TARGETING_MATCH", "SPLIT", "DISABLED")


# ---- one call --------------------------------------------------------------------------------------------------------


cdef inline bint open_frame(Program p, Frame* frame, PyObject* context, PyObject* now) noexcept:
    """False if ``now`` is no time (or there is no memory): nothing was opened then."""
    cdef Call* call = &frame.call
    frame.attributes = p.counts[SECTION_ATTRIBUTES]
    call.context = context
    call.now = NULL
    call.has_now = False
    call.prerequisite = prerequisite_holds
    if now != <PyObject*>None and not set_clock(call, <object>now):
        return False
    frame.mask = 0
    call.slots = frame.slots
    call.filled = &frame.mask
    if frame.attributes > INLINE_SLOTS:
        return open_large(frame)
    return True


cdef bint open_large(Frame* frame) noexcept:
    frame.call.slots = <Slot*>malloc(frame.attributes * sizeof(Slot))
    frame.call.filled = <uint64_t*>calloc((frame.attributes + 63) // 64, sizeof(uint64_t))
    if frame.call.slots != NULL and frame.call.filled != NULL:
        return True
    free(frame.call.slots)
    free(frame.call.filled)
    return False


cdef bint set_clock(Call* call, object now) noexcept:
    """A number of milliseconds in range; booleans aren't numbers."""
    cdef int64_t integer
    call.now = <PyObject*>now
    call.has_now = True
    if now is True or now is False:
        return False
    try:
        if isinstance(now, int):
            return int_value(<PyObject*>now, &integer) and scaled_integer(integer, 1000, &call.now_us)
        return isinstance(now, float) and scaled_float(float.__pos__(now), 1000.0, &call.now_us)
    except Exception:
        return False


cdef inline void close_frame(Frame* frame) noexcept:
    """Lets go of every value that was looked at."""
    cdef uint64_t bits = frame.mask
    if frame.attributes > INLINE_SLOTS:
        close_large(frame)
        return
    while bits:
        Py_XDECREF(frame.slots[count_trailing_zeros(bits)].object)
        bits &= bits - 1


cdef void close_large(Frame* frame) noexcept:
    cdef uint32_t i
    for i in range(frame.attributes):
        if frame.call.filled[i >> 6] >> (i & 63) & 1:
            Py_XDECREF(frame.call.slots[i].object)
    free(frame.call.slots)
    free(frame.call.filled)


cdef object as_dict(object context):
    """Any context as an exact dict; None for what is no mapping, or can't be copied."""
    if context is None:
        return {}
    from collections.abc import Mapping  # loaded by every interpreter's start-up

    try:
        return dict(context) if isinstance(context, Mapping) else None
    except Exception:
        return None


# ---- the walk --------------------------------------------------------------------------------------------------------


cdef inline Decision fail(Answer* out, uint32_t reason) noexcept nogil:
    out.reason = reason
    out.variant = NONE
    out.has_bucket = False
    return DECIDED


cdef Decision without_target(Answer* out, const outcome_row* row, uint8_t code) noexcept nogil:
    """What a split does without a unit, or past its last range."""
    if code == ON_NEXT_RULE:
        return NEXT_RULE
    if code == ON_DEFAULT:
        return USE_DEFAULT
    if code == ON_ERROR:
        return fail(out, REASON_TARGETING_KEY_MISSING)
    out.variant = row.variant
    return DECIDED


cdef inline Decision decide_split(Program p, Call* call, const outcome_row* row, Answer* out) noexcept:
    cdef const range_row* ranges = &p.ranges[row.first_range]
    cdef uint64_t bucket
    cdef uint32_t i, index = 0
    cdef UnitState unit = bucket_of(p, call, row, &bucket)
    if unit != UNIT_FOUND:
        return without_target(out, row, row.on_missing) if unit == UNIT_ABSENT else fail(out, REASON_INVALID_CONTEXT)
    out.bucket = bucket
    out.has_bucket = True
    for i in range(row.range_count):  # counting has no branch to mispredict, and a split has few ranges
        index += bucket > ranges[i].last
    if index == row.range_count:
        return without_target(out, row, row.past_end)
    out.variant = ranges[index].target
    return NEXT_RULE if out.variant == TARGET_NEXT_RULE else DECIDED


cdef Decision decide_expression(Program p, Call* call, const flag_row* flag, const outcome_row* row, Answer* out) noexcept:
    """The expression's value names the variant."""
    cdef uint32_t i
    try:
        value = evaluate_expression(p, row.node, view_of(call))
        if value is None:
            return USE_DEFAULT
        if value is True or value is False:
            value = "true" if value else "false"
        if isinstance(value, str):
            for i in range(flag.first_variant, flag.first_variant + flag.variant_count):
                if value == p.names[p.variants[i].name]:
                    out.variant = i
                    return DECIDED
    except Exception:
        pass
    return fail(out, REASON_GENERAL)


cdef inline Decision decide(Program p, Call* call, const flag_row* flag, uint32_t outcome, Answer* out) noexcept:
    cdef const outcome_row* row = &p.outcomes[outcome]
    if row.kind == OUTCOME_SPLIT:
        return decide_split(p, call, row, out)
    if row.kind == OUTCOME_CONSTANT:
        out.variant = row.variant
        return DECIDED
    if row.kind == OUTCOME_EXPRESSION:
        return decide_expression(p, call, flag, row, out)
    return DECIDED


cdef void decide_default(Program p, Call* call, const flag_row* flag, uint32_t reason, Answer* out) noexcept:
    """As if no rule had decided; a default that passes on gives no answer."""
    out.reason = reason
    out.rule = NONE
    out.has_bucket = False
    if decide(p, call, flag, flag.default_outcome, out) != DECIDED:
        out.variant = NONE
        out.has_bucket = False


cdef inline void run(Program p, Call* call, uint32_t index, Answer* out) noexcept:
    """One sound flag: its rules in order, then its default."""
    cdef const flag_row* flag = &p.flags[index]
    cdef const rule_row* rule = &p.rules[flag.first_rule]
    cdef const rule_row* end = rule + flag.rule_count
    cdef Decision decision
    call.flag_key = <PyObject*>p.keys[index]
    out.flag = index
    out.variant = NONE
    out.has_bucket = False
    while rule != end:
        if rule.condition_count == 0 or match(p, call, &p.conditions[rule.first_condition]):
            out.rule = rule.id
            out.reason = rule.reason
            decision = decide(p, call, flag, rule.outcome, out)
            if decision == DECIDED:
                if rule.reason >= REASON_FIRST_ERROR:
                    fail(out, rule.reason)
                return
            out.has_bucket = False
            out.variant = NONE
            if decision == USE_DEFAULT:
                decide_default(p, call, flag, REASON_DEFAULT, out)
                return
        rule += 1
    out.rule = NONE
    out.reason = flag.default_reason
    if p.outcomes[flag.default_outcome].kind == OUTCOME_CONSTANT:
        out.variant = p.outcomes[flag.default_outcome].variant
    else:
        decide_default(p, call, flag, flag.default_reason, out)


cdef void run_unsound(Program p, uint32_t index, Answer* out) noexcept:
    """A tombstone, or a flag that uses a code this core doesn't know: its default, if that is a constant."""
    cdef const flag_row* flag = &p.flags[index]
    cdef const outcome_row* row = &p.outcomes[flag.default_outcome]
    out.flag = index
    out.rule = NONE
    out.has_bucket = False
    out.reason = REASON_PARSE_ERROR if flag.state == STATE_TOMBSTONE else REASON_UNSUPPORTED
    out.variant = row.variant if row.kind == OUTCOME_CONSTANT else NONE


cdef inline bint is_sound(Program p, uint32_t index) noexcept nogil:
    return p.state[index] == 0 and p.flags[index].state == STATE_LIVE


cdef bint prerequisite_holds(Program p, Call* call, const condition_row* row) noexcept:
    cdef Answer answer
    cdef PyObject* flag_key = call.flag_key
    cdef uint32_t i, wanted = <uint32_t>row.payload
    if not is_sound(p, wanted):
        return False
    run(p, call, wanted, &answer)
    call.flag_key = flag_key
    if answer.reason >= REASON_FIRST_ERROR:
        return False
    for i in range(row.offset, row.offset + row.count):
        if p.numbers[i] == answer.variant:
            return True
    return False


cdef inline void refuse(Answer* out, uint32_t flag, uint32_t reason) noexcept nogil:
    out.flag = flag
    out.rule = NONE
    fail(out, reason)


cdef inline void ask(Program p, object key, object context, object now, Answer* out) noexcept:
    """One flag, one call."""
    cdef Frame frame
    cdef uint32_t index = p.find(key)
    if index == NONE:
        refuse(out, NONE, REASON_FLAG_NOT_FOUND)
        return
    if not is_sound(p, index):
        run_unsound(p, index, out)
        return
    if not PyDict_CheckExact(<PyObject*>context):
        context = as_dict(context)
        if context is None:
            refuse(out, index, REASON_INVALID_CONTEXT)
            return
    if not open_frame(p, &frame, <PyObject*>context, <PyObject*>now):
        refuse(out, index, REASON_INVALID_CONTEXT)
        return
    run(p, &frame.call, index, out)
    close_frame(&frame)


cdef list texts_of(object keys):
    """The strings among the keys, once each; a single string is one key; what can't be iterated holds none."""
    try:
        found = [keys] if isinstance(keys, str) else list(keys)
    except Exception:
        return []
    return list(dict.fromkeys([PyUnicode_FromObject(key) for key in found if isinstance(key, str)]))


cdef object typed_value(Program p, const Answer* answer, uint8_t kind):
    """The value for `integer` and `number`, whose kinds overlap; None if it is of another type."""
    cdef const variant_row* row = &p.variants[answer.variant]
    value = p.values[row.value]
    if row.kind == KIND_INTEGER or (row.kind == KIND_FLOAT and kind == KIND_FLOAT):
        return value
    return int(value) if row.kind == KIND_FLOAT and float.is_integer(value) else None


# ---- what comes out --------------------------------------------------------------------------------------------------


@cython.final
@cython.no_gc
@cython.freelist(64)
cdef class Evaluation:
    """One answer. Read-only; equal to another with the same content.

    ``value`` (a fresh copy for objects), ``variant``, ``reason`` (OpenFeature's word), ``rule`` (id or None), ``bucket`` (int or
    None), ``flag_key``, ``snapshot_version``, ``error_code`` (OpenFeature's or None), ``detail`` (``reasons.DETAILS``),
    ``reason_code`` (int), ``metadata`` (the flag's, a flat dict, or None).
    """

    cdef Program program
    cdef object unknown_key  # what was asked for, when no flag has that key
    cdef Answer answer

    @property
    def flag_key(self):
        return self.unknown_key if self.answer.flag == NONE else self.program.keys[self.answer.flag]

    @property
    def value(self):
        cdef const variant_row* row
        if self.answer.variant == NONE:
            return None
        row = &self.program.variants[self.answer.variant]
        if row.value == NONE:
            return None
        value = self.program.values[row.value]
        return fresh_copy(value) if row.kind == KIND_OBJECT else value

    @property
    def variant(self):
        if self.answer.variant == NONE:
            return None
        return self.program.names[self.program.variants[self.answer.variant].name] or None

    @property
    def reason(self):
        return words[self.answer.reason]

    @property
    def rule(self):
        return None if self.answer.rule == NONE else self.program.rule_ids[self.answer.rule]

    @property
    def bucket(self):
        return self.answer.bucket if self.answer.has_bucket else None

    @property
    def snapshot_version(self):
        return self.program.version

    @property
    def error_code(self):
        return error_codes[self.answer.reason]

    @property
    def detail(self):
        return details[self.answer.reason]

    @property
    def reason_code(self):
        return self.answer.reason

    @property
    def metadata(self):
        return None if self.answer.flag == NONE else flag_metadata(self.program, self.answer.flag)

    def __eq__(self, other):
        return content(self) == content(other) if isinstance(other, Evaluation) else NotImplemented

    __hash__ = None  # object values aren't hashable

    def __repr__(self):
        return (
            f"Evaluation(flag_key={self.flag_key!r}, value={self.value!r}, variant={self.variant!r}, reason={self.reason!r}, "
            f"rule={self.rule!r}, bucket={self.bucket!r}, error_code={self.error_code!r})"
        )


cdef tuple content(Evaluation self):
    return self.flag_key, self.value, self.variant, self.answer.reason, self.rule, self.bucket, self.program.version, self.metadata


cdef inline Evaluation new_evaluation(Program p):
    cdef Evaluation made = Evaluation.__new__(Evaluation)
    made.program = p
    return made


cdef object flag_metadata(Program p, uint32_t index):
    cdef uint32_t at = p.flags[index].metadata
    return None if at == NONE else dict(p.values[at])


cdef bytes text_at(Program p, uint32_t offset, uint32_t length):
    return PyBytes_FromStringAndSize(p.text + offset, length)


cdef bytes metadata_part(Program p, const flag_row* flag):
    if flag.metadata_json_length == 0:
        return b""
    return b',"metadata":' + text_at(p, flag.metadata_json, flag.metadata_json_length)


cdef bytes json_item(Program p, const Answer* answer):
    """One item of an OFREP bulk body, from the JSON texts that the compiler left in the snapshot."""
    cdef const flag_row* flag = &p.flags[answer.flag]
    cdef const variant_row* row
    cdef bytes item = b'{"key":' + text_at(p, flag.key_json, flag.key_json_length)
    code = error_codes[answer.reason]
    if code is not None:
        return item + f',"errorCode":"{code}","errorDetails":"{MESSAGES[code]}"'.encode() + metadata_part(p, flag) + b"}"
    item += f',"reason":"{words[answer.reason]}"'.encode()
    if answer.variant != NONE:
        row = &p.variants[answer.variant]
        if p.names[row.name]:
            item += b',"variant":' + text_at(p, row.name_json, row.name_json_length)
        if row.value_json_length:
            item += b',"value":' + text_at(p, row.value_json, row.value_json_length)
    return item + metadata_part(p, flag) + b"}"


cdef int keep_fragment(Program p, Fragment* fragment, const Answer* answer) except -1:
    cdef bytes item = json_item(p, answer)
    cdef char* data = <char*>malloc(len(item))
    if data == NULL:
        raise MemoryError
    memcpy(data, PyBytes_AS_STRING(item), len(item))
    fragment.length = len(item)
    fragment.owner = answer.flag
    fragment.data = data
    return 0


cdef inline Fragment* fragment_of(Program p, const Answer* answer) except? NULL:
    """The rendered item if it is one that is kept: made on first use, one per (variant or flag, word)."""
    cdef uint64_t index
    cdef Fragment* fragment
    if answer.reason >= REASON_FIRST_ERROR:
        return NULL
    index = answer.flag if answer.variant == NONE else <uint64_t>p.counts[SECTION_FLAGS] + answer.variant
    fragment = &p.fragments[index * WORD_COUNT + word_index[answer.reason]]
    if fragment.data == NULL:
        keep_fragment(p, fragment, answer)
    return fragment if fragment.owner == answer.flag else NULL


cdef uint8_t word_index[32]
for _code in range(len(words)):
    word_index[_code] = SUCCESS_WORDS.index(words[_code]) if words[_code] in SUCCESS_WORDS else 0


# ---- the evaluator ---------------------------------------------------------------------------------------------------


cdef class Evaluator:
    """Answers from one snapshot until another is swapped in. Shared by threads; each call sees one snapshot throughout.

    ``snapshot``: the bytes of a compiled snapshot, verified before anything is answered. Raises SnapshotError.
    """

    cdef Program program

    def __init__(self, snapshot):
        self.program = load(snapshot)

    @classmethod
    def from_file(cls, path):
        """An evaluator of the snapshot in a file. Raises OSError and SnapshotError."""
        with open(path, "rb") as file:
            return cls(file.read())

    def swap(self, snapshot):
        """Answers from ``snapshot`` from now on. Raises SnapshotError, and then goes on with what it has."""
        self.program = load(snapshot)

    @property
    def snapshot_version(self):
        """The snapshot's checksum, 16 hex digits."""
        return self.program.version

    @property
    def metadata(self):
        """The flag set's own metadata, a flat dict."""
        return dict(self.program.meta.get("metadata") or {})

    def flag_keys(self):
        """Every flag's key, in order."""
        return list(self.program.keys)

    def flag_metadata(self, str key not None):
        """A flag's metadata, a flat dict; None if it has none or there is no such flag."""
        cdef Program p = self.program
        cdef uint32_t index = p.find(key)
        return None if index == NONE else flag_metadata(p, index)

    def boolean(self, key, context, default, now=None):
        """The flag's boolean for this context; ``default`` if there is no answer or it is of another type."""
        cdef Program p = self.program
        cdef Answer answer
        ask(p, key, context, now, &answer)
        if answer.variant != NONE and p.variants[answer.variant].kind == KIND_BOOLEAN:
            return p.values[p.variants[answer.variant].value]
        return default

    def string(self, key, context, default, now=None):
        """As ``boolean``, for strings."""
        cdef Program p = self.program
        cdef Answer answer
        ask(p, key, context, now, &answer)
        if answer.variant != NONE and p.variants[answer.variant].kind == KIND_STRING:
            return p.values[p.variants[answer.variant].value]
        return default

    def integer(self, key, context, default, now=None):
        """As ``boolean``, for integers; a whole float counts, as its integer."""
        cdef Program p = self.program
        cdef Answer answer
        ask(p, key, context, now, &answer)
        value = typed_value(p, &answer, KIND_INTEGER) if answer.variant != NONE and is_number(p, &answer) else None
        return default if value is None else value

    def number(self, key, context, default, now=None):
        """As ``boolean``, for numbers: integers and floats, as they are."""
        cdef Program p = self.program
        cdef Answer answer
        ask(p, key, context, now, &answer)
        value = typed_value(p, &answer, KIND_FLOAT) if answer.variant != NONE and is_number(p, &answer) else None
        return default if value is None else value

    def object(self, key, context, default, now=None):
        """As ``boolean``, for objects and lists; a fresh copy each time."""
        cdef Program p = self.program
        cdef Answer answer
        ask(p, key, context, now, &answer)
        if answer.variant != NONE and p.variants[answer.variant].kind == KIND_OBJECT:
            return fresh_copy(p.values[p.variants[answer.variant].value])
        return default

    def evaluate(self, key, context, now=None):
        """The whole answer, an ``Evaluation``."""
        cdef Program p = self.program
        cdef Evaluation made = new_evaluation(p)
        ask(p, key, context, now, &made.answer)
        if made.answer.flag == NONE:
            made.unknown_key = PyUnicode_FromObject(key) if isinstance(key, str) else ""
        return made

    def evaluate_all(self, context, keys=None, now=None):
        """Every flag's answer (or those of ``keys``, unknown ones included), by key."""
        cdef Program p = self.program
        cdef Frame frame
        cdef uint32_t index, count = p.counts[SECTION_FLAGS]
        cdef Evaluation made
        wanted = None if keys is None else texts_of(keys)
        cdef dict answers = dict_presized(count if wanted is None else len(wanted))
        if not PyDict_CheckExact(<PyObject*>context):
            context = as_dict(context)
        cdef bint opened = context is not None and open_frame(p, &frame, <PyObject*>context, <PyObject*>now)
        try:
            if wanted is None:
                for index in range(count):
                    made = new_evaluation(p)
                    answer_in(p, &frame, opened, index, &made.answer)
                    answers[p.keys[index]] = made
            else:
                for key in <list>wanted:
                    made = new_evaluation(p)
                    index = p.find(key)
                    if index == NONE:
                        made.unknown_key = key
                        refuse(&made.answer, NONE, REASON_FLAG_NOT_FOUND)
                    else:
                        answer_in(p, &frame, opened, index, &made.answer)
                    answers[key] = made
        finally:
            if opened:
                close_frame(&frame)
        return answers

    def evaluate_all_json(self, context, now=None):
        """Every flag's answer as the body of an OFREP bulk response, UTF-8."""
        cdef Program p = self.program
        cdef Frame frame
        if not PyDict_CheckExact(<PyObject*>context):
            context = as_dict(context)
        cdef bint opened = context is not None and open_frame(p, &frame, <PyObject*>context, <PyObject*>now)
        try:
            return render_all(p, &frame, opened)
        finally:
            if opened:
                close_frame(&frame)

    def explain(self, key, context, now=None):
        """The same walk, step by step: an ``Explanation`` (evaluator/explain.py)."""
        from evaluator.explain import explain

        return explain(self.program.data, key, context, now)


cdef inline bint is_number(Program p, const Answer* answer) noexcept nogil:
    return p.variants[answer.variant].kind == KIND_INTEGER or p.variants[answer.variant].kind == KIND_FLOAT


cdef inline void answer_in(Program p, Frame* frame, bint opened, uint32_t index, Answer* out) noexcept:
    """One flag of an evaluate-all, whose slots are shared."""
    if not is_sound(p, index):
        run_unsound(p, index, out)
    elif not opened:
        refuse(out, index, REASON_INVALID_CONTEXT)
    else:
        run(p, &frame.call, index, out)


cdef bytes render_all(Program p, Frame* frame, bint opened):
    """Evaluates everything, remembering each item's bytes; then one allocation and one copy of each."""
    cdef uint32_t index, count = p.counts[SECTION_FLAGS]
    cdef const char** data = <const char**>malloc((count + 1) * sizeof(char*))
    cdef Py_ssize_t* lengths = <Py_ssize_t*>malloc((count + 1) * sizeof(Py_ssize_t))
    cdef Py_ssize_t total = len(metadata_of(p)) + 12
    cdef list held = []
    cdef Answer answer
    cdef Fragment* fragment
    try:
        if data == NULL or lengths == NULL:
            raise MemoryError
        for index in range(count):
            answer_in(p, frame, opened, index, &answer)
            fragment = fragment_of(p, &answer)
            if fragment != NULL:
                data[index] = fragment.data
                lengths[index] = fragment.length
            else:
                item = json_item(p, &answer)
                held.append(item)
                data[index] = PyBytes_AS_STRING(item)
                lengths[index] = PyBytes_GET_SIZE(item)
            total += lengths[index] + (index > 0)
        return join_items(p, data, lengths, count, total)
    finally:
        free(data)
        free(lengths)


cdef bytes metadata_of(Program p):
    """The flag set's metadata as the body's last member, rendered once."""
    if p.metadata_json is None:
        from evaluator.json_text import render

        metadata = p.meta.get("metadata")
        p.metadata_json = b',"metadata":' + render(metadata).encode() if metadata else b""
    return p.metadata_json


cdef bytes join_items(Program p, const char** data, const Py_ssize_t* lengths, uint32_t count, Py_ssize_t total):
    cdef bytes body = PyBytes_FromStringAndSize(NULL, total)
    cdef char* at = PyBytes_AS_STRING(body)
    cdef uint32_t index
    memcpy(at, b'{"flags":[', 10)
    at += 10
    for index in range(count):
        if index:
            at[0] = c","
            at += 1
        memcpy(at, data[index], lengths[index])
        at += lengths[index]
    at[0] = c"]"
    memcpy(at + 1, PyBytes_AS_STRING(p.metadata_json), len(p.metadata_json))
    at[1 + len(p.metadata_json)] = c"}"
    return body
