"""What a shared object needs of the machine it's loaded on: its processor, its C library's version, other libraries.

Reads ELF64, little endian (System V gABI; GNU symbol versions: Linux Standard Base, "Symbol Versioning").
"""

import struct
from dataclasses import dataclass
from pathlib import Path

MACHINES = {62: "x86_64", 183: "aarch64"}
_DYNAMIC, _NEEDS_VERSIONS = 6, 0x6FFFFFFE  # section types
_NEEDED = 1  # a tag of the dynamic section


@dataclass(frozen=True)
class Elf:
    """``machine``: as ``platform.machine`` says it. ``glibc``: the newest version that a symbol asks for, (0, 0) for none."""

    machine: str
    glibc: tuple[int, int]
    needed: tuple[str, ...]


def is_elf(data: bytes) -> bool:
    """Whether the file says so of itself."""
    return data[:4] == b"\x7fELF"


def read_elf(data: bytes) -> Elf:
    """Raises ValueError for what isn't a 64-bit little-endian ELF file with section headers."""
    if not is_elf(data) or data[4:6] != b"\x02\x01":
        raise ValueError("not a 64-bit little-endian ELF file")
    try:
        machine = struct.unpack_from("<H", data, 18)[0]
        sections = _sections(data)
        return Elf(MACHINES.get(machine, str(machine)), _newest(_versions(data, sections)), _needed(data, sections))
    except (struct.error, IndexError) as error:
        raise ValueError("a spoiled ELF file") from error


@dataclass(frozen=True)
class _Section:
    kind: int
    offset: int
    size: int
    link: int
    info: int


def _sections(data: bytes) -> list[_Section]:
    (start,) = struct.unpack_from("<Q", data, 40)
    size, count = struct.unpack_from("<HH", data, 58)
    found = []
    for index in range(count):
        _, kind, _, _, offset, length, link, info = struct.unpack_from("<IIQQQQII", data, start + index * size)
        found.append(_Section(kind, offset, length, link, info))
    if not found:
        raise ValueError("an ELF file without section headers")
    return found


def _text(data: bytes, strings: _Section, at: int) -> str:
    start = strings.offset + at
    return data[start : data.index(b"\0", start)].decode()


def _versions(data: bytes, sections: list[_Section]) -> list[str]:
    """The symbol versions asked for: of each file (Verneed) its list (Vernaux)."""
    found = []
    for section in sections:
        if section.kind != _NEEDS_VERSIONS:
            continue
        place = section.offset
        for _ in range(section.info):
            _, count, _, first, following = struct.unpack_from("<HHIII", data, place)
            entry = place + first
            for _ in range(count):
                _, _, _, name, next_entry = struct.unpack_from("<IHHII", data, entry)
                found.append(_text(data, sections[section.link], name))
                entry += next_entry
            place += following
    return found


def _newest(versions: list[str]) -> tuple[int, int]:
    numbers = [version.removeprefix("GLIBC_").split(".") for version in versions if version.startswith("GLIBC_")]
    return max(((int(parts[0]), int(parts[1])) for parts in numbers if parts[0].isdigit() and len(parts) > 1), default=(0, 0))


def _needed(data: bytes, sections: list[_Section]) -> tuple[str, ...]:
    found = []
    for section in sections:
        if section.kind == _DYNAMIC:
            for place in range(section.offset, section.offset + section.size, 16):
                tag, value = struct.unpack_from("<QQ", data, place)
                if tag == _NEEDED:
                    found.append(_text(data, sections[section.link], value))
    return tuple(found)


def check(path: Path, machine: str, glibc: tuple[int, int]) -> Elf:
    """The file, if it runs on that machine with that glibc. Raises ValueError, naming the file, if it doesn't."""
    found = read_elf(path.read_bytes())
    if found.machine != machine:
        raise ValueError(f"{path.name} is for {found.machine}, not for {machine}")
    if found.glibc > glibc:
        raise ValueError(f"{path.name} needs glibc {'.'.join(map(str, found.glibc))}; there is {'.'.join(map(str, glibc))}")
    return found
