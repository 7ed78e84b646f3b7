"""What a format is to the walks: a writer that is given every piece of a body, and a reader that is
asked for them.

The walks in `save` and `load` know the description and the object, a format knows how a piece looks.
`stressor.vmstate.wire` is QEMU's; `stressor.vmstate.formats` has others. A piece is named by its
path, as `recv_fifo.data`, and is of a kind: a scalar type's name, `buffer`, `bitmap`, `timer`,
`unused`, `count`, `marker`, `null` or `subsection`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stressor.errors import StreamError

if TYPE_CHECKING:
    from stressor.vmstate.description import Description
    from stressor.vmstate.kinds import ScalarType

__all__ = ["Reader", "Writer", "short"]

_TIME = 1 << 63


def short(value: object) -> str:
    """Return a value that is not trusted as text for a message."""
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 128:
        return "a number of more than 128 bits"
    return f"{value!r:.40}"


class Writer:
    """Is given the pieces of one body in order; their values have been checked.

    A format overrides `write` and `finish`, and of the others those that it treats apart.
    """

    def write(self, path: str, kind: str, size: int, value: Any) -> None:
        """Take one piece, of `size` bytes in QEMU's format."""
        raise NotImplementedError

    def finish(self) -> Any:
        """Return the whole document."""
        raise NotImplementedError

    def scalar(self, path: str, type: ScalarType, value: Any) -> None:
        self.write(path, type.name, type.size, value)

    def buffer(self, path: str, data: bytes, start: int = 0) -> None:
        """Take bytes; the first of them is `path[start]`."""
        self.write(path, "buffer", len(data), data)

    def bitmap(self, path: str, bits: int, value: int) -> None:
        self.write(path, "bitmap", (bits + 63) // 64 * 8, value)

    def timer(self, path: str, deadline: int | None) -> None:
        self.write(path, "timer", 8, deadline)

    def unused(self, path: str, size: int) -> None:
        """Take padding; most formats leave it out."""

    def count(self, path: str, count: int) -> None:
        """Take how many elements the container at `path` has."""
        self.write(path, "count", 4, count)

    def more(self, path: str, index: int, more: bool) -> None:
        """Take whether the container at `path` has an element `index`."""
        self.write(path, "marker", 1, more)

    def null(self, path: str) -> None:
        """Take an element that is None."""
        self.write(path, "null", 1, None)

    def subsection(self, path: str, description: Description) -> None:
        """Begin a subsection of the object whose fields begin with `path`."""
        self.write(f"{path}({description.name})", "subsection", 0, description.version)

    def leave(self, path: str, description: Description) -> None:
        """End the subsection that was begun last."""


class Reader:
    """Is asked for the pieces of one body in order, and gives values that their kinds can have.

    A format overrides `read`, `subsection` and `finished`, and of the others those that it treats
    apart. Every method raises StreamError, which names the path, for what cannot be. `version` is
    the version of the description that the document says it is of, None when it says nothing.
    """

    version: int | None = None

    def read(self, path: str, kind: str, size: int) -> Any:
        """Return the value of the piece at `path`, which is not trusted yet."""
        raise NotImplementedError

    def subsection(self, path: str, parent: str) -> tuple[str, int] | None:
        """Begin the next subsection of `parent`; return its name and version, None for no more."""
        raise NotImplementedError

    def finished(self, path: str, whole: str, parent: str) -> None:
        """Refuse what is left over. `whole` names all of it, `parent` is its description's name."""
        raise NotImplementedError

    @property
    def offset(self) -> int:
        """The offset in bytes, or -1 in a format that has none."""
        return -1

    def refuse(self, path: str, problem: str, back: int = 0) -> StreamError:
        """Return the error that something `back` bytes ago makes no sense."""
        return StreamError(path, -1 if self.offset < 0 else self.offset - back, problem)

    def demand(self, path: str, size: int) -> None:
        """Refuse elements that cannot all be there, before anything is allocated for them."""

    def leave(self, path: str, name: str) -> None:
        """End the subsection that was begun last."""

    def scalar(self, path: str, type: ScalarType) -> Any:
        value = self.read(path, type.name, type.size)
        if type.code == "?":
            if value is not True and value is not False:
                raise self.refuse(path, f"is {short(value)}, and must be true or false")
        elif type.code == "d":
            if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 53:
                value = float(value)
            if not isinstance(value, float):
                raise self.refuse(path, f"is {short(value)}, and must be a number")
        else:
            self._integer(path, value, type.low, type.high)
        return value

    def buffer(self, path: str, size: int, start: int = 0) -> bytes:
        data = self.read(path, "buffer", size)
        if not isinstance(data, bytes) or len(data) != size:
            found = f"{len(data)} bytes" if isinstance(data, bytes) else f"{short(data)}"
            raise self.refuse(path, f"is {found}, and must be {size} bytes")
        return data

    def bitmap(self, path: str, bits: int) -> int:
        value = self.read(path, "bitmap", (bits + 63) // 64 * 8)
        return self._integer(path, value, 0, (1 << bits) - 1)

    def timer(self, path: str) -> int | None:
        deadline = self.read(path, "timer", 8)
        if deadline is None:
            return None
        return self._integer(path, deadline, -_TIME, _TIME - 1)

    def unused(self, path: str, size: int) -> None:
        """Pass over padding."""

    def count(self, path: str, maximum: int) -> int:
        count = self.read(path, "count", 4)
        if not isinstance(count, int) or isinstance(count, bool) or not 0 <= count <= maximum:
            raise self.refuse(
                path, f"{short(count)} elements, and there may be at most {maximum}"
            )
        return count

    def more(self, path: str, index: int) -> bool:
        more = self.read(path, "marker", 1)
        if more is not True and more is not False:
            raise self.refuse(path, f"is {short(more)}, and must be true or false")
        return more

    def null(self, path: str) -> None:
        value = self.read(path, "null", 1)
        if value is not None:
            raise self.refuse(path, f"is {short(value)}, and is None on this device")

    def _integer(self, path: str, value: Any, low: int, high: int) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise self.refuse(path, f"is {short(value)}, and must be an integer")
        if not low <= value <= high:
            raise self.refuse(path, f"is {hex(value):.40}, and may be {hex(low):.40} to {hex(high):.40}")
        return value
