"""What moto does with every request, done in less time and with the same result. For ``burgee.up.corrections``.

A third of a request to DynamoDB went into asking abstract classes whether a node of an expression is one of theirs, copying
that expression deeply, trying every name that a member of an answer might have, and listing the methods of a class.
"""

import copy
import inspect
from functools import cache, lru_cache
from typing import Any

from moto.core import responses
from moto.core.serialize import AttributePickerContext, ResponseSerializer, XFormedAttributePicker
from moto.core.utils import get_value
from moto.dynamodb.parsing import ast_nodes, expressions, validators

_nodes: Any = ast_nodes  # modules without types
_parser: Any = expressions.UpdateExpressionParser  # type: ignore[attr-defined]
_moto_parsed = _parser.make
_moto_value = ResponseSerializer.get_value
_names: dict[tuple[int, str], tuple[Any, Any, tuple[str, ...]]] = {}
_MISSING = object()
_no_hook = _nodes.DepthFirstTraverser.pre_processing_of_child


def apply() -> None:
    """Takes them in this process. A second call changes nothing."""
    replaced: tuple[tuple[Any, str, Any], ...] = (
        (_parser, "make", staticmethod(_parsed)),
        (_nodes.DepthFirstTraverser, "traverse_node_recursively", _traverse),
        (_nodes.Node, "find_clauses", _find_clauses),
        (validators, "deepcopy", _copied),
        (ResponseSerializer, "get_value", _value),
        (responses, "method_names_from_class", _methods),
    )
    for owner, name, function in replaced:
        setattr(owner, name, function)


# --- expressions of DynamoDB ------------------------------------------------------------------------------------------


@lru_cache(1_024)
def _parsed(expression: str) -> Any:
    """An update's expression is parsed twice a request, and requests have the same ones. What is changed later is a copy."""
    return _moto_parsed(expression)


class _Among(dict[Any, bool]):
    """Whether a class is one of some, or below it; asked once of each."""

    def __init__(self, *classes: type) -> None:
        self._classes = classes

    def __missing__(self, kind: Any) -> bool:
        found = self[kind] = issubclass(kind, self._classes)
        return found


_is_node = _Among(_nodes.Node)
_has_clauses = _Among(_nodes.Expression, _nodes.UpdateExpressionFunction)


def _traverse(self: Any, node: Any, child_id: int = -1) -> Any:
    """Children first, then the node. The function for a class is looked for once, not at every node."""
    made, processors = self._processing_map(), {}
    hook = self.pre_processing_of_child if type(self).pre_processing_of_child is not _no_hook else None

    def below(node: Any, kind: type, child_id: int) -> Any:
        children = node.children
        if children is not None:
            for place, child in enumerate(children):
                if hook is not None:
                    hook(node, place)
                if _is_node[of := type(child)]:
                    below(child, of, place)
        if kind not in processors:
            processors[kind] = next((process for wanted, process in made.items() if issubclass(kind, wanted)), None)
        process = processors[kind]
        if process is None:
            return node
        parent = node.parent
        node = process(node)
        node.parent = parent
        if parent:
            parent.children[child_id] = node
        return node

    return below(node, type(node), child_id) if _is_node[type(node)] else node


def _find_clauses(self: Any, clause_types: list[type]) -> list[Any]:
    found = []
    for child in self.children or []:
        if type(child) in clause_types:
            found.append(child)
        elif _has_clauses[type(child)]:
            found.extend(child.find_clauses(clause_types))
    return found


def _copied(value: Any) -> Any:
    """An expression whose nodes are its own. Their leaves are texts and numbers, which nobody changes."""
    if not _is_node[type(value)]:
        return copy.deepcopy(value)
    made = object.__new__(type(value))
    made.__dict__.update(value.__dict__)
    if value.children is not None:
        made.children = [_copied(child) if _is_node[type(child)] else child for child in value.children]
        for child in made.children:
            if _is_node[type(child)]:
                child.parent = made
    return made


# --- answers ----------------------------------------------------------------------------------------------------------


def _value(self: Any, value: Any, key: str, shape: Any) -> Any:
    """A member of a result that is a plain dictionary: under which names it may stand depends on the shape alone."""
    picker = self._value_picker
    if type(value) is not dict or type(picker) is not XFormedAttributePicker or picker.response_transformers:
        return _moto_value(self, value, key, shape)
    place = id(shape), key
    known = _names.get(place)
    if known is None or known[0] is not shape or known[1] is not getattr(shape, "parent", None):
        names = tuple(dict.fromkeys(picker.get_possible_keys(AttributePickerContext(value, key, shape))))
        known = _names[place] = shape, getattr(shape, "parent", None), names  # which keeps the shape, and so its identity
    for name in known[2]:
        found = get_value(value, name, _MISSING) if "." in name else value.get(name, _MISSING)
        if found is not _MISSING:
            return found
    return None


@cache
def _methods(kind: type) -> list[str]:
    return [name for name, _ in inspect.getmembers(kind, predicate=inspect.isfunction)]
