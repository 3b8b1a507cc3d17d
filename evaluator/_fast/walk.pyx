"""The walk from a key and a context to an answer: integers, bytes and tables; nothing here knows dialects.

Rules in order, conditions by their jumps, the outcome that decides. All that is hot is in this one module, so that the C compiler
sees it whole; what is rare is in ``operators`` and ``hashing``. Order of the questions: docs/snapshot-format.md section 6.
"""

from cpython.object cimport PyObject
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from evaluator._fast.expressions cimport View, evaluate_expression, truthy_text
from evaluator._fast.frames cimport Frame, as_dict, close_frame, open_frame
from evaluator._fast.generated cimport *
from evaluator._fast.hashing cimport bucket_of_bytes, unit_bytes
from evaluator._fast.jsonlogic cimport truthy
from evaluator._fast.matching cimport match_slot
from evaluator._fast.operators cimport ABSENT, NO, UNKNOWN, YES, Truth, holds, instant_of_slot
from evaluator._fast.program cimport Program, find
from evaluator._fast.slots cimport INTEGER, MISSING, NULL_VALUE, TEXT, UNUSABLE, Call, Slot, clock_us, resolve
from evaluator._fast.values cimport in_window

cdef extern from "kernels.h" nogil:
    uint32_t murmur3_32(const char* data, Py_ssize_t n, uint32_t seed)
    Py_ssize_t decimal(int64_t value, char* buffer)

cdef extern from "kernels.h":
    int PyDict_CheckExact(PyObject* o)

cdef enum UnitState:
    UNIT_FOUND
    UNIT_ABSENT
    UNIT_UNUSABLE

cdef enum Decision:
    DECIDED
    NEXT_RULE
    USE_DEFAULT


# ---- conditions ------------------------------------------------------------------------------------------------------


cdef View view_of(Program p, Call* call):
    cdef View view = View.__new__(View)
    view.context = <dict>call.context
    view.flag_key = p.keys[call.flag]
    view.now_ms = <object>call.now if call.now != NULL else clock_us(call) // 1000
    return view


cdef Truth match_window(Program p, Call* call, const condition_row* row) noexcept:
    """The value as an instant; without one, the clock."""
    cdef Slot* slot = NULL
    cdef int64_t instant
    if row.attribute != NONE_16:
        slot = resolve(p, call, row.attribute)
    if slot == NULL or slot.kind == MISSING or slot.kind == NULL_VALUE:
        instant = clock_us(call)
    elif slot.kind == UNUSABLE:
        return UNKNOWN
    elif not instant_of_slot(slot, row, &instant):
        return UNKNOWN
    return YES if in_window(&p.windows[row.offset], p.zones, instant) else NO


cdef Truth match_bucket(Program p, Call* call, const condition_row* row) noexcept:
    cdef const outcome_row* split = &p.outcomes[row.offset]
    cdef uint64_t bucket
    cdef uint32_t i
    if bucket_of(p, call, split, &bucket) != UNIT_FOUND:
        return ABSENT
    for i in range(split.first_range, split.first_range + split.range_count):
        if bucket <= p.ranges[i].last:
            return YES if p.ranges[i].target != TARGET_NEXT_RULE else NO
    return NO


cdef Truth match_expression(Program p, Call* call, const condition_row* row) noexcept:
    try:
        return YES if truthy(evaluate_expression(p, row.offset, view_of(p, call))) else NO
    except Exception:
        return UNKNOWN


cdef Truth match_call(Program p, Call* call, const condition_row* row) noexcept:
    """The operators that ask the call, not one attribute."""
    cdef int64_t now
    if row.op == OP_BUCKET:
        return match_bucket(p, call, row)
    if row.op == OP_PREREQUISITE:
        return prerequisite_holds(p, call, row)
    if row.op == OP_EXPRESSION:
        return match_expression(p, call, row)
    if row.op == OP_WINDOW:
        return match_window(p, call, row)
    now = clock_us(call)
    return YES if holds(row.mode & CMP_MASK, (now > <int64_t>row.payload) - (now < <int64_t>row.payload)) else NO


cdef inline int match(Program p, Call* call, const condition_row* row) noexcept:
    """Whether the rule that begins at ``row`` is definitely true. Jumps go forward inside the rule (checked at load), so it ends."""
    cdef Slot* slot
    cdef uint16_t jump
    cdef Truth truth
    while True:
        if OP_WINDOW <= row.op <= OP_EXPRESSION:
            truth = match_call(p, call, row)
        else:
            slot = resolve(p, call, row.attribute)
            if slot.kind > UNUSABLE:
                truth = match_slot(p, row, slot)
            else:
                truth = ABSENT if slot.kind == MISSING else UNKNOWN
        jump = (&row.on_false)[<int>truth]
        if jump >= JUMP_FAIL:
            return jump == JUMP_MATCH
        row += jump


# ---- buckets ---------------------------------------------------------------------------------------------------------


cdef UnitState bucket_of_object(Program p, Call* call, const outcome_row* row, const Slot* slot, uint64_t* bucket) noexcept:
    """The units off the hot path: expressions, CBOR, big integers, prefixes and suffixes."""
    cdef bint failed = False
    cdef bytes unit
    try:
        value = <object>slot.object if slot != NULL else evaluate_expression(p, row.node, view_of(p, call))
        unit = unit_bytes(row.unit, truthy_text(value) if row.unit == UNIT_TRUTHY else value)
        if unit is None:
            return UNIT_ABSENT
        bucket[0] = bucket_of_bytes(p, row, unit, len(unit), &failed)
    except Exception:
        return UNIT_UNUSABLE
    return UNIT_UNUSABLE if failed else UNIT_FOUND


cdef UnitState bucket_of_slot(Program p, Call* call, const outcome_row* row, const Slot* slot, uint64_t* bucket) noexcept:
    cdef const char* unit = slot.text
    cdef Py_ssize_t length = slot.length
    cdef char[24] digits
    cdef bint failed = False
    if slot.kind == MISSING:
        return UNIT_ABSENT
    if slot.kind == UNUSABLE:
        return UNIT_UNUSABLE
    if row.unit == UNIT_TRUTHY and (slot.kind != TEXT or slot.length == 0):
        return bucket_of_object(p, call, row, slot, bucket)
    if slot.kind == INTEGER and row.unit == UNIT_TEXT:
        unit = digits
        length = decimal(slot.integer, digits)
    elif slot.kind != TEXT or row.unit == UNIT_CBOR:
        return bucket_of_object(p, call, row, slot, bucket)
    bucket[0] = bucket_of_bytes(p, row, unit, length, &failed)
    return UNIT_UNUSABLE if failed else UNIT_FOUND


cdef inline UnitState bucket_of(Program p, Call* call, const outcome_row* row, uint64_t* bucket) noexcept:
    """The usual case here: a text, hashed alone with MurmurHash3 into the full space."""
    cdef Slot* slot
    if row.node != NONE:
        return bucket_of_object(p, call, row, NULL, bucket)
    slot = resolve(p, call, row.attribute)
    if slot.kind == TEXT and row.hash == HASH_MURMUR3_32 and row.space == SPACE_FULL and not row.unit & 1:  # TEXT and STRING
        if not (row.prefix_length | row.suffix_length):
            bucket[0] = murmur3_32(slot.text, slot.length, row.seed)
            return UNIT_FOUND
    return bucket_of_slot(p, call, row, slot, bucket)


# ---- outcomes and rules ----------------------------------------------------------------------------------------------


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
        value = evaluate_expression(p, row.node, view_of(p, call))
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
    if decide(p, call, flag, flag.default_outcome, out) != DECIDED or out.reason >= REASON_FIRST_ERROR:
        out.variant = NONE
        out.has_bucket = False


cdef inline void run(Program p, Call* call, uint32_t index, Answer* out) noexcept:
    """One sound flag: its rules in order, then its default."""
    cdef const flag_row* flag = &p.flags[index]
    cdef const rule_row* rule = &p.rules[flag.first_rule]
    cdef const rule_row* end = rule + flag.rule_count
    cdef Decision decision
    call.flag = index
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
    if p.outcomes[flag.default_outcome].kind == OUTCOME_CONSTANT and flag.default_reason < REASON_FIRST_ERROR:
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
    return p.state[index] == 0


cdef Truth prerequisite_holds(Program p, Call* call, const condition_row* row) noexcept:
    cdef Answer answer
    cdef uint32_t i, asking = call.flag, wanted = <uint32_t>row.payload
    if not is_sound(p, wanted):
        return UNKNOWN
    run(p, call, wanted, &answer)
    call.flag = asking
    if answer.reason >= REASON_FIRST_ERROR:
        return UNKNOWN
    for i in range(row.offset, row.offset + row.count):
        if p.numbers[i] == answer.variant:
            return YES
    return NO


cdef void refuse(Answer* out, uint32_t flag, uint32_t reason) noexcept nogil:
    out.flag = flag
    out.rule = NONE
    fail(out, reason)


# ---- one call --------------------------------------------------------------------------------------------------------


cdef void ask_otherwise(Program p, uint32_t index, object context, object now, Answer* out) noexcept:
    """What is no live flag and plain dict: an unknown key, an unsound flag, a context that must be copied, or none at all."""
    if index == NONE:
        refuse(out, NONE, REASON_FLAG_NOT_FOUND)
    elif not is_sound(p, index):
        run_unsound(p, index, out)
    else:
        context = as_dict(context)
        if context is None:
            refuse(out, index, REASON_INVALID_CONTEXT)
        else:
            ask_dict(p, index, context, now, out)


cdef inline void ask_dict(Program p, uint32_t index, object context, object now, Answer* out) noexcept:
    cdef Frame frame
    if open_frame(p, &frame, <PyObject*>context, <PyObject*>now):
        run(p, &frame.call, index, out)
        close_frame(&frame)
    else:
        refuse(out, index, REASON_INVALID_CONTEXT)


cdef void ask(Program p, object key, object context, object now, Answer* out) noexcept:
    """One flag, one call."""
    cdef uint32_t index = find(p, key)
    if index != NONE and is_sound(p, index) and PyDict_CheckExact(<PyObject*>context):
        ask_dict(p, index, context, now, out)
    else:
        ask_otherwise(p, index, context, now, out)


cdef void ask_in(Program p, Frame* frame, bint opened, uint32_t index, Answer* out) noexcept:
    """One flag of an evaluate-all, whose slots are shared."""
    if not is_sound(p, index):
        run_unsound(p, index, out)
    elif not opened:
        refuse(out, index, REASON_INVALID_CONTEXT)
    else:
        run(p, &frame.call, index, out)
