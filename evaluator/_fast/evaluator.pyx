"""The public classes: ``Evaluator`` (load, swap, ask) and ``Evaluation`` (what came out, as integers until it is read).

``Evaluator`` is what callers hold: a Python layer over it would cost a third of an evaluation. Everything that takes ``now`` takes
epoch milliseconds; left out, the wall clock is read, once a call, if a rule asks for it.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.object cimport PyObject
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from evaluator._fast.generated cimport *
from evaluator._fast.load cimport load
from evaluator._fast.program cimport Fragment, Program, find
from evaluator._fast.values cimport fresh_copy
from evaluator._fast.walk cimport Answer, Frame, as_dict, ask, ask_in, close_frame, open_frame, refuse

from evaluator.reasons import DETAILS, ERROR_CODES, MESSAGES, WORDS

cdef extern from "kernels.h":
    object dict_presized(Py_ssize_t n)
    int PyDict_CheckExact(PyObject* o)
    object PyUnicode_FromObject(object o)

cdef enum:
    WORD_COUNT = 5

cdef tuple words = tuple(WORDS)
cdef tuple error_codes = tuple(ERROR_CODES)
cdef tuple details = tuple(DETAILS)
cdef tuple SUCCESS_WORDS = ("STATIC", "DEFAULT", "TARGETING_MATCH", "SPLIT", "DISABLED")


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
        cdef uint32_t index = find(p, key)
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
                    ask_in(p, &frame, opened, index, &made.answer)
                    answers[p.keys[index]] = made
            else:
                for key in <list>wanted:
                    made = new_evaluation(p)
                    index = find(p, key)
                    if index == NONE:
                        made.unknown_key = key
                        refuse(&made.answer, NONE, REASON_FLAG_NOT_FOUND)
                    else:
                        ask_in(p, &frame, opened, index, &made.answer)
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
            ask_in(p, frame, opened, index, &answer)
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
