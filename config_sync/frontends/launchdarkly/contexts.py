"""What LaunchDarkly calls an attribute of a context kind, as an attribute of one flat context.

A context is a user (no ``kind``), of one other kind (``kind`` names it, attributes beside it), or of several (``kind`` is
"multi", and a mapping under each kind's name). So an attribute has two places, each guarded by what ``kind`` says. Used by the
launchdarkly front end only.
"""

from config_sync.ir import Attribute
from evaluator.snapshot import opcodes as codes

USER, MULTI = "user", "multi"
KEY = ("key",)

KIND = Attribute("kind", null_is_missing=True)
# The kinds themselves: the names of the mappings in a multi-context, else the kind that is named; nothing means "user".
KINDS = Attribute("kinds", (), KIND, convert=codes.ATTRIBUTE_AS_MAP_NAMES, path_only=True, guard=(KIND, MULTI, False))


def parse_reference(text: str | None, kind: str | None) -> tuple[str, ...] | None:
    """An attribute's name, or the steps to a value inside it; None if it is malformed.

    Without a context kind the text is a name as it stands, as in data from before there were references. Else ``/a/b`` walks
    from ``a`` to ``b``, with ``~1`` for a slash and ``~0`` for a tilde.
    """
    if not text:
        return None
    if not kind or not text.startswith("/"):
        return (text,)
    steps = [_unescaped(step) for step in text[1:].split("/")]
    return None if None in steps else tuple(step for step in steps if step is not None)


def _unescaped(step: str) -> str | None:
    rest = step.replace("~0", "").replace("~1", "")
    return step.replace("~1", "/").replace("~0", "~") if step and "~" not in rest else None


def attribute_of(kind: str, steps: tuple[str, ...]) -> Attribute:
    """The attribute of a kind. ``key`` is the targeting key; where there is none, an attribute of that very name."""
    names = ("targetingKey", "key") if steps == KEY else steps[:1]
    found: Attribute | None = None
    for name in reversed(names):
        path = (kind, name, *steps[1:])
        found = Attribute("/".join(path), path, found, null_is_missing=True, path_only=True, guard=(KIND, MULTI, False))
    for name in reversed(names):
        guard = (KIND, kind, kind == USER)
        if len(steps) == 1:
            found = Attribute(name, (), found, null_is_missing=True, guard=guard)
        else:
            found = Attribute("/".join(steps), steps, found, null_is_missing=True, path_only=True, guard=guard)
    assert found is not None
    return found
