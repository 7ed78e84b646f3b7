"""The values that a kind of field cannot have, as bytes to put in the place of its first piece."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from stressor.vmstate.checking.places import Place
from stressor.vmstate.kinds import Array, Bitmap, Field, Queue, Scalar, Tree
from stressor.vmstate.wire import NamedField

__all__ = ["Damage", "damages"]


@dataclass(frozen=True, slots=True)
class Damage:
    """One way to damage a piece; `apply` gives its bytes, None for a piece that cannot have it."""

    name: str
    apply: Callable[[Place, Any, NamedField], bytes | None]


def damages(field: Field) -> Iterator[Damage]:
    """Yield the damages that every load of a field must refuse."""
    if isinstance(field, Scalar):
        if field.type.code == "?":
            yield Damage("neither true nor false refused", lambda place, obj, piece: b"\2")
        if field.equal:
            yield Damage("another value refused", _another)
        if field.maximum is not None:
            yield Damage("above its bound refused", _above)
            if field.type.low < 0:
                yield Damage("negative refused", _negative)
    elif isinstance(field, Bitmap) and field.length is None and field.bits % 64:
        yield Damage("a bit too many refused", _bit_too_many)
    elif isinstance(field, Queue | Tree):
        if isinstance(field, Tree) or not field.linked:
            yield Damage("more than its maximum refused", _too_many)
        else:
            yield Damage("neither element nor end refused", lambda place, obj, piece: b"\2")
    elif isinstance(field, Array) and field.null:
        yield Damage("another marker refused", _marker)


def _another(place: Place, obj: Any, piece: NamedField) -> bytes:
    value: Any = place.get(obj)
    if isinstance(value, bool):
        return bytes([not value])
    if isinstance(value, float):
        return b"\x40\x09" + bytes(6) if value != 3.125 else bytes(8)
    number = int(value) ^ 1
    return number.to_bytes(piece.size, signed=number < 0)


def _above(place: Place, obj: Any, piece: NamedField) -> bytes | None:
    field = place.field
    assert isinstance(field, Scalar)
    bound = field.maximum
    if isinstance(bound, str):
        bound = getattr(place.holder(obj), bound)
    if not isinstance(bound, int) or bound >= field.type.high:
        return None
    return (bound + 1).to_bytes(piece.size)


def _negative(place: Place, obj: Any, piece: NamedField) -> bytes:
    return b"\xff" * piece.size


def _bit_too_many(place: Place, obj: Any, piece: NamedField) -> bytes:
    field = place.field
    assert isinstance(field, Bitmap)
    words = [0] * (piece.size // 8)
    words[-1] = 1 << field.bits % 64
    return b"".join(word.to_bytes(8) for word in words)


def _too_many(place: Place, obj: Any, piece: NamedField) -> bytes | None:
    field = place.field
    assert isinstance(field, Queue | Tree)
    return (field.maximum + 1).to_bytes(4) if piece.kind == "count" else None


def _marker(place: Place, obj: Any, piece: NamedField) -> bytes | None:
    return b"\x31" if piece.kind == "null" else None
