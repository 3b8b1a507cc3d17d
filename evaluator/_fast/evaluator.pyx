"""``Evaluator``, the public class: load, swap, ask. What it answers with is in ``answers``; how it comes to it in ``walk``.

It is what callers hold: a Python layer over it would cost a third of an evaluation. Everything that takes ``now`` takes epoch
milliseconds; left out, the wall clock is read, once a call, if a rule asks for it.
"""

from cpython.object cimport PyObject
from libc.stdint cimport uint8_t, uint32_t
from libc.stdlib cimport calloc, free

from evaluator._fast.answers cimport Evaluation, flag_metadata, recalled, render_all, texts_of
from evaluator._fast.frames cimport Frame, as_dict, close_frame, open_frame
from evaluator._fast.generated cimport *
from evaluator._fast.load cimport load
from evaluator._fast.program cimport Program, find
from evaluator._fast.values cimport fresh_copy
from evaluator._fast.walk cimport Answer, ask, ask_in, refuse

cdef extern from "kernels.h":
    object dict_presized(Py_ssize_t n)
    int PyDict_CheckExact(PyObject* o)
    object PyUnicode_FromObject(object o)


cdef inline Evaluation new_evaluation(Program p):
    cdef Evaluation made = Evaluation.__new__(Evaluation)
    made.program = p
    return made


cdef inline object typed_number(Program p, const Answer* answer, bint whole, object default):
    """The value for ``integer`` and ``number``, whose kinds overlap."""
    cdef uint32_t kind = KIND_NONE if answer.variant == NONE else p.variant_values[answer.variant].kind
    if kind != KIND_INTEGER and kind != KIND_FLOAT:
        return default
    value = <object>p.variant_values[answer.variant].value
    if kind == KIND_INTEGER or not whole:
        return value
    return int(value) if float.is_integer(value) else default


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
        file = open(path, "rb")
        try:
            return cls(file.read())
        finally:
            file.close()

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

    def flag_metadata(self, key):
        """A flag's metadata, a flat dict; None if it has none or there is no such flag."""
        cdef Program p = self.program
        cdef uint32_t index = find(p, key)
        return None if index == NONE else flag_metadata(p, index)

    def variant_value(self, key, variant):
        """The value of the flag's variant of this name; None if there is none."""
        cdef Program p = self.program
        cdef uint32_t i, index = find(p, key)
        if index != NONE:
            for i in range(p.flags[index].first_variant, p.flags[index].first_variant + p.flags[index].variant_count):
                if p.names[p.variants[i].name] == variant and variant:
                    return None if p.variants[i].value == NONE else fresh_copy(<object>p.variant_values[i].value)
        return None

    def boolean(self, key, context, default, now=None):
        """The flag's boolean for this context; ``default`` if there is no answer or it is of another type."""
        cdef Program p = self.program
        cdef Answer answer
        ask(p, key, context, now, &answer)
        if answer.variant != NONE:
            if p.variant_values[answer.variant].kind == KIND_BOOLEAN:
                return <object>p.variant_values[answer.variant].value
            if p.variants[answer.variant].flags & VARIANT_IS_ON:
                return True
        return default

    def string(self, key, context, default, now=None):
        """As ``boolean``, for strings."""
        cdef Program p = self.program
        cdef Answer answer
        ask(p, key, context, now, &answer)
        if answer.variant != NONE and p.variant_values[answer.variant].kind == KIND_STRING:
            return <object>p.variant_values[answer.variant].value
        return default

    def integer(self, key, context, default, now=None):
        """As ``boolean``, for integers; a whole float counts, as its integer."""
        cdef Program p = self.program
        cdef Answer answer
        ask(p, key, context, now, &answer)
        return typed_number(p, &answer, True, default)

    def number(self, key, context, default, now=None):
        """As ``boolean``, for numbers: integers and floats, as they are."""
        cdef Program p = self.program
        cdef Answer answer
        ask(p, key, context, now, &answer)
        return typed_number(p, &answer, False, default)

    def object(self, key, context, default, now=None):
        """As ``boolean``, for objects and lists; a fresh copy each time."""
        cdef Program p = self.program
        cdef Answer answer
        ask(p, key, context, now, &answer)
        if answer.variant != NONE and p.variant_values[answer.variant].kind == KIND_OBJECT:
            return fresh_copy(<object>p.variant_values[answer.variant].value)
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
        wanted = None if keys is None else texts_of(keys, True)
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

    def recall(self, key, context, make, now=None):
        """What ``make`` says of ``evaluate(key, context, now)``: asked once for a flag's variant and reason, then remembered."""
        cdef Program p = self.program
        cdef Answer answer
        ask(p, key, context, now, &answer)
        return recalled(p, &answer, key, make)

    def recall_all(self, keys, context, make, now=None):
        """``recall`` for each of ``keys``, once each: a list in their order."""
        cdef Program p = self.program
        cdef Frame frame
        cdef Answer answer
        cdef uint32_t index
        cdef list told = []
        cdef dict unknown = {}
        cdef uint8_t* seen
        if not PyDict_CheckExact(<PyObject*>context):
            context = as_dict(context)
        keys = texts_of(keys, False)
        seen = <uint8_t*>calloc(p.counts[SECTION_FLAGS] + <size_t>1, 1)
        if seen == NULL:
            raise MemoryError
        cdef bint opened = context is not None and open_frame(p, &frame, <PyObject*>context, <PyObject*>now)
        try:
            for key in <list>keys:
                index = find(p, key)
                if index != NONE:
                    if not seen[index]:
                        seen[index] = 1
                        ask_in(p, &frame, opened, index, &answer)
                        told.append(recalled(p, &answer, key, make))
                elif key not in unknown:
                    unknown[key] = None
                    refuse(&answer, NONE, REASON_FLAG_NOT_FOUND)
                    told.append(recalled(p, &answer, key, make))
        finally:
            free(seen)
            if opened:
                close_frame(&frame)
        return told

    def explain(self, key, context, now=None):
        """The same walk, step by step: an ``Explanation`` (evaluator/explain.py)."""
        from evaluator.explain import explain

        return explain(self.program.data, key, context, now)


globals()["Evaluation"] = Evaluation  # beside Evaluator, as in the pure twin: a cimported name is no attribute of the module
