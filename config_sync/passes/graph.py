"""Cycles and orders in a graph of names. Used by the link pass."""

from collections.abc import Iterator, Mapping

Graph = Mapping[str, set[str]]


def cyclic(graph: Graph) -> set[str]:
    """Every node that lies on a cycle: it can reach itself. Edges to unknown nodes are ignored."""
    return {node for group in _components(graph) for node in group if len(group) > 1 or node in graph[node]}


def dependencies_first(graph: Graph) -> list[str]:
    """The nodes so that what a node names comes before it; within a cycle, in some order that is always the same."""
    return [node for group in _components(graph) for node in group]


def _components(graph: Graph) -> Iterator[list[str]]:
    """Strongly connected components, dependencies first (Tarjan 1972, with an explicit stack: chains may be long)."""
    number: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    on_stack: set[str] = set()
    for root in sorted(graph):
        work = [] if root in number else [(root, iter(sorted(graph[root])))]
        while work:
            node, rest = work[-1]
            if node not in number:
                number[node] = lowest[node] = len(number)
                stack.append(node)
                on_stack.add(node)
            known = (other for other in rest if other in graph)
            following = next((other for other in known if _visit(other, node, number, lowest, on_stack)), None)
            if following is not None:
                work.append((following, iter(sorted(graph[following]))))
                continue
            work.pop()
            if work:
                parent = work[-1][0]
                lowest[parent] = min(lowest[parent], lowest[node])
            if lowest[node] == number[node]:
                yield _pop(stack, on_stack, node)


def _visit(other: str, node: str, number: dict[str, int], lowest: dict[str, int], on_stack: set[str]) -> bool:
    """Whether ``other`` has still to be walked; if it is on the stack, ``node`` belongs to its component."""
    if other not in number:
        return True
    if other in on_stack:
        lowest[node] = min(lowest[node], number[other])
    return False


def _pop(stack: list[str], on_stack: set[str], root: str) -> list[str]:
    component: list[str] = []
    while not component or component[-1] != root:
        component.append(stack.pop())
        on_stack.discard(component[-1])
    return component
