"""Checks every row of a program once, so that evaluation can index without looking (docs/snapshot-format.md section 5).

Inconsistent rows raise SnapshotError. Codes that this core doesn't know are no inconsistency: they mark the flags that use them.
The work is linear in the file's size, whatever the file says. Used by ``evaluator`` only.
"""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset

from evaluator._fast.checks cimport (
    check_attributes, check_networks, check_prefix, check_small_tables, check_text_split, check_variants,
)
from evaluator._fast.generated cimport *
from evaluator._fast.program cimport Program, broken, inside, is_flat_map

cdef extern from "kernels.h" nogil:
    uint16_t load_u16(const void* p)
    uint32_t load_u32(const void* p)
    double bits_to_double(uint64_t bits)

cdef enum:
    SOUND = 0
    UNKNOWN_CODE = 1


cdef inline int refer(uint64_t* total, uint64_t count) except -1:
    """Shared rows are checked once for each reference; this bounds the work."""
    total[0] += count
    if total[0] > MAX_REFERENCES:
        broken("it refers to too many rows")
    return 0


cdef struct Marks:
    # What the checks remember of each row, in one piece of memory that goes when they are done.
    uint64_t* cost
    uint8_t* node_state
    uint8_t* node_depth
    uint8_t* node_parent
    uint8_t* outcome_state
    uint8_t* condition_state
    uint8_t* rule_state
    uint8_t* automaton_checked  # a byte for each 8 of the section
    uint64_t condition_total, range_total, rule_total


cdef int make_marks(Program p, Marks* marks) except -1:
    cdef uint64_t nodes = p.counts[SECTION_NODES], outcomes = p.counts[SECTION_OUTCOMES], rules = p.counts[SECTION_RULES]
    cdef uint64_t conditions = p.counts[SECTION_CONDITIONS], flags = p.counts[SECTION_FLAGS]
    cdef uint64_t automata = p.counts[SECTION_AUTOMATA] // 8
    memset(marks, 0, sizeof(Marks))
    marks.cost = <uint64_t*>calloc(flags * 8 + 3 * nodes + outcomes + conditions + rules + automata + 8, 1)
    if marks.cost == NULL:
        raise MemoryError
    marks.node_state = <uint8_t*>(marks.cost + flags)
    marks.node_depth = marks.node_state + nodes
    marks.node_parent = marks.node_depth + nodes
    marks.outcome_state = marks.node_parent + nodes
    marks.condition_state = marks.outcome_state + outcomes
    marks.rule_state = marks.condition_state + conditions
    marks.automaton_checked = marks.rule_state + rules
    return 0


cdef int check_nodes(Program p, Marks* marks) except -1:
    """Children come after their parent, so one walk from the end sees every child before its parent."""
    cdef uint32_t i, child, count = p.counts[SECTION_NODES]
    cdef const node_row* row
    for i in range(count, 0, -1):
        row = &p.nodes[i - 1]
        marks.node_depth[i - 1] = 1
        if row.op < 1 or row.op > NODE_LAST:
            marks.node_state[i - 1] = UNKNOWN_CODE
            continue
        if row.op == NODE_CONSTANT:
            inside(row.value, 1, len(p.values), "an expression's constant doesn't exist")
        elif row.op == NODE_MATCHES:
            check_automaton(p, marks, row.value)
        if row.count and row.first_child < i:
            broken("an expression refers back")
        inside(row.first_child, row.count, count, "an expression's part doesn't exist")
        for child in range(row.first_child, row.first_child + row.count):
            if marks.node_parent[child]:
                broken("two expressions share a part")
            marks.node_parent[child] = 1
            marks.node_state[i - 1] |= marks.node_state[child]
            if marks.node_depth[child] >= MAX_EXPRESSION_DEPTH:
                broken("an expression is nested too deep")
            if marks.node_depth[child] >= marks.node_depth[i - 1]:
                marks.node_depth[i - 1] = marks.node_depth[child] + 1
    return 0


cdef int check_outcome(Program p, Marks* marks, uint32_t index) except -1:
    cdef const outcome_row* row = &p.outcomes[index]
    cdef uint32_t i
    cdef uint64_t before = 0
    if row.kind == OUTCOME_SPLIT:
        refer(&marks.range_total, row.range_count)
    if row.kind > OUTCOME_LAST:
        marks.outcome_state[index] = UNKNOWN_CODE
        return 0
    if row.kind == OUTCOME_CONSTANT:
        return inside(row.variant, 1, p.counts[SECTION_VARIANTS], "an outcome's variant doesn't exist")
    if row.kind == OUTCOME_EXPRESSION:
        inside(row.node, 1, p.counts[SECTION_NODES], "an outcome's expression doesn't exist")
        marks.outcome_state[index] = marks.node_state[row.node]
    if row.kind != OUTCOME_SPLIT:
        return 0
    if (
        row.hash < 1 or row.hash > HASH_LAST or row.space > SPACE_LAST or row.unit > UNIT_LAST
        or row.on_missing > ON_LAST or row.past_end > ON_LAST
    ):
        marks.outcome_state[index] = UNKNOWN_CODE
        return 0
    if row.total == 0 and (row.space == SPACE_MODULO or row.space == SPACE_MULTIPLY):
        broken("a split divides into no buckets")
    if row.hash == HASH_MD5_INTEGER and row.space != SPACE_MODULO:
        broken("a split needs a modulus for its hash")
    if (row.hash == HASH_SHA1_28 or row.hash == HASH_SHA1_60) and row.space > SPACE_MODULO:
        broken("a split's hash isn't 32 bits wide")
    if row.node == NONE:
        inside(row.attribute, 1, p.counts[SECTION_ATTRIBUTES], "a split's attribute doesn't exist")
    else:
        inside(row.node, 1, p.counts[SECTION_NODES], "a split's expression doesn't exist")
        marks.outcome_state[index] |= marks.node_state[row.node]
    if row.on_missing == ON_VARIANT or row.past_end == ON_VARIANT:
        inside(row.variant, 1, p.counts[SECTION_VARIANTS], "a split's variant doesn't exist")
    inside(row.prefix, row.prefix_length, p.counts[SECTION_TEXT], "a split's prefix lies outside the text")
    inside(row.suffix, row.suffix_length, p.counts[SECTION_TEXT], "a split's suffix lies outside the text")
    if row.hash >= HASH_FNV1A_32:
        check_text_split(p, row)
    inside(row.first_range, row.range_count, p.counts[SECTION_RANGES], "a split's range doesn't exist")
    for i in range(row.first_range, row.first_range + row.range_count):
        if p.ranges[i].last < before:
            broken("a split's ranges descend")
        before = p.ranges[i].last
    return 0


cdef int check_automaton(Program p, Marks* marks, uint64_t payload) except -1:
    cdef uint64_t i, offset = payload * 8, size = p.counts[SECTION_AUTOMATA]
    if payload > size // 8:
        broken("a pattern lies outside the automata")
    if offset < size and marks.automaton_checked[payload]:
        return 0
    inside(offset, 16 + 256, size, "a pattern lies outside the automata")
    cdef uint32_t states = load_u32(p.automata + offset)
    cdef uint32_t classes = load_u32(p.automata + offset + 4)
    if classes < 1 or load_u32(p.automata + offset + 8) >= states:
        broken("a pattern has no start")
    if states > 65536 or classes > 65536:  # no u16 and no byte reaches them; and the product must not overflow
        inside(offset + 272, size, size, "a pattern lies outside the automata")
    inside(offset + 272, <uint64_t>states * classes * 2, size, "a pattern lies outside the automata")
    for i in range(256):
        if <uint8_t>p.automata[offset + 16 + i] >= classes:
            broken("a pattern has an unknown byte class")
    for i in range(<uint64_t>states * classes):
        if load_u16(p.automata + offset + 272 + 2 * i) >= states:
            broken("a pattern leads nowhere")
    marks.automaton_checked[payload] = 1
    return 0


cdef int check_set(Program p, uint64_t offset) except -1:
    inside(offset, 16, p.counts[SECTION_SETS], "a set doesn't exist")
    cdef uint64_t slots = load_u32(p.sets + offset + 4)
    if slots == 0:
        broken("a set has no slots")
    inside(offset + 16, slots * 4 + load_u32(p.sets + offset + 8), p.counts[SECTION_SETS], "a set lies outside its section")
    return 0


cdef int check_numbers(Program p, const condition_row* row) except -1:
    """They don't descend, and none is NaN."""
    cdef const uint64_t* numbers = p.numbers + row.offset
    cdef uint32_t i
    inside(row.offset, row.count, p.counts[SECTION_NUMBERS], "a condition's numbers don't exist")
    for i in range(row.count):
        if row.op == OP_IN_INTEGER:
            if i and <int64_t>numbers[i] < <int64_t>numbers[i - 1]:
                broken("a condition's numbers are not sorted")
        elif not bits_to_double(numbers[i - 1] if i else numbers[i]) <= bits_to_double(numbers[i]):
            broken("a condition's numbers are not sorted")
    return 0


cdef int check_operand(Program p, Marks* marks, const condition_row* row, uint8_t* state) except -1:
    cdef uint64_t values = len(p.values), i
    cdef uint8_t op = row.op
    if op == OP_EQ_TEXT or op == OP_CONTAINS_TEXT or op == OP_STARTS_WITH or op == OP_ENDS_WITH or op == OP_VERSION or op == OP_MATCHES:
        inside(row.offset, row.length, p.counts[SECTION_TEXT], "a condition's text lies outside the text")
        if op == OP_EQ_TEXT:
            check_prefix(p, row.offset, row.length, row.payload)
        elif op == OP_MATCHES:
            check_automaton(p, marks, row.payload)
    elif op == OP_DIGEST:
        inside(row.offset, row.length, p.counts[SECTION_TEXT], "a condition's salt lies outside the text")
        inside(row.payload, row.count > 0, p.counts[SECTION_TEXT], "a condition's digests lie outside the text")  # no wrapping below
        inside(row.payload, 36 * <uint64_t>row.count, p.counts[SECTION_TEXT], "a condition's digests lie outside the text")
    elif op == OP_IN_TEXT_SMALL:
        inside(row.offset, row.count, p.counts[SECTION_TEXT_REFS], "a condition's texts don't exist")
    elif op == OP_IN_TEXT_TABLE:
        check_set(p, <uint64_t>row.offset * 8)
    elif op == OP_IN_INTEGER or op == OP_IN_FLOAT:
        check_numbers(p, row)
    elif op == OP_IN_NETWORK:
        check_networks(p, row)
    elif op == OP_EQ_BOOLEAN:
        if row.payload > 1:
            broken("a condition's boolean is neither 0 nor 1")
    elif op == OP_EQ_VALUE or op == OP_CONTAINS_ALL or op == OP_CONTAINS_ANY:
        inside(row.offset, 1, values, "a condition's value doesn't exist")
        if op != OP_EQ_VALUE and type(p.values[row.offset]) is not list:
            broken("a condition's value is no list")
    elif op == OP_ORDER or op == OP_WITHIN:
        inside(row.offset, 1, values, "a condition's value doesn't exist")
        if op == OP_WITHIN and type(p.values[row.offset]) is not list and type(p.values[row.offset]) is not str:
            broken("a condition's value is neither text nor list")
    elif op == OP_MODULO:
        if row.count != 2 or <int64_t>row.payload <= 0:
            broken("a condition's modulus or its range is wrong")
        inside(row.offset, row.count, p.counts[SECTION_NUMBERS], "a condition's numbers don't exist")
    elif op == OP_PATH:
        inside(row.offset, 1, len(p.paths), "a condition's path doesn't exist")
        inside(row.length, 1, values, "a condition's value doesn't exist")
    elif op == OP_DISTANCE:
        inside(row.offset, 1, p.counts[SECTION_PLACES], "a condition's place doesn't exist")
    elif op == OP_WINDOW:
        inside(row.offset, 1, p.counts[SECTION_WINDOWS], "a condition's time window doesn't exist")
    elif op == OP_EXPRESSION:
        inside(row.offset, 1, p.counts[SECTION_NODES], "a condition's expression doesn't exist")
        state[0] = marks.node_state[row.offset]
    elif op == OP_BUCKET:
        inside(row.offset, 1, p.counts[SECTION_OUTCOMES], "a condition's split doesn't exist")
        if p.outcomes[row.offset].kind != OUTCOME_SPLIT and p.outcomes[row.offset].kind <= OUTCOME_LAST:
            broken("a condition's split is another outcome")
        state[0] = marks.outcome_state[row.offset]
    elif op == OP_PREREQUISITE:
        inside(row.payload, 1, p.counts[SECTION_FLAGS], "a prerequisite doesn't exist")
        inside(row.offset, row.count, p.counts[SECTION_NUMBERS], "a prerequisite's variants don't exist")
        for i in range(row.offset, <uint64_t>row.offset + row.count):
            inside(p.numbers[i], 1, p.counts[SECTION_VARIANTS], "a prerequisite's variant doesn't exist")
    return 0


cdef bint has_unknown_comparison(const condition_row* row) noexcept nogil:
    if row.mode & CMP_MASK <= CMP_GE:
        return False
    if row.op == OP_VERSION:
        return not row.mode & (MODE_VERSION_SAME_MINOR | MODE_VERSION_SAME_MAJOR)
    return row.op == OP_TIME or row.op == OP_LENGTH or row.op == OP_DISTANCE or row.op == OP_NOW or row.op == OP_ORDER


cdef int check_condition(Program p, Marks* marks, uint32_t index) except -1:
    cdef const condition_row* row = &p.conditions[index]
    if row.op < 1 or row.op > OP_LAST or has_unknown_comparison(row):
        marks.condition_state[index] = UNKNOWN_CODE
        return 0
    if row.op < OP_NOW or row.op > OP_EXPRESSION:
        if row.op != OP_WINDOW or row.attribute != NONE_16:
            inside(row.attribute, 1, p.counts[SECTION_ATTRIBUTES], "a condition's attribute doesn't exist")
    return check_operand(p, marks, row, &marks.condition_state[index])


cdef inline int check_jump(uint16_t target, uint32_t position, uint32_t count) except -1:
    if target < JUMP_FAIL and (target == 0 or position + target >= count):
        broken("a condition jumps out of its rule")
    return 0


cdef inline bint is_known_reason(uint8_t reason) noexcept:
    return reason <= REASON_HELD_OUT or REASON_FIRST_ERROR <= reason <= REASON_LAST


cdef int check_rule(Program p, Marks* marks, uint32_t index) except -1:
    cdef const rule_row* rule = &p.rules[index]
    cdef const condition_row* row
    cdef uint32_t i
    inside(rule.first_condition, rule.condition_count, p.counts[SECTION_CONDITIONS], "a rule's condition doesn't exist")
    inside(rule.outcome, 1, p.counts[SECTION_OUTCOMES], "a rule's outcome doesn't exist")
    if rule.id != NONE:
        inside(rule.id, 1, len(p.rule_ids), "a rule's id doesn't exist")
    marks.rule_state[index] = marks.outcome_state[rule.outcome]
    if not is_known_reason(rule.reason):
        marks.rule_state[index] = UNKNOWN_CODE
    for i in range(rule.condition_count):
        row = &p.conditions[rule.first_condition + i]
        check_jump(row.on_false, i, rule.condition_count)
        check_jump(row.on_true, i, rule.condition_count)
        check_jump(row.on_unknown, i, rule.condition_count)
        check_jump(row.on_missing, i, rule.condition_count)
        marks.rule_state[index] |= marks.condition_state[rule.first_condition + i]
    return 0


cdef int check_flag(Program p, Marks* marks, uint32_t index) except -1:
    cdef const flag_row* flag = &p.flags[index]
    cdef uint64_t text = p.counts[SECTION_TEXT]
    cdef uint32_t i
    if index and not p.keys[index - 1] < p.keys[index]:
        broken("the flag keys are not in order")
    inside(flag.first_rule, flag.rule_count, p.counts[SECTION_RULES], "a flag's rule doesn't exist")
    inside(flag.default_outcome, 1, p.counts[SECTION_OUTCOMES], "a flag's default outcome doesn't exist")
    inside(flag.first_variant, flag.variant_count, p.counts[SECTION_VARIANTS], "a flag's variant doesn't exist")
    inside(flag.metadata_json, flag.metadata_json_length, text, "a flag's metadata lie outside the text")
    inside(flag.key_json, flag.key_json_length, text, "a flag's key lies outside the text")
    if flag.metadata != NONE:
        inside(flag.metadata, 1, len(p.values), "a flag's metadata don't exist")
        if not is_flat_map(p.values[flag.metadata]):
            broken("a flag's metadata are no flat map")
    if flag.message != NONE:
        inside(flag.message, 1, len(p.values), "a flag's message doesn't exist")
        if type(p.values[flag.message]) is not str:
            broken("a flag's message is no text")
    if flag.rank > MAX_PREREQUISITE_RANK:
        broken("a flag's prerequisites go too deep")
    for i in range(flag.first_rule, flag.first_rule + flag.rule_count):
        p.state[index] |= marks.rule_state[i]
    if flag.state > STATE_TOMBSTONE or not is_known_reason(flag.default_reason) or marks.outcome_state[flag.default_outcome]:
        p.state[index] = UNKNOWN_CODE
    return 0


cdef int check_prerequisites(Program p, Marks* marks, uint8_t rank) except -1:
    """Costs and unknown codes of the flags of one rank, whose prerequisites all have lower ranks."""
    cdef uint32_t f, r, c, wanted
    cdef const rule_row* rule
    cdef const condition_row* row
    for f in range(p.counts[SECTION_FLAGS]):
        if p.flags[f].rank != rank:
            continue
        marks.cost[f] = 1
        for r in range(p.flags[f].first_rule, p.flags[f].first_rule + p.flags[f].rule_count):
            rule = &p.rules[r]
            for c in range(rule.first_condition, rule.first_condition + rule.condition_count):
                row = &p.conditions[c]
                if row.op != OP_PREREQUISITE:
                    continue
                wanted = <uint32_t>row.payload
                if p.flags[wanted].rank >= rank:
                    broken("a prerequisite is not of lower rank")
                marks.cost[f] += marks.cost[wanted]
                if marks.cost[f] > MAX_PREREQUISITE_COST:
                    broken("a flag's prerequisites cost too much")
                p.state[f] |= p.state[wanted]
    return 0


cdef int check_program(Program p, Marks* marks) except -1:
    cdef uint32_t i, deepest = 0
    if <uint32_t>len(p.keys) != p.counts[SECTION_FLAGS]:
        broken("there are not as many flags as flag keys")
    for i in range(p.counts[SECTION_RULES]):
        refer(&marks.condition_total, p.rules[i].condition_count)
    for i in range(p.counts[SECTION_FLAGS]):
        refer(&marks.rule_total, p.flags[i].rule_count)
    check_attributes(p)
    check_variants(p)
    check_small_tables(p)
    check_nodes(p, marks)
    for i in range(p.counts[SECTION_OUTCOMES]):
        check_outcome(p, marks, i)
    for i in range(p.counts[SECTION_CONDITIONS]):
        check_condition(p, marks, i)
    for i in range(p.counts[SECTION_RULES]):
        check_rule(p, marks, i)
    p.allocate_state()
    for i in range(p.counts[SECTION_FLAGS]):
        check_flag(p, marks, i)
        deepest = max(deepest, p.flags[i].rank)
    for i in range(deepest + 1):
        check_prerequisites(p, marks, <uint8_t>i)
    for i in range(p.counts[SECTION_FLAGS]):  # last: a tombstone doesn't spoil the flags that ask for it
        p.state[i] |= p.flags[i].state == STATE_TOMBSTONE
    return 0


cdef Program load(object data):
    """A program whose every row is sound. Raises SnapshotError; TypeError if ``data`` is not bytes-like."""
    cdef Program p = Program(data if type(data) is bytes else bytes(memoryview(data)))
    cdef Marks marks
    make_marks(p, &marks)
    try:
        check_program(p, &marks)
    finally:
        free(marks.cost)
    p.finish()
    return p
