"""Semantic versions (semver.org 2.0.0; docs/snapshot-format.md, section 4.5). Used by ``_pure`` only."""

import re
from typing import Final

from evaluator._pure.values import as_text, plain
from evaluator.snapshot.opcodes import (
    MODE_VERSION_PARTIAL,
    MODE_VERSION_PREFIX,
    MODE_VERSION_SAME_MAJOR,
    MODE_VERSION_SAME_MINOR,
)

_NUMERIC: Final = r"(?:0|[1-9][0-9]*)"
_IDENTIFIER: Final = rf"(?:{_NUMERIC}|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
_TAIL: Final = rf"(?:-({_IDENTIFIER}(?:\.{_IDENTIFIER})*))?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?"
_FULL: Final = re.compile(rf"({_NUMERIC})\.({_NUMERIC})\.({_NUMERIC}){_TAIL}")
_PARTIAL: Final = re.compile(rf"({_NUMERIC})(?:\.({_NUMERIC}))?(?:\.({_NUMERIC}))?{_TAIL}")

# Orders like the number it writes, whatever its length: no leading zeros, so the longer one is the greater.
Number = tuple[int, str]
# (0, number) sorts before (1, text): numeric identifiers have lower precedence.
Identifier = tuple[int, Number | str]
# A release sorts after its pre-releases: (1,) > (0, identifiers…).
Version = tuple[Number, Number, Number, tuple[int, tuple[Identifier, ...]]]


def parse_version(text: str, mode: int) -> Version | None:
    """The version in sortable form, or None. ``mode``: MODE_VERSION_PREFIX and MODE_VERSION_PARTIAL count."""
    if mode & MODE_VERSION_PREFIX and text[:1] in ("v", "V"):
        text = text[1:]
    match = (_PARTIAL if mode & MODE_VERSION_PARTIAL else _FULL).fullmatch(text)
    if match is None:
        return None
    major, minor, patch = (_number(part or "0") for part in match.group(1, 2, 3))
    return major, minor, patch, _prerelease(match[4])


def as_version(value: object, mode: int, text_only: bool = False) -> Version | None:
    """The value as a version; numbers count only with MODE_VERSION_PARTIAL, and not with ``text_only``."""
    text = as_text(value) if mode & MODE_VERSION_PARTIAL and not text_only else plain(value)
    return parse_version(text, mode) if isinstance(text, str) else None


def _number(digits: str) -> Number:
    return len(digits), digits


def _prerelease(text: str | None) -> tuple[int, tuple[Identifier, ...]]:
    if text is None:
        return 1, ()
    return 0, tuple((0, _number(part)) if part.isdigit() else (1, part) for part in text.split("."))


def compare_versions(left: Version, right: Version) -> int:
    """-1, 0 or 1 by precedence (section 11 of the specification)."""
    return (left > right) - (left < right)  # identifiers of unlike kinds differ in their first item


def same_range(value: Version, operand: Version, mode: int) -> bool:
    """``~`` (same major and minor) for MODE_VERSION_SAME_MINOR, ``^`` (same major) otherwise."""
    parts = 2 if mode & MODE_VERSION_SAME_MINOR else 1
    return value[:parts] == operand[:parts]


def is_range(mode: int) -> bool:
    """Whether the mode asks for a range instead of a comparison."""
    return bool(mode & (MODE_VERSION_SAME_MINOR | MODE_VERSION_SAME_MAJOR))
