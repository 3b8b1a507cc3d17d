"""The compiler from end to end: source → front end → passes → lowering → bytes. For tools, the publisher and tests.

Bad input raises nothing: it ends in diagnostics. A flag with errors becomes a tombstone in an otherwise good snapshot. There is
no snapshot at all when a document couldn't be read (its flags would vanish), or when the project as a whole is too large.
"""

import hashlib
import os
from collections.abc import Mapping
from typing import Any

import msgspec

from config_sync import ir
from config_sync.detect import AUTO, told
from config_sync.diagnostics import ERROR, Diagnostics
from config_sync.frontends.base import Source
from config_sync.frontends.registry import DIALECTS, front_end
from config_sync.limits import MAX_FLAGS, MAX_SNAPSHOT_BYTES
from config_sync.lower import lower
from config_sync.passes.buried import bury_reported
from config_sync.passes.check import check
from config_sync.passes.limit import limit
from config_sync.passes.link import link
from config_sync.passes.names import check_keys
from config_sync.passes.normalise import normalise
from config_sync.passes.prune import prune
from config_sync.sources import read_sources
from evaluator.snapshot.codec import encode
from evaluator.snapshot.opcodes import MAX_REFERENCES

Place = str | os.PathLike[str] | Mapping[str, Any]


class CompileResult(msgspec.Struct, frozen=True):
    """``snapshot``: the bytes, or None if there is nothing fit to publish. ``name``: their SHA-256 in hex. ``project``: the IR
    after the passes, None if nothing was translated; ``translated``: before them, as the front end gave it."""

    snapshot: bytes | None
    diagnostics: Diagnostics
    name: str | None = None
    project: ir.Project | None = None
    translated: ir.Project | None = None

    @property
    def has_errors(self) -> bool:
        return self.diagnostics.has_errors


def compile_project(place: Place, dialect: str | None = "native") -> CompileResult:
    """Compiles what is at ``place``: a file, a directory of files, or an already parsed mapping.

    ``dialect``: a name of the registry; "auto" or None tells it from the documents' shape (``config_sync.detect``).
    """
    diagnostics = Diagnostics()
    sources = read_sources(place, diagnostics)
    if not sources or _lost_documents(sources, diagnostics):
        return CompileResult(None, diagnostics)
    if dialect in (None, AUTO):
        dialect = told(sources, diagnostics)
        if dialect is None:
            return CompileResult(None, diagnostics)
    translate = front_end(dialect)
    if translate is None:
        hint = "known dialects: " + ", ".join(sorted(DIALECTS))
        diagnostics.error("UNKNOWN-DIALECT", f"there is no dialect {dialect!r}", sources[0].origin, hint)
        return CompileResult(None, diagnostics)
    project = bury_reported(translate(sources, diagnostics), diagnostics)
    return msgspec.structs.replace(compile_ir(project, diagnostics), translated=project)


def compile_ir(project: ir.Project, diagnostics: Diagnostics) -> CompileResult:
    """The back half: from a translated project to a snapshot."""
    project = run_passes(project, diagnostics)
    if len(project.flags) > MAX_FLAGS or (not project.flags and diagnostics.has_errors):
        return CompileResult(None, diagnostics, project=project)
    lowered = lower(project)
    if lowered.references > MAX_REFERENCES:
        message = f"all rules together have {lowered.references} conditions or ranges, segments included; too many to load"
        diagnostics.error("LIMIT-SNAPSHOT", message, ir.NOWHERE, "use lists instead of conditions, or split the project")
        return CompileResult(None, diagnostics, project=project)
    snapshot = encode(lowered.body)
    if len(snapshot) > MAX_SNAPSHOT_BYTES:
        message = f"the snapshot has {len(snapshot)} bytes, more than {MAX_SNAPSHOT_BYTES}"
        diagnostics.error("LIMIT-SNAPSHOT", message, ir.NOWHERE, "shorten lists, or split the project")
        return CompileResult(None, diagnostics, project=project)
    return CompileResult(snapshot, diagnostics, hashlib.sha256(snapshot).hexdigest(), project)


def run_passes(project: ir.Project, diagnostics: Diagnostics) -> ir.Project:
    """Every pass, in order. Each takes what the one before made sure of."""
    project = check_keys(project, diagnostics)
    project = limit(project, diagnostics)
    project = link(project, diagnostics)
    project = check(project, diagnostics)
    return prune(normalise(project))


def _lost_documents(sources: list[Source], diagnostics: Diagnostics) -> bool:
    """Whether some document has an error and isn't among those that were read."""
    read = {source.origin.document for source in sources}
    return any(item.severity == ERROR and item.origin.document not in read for item in diagnostics)
