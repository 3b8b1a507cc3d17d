"""From a path or a mapping to parsed documents, in an order that depends on names alone. For ``config_sync.sources``."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from config_sync.diagnostics import Diagnostics
from config_sync.frontends.base import Source
from config_sync.ir import Origin
from config_sync.sources.inline import plain_data
from config_sync.sources.json_text import parse_json
from config_sync.sources.limits import MAX_FILES, MAX_SOURCE_BYTES

SUFFIXES = (".json", ".yaml", ".yml")
NOT_PROJECT_FILES = ("contexts.json",)  # lies beside flags as the input of `diff --contexts`

IN_MEMORY = Origin("")  # a mapping handed in has no document: diagnostics show the path inside it


def read_sources(place: str | os.PathLike[str] | Mapping[str, Any], diagnostics: Diagnostics) -> list[Source]:
    """The documents at ``place``: one for a mapping or a file, one per file (sorted by path) for a directory.

    What can't be read or parsed is left out, with a diagnostic; nothing is raised.
    """
    if isinstance(place, Mapping):
        return [Source(plain_data(place, IN_MEMORY, diagnostics), IN_MEMORY)]
    try:
        path = Path(place)
        files = files_of(path, diagnostics) if path.is_dir() else [path]
    except (TypeError, ValueError, OSError) as error:
        diagnostics.error("SOURCE-UNREADABLE", f"can't read {place!r}: {_reason(error)}", IN_MEMORY)
        return []
    parsed = (read_file(file, diagnostics) for file in files)
    return [source for source in parsed if source is not None]


def files_of(directory: Path, diagnostics: Diagnostics) -> list[Path]:
    """The directory's YAML and JSON files, subdirectories included, hidden ones not; sorted by path."""
    found = []
    for folder, folders, names in os.walk(directory):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [Path(folder, name) for name in names if _is_project_file(name)]
        if len(found) > MAX_FILES:
            diagnostics.error("TOO-MANY-FILES", f"more than {MAX_FILES:,} files in {directory}", Origin(str(directory)))
            return []
    if not found:
        hint = f"a project's files end in {', '.join(SUFFIXES)}"
        diagnostics.error("NO-FILES", f"no project files in {directory}", Origin(str(directory)), hint)
    return sorted(found, key=lambda path: path.relative_to(directory).parts)


def _is_project_file(name: str) -> bool:
    return name.lower().endswith(SUFFIXES) and not name.startswith(".") and name not in NOT_PROJECT_FILES


def read_file(path: Path, diagnostics: Diagnostics) -> Source | None:
    """One file, parsed by its suffix (without a known one: by its first character); None if that fails."""
    origin = Origin(str(path))
    text = read_text(path, origin, diagnostics)
    if text is None:
        return None
    if path.suffix.lower() == ".json" or (path.suffix.lower() not in SUFFIXES and text.lstrip()[:1] in ("{", "[")):
        ok, data = parse_json(text, origin, diagnostics)
    else:
        from config_sync.sources.yaml_text import parse_yaml  # here: JSON projects needn't load a YAML parser

        ok, data = parse_yaml(text, origin, diagnostics)
    return Source(data, origin) if ok else None


def read_text(path: Path, origin: Origin, diagnostics: Diagnostics) -> str | None:
    """The file's text (UTF-8, a byte order mark allowed), or None with a diagnostic."""
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_SOURCE_BYTES + 1)
    except (OSError, ValueError) as error:
        diagnostics.error("SOURCE-UNREADABLE", f"can't read {path}: {_reason(error)}", origin)
        return None
    if len(data) > MAX_SOURCE_BYTES:
        diagnostics.error("SOURCE-TOO-LARGE", f"the document is larger than {MAX_SOURCE_BYTES:,} bytes", origin)
        return None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        diagnostics.error("SOURCE-ENCODING", f"the document isn't UTF-8 (byte {error.start})", origin, "save it as UTF-8")
        return None


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
