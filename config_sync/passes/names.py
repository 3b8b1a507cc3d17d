"""Keys: what they may look like, and that each is used once. A pass; the first, because everything else goes by key."""

import msgspec

from config_sync import ir
from config_sync.diagnostics import Diagnostics
from config_sync.limits import MAX_FLAGS, MAX_KEY_LENGTH
from config_sync.passes.findings import tombstone
from config_sync.passes.values import is_unicode


def check_keys(project: ir.Project, diagnostics: Diagnostics) -> ir.Project:
    """The project with one flag per key, sorted by key, and proper tombstones. What can't be a key is left out."""
    flags: dict[str, ir.Flag] = {}
    for flag in project.flags:
        problem = _problem(flag.key)
        if problem:
            diagnostics.error("INVALID-KEY", problem, flag.origin, "choose a key of 1 to 256 Unicode characters")
        elif flag.key in flags:
            message = f"the key {flag.key!r} is used twice"
            diagnostics.error("DUPLICATE-FLAG", message, flag.origin, "rename one of them; until then both give their default")
            flags[flag.key] = tombstone(flags[flag.key], message)
        else:
            flags[flag.key] = flag if flag.error is None else tombstone(flag, flag.error)
    if len(flags) > MAX_FLAGS:
        message = f"{len(flags)} flags, more than {MAX_FLAGS}"
        diagnostics.error("LIMIT-FLAGS", message, ir.NOWHERE, "split the project, or retire flags that are no longer read")
    return msgspec.structs.replace(project, flags=tuple(flags[key] for key in sorted(flags)))


def _problem(key: str) -> str | None:
    if not key:
        return "a flag has an empty key"
    if len(key) > MAX_KEY_LENGTH:
        return f"the key {key[:20]!r}… has {len(key)} characters, more than {MAX_KEY_LENGTH}"
    return None if is_unicode(key) else f"the key {key!r} isn't Unicode text (it has a lone surrogate)"
