"""Damage done to a machine's saved state on purpose: one field, count or version, or the stream's structure.

A damage is named after what it hits (`set e1000/0.rxbuf_size`) and one number chooses among the values,
and the elements of an array, so that it is the same one in a trace that was made smaller.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Final, NamedTuple

from stressor.loop.finding import FieldChange
from stressor.vmstate.live import without_indexes
from stressor.vmstate.stream import DeviceSection, Stream
from stressor.vmstate.wire import NamedField

__all__ = ["Damaged", "damage", "damages_of"]

_LIKELY: Final = re.compile(
    r"len|size|count|num|idx|index|head|tail|pos|ptr|off|state|mode|phase|cmd|level|start|end|cur|next|avail|"
    r"used|fifo|type|max|slot|port|addr|bits|^n_|_n$|^[rw]p$"
)
"""Names of what a device uses as an index, a length or the number of a state, as a rule."""

_LIKELIER: Final = 4

_WIDEST: Final = 8
"""Bytes of what is taken for a number; what is wider is a buffer, with a number somewhere in it."""

_WITHIN: Final = (1, 2, 4)
"""How wide a number in a buffer is: virtio's sections are not described, and hold such."""

_NUMBERS: Final = (
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 255, 256, 257, 511, 512,
    513, 1023, 1024, 1025, 2048, 4095, 4096, 4097, 8192, 0x3FFF, 0x4000, 0x7FFF, 0x8000, 0xFFFF, 0x1_0000, 0x1_0001,
    0x10_0000, 0x7FFF_0000,
)  # fmt: skip
"""Lengths, counts and the numbers of states, and what is one more or less than may be."""

_UNDECLARED: Final = b"/undeclared"
_VERSIONS: Final = (0, 1, 2, 255, 0x7FFF_FFFF, 0xFFFF_FFFF)
_ADDED: Final = b"\xff"


class Damaged(NamedTuple):
    """A stream with one thing in it that its writer did not write, and what that is."""

    stream: bytes
    change: FieldChange


def damages_of(paths: Collection[str], labels: Collection[str]) -> tuple[str, ...]:
    """Return what damage can be done to sections with these labels and fields; likely ones several times."""
    found: list[str] = []
    for path in dict.fromkeys(map(without_indexes, paths)):
        likely = _LIKELY.search(path.rpartition(".")[2].removesuffix("[]").lower())
        found += [f"set {path}"] * (_LIKELIER if likely else 1)
    for label in labels:
        found += [f"{kind} {label}" for kind in _KINDS for _ in range(_LIKELIER if kind == "any" else 1)]
    return tuple(found)


def damage(whole: bytes, stream: Stream, name: str, number: int) -> Damaged | None:
    """Return a machine's state with the damage `name`, one of `damages_of`; None when there is nothing
    now that it could be done to. `stream` is what `whole` says. Raises ValueError for another name."""
    kind, _, what = name.partition(" ")
    if kind == "set":
        section = next((each for each in stream.sections if what.startswith(f"{each.label}.")), None)
        if section is None:
            return None
        fields = [field for field in section.fields() if without_indexes(field.path) == what]
        return _field_set(whole, fields, number)
    if kind not in _KINDS:
        raise ValueError(f"no such damage: {name}")
    section = next((each for each in stream.sections if each.label == what), None)
    return None if section is None else _KINDS[kind](whole, section, number)


def _field_set(whole: bytes, fields: Sequence[NamedField], number: int) -> Damaged | None:
    """Give one of the fields a value that it does not have."""
    if not fields:
        return None
    field = fields[number % len(fields)]
    number //= len(fields)
    start, size, path = field.offset, field.size, field.path
    if size > _WIDEST or not isinstance(field.value, int):
        number, chosen = divmod(number, len(_WITHIN))
        width = min(_WITHIN[chosen], size)
        number, place = divmod(number, size - width + 1)
        start, size = start + place, width
        path = f"{path}[{place}]"
    old = int.from_bytes(whole[start : start + size])
    values = [*dict.fromkeys(_values(old, 8 * size))]
    new = values[number % len(values)]
    signed = field.kind.startswith("int")
    raw = new.to_bytes(size)
    change = FieldChange(path, _number(whole[start : start + size], signed), _number(raw, signed), width=size)
    return Damaged(whole[:start] + raw + whole[start + size :], change)


def _number(raw: bytes, signed: bool) -> int:
    return int.from_bytes(raw, signed=signed)


def _values(old: int, bits: int) -> Iterator[int]:
    """Yield numbers that a field of so many bits may not be prepared for, `old` not among them."""
    ones = (1 << bits) - 1
    top = 1 << bits - 1
    for value in (ones, top, top - 1, ones - 1, old + 1, old - 1, old << 1, *_NUMBERS, *(1 << bit for bit in range(bits))):
        if value & ones != old:
            yield value & ones


def _any(whole: bytes, section: DeviceSection, number: int) -> Damaged | None:
    """Set any field that is there, also one in a subsection that mostly is not."""
    fields = [field for field in section.fields() if field.size]
    return _field_set(whole, fields, number)


def _place(section: DeviceSection, number: int) -> tuple[int, str, int]:
    """Return a place between two fields: its offset, the path behind it, and what is left of the number."""
    fields = section.fields()
    places = [(field.offset, field.path) for field in fields]
    places.append((section.body + len(section.data), f"{section.label}.(footer)"))
    offset, path = places[number % len(places)]
    return offset, path, number // len(places)


def _truncated(whole: bytes, section: DeviceSection, number: int) -> Damaged:
    offset, path, _ = _place(section, number)
    return Damaged(whole[:offset], FieldChange(f"{path} (truncated)", "in place", "not there"))


def _shifted(whole: bytes, section: DeviceSection, number: int) -> Damaged:
    """Add or leave out a byte: every field behind it has bytes of its neighbour."""
    offset, path, number = _place(section, number)
    if number % 2:
        return Damaged(whole[:offset] + whole[offset + 1 :], FieldChange(f"{path} (shifted)", "in place", "a byte earlier"))
    return Damaged(whole[:offset] + _ADDED + whole[offset:], FieldChange(f"{path} (shifted)", "in place", "a byte later"))


def _versioned(whole: bytes, section: DeviceSection, number: int) -> Damaged:
    versions = [each for each in (section.version + 1, section.version - 1, *_VERSIONS) if each != section.version]
    version = versions[number % len(versions)] & 0xFFFF_FFFF
    change = FieldChange(f"{section.label}.(version)", section.version, version)
    return Damaged(whole[: section.body - 4] + version.to_bytes(4) + whole[section.body :], change)


def _unknown(whole: bytes, section: DeviceSection, number: int) -> Damaged:
    """Add a subsection that nobody declared."""
    end = section.body + len(section.data)
    name = section.name.encode("utf-8", "surrogateescape")[: 255 - len(_UNDECLARED)] + _UNDECLARED
    added = b"\x05" + bytes([len(name)]) + name + (number % 3).to_bytes(4)
    change = FieldChange(f"{section.label}.(subsection)", "none", "one that is not declared")
    return Damaged(whole[:end] + added + whole[end:], change)


def _repeated(whole: bytes, section: DeviceSection, number: int) -> Damaged:
    end = section.offset + section.size
    change = FieldChange(f"{section.label}.(section)", "once", "twice")
    return Damaged(whole[:end] + whole[section.offset : end] + whole[end:], change)


def _left_out(whole: bytes, section: DeviceSection, number: int) -> Damaged:
    change = FieldChange(f"{section.label}.(section)", "once", "not at all")
    return Damaged(whole[: section.offset] + whole[section.offset + section.size :], change)


_KINDS: Final[dict[str, Callable[[bytes, DeviceSection, int], Damaged | None]]] = {
    "any": _any,
    "truncate": _truncated,
    "shift": _shifted,
    "version": _versioned,
    "unknown": _unknown,
    "repeat": _repeated,
    "without": _left_out,
}
"""What can be done to a section."""
