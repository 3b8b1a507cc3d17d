"""The operands of ``ir.Test`` as JSON and back, operator by operator, for the native dialect's ``test:`` form.

A scalar needs no line, nor does a tuple of scalars, or a structure of the IR: that is written under its name until somebody
gives it a better form. Used by the native front end and by ``config_sync.convert``. Whether an operand makes sense is the check
pass's business, not asked here.
"""

from collections.abc import Callable
from ipaddress import ip_address, ip_network
from typing import Any, NamedTuple, NoReturn

import msgspec

from config_sync import ir
from config_sync.instants import instant
from config_sync.later_fields import as_json
from evaluator.snapshot.times_and_places import instant_text


class Codec(NamedTuple):
    """``write`` gives JSON. ``read`` undoes it, and raises ValueError with what should have been there."""

    write: Callable[[Any], Any]
    read: Callable[[Any], Any]


def to_json(operator: str, operand: Any) -> Any:
    """The operand as it is written."""
    return _CODECS.get(operator, _ANY).write(operand)


def from_json(operator: str, value: Any) -> Any:
    """The operand as the IR has it. Raises ValueError: what was expected."""
    return _CODECS.get(operator, _ANY).read(value)


def _write_any(operand: Any) -> Any:
    """A structure of the IR as ``{its name: its fields}``, also in a tuple."""
    if isinstance(operand, tuple):
        return [_write_any(item) for item in operand]
    return {type(operand).__name__: as_json(operand)} if isinstance(operand, msgspec.Struct) else operand


def _read_any(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_read_any(item) for item in value)
    if not isinstance(value, dict) or len(value) != 1:
        return value
    [(name, fields)] = value.items()
    kind = getattr(ir, name, None)
    if not (isinstance(kind, type) and issubclass(kind, msgspec.Struct)):
        return value
    try:
        return msgspec.convert(fields, kind)
    except msgspec.ValidationError as error:
        raise ValueError(f"{{{name}: its fields}} ({error})") from error


def _write_plain(operand: Any) -> Any:
    return list(operand) if isinstance(operand, tuple) else operand


def _read_plain(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _write_instant(operand: Any) -> Any:
    text = instant_text(operand) if isinstance(operand, int) else ""
    return text if instant(text) == operand else {"microseconds": operand}


def _read_instant(value: Any) -> Any:
    if isinstance(value, dict) and value.keys() == {"microseconds"}:
        return value["microseconds"]
    found = instant(value)
    if found is None:
        raise ValueError("a date, a time, epoch seconds, or {microseconds: …}")
    return found


def _struct(kind: type[msgspec.Struct]) -> Codec:
    """A structure as a mapping of its fields, those at their defaults left out."""
    names = ", ".join(kind.__struct_fields__)

    def write(operand: Any) -> Any:
        given = ((field.name, getattr(operand, field.name), field.default) for field in msgspec.structs.fields(kind))
        return {name: _write_plain(value) for name, value, default in given if value != default}

    def read(value: Any) -> Any:
        if not isinstance(value, dict) or not value.keys() <= set(kind.__struct_fields__):
            raise ValueError(f"a mapping of {names}")
        try:
            return msgspec.convert(value, kind)
        except msgspec.ValidationError as error:
            raise ValueError(f"a mapping of {names} ({error})") from error

    return Codec(write, read)


def _read_path(value: Any) -> Any:
    path = value.get("path") if isinstance(value, dict) else None
    if not isinstance(path, list) or not all(type(step) in (str, int) for step in path) or value.keys() != {"path", "expected"}:
        raise ValueError("{path: [a list of names and numbers], expected: a value}")
    return tuple(path), value["expected"]


def _read_networks(value: Any) -> Any:
    if not isinstance(value, list):
        raise ValueError("a list of networks, such as 10.0.0.0/8")
    try:
        networks = [ip_network(item, strict=False) if isinstance(item, str) else _no_network(item) for item in value]
    except ValueError as error:
        raise ValueError(f"a list of networks, such as 10.0.0.0/8 ({error})") from error
    return tuple(ir.Network(network.version, int(network.network_address), network.prefixlen) for network in networks)


def _no_network(item: Any) -> NoReturn:
    raise ValueError(f"{item!r} is none")


def _write_networks(operand: Any) -> Any:
    return [
        f"{ip_address(network.address.to_bytes(4 if network.version == 4 else 16))}/{network.prefix}" for network in operand
    ]


def _write_digests(operand: Any) -> Any:
    return {"salt": operand.salt, "sha256": [[length, digest.hex()] for length, digest in operand.items]}


def _read_digests(value: Any) -> Any:
    try:
        items = tuple((length, bytes.fromhex(digest)) for length, digest in value["sha256"])
        return ir.Digests(value["salt"], items)
    except (TypeError, ValueError, KeyError):
        raise ValueError("{salt: a text, sha256: [[bytes in the part or null, hexadecimal digits], …]}") from None


_ANY = Codec(_write_any, _read_any)
_PLAIN = Codec(_write_plain, _read_plain)
_ITSELF = Codec(lambda operand: operand, lambda value: value)
_INSTANT = Codec(_write_instant, _read_instant)

_CODECS: dict[str, Codec] = {
    "equal": _ITSELF,  # a list is the value compared with
    "one_of": _PLAIN,  # these hold values of contexts, which may look like anything
    "contains_all": _PLAIN,
    "contains_any": _PLAIN,
    "order": _ITSELF,  # so it is here
    "time": _INSTANT,
    "now": _INSTANT,
    "digest": Codec(_write_digests, _read_digests),
    "distance": _struct(ir.Place),
    "window": _struct(ir.Window),
    "in_network": Codec(_write_networks, _read_networks),
    "path": Codec(lambda operand: {"path": list(operand[0]), "expected": operand[1]}, _read_path),
}
