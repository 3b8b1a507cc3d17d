"""From documents to a project: sections merged, every item built by its own kind, what concerns several of them checked.

Used by the native front end only.
"""

from collections.abc import Iterable
from typing import Any

from config_sync import ir
from config_sync.diagnostics import Diagnostics
from config_sync.frontends.base import Source
from config_sync.frontends.native import full, models, simple
from config_sync.frontends.native.buckets import Chance, Hashing, attribute, rollout
from config_sync.frontends.native.conditions import Reader
from config_sync.frontends.native.gates import Surroundings
from config_sync.frontends.native.items import Built, Entry, Workshop, hash_version
from config_sync.frontends.native.layers import check_layers
from config_sync.frontends.native.question import Scope
from config_sync.frontends.native.reading import Notes, described, percentage, read
from config_sync.ir import Origin
from config_sync.places import key_of
from config_sync.walk import conditions_of

DIALECT = "native"
SECTIONS = ("segments", "layers", "holdouts", "flags", "experiments")
_FULL_FIELDS = {"type", "default", "off", "rules", "split"}
_SIMPLE_FIELDS = {"rollout_percentage", "targeting_rules", "default_variant"}


def translate(sources: list[Source], diagnostics: Diagnostics) -> ir.Project:
    """The project that these documents describe together."""
    return _Translator(diagnostics).project(sources)


class _Translator:
    def __init__(self, diagnostics: Diagnostics) -> None:
        self._diagnostics = diagnostics
        self._notes = Notes(diagnostics)
        self._sections: dict[str, list[Entry]] = {name: [] for name in SECTIONS}
        self._metadata: dict[str, bool | int | float | str] = {}
        self._items: dict[str, Any] = {}

    def project(self, sources: list[Source]) -> ir.Project:
        for source in sources:
            self._read(source)
        self._items = {entry.key: entry.data for entry in self._sections["flags"] + self._sections["experiments"]}
        segments, broken = self._segments()
        shop = Workshop(self._diagnostics, self._around(), set(segments) | broken, broken)
        flags = [_build_flag(entry, shop, self._notes) for entry in self._sections["flags"]]
        flags += [simple.experiment(entry, shop) for entry in self._experiments()]
        checked = check_layers(flags, self._diagnostics)
        good = {name: condition for name, condition in segments.items() if name not in broken}
        return ir.Project(DIALECT, tuple(built.flag for built in checked), good, self._metadata or None)

    # --- sections -----------------------------------------------------------------------------------------------------

    def _read(self, source: Source) -> None:
        if isinstance(source.data, dict):
            source = Source({name: part for name, part in source.data.items() if name != "$schema"}, source.origin)
        document = read(models.Document, source.data, source.origin, self._notes)
        if document is None:
            return
        if document.version not in (None, 1, "1"):
            message = f"the format's version is 1, not {described(document.version)}"
            self._notes.warning("FORMAT-VERSION", message, source.origin.child("version"), "leave it out, or write 1")
        for name, value in (document.metadata or {}).items():
            if self._metadata.setdefault(name, value) != value:
                self._notes.warning(
                    "METADATA-CONFLICT", f"{name!r} has another value elsewhere", source.origin.child("metadata", name)
                )
        for name in SECTIONS:
            self._sections[name] += self._entries(getattr(document, name), source.origin.child(name))

    def _entries(self, data: Any, origin: Origin) -> Iterable[Entry]:
        """A section's items: a mapping by key, or a list whose items have a key."""
        if isinstance(data, dict):
            for key, item in data.items():
                yield from self._entry(key, item, origin.child(key))
        elif isinstance(data, list):
            for index, item in enumerate(data):
                key = item.get("key") if isinstance(item, dict) else None
                yield from self._entry(key, item, origin.child(index))
        elif data is not None:
            self._notes.error("WRONG-TYPE", f"expected a mapping by key or a list, got {described(data)}", origin)

    def _entry(self, key: Any, item: Any, origin: Origin) -> Iterable[Entry]:
        if not isinstance(key, str) or not key:
            self._notes.error("MISSING-FIELD", "an item of a list needs a key of its own", origin, "add key:")
        elif isinstance(item, dict) and item.get("key") not in (None, key):
            self._notes.error("KEY-MISMATCH", f"{key!r} says that its key is {described(item['key'])}", origin.child("key"))
        else:
            yield Entry(key, item, origin)

    def _experiments(self) -> Iterable[Entry]:
        """Experiments whose keys aren't flags' keys: the flag lives."""
        flags = {entry.key for entry in self._sections["flags"]}
        counted: dict[str, str] = {}  # as whom the counters know an experiment, and its key
        for entry in self._sections["experiments"]:
            if entry.key in flags:
                message = f"{entry.key!r} is a flag's key already; the experiment is left out"
                self._notes.error("KEY-CONFLICT", message, key_of(entry.origin, "key"), "rename one of them")
            else:
                first = counted.setdefault(_counted_as(entry), entry.key)
                if first != entry.key:
                    message = f"{entry.key!r} and {first!r} count as one experiment: their events can't be told apart"
                    self._notes.warning("SHARED-COUNTERS", message, entry.origin, "give one another experiment_id")
                yield entry

    # --- what flags refer to ------------------------------------------------------------------------------------------

    def _segments(self) -> tuple[dict[str, ir.Condition], set[str]]:
        """The segments, and the names of those with errors, or that name one with errors."""
        entries = self._unique("segments")
        names = {entry.key for entry in entries}
        conditions: dict[str, ir.Condition] = {}
        broken: set[str] = set()
        for entry in entries:
            notes = Notes(self._diagnostics)
            condition = self._segment(entry, names, notes)
            conditions[entry.key] = ir.Any_(()) if condition is None else condition
            if notes.first_error is not None or condition is None:
                broken.add(entry.key)
        return conditions, _spread(conditions, broken)

    def _segment(self, entry: Entry, names: set[str], notes: Notes) -> ir.Condition | None:
        """A condition, or a mapping with the condition in ``when``."""
        data, origin = entry.data, entry.origin
        if isinstance(data, dict) and ("when" in data or not data.keys() - {"key", "description"}):
            item = read(models.Segment, data, origin, notes)
            if item is None:
                return None
            data, origin = item.when, origin.child("when")
        elif isinstance(data, dict):
            data = {name: value for name, value in data.items() if name != "key"}
        hashing = Hashing(2, ir.TARGETING_KEY, f"{entry.key}_bucket")
        return Reader(notes, names, set(), Scope(hashing), self._named, warns=True).root(data, origin)

    def _named(self, key: str, variant: str) -> str:
        """Of a flag, the variant that is written so: one that is reported without its name has another one inside."""
        data = self._items.get(key)
        return full.inner_name(data, variant) if isinstance(data, dict) and is_full(data) else variant

    def _unique(self, section: str) -> list[Entry]:
        """The first of each name."""
        found: dict[str, Entry] = {}
        for entry in self._sections[section]:
            if found.setdefault(entry.key, entry) is not entry:
                message = f"{entry.key!r} is declared twice in {section}; the first one counts"
                self._notes.error("DUPLICATE-NAME", message, entry.origin, "rename one of them")
        return list(found.values())

    def _around(self) -> Surroundings:
        layers: dict[str, Hashing] = {}
        for entry in self._unique("layers"):
            item = read(models.Layer, {} if entry.data is None else entry.data, entry.origin, self._notes)
            if item is not None:
                layers[entry.key] = _hashing(item, entry.key, "_layer")
        holdouts: dict[str, Chance] = {}
        for entry in self._unique("holdouts"):
            self._holdout(entry, holdouts)
        return Surroundings(layers, holdouts, lambda key: _variants_on(self._items.get(key)), self._named)

    def _holdout(self, entry: Entry, holdouts: dict[str, Chance]) -> None:
        item = read(models.Holdout, entry.data, entry.origin, self._notes)
        place = entry.origin.child("percentage")
        percent = None if item is None else percentage(item.percentage, "percentage", place, self._notes)
        if item is not None and percent is not None:
            holdouts[entry.key] = rollout(_hashing(item, entry.key, "_holdout"), percent)


def _hashing(item: models.Layer | models.Holdout, key: str, suffix: str) -> Hashing:
    source = ir.TARGETING_KEY if item.by is None else attribute(item.by)
    return Hashing(hash_version(item.hash_version), source, (item.salt or key) + suffix)


def _spread(conditions: dict[str, ir.Condition], broken: set[str]) -> set[str]:
    """The broken segments and all that reach one."""
    uses = {
        name: {part.name for part in conditions_of(condition) if isinstance(part, ir.SegmentReference)}
        for name, condition in conditions.items()
    }
    spread = set(broken)
    while True:
        more = {name for name, named in uses.items() if name not in spread and named & spread}
        if not more:
            return spread
        spread |= more


def _counted_as(entry: Entry) -> str:
    """An experiment's id as the keys of counters have it (docs/event-processor.md): with ``exp_`` before it, but once."""
    found = entry.data.get("experiment_id") if isinstance(entry.data, dict) else None
    name = str(entry.key if found is None else found)
    return name if name.startswith("exp_") else f"exp_{name}"


def is_full(data: dict[str, Any]) -> bool:
    """Whether an item is written in the full form: variants by name, rules, a type or a default."""
    return isinstance(data.get("variants"), dict) or not _FULL_FIELDS.isdisjoint(data)


def _build_flag(entry: Entry, shop: Workshop, notes: Notes) -> Built:
    if not isinstance(entry.data, dict):
        notes.error("WRONG-TYPE", f"expected a flag, got {described(entry.data)}", entry.origin)
        return Built(ir.Flag(entry.key, error="the flag is no mapping", origin=entry.origin))
    if not is_full(entry.data):
        return simple.simple_flag(entry, shop)
    mixed = sorted(_SIMPLE_FIELDS & entry.data.keys())
    if mixed:
        message = f"{mixed[0]!r} belongs to the simple form, and this flag is written in the full one"
        notes.error("MIXED-FORMS", message, key_of(entry.origin, mixed[0]), "see docs/dialects/native.md for the two forms")
        data = {name: value for name, value in entry.data.items() if name not in mixed}
        built = full.full_flag(entry._replace(data=data), shop)
        return Built(ir.Flag(entry.key, built.flag.variants, default=built.flag.default, error=message, origin=entry.origin))
    return full.full_flag(entry, shop)


def _variants_on(data: Any) -> tuple[str, ...]:
    if not isinstance(data, dict):
        return ()
    return full.variants_on(data) if is_full(data) else simple.variants_on(data)
