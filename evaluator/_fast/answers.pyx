"""What comes out: ``Evaluation``, which stays integers until it is read, and the JSON of an OFREP bulk response."""

cimport cython
from cpython.object cimport PyObject
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy

from evaluator._fast.generated cimport *
from evaluator._fast.frames cimport Frame
from evaluator._fast.program cimport Fragment, Program, Recalled, VariantValue
from evaluator._fast.values cimport fresh_copy
from evaluator._fast.walk cimport Answer, ask_in

from evaluator.reasons import DETAILS, ERROR_CODES, MESSAGES, WORDS

cdef extern from "Python.h":
    object PyUnicode_FromObject(object o)
    int PyUnicode_CheckExact(PyObject* o)

cdef enum:
    WORD_COUNT = 5

cdef tuple words = tuple(WORDS)
cdef tuple error_codes = tuple(ERROR_CODES)
cdef tuple details = tuple(DETAILS)
cdef tuple SUCCESS_WORDS = ("STATIC", "DEFAULT", "TARGETING_MATCH", "SPLIT", "DISABLED")
cdef uint8_t word_index[32]
for _code in range(len(words)):
    word_index[_code] = SUCCESS_WORDS.index(words[_code]) if words[_code] in SUCCESS_WORDS else 0


@cython.final
@cython.no_gc
@cython.freelist(64)
cdef class Evaluation:
    """One answer. Read-only; equal to another with the same content.

    ``value`` (a fresh copy for objects), ``variant``, ``reason`` (OpenFeature's word), ``rule`` (id or None), ``bucket`` (int or
    None), ``flag_key``, ``snapshot_version``, ``error_code`` (OpenFeature's or None), ``detail`` (``reasons.DETAILS``),
    ``reason_code`` (int), ``metadata`` (the flag's, a flat dict, or None).
    """

    @property
    def flag_key(self):
        return self.unknown_key if self.answer.flag == NONE else self.program.keys[self.answer.flag]

    @property
    def value(self):
        cdef VariantValue* found
        if self.answer.variant == NONE:
            return None
        found = &self.program.variant_values[self.answer.variant]
        return fresh_copy(<object>found.value) if found.kind == KIND_OBJECT else <object>found.value

    @property
    def boolean(self):
        """What it says to a boolean question: its value if that is one, true for a variant that is on, else None."""
        if self.answer.variant == NONE:
            return None
        if self.program.variant_values[self.answer.variant].kind == KIND_BOOLEAN:
            return <object>self.program.variant_values[self.answer.variant].value
        return True if self.program.variants[self.answer.variant].flags & VARIANT_IS_ON else None

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
        return "Evaluation(flag_key=%r, value=%r, variant=%r, reason=%r, rule=%r, bucket=%r, error_code=%r)" % (
            self.flag_key, self.value, self.variant, self.reason, self.rule, self.bucket, self.error_code,
        )  # fmt: skip


cdef tuple content(Evaluation self):
    return self.flag_key, self.value, self.variant, self.answer.reason, self.rule, self.bucket, self.program.version, self.metadata


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
        return item + (',"errorCode":"%s","errorDetails":"%s"' % (code, MESSAGES[code])).encode() + metadata_part(p, flag) + b"}"
    item += (',"reason":"%s"' % words[answer.reason]).encode()
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


cdef bint are_plain_texts(list keys):
    for key in keys:
        if not PyUnicode_CheckExact(<PyObject*>key):
            return False
    return True


cdef list texts_of(object keys, bint once):
    """The strings among the keys, or ``once`` each; a single string is one key; what can't be iterated holds none."""
    if type(keys) is not list or not are_plain_texts(<list>keys):
        try:
            found = [keys] if isinstance(keys, str) else list(keys)
        except Exception:
            return []
        keys = [PyUnicode_FromObject(key) for key in found if isinstance(key, str)]
    return list(dict.fromkeys(keys)) if once else keys


cdef int new_maker(Program p, object make) except -1:
    """Forgets what another ``make`` made; only when all is new does any of it go, since its end may be a caller's code."""
    cdef Recalled* recent = <Recalled*>calloc(p.counts[SECTION_FLAGS] + <size_t>1, sizeof(Recalled))
    if recent == NULL:
        raise MemoryError
    old_maker, old = p.maker, p.made
    free(p.recent)
    p.recent = recent
    p.made = {}
    p.maker = make
    return 0


cdef Evaluation evaluation_of(Program p, const Answer* answer, object key):
    cdef Evaluation made = Evaluation.__new__(Evaluation)
    made.program = p
    made.answer = answer[0]
    if answer.flag == NONE:
        made.unknown_key = PyUnicode_FromObject(key) if isinstance(key, str) else ""
    return made


cdef object recalled(Program p, const Answer* answer, object key, object make):
    """``make`` of the evaluation, from memory where this flag gave this variant for this reason before.

    Memory ends with the snapshot, or when another ``make`` is handed in; it has no entry for keys that no flag has.
    """
    cdef Recalled* recent
    cdef uint64_t mark
    if answer.flag == NONE:
        return make(evaluation_of(p, answer, key))
    if p.maker is not make:
        new_maker(p, make)
    recent = &p.recent[answer.flag]
    if recent.told != NULL and recent.variant == answer.variant and recent.reason == answer.reason:
        return <object>recent.told
    mark = 0 if answer.variant == NONE else <uint64_t>answer.variant + 1
    mark = (answer.flag * (<uint64_t>p.counts[SECTION_VARIANTS] + 1) + mark) << 5 | answer.reason
    told = p.made.get(mark, p)
    if told is p:
        told = make(evaluation_of(p, answer, key))
        if p.maker is not make:  # another thread's, or `make` has asked with another one
            return told
        told = p.made.setdefault(mark, told)
    recent = &p.recent[answer.flag]
    recent.told = <PyObject*>told  # held by `made`, which forgets nothing
    recent.variant = answer.variant
    recent.reason = answer.reason
    return told


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
