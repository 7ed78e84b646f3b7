"""Where the leaves of a section's body lie, and how its bytes become their values and back."""

from __future__ import annotations

import re
import struct
from collections import Counter
from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from itertools import accumulate
from typing import Final

from stressor.errors import StreamError
from stressor.vmstate.wire import SUBSECTION, NamedField

__all__ = ["Layout", "leaf_code", "pack_fields"]

_SIGNED: Final = {1: "b", 2: "h", 4: "i", 8: "q"}
_UNSIGNED: Final = {1: "B", 2: "H", 4: "I", 8: "Q"}
_SCALARS: Final = {
    **{f"int{8 * size}": (size, code) for size, code in _SIGNED.items()},
    **{f"uint{8 * size}": (size, code) for size, code in _UNSIGNED.items()},
    "bool": (1, "B"),
    "timer": (8, "q"),
    "cpsr": (4, "I"),
    "fpscr": (4, "I"),
    "powered_off": (1, "B"),
    "pci irq state": (16, "16s"),
    "float64": (8, "Q"),
    "CPU_Double_U": (8, "Q"),
}
_SUFFIX: Final = re.compile(" (equal|le|ge)$")
_field: Callable[[tuple[object, ...]], NamedField] = partial(tuple.__new__, NamedField)
"""Half the cost of NamedField's own constructor, which is written in Python."""


@lru_cache(1024)
def leaf_code(kind: str, size: int) -> str:
    """Return the format of a leaf: a number where `size` is that of its type, or else bytes."""
    known, code = _SCALARS.get(_SUFFIX.sub("", kind), (0, ""))
    return code if known == size else f"{size}s"


class Layout:
    """Where the leaves of a body lie, and how its bytes become their values: made once."""

    def __init__(
        self,
        paths: list[str],
        kinds: list[str],
        sizes: list[int],
        codes: list[str],
        headers: list[tuple[int, int, bytes]],
    ) -> None:
        if len(set(paths)) != len(paths):
            paths = list(_told_apart(paths))
        self._paths = paths
        self._kinds = kinds
        self._sizes = sizes
        self._places = list(accumulate(sizes, initial=0))[:-1]
        self._unpack = struct.Struct(">" + "".join(codes)).unpack
        self._headers = headers
        self._timers = [place for place, kind in enumerate(kinds) if kind == "timer"]
        self._bools = [place for place, kind in enumerate(kinds) if kind == "bool"]

    def fields(self, data: bytes, offset: int) -> tuple[NamedField, ...]:
        """Return the fields of a body. Raises StreamError for a subsection that is not there."""
        values: list[object] = list(self._unpack(data))
        for place, start, header in self._headers:
            if not data.startswith(header, start):
                raise StreamError(
                    self._paths[place], offset + start, "the subsection described is not here"
                )
            version = start + len(header)
            values[place] = int.from_bytes(data[version : version + 4])
        for place in self._timers:
            if values[place] == -1:
                values[place] = None
        for place in self._bools:
            if values[place] in (0, 1):
                values[place] = values[place] == 1
        offsets = [offset + place for place in self._places]
        leaves = zip(self._paths, self._kinds, offsets, self._sizes, values, strict=True)
        return tuple(map(_field, leaves))


def _told_apart(paths: list[str]) -> Iterator[str]:
    """Yield the paths; the second of one path has `#2` behind it. QEMU saves some members twice."""
    seen: Counter[str] = Counter()
    for path in paths:
        seen[path] += 1
        yield path if seen[path] == 1 else f"{path}#{seen[path]}"


def pack_fields(fields: tuple[NamedField, ...]) -> bytes:
    """Return the bytes that were named: each value written again by its kind and size."""
    pieces = []
    for path, kind, _, size, value in fields:
        if isinstance(value, bytes):
            pieces.append(value)
        elif kind == "subsection":
            name = path[path.rindex("(") + 1 : -1].encode()
            pieces.append(bytes((SUBSECTION, len(name))) + name + struct.pack(">I", value))
        elif value is None:
            pieces.append(b"\xff" * size)
        else:
            pieces.append(int(value).to_bytes(size, signed=value < 0))
    return b"".join(pieces)
