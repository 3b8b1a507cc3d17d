"""UFC documents: flags by key. Used by the Eppo front end only.

A flag that can't be read is ignored, as in the vendor's SDKs: no answer, reason DEFAULT. That it was is an error all the same.
"""

from typing import Any

from config_sync import ir
from config_sync.diagnostics import Diagnostics
from config_sync.frontends.base import Source
from config_sync.frontends.eppo.allocations import read_allocation
from config_sync.frontends.eppo.reading import Malformed, checked, field, mappings, natural
from config_sync.frontends.eppo.values import read_variations
from config_sync.ir import Origin
from evaluator.snapshot import opcodes as codes

_READABLE = "SERVER"  # the format whose keys and values are readable
_OTHER_FORMATS = {"CLIENT": "obfuscated (its keys are hashes)", "PRECOMPUTED": "one subject's answers, not flags"}


def translate_documents(sources: list[Source], diagnostics: Diagnostics) -> ir.Project:
    """All documents as one project; of a key in several documents the last one counts."""
    flags: dict[str, ir.Flag] = {}
    for source in sources:
        for flag in _flags(source, diagnostics):
            if flag.key in flags:
                message = f"the flag {flag.key!r} stands in {flags[flag.key].origin.document!r} too; this one counts"
                diagnostics.warning("SHADOWED-FLAG", message, flag.origin, "remove one of them")
            flags[flag.key] = flag
    return ir.Project(dialect="eppo", flags=tuple(flags.values()))


def _flags(source: Source, diagnostics: Diagnostics) -> list[ir.Flag]:
    try:
        document = checked(source.data, dict, "a UFC document", source.origin)
        _check_format(document, source.origin)
        found = field(document, "flags", dict, source.origin)
    except Malformed as problem:
        diagnostics.error(problem.code, problem.message, problem.origin, problem.hint)
        return []
    origin = source.origin.child("flags")
    return [_flag(str(key), data, origin.child(str(key)), diagnostics) for key, data in found.items()]


def _check_format(document: dict[Any, Any], origin: Origin) -> None:
    """Refuses what isn't made for servers."""
    found = document.get("format")
    if isinstance(found, str) and found in _OTHER_FORMATS:
        message = f"this document's format is {found}: {_OTHER_FORMATS[found]}"
        raise Malformed(
            "UNREADABLE-FORMAT", message, origin.child("format"), f"ask for the format {_READABLE}, with a server's key"
        )


def _flag(key: str, data: Any, origin: Origin, diagnostics: Diagnostics) -> ir.Flag:
    try:
        return _read_flag(key, checked(data, dict, "a flag", origin), origin, diagnostics)
    except Malformed as problem:
        diagnostics.error(problem.code, problem.message, problem.origin, problem.hint)
        return ir.Flag(key=key, default_reason=codes.REASON_DEFAULT, ignored=True, origin=origin)


def _read_flag(key: str, data: dict[Any, Any], origin: Origin, diagnostics: Diagnostics) -> ir.Flag:
    """Raises Malformed. A disabled flag must be readable, too."""
    enabled = field(data, "enabled", bool, origin)
    variations = read_variations(data, origin)
    for message, place in variations.unusable:
        diagnostics.warning("VARIATION-TYPE", message, place, "write a value of the flag's 'variationType'")
    total = natural(data, "totalShards", origin) if "totalShards" in data else None
    rules: list[ir.Rule] = []
    for allocation, place in mappings(data, "allocations", origin):
        found, lost = read_allocation(allocation, total, variations.variants, place)
        rules += found
        for split in lost:
            message = f"the split's variation {split.variation!r:.80} has no usable value; it gives no answer"
            diagnostics.warning("UNKNOWN-VARIATION", message, split.origin, "name one of the flag's 'variations'")
    variants = tuple(variations.variants.values())
    if not enabled:
        return ir.Flag(key=key, variants=variants, default_reason=codes.REASON_DISABLED, origin=origin)
    return ir.Flag(key=key, variants=variants, rules=tuple(rules), default_reason=codes.REASON_DEFAULT, origin=origin)
