"""Which dialect documents are written in, told from their shape. For ``config_sync.compile`` and the command.

A row of ``SHAPES`` says where a dialect's flags stand and by which fields one is known. Every flag gives its vote to the shape
most of whose fields it has (none, if it has none that are ``known_by``); the dialect with most votes is that of the document,
so one misspelled flag doesn't change what its document is. All documents of a project are of one dialect, or nothing is chosen.
Nothing is guessed: votes that are even are an ambiguity, and where flags have none of the fields nothing is recognised.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

from config_sync.diagnostics import Diagnostics
from config_sync.frontends.base import Source

AUTO = "auto"  # as the name of a dialect: tell it from the documents


class Shape(NamedTuple):
    """Flags stand under ``place`` (None: at the top), in a mapping by key or a list; each has some of ``known_by`` at least."""

    dialect: str
    place: str | None
    containers: tuple[type, ...]
    known_by: frozenset[str]
    fields: frozenset[str] = frozenset()  # others that count where flags of two dialects look alike


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_SIMPLE = "enabled rollout_percentage targeting_rules default_variant traffic_allocation experiment_id bucket_by hash_version"
_FULL = "type default off rules split overrides schedule prerequisites layer holdouts"

# In this order; a shape at the top counts only where no other does.
SHAPES = (
    Shape("native", "flags", (dict, list), _words(f"{_FULL} {_SIMPLE}"), _words("variants salt start end owner metadata")),
    Shape("native", "experiments", (dict, list), _words(f"{_SIMPLE} holdouts layer"), _words("variants status salt start end")),
    Shape("flagd", "flags", (dict, list), _words("state defaultVariant targeting"), _words("variants metadata")),
    Shape("eppo", "flags", (dict,), _words("variationType allocations totalShards"), _words("enabled variations")),
    Shape(
        "launchdarkly",
        "flags",
        (dict,),
        _words("on fallthrough offVariation contextTargets"),
        _words("variations rules targets prerequisites salt version sel clientSide clientSideAvailability trackEvents deleted"),
    ),
    Shape("growthbook", "features", (dict,), _words("defaultValue rules")),
    Shape("unleash", "features", (list,), _words("strategies name enabled")),
    Shape("unleash", "events", (list,), _words("feature features featureName segment segmentId")),
    Shape("configcat", "f", (dict,), _words("t v r p a i")),
    Shape("powertools", "values", (dict,), _words("enabled _variants")),  # AppConfig's own profiles, to be refused by name
    Shape("powertools", None, (dict,), _words("default _variants"), _words("rules boolean_type")),
)


class Detected(NamedTuple):
    """``dialect`` is None where the documents don't tell; ``candidates``: what it may be, and a document that says so."""

    dialect: str | None
    candidates: dict[str, str]


def detect(sources: Iterable[Source]) -> Detected:
    """The dialect of these documents."""
    agreed: set[str] | None = None
    spoke: dict[str, str] = {}
    open_to: list[str] = []
    for source in sources:
        votes, empty = _votes(source.data)
        most = max(votes.values(), default=0)
        likely = [dialect for dialect, count in votes.items() if count == most]
        for dialect in likely:
            spoke.setdefault(dialect, source.origin.document)
        if likely:
            agreed = set(likely) if agreed is None else agreed & set(likely)
        open_to += empty
    if agreed is None:
        return Detected(open_to[0] if open_to else None, {})
    return Detected(agreed.pop(), {}) if len(agreed) == 1 else Detected(None, spoke)


def told(sources: list[Source], diagnostics: Diagnostics) -> str | None:
    """The dialect, or None with a diagnostic that has the candidates."""
    dialect, candidates = detect(sources)
    if dialect is not None:
        return dialect
    if candidates:
        where = [f"{name} ({document})" if document else name for name, document in candidates.items()]
        message = f"this can be read as {' and as '.join(where)}"
        hint = f"say which it is: --dialect {' or --dialect '.join(candidates)}; documents of two dialects are two projects"
        diagnostics.error("AMBIGUOUS-DIALECT", message, sources[0].origin, hint)
    else:
        message = "no flag here looks like one of a known dialect"
        hint = f"name it with --dialect: {', '.join(dict.fromkeys(shape.dialect for shape in SHAPES))}"
        diagnostics.error("UNRECOGNISED-DIALECT", message, sources[0].origin, hint)
    return None


def _votes(document: Any) -> tuple[Counter[str], list[str]]:
    """The flags' votes; and the dialects that a document without flags is open to: there is nothing in it to misread."""
    votes: Counter[str] = Counter()
    if not isinstance(document, dict):
        return votes, []
    rooms = [shape for shape in SHAPES if shape.place is not None and isinstance(document.get(shape.place), shape.containers)]
    for place in dict.fromkeys(shape.place for shape in rooms):
        shapes = [shape for shape in rooms if shape.place == place]
        for flag in _items(document[place]):
            votes.update(_likest(flag, shapes))
    if votes:
        return votes, []
    for flag in document.values():
        votes.update(_likest(flag, [shape for shape in SHAPES if shape.place is None]))
    empty = [shape.dialect for shape in rooms if not any(_items(document[shape.place]))]
    return votes, empty if document else [SHAPES[0].dialect]


def _items(container: dict[str, Any] | list[Any]) -> Iterable[Any]:
    return container.values() if isinstance(container, dict) else container


def _likest(flag: Any, shapes: list[Shape]) -> list[str]:
    """The dialects most of whose fields the flag has."""
    if not isinstance(flag, dict):
        return []
    scores: dict[str, int] = {}
    for shape in shapes:
        if not shape.known_by.isdisjoint(flag):
            scores[shape.dialect] = len((shape.known_by | shape.fields) & flag.keys())
    most = max(scores.values(), default=0)
    return [dialect for dialect, score in scores.items() if score == most]
