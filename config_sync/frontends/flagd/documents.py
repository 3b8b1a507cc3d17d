"""flagd documents: flags, their variants and metadata, and ``$evaluators``. Used by the flagd front end only.

A flag with an error keeps its key and nothing else: flagd would give the caller's default, so its default has no answer.
"""

from typing import Any

from config_sync import ir
from config_sync.diagnostics import Diagnostics
from config_sync.frontends.base import Source
from config_sync.frontends.flagd.notes import Notes, NotJson, plain_json
from config_sync.frontends.flagd.rules import RuleWriter
from config_sync.frontends.flagd.targeting import Evaluators, TargetingReader
from config_sync.ir import Origin
from evaluator.snapshot import opcodes as codes

Metadata = dict[str, bool | int | float | str]

_KINDS: dict[type, str] = {bool: "boolean", str: "string", int: "number", float: "number", dict: "object", list: "object"}


def translate_documents(
    sources: list[Source], diagnostics: Diagnostics, dialect: str, fractional: int, optimise: bool = True
) -> ir.Project:
    """All documents as one project; of a key in several documents the last one counts, as in flagd.

    ``fractional`` is the NODE_FRACTIONAL… code of the dialect. Without ``optimise``, each targeting is one expression.
    """
    flags: dict[str, ir.Flag] = {}
    metadata: Metadata = {}
    for source in sources:
        document = _Document(source, diagnostics, fractional, optimise)
        metadata |= document.metadata
        for flag in document.flags():
            if flag.key in flags:
                message = f"the flag {flag.key!r} stands in {flags[flag.key].origin.document!r} too; this one counts"
                diagnostics.warning("SHADOWED-FLAG", message, flag.origin, "flagd takes the last source's")
            flags[flag.key] = flag
    return ir.Project(dialect=dialect, flags=tuple(flags.values()), metadata=metadata or None)


class _Document:
    """One document on its way into the project."""

    def __init__(self, source: Source, diagnostics: Diagnostics, fractional: int, optimise: bool) -> None:
        self._diagnostics = diagnostics
        self._optimise = optimise
        self._origin = source.origin
        self._data: dict[Any, Any] = source.data if isinstance(source.data, dict) else {}
        self._notes = Notes(diagnostics)
        if not isinstance(source.data, dict):
            self._notes.error("WRONG-TYPE", "a flagd document is a mapping", self._origin, 'write {"flags": {…}}')
        elif "flags" not in self._data:
            self._notes.error("MISSING-FIELD", "a flagd document has 'flags'", self._origin, 'write {"flags": {…}}')
        self.metadata = read_metadata(self._data, self._origin, self._notes) or {}
        self._evaluators = Evaluators(self._rules(), self._origin.child("$evaluators"), diagnostics, fractional)

    def _rules(self) -> dict[str, Any]:
        rules = self._data.get("$evaluators", {})
        if isinstance(rules, dict):
            return {str(name): rule for name, rule in rules.items()}
        self._notes.error("WRONG-TYPE", "'$evaluators' is a mapping of names to rules", self._origin.child("$evaluators"))
        return {}

    def flags(self) -> list[ir.Flag]:
        """The document's flags, in its order."""
        found, origin = self._data.get("flags", {}), self._origin.child("flags")
        if isinstance(found, dict):
            flags = [self._flag(str(key), flag, origin.child(key)) for key, flag in found.items()]
        elif isinstance(found, list | tuple):
            flags = [self._keyed_flag(flag, origin.child(index)) for index, flag in enumerate(found)]
        else:
            self._notes.error("WRONG-TYPE", "'flags' is a mapping of keys to flags, or a list of flags with keys", origin)
            flags = []
        self._evaluators.check_all()
        return [flag for flag in flags if flag is not None]

    def _keyed_flag(self, flag: Any, origin: Origin) -> ir.Flag | None:
        key = flag.get("key") if isinstance(flag, dict) else None
        if isinstance(key, str):
            return self._flag(key, flag, origin)
        self._notes.error("MISSING-FIELD", "a flag in a list has a 'key'", origin, "add its key")
        return None

    def _flag(self, key: str, data: Any, origin: Origin) -> ir.Flag | None:
        notes = Notes(self._diagnostics)
        if isinstance(data, dict):
            flag = self._read_flag(key, data, origin, notes)
        else:
            notes.error("WRONG-TYPE", f"a flag is a mapping, not {type(data).__name__}", origin)
            flag = ir.Flag(key=key, origin=origin)
        return flag if notes.first_error is None else ir.Flag(key=key, error=notes.first_error, origin=origin)

    def _read_flag(self, key: str, data: dict[Any, Any], origin: Origin, notes: Notes) -> ir.Flag:
        enabled = read_state(data, origin, notes)
        variants = read_variants(data, origin, notes)
        default = read_default(data, variants, origin, notes)
        targeting = data.get("targeting")
        writer = RuleWriter(key, variants, default, origin.child("targeting"))
        rules = () if targeting in (None, {}) else self._targeting(targeting, writer, notes if enabled else self._lenient())
        static = targeting in (None, {}) and isinstance(default, ir.Constant)
        reason = codes.REASON_STATIC if static else codes.REASON_DEFAULT
        if not enabled:
            rules, default, reason = (), ir.NoAnswer(), codes.REASON_DISABLED
        return ir.Flag(
            key=key,
            variants=variants,
            rules=rules,
            default=default,
            default_reason=reason,
            metadata=(self.metadata | (read_metadata(data, origin, notes) or {})) or None,
            origin=origin,
        )

    def _targeting(self, rule: Any, writer: RuleWriter, notes: Notes) -> tuple[ir.Rule, ...]:
        if not isinstance(rule, dict):
            message = "'targeting' is a rule, a mapping of one operator to its arguments"
            notes.error("WRONG-TYPE", message, writer.origin)
            return ()
        expression = TargetingReader(self._evaluators, notes).read(rule, writer.origin)
        return writer.write(expression, self._optimise) if notes.first_error is None else ()

    def _lenient(self) -> Notes:
        """For the targeting of a disabled flag, which nobody runs."""
        return Notes(self._diagnostics, lenient=True)


def read_state(data: dict[Any, Any], origin: Origin, notes: Notes) -> bool:
    """Whether the flag is enabled, which it is unless it says otherwise."""
    state = data.get("state")
    if state is None:
        notes.warning("MISSING-FIELD", "a flag has a 'state'; this one counts as ENABLED", origin, 'write "state": "ENABLED"')
    elif state not in ("ENABLED", "DISABLED"):
        notes.error("INVALID-STATE", f"{state!r:.80} is no state", origin.child("state"), "write ENABLED or DISABLED")
    return state != "DISABLED"


def read_variants(data: dict[Any, Any], origin: Origin, notes: Notes) -> tuple[ir.Variant, ...]:
    """The variants, all of one type."""
    found, here = data.get("variants"), origin.child("variants")
    if not isinstance(found, dict):
        code = "MISSING-FIELD" if found is None else "WRONG-TYPE"
        notes.error(code, "a flag has 'variants', a mapping of names to values", here if "variants" in data else origin)
        return ()
    if not found:
        notes.error("NO-VARIANTS", "a flag has at least one variant", here, "add a variant")
    kinds: dict[str, str] = {}
    for name, value in found.items():
        kinds.setdefault(_kind(name, value, here.child(name), notes), name)
    if len(kinds) > 1:
        told = " and ".join(f"{name!r} ({kind})" for kind, name in kinds.items())
        notes.error("MIXED-TYPES", f"variants of several types: {told}", here, "give all variants values of one type")
    return tuple(ir.Variant(str(name), _value(value, here.child(name), notes)) for name, value in found.items())


def _kind(name: Any, value: Any, origin: Origin, notes: Notes) -> str:
    if not isinstance(name, str):
        notes.error("INVALID-NAME", f"the variant name {name!r} is no text", origin, "put it in quotes")
    if value is None:
        notes.error("INVALID-VALUE", f"the variant {name!r} has no value", origin, "give it one, or leave the variant out")
    try:
        return _KINDS.get(type(plain_json(value)), "null")
    except NotJson:
        return "null"  # said when the value is read


def _value(value: Any, origin: Origin, notes: Notes) -> Any:
    try:
        return plain_json(value)
    except NotJson as problem:
        notes.error("NOT-JSON", f"this value is {problem}", origin)
        return None


def read_default(data: dict[Any, Any], variants: tuple[ir.Variant, ...], origin: Origin, notes: Notes) -> ir.Outcome:
    """The default variant; without one, the caller's default."""
    name = data.get("defaultVariant")
    if name is None:
        return ir.NoAnswer()
    if isinstance(name, str) and any(variant.name == name for variant in variants):
        return ir.Constant(name)
    names = ", ".join(variant.name for variant in variants[:5])
    notes.error("UNKNOWN-VARIANT", f"there is no variant {name!r:.80}", origin.child("defaultVariant"), f"there are: {names}")
    return ir.NoAnswer()


def read_metadata(data: dict[Any, Any], origin: Origin, notes: Notes) -> Metadata | None:
    """Flat metadata of a flag or of the whole set; None when there is none, or it is wrong."""
    found, here = data.get("metadata"), origin.child("metadata")
    if found is None:
        return None
    if not isinstance(found, dict):
        notes.error("INVALID-METADATA", "metadata is a mapping", here)
        return None
    result: Metadata = {}
    for name, value in found.items():
        cleaned = _value(value, here.child(name), notes)
        if isinstance(name, str) and isinstance(cleaned, bool | int | float | str):
            result[name] = cleaned
        else:
            message = f"the metadata {name!r} is neither text, number nor boolean"
            notes.error("INVALID-METADATA", message, here.child(name), "metadata is flat")
    return result
