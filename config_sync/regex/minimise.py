"""The smallest automaton of the same language (J. Hopcroft, "An n log n algorithm for minimizing states in a finite
automaton", 1971), its equal columns joined and its states numbered in a fixed way. Used by ``config_sync.regex`` only.
"""

from collections import defaultdict

from config_sync.regex.dfa import Table
from evaluator.snapshot.opcodes import AUTOMATON_ACCEPT, AUTOMATON_DEAD


def minimise(table: Table, start: int) -> tuple[Table, int]:
    """The minimal table and its start state. States that are never left become DEAD or ACCEPT, whichever they are."""
    blocks = _blocks(table)
    return _renumber(table, start, blocks)


def _blocks(table: Table) -> list[int]:
    """The equivalence class of each state. Only the answer at the end of the text tells states apart."""
    accepting = {state for state, row in enumerate(table) if row[-1] == AUTOMATON_ACCEPT}
    members: list[set[int]] = [set(range(len(table))) - accepting, accepting]
    block_of = [1 if state in accepting else 0 for state in range(len(table))]
    inverse = _inverse(table)
    waiting = {(min(0, 1, key=lambda block: len(members[block])), column) for column in range(len(inverse))}
    while waiting:
        block, column = waiting.pop()
        sources = [source for state in members[block] for source in inverse[column].get(state, ())]
        _split(sources, block_of, members, waiting, len(inverse))
    return block_of


def _inverse(table: Table) -> list[dict[int, list[int]]]:
    """For each column but the last: the states that lead to a state. Columns equal to others tell nothing new."""
    distinct = dict.fromkeys(zip(*(row[:-1] for row in table), strict=True))
    inverse = []
    for column in distinct:
        sources: defaultdict[int, list[int]] = defaultdict(list)
        for source, target in enumerate(column):
            sources[target].append(source)
        inverse.append(dict(sources))
    return inverse


def _split(
    sources: list[int], block_of: list[int], members: list[set[int]], waiting: set[tuple[int, int]], columns: int
) -> None:
    """Cut every block that the sources hit in part; the smaller half (or both, if the block was waiting) must be looked at."""
    hit: defaultdict[int, list[int]] = defaultdict(list)
    for source in sources:
        hit[block_of[source]].append(source)
    for block, inside in hit.items():
        if len(inside) == len(members[block]):
            continue
        fresh = len(members)
        members.append(set(inside))
        members[block] -= members[fresh]
        for source in inside:
            block_of[source] = fresh
        smaller = min(block, fresh, key=lambda number: len(members[number]))
        for column in range(columns):
            waiting.add((fresh if (block, column) in waiting else smaller, column))


def _renumber(table: Table, start: int, block_of: list[int]) -> tuple[Table, int]:
    """One row per block: DEAD and ACCEPT first, the others in the order of a breadth-first walk from the start."""
    numbers = {block_of[AUTOMATON_DEAD]: AUTOMATON_DEAD, block_of[AUTOMATON_ACCEPT]: AUTOMATON_ACCEPT}
    order = [AUTOMATON_DEAD, AUTOMATON_ACCEPT]
    if block_of[start] not in numbers:
        numbers[block_of[start]] = len(order)
        order.append(start)
    for state in order:  # grows while it is read
        for target in table[state]:
            if block_of[target] not in numbers:
                numbers[block_of[target]] = len(order)
                order.append(target)
    return [[numbers[block_of[target]] for target in table[state]] for state in order], numbers[block_of[start]]
