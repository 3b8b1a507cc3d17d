"""Value expressions as rows of ``nodes``: a node's children stand in one run behind it. Used by the lowering only."""

from config_sync.ir import Expression
from config_sync.lower.tables import Tables
from evaluator.snapshot import opcodes as codes

_CLOCK_ROOT = "$flagd"
_CLOCK = "$flagd.timestamp"


def add_expression(tables: Tables, root: Expression) -> int:
    """Adds an expression breadth first, so that every child's index is greater than its parent's; gives the root's row."""
    first = len(tables.nodes)
    level, end = [root], first + 1
    while level:
        following: list[Expression] = []
        for node in level:
            value = _value(tables, node)
            first_child = end if node.children else 0
            tables.nodes.append(node.op, node.mode, len(node.children), first_child, value, 0)
            end += len(node.children)
            following += node.children
        level = following
    return first


def _value(tables: Tables, node: Expression) -> int:
    if node.op == codes.NODE_CONSTANT:
        return tables.values.intern(node.value)
    if node.op == codes.NODE_MATCHES:
        from config_sync.regex import compile_pattern  # only a project with patterns pays for the import

        return tables.automata.intern(compile_pattern(node.children[1].value)) // 8
    return codes.NONE


def reads_clock(root: Expression) -> bool:
    """Whether the value can depend on the clock: it reads ``$flagd.timestamp``, or a path known only at run time."""
    pending = [root]
    while pending:
        node = pending.pop()
        if node.op == codes.NODE_VARIABLE and _may_name_clock(node):
            return True
        pending += node.children
    return False


def _may_name_clock(variable: Expression) -> bool:
    if variable.mode & codes.MODE_MEMBERS:
        return False
    if not variable.children:
        return True  # the whole context, clock included
    path = variable.children[0]
    if path.op != codes.NODE_CONSTANT:
        return True
    return path.value in (None, "", _CLOCK_ROOT) or (isinstance(path.value, str) and path.value.startswith(_CLOCK))
