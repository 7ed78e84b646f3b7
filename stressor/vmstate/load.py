"""Loading and naming by walking the description, a field at a time.

The compiled loader is for the stream that one usually gets; this one is for all others: older
versions, subsections in another order, and bytes that are wrong, of which it says what and where.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from stressor.errors import StreamError
from stressor.vmstate.description import Description
from stressor.vmstate.kinds import (
    Array,
    Bitmap,
    Buffer,
    Field,
    Queue,
    Scalar,
    Struct,
    Temporary,
    Timer,
    Tree,
    Unused,
)
from stressor.vmstate.load_many import read_array, read_queue, read_tree
from stressor.vmstate.stage import Stage, Staged, container_of
from stressor.vmstate.visitor import Reader
from stressor.vmstate.wire import NamedField, WireReader

__all__ = ["Loader", "check_version", "load_body", "name_body", "read_body"]


def load_body(
    description: Description, obj: Any, data: bytes, version: int, path: str = "", base: int = 0
) -> None:
    """Load a body in place, or raise StreamError and leave `obj` as it was.

    `path` stands in front of names, `base` is the offset of `data` in the whole stream.
    """
    read_body(description, obj, WireReader(bytes(data), base=base), version, path)


def read_body(
    description: Description, obj: Any, reader: Reader, version: int, path: str = ""
) -> None:
    """Load what a reader of any format has, as `load_body` does."""
    whole = path.removesuffix(".") or description.name
    check_version(description, version, whole, reader.offset)
    stage = Stage()
    Loader(reader, stage).whole(description, obj, version, path, whole)
    stage.commit(description, obj, whole, reader.offset)


def name_body(
    description: Description,
    data: bytes,
    version: int,
    path: str = "",
    base: int = 0,
    obj: Any = None,
    *,
    whole: bool = False,
) -> list[NamedField]:
    """Name every byte of a body; with `whole` a buffer is one piece, called as its first byte. With `obj`,
    lengths that do not travel are taken from it."""
    reader = WireReader(bytes(data), base=base, naming=True, whole=whole)
    name = path.removesuffix(".") or description.name
    check_version(description, version, name, reader.offset)
    Loader(reader, None).whole(description, obj, version, path, name)
    return reader.named or []


def check_version(description: Description, version: int, path: str, offset: int) -> None:
    """Raise StreamError for a version that the description cannot load."""
    if version > description.version:
        raise StreamError(
            path,
            offset,
            f"has version {version}, newer than {description.version}, the newest known",
        )
    if version < description.minimum_version:
        raise StreamError(
            path,
            offset,
            f"has version {version}, older than {description.minimum_version}, the oldest known",
        )


class Loader:
    """Walks a description over a reader; stages what it reads, when there is a stage."""

    def __init__(self, reader: Reader, stage: Stage | None) -> None:
        self.reader = reader
        self.stage = stage

    def whole(
        self, description: Description, obj: Any, version: int, path: str, whole: str
    ) -> None:
        """Read one body, and refuse what is left over."""
        staged: dict[str, Any] = {}
        self._body(description, obj, version, path, Staged(obj, staged), staged)
        self.reader.finished(path, whole, description.name)

    def _body(
        self,
        description: Description,
        obj: Any,
        version: int,
        path: str,
        view: Staged,
        staged: dict[str, Any],
    ) -> None:
        """Read the fields of one object; `staged` are the values behind `view`."""
        for field in description.fields:
            if field.since <= version and self._present(field, path, view):
                self._field(field, obj, path, view, staged)
        if description.subsections:
            self._subsections(description, obj, path, view, staged)
        if self.stage is not None and description.post_load is not None:
            self.stage.hook(description.post_load, obj, version)

    def _present(self, field: Field, path: str, view: Staged) -> bool:
        if field.when is None:
            return True
        try:
            return bool(field.when(view))
        except AttributeError as error:
            if object.__getattribute__(view, "_live") is not None:
                raise
            raise self.reader.refuse(
                path + field.name, f"whether it is there cannot be told without the device: {error}"
            ) from error

    def _subsections(
        self, description: Description, obj: Any, path: str, view: Staged, staged: dict[str, Any]
    ) -> None:
        known = {subsection.name: subsection for subsection in description.subsections}
        while True:
            start = self.reader.offset
            found = self.reader.subsection(path, description.name)
            if found is None:
                return
            name, version = found
            subsection = known.pop(name, None)
            if subsection is None:
                raise StreamError(
                    f"{path}({name})",
                    start,
                    f"no subsection {name!r} is known, or it is here again",
                )
            check_version(subsection, version, f"{path}({name})", start)
            self._body(subsection, obj, version, path, view, staged)
            self.reader.leave(path, name)

    def _field(
        self, field: Field, obj: Any, path: str, view: Staged, staged: dict[str, Any]
    ) -> None:
        name = path + field.name
        value: Any = None
        match field:
            case Scalar():
                value = self._scalar(field, obj, name, view)
            case Buffer():
                value = self._buffer(field, obj, name, view)
            case Array():
                value = read_array(self, field, obj, name, self._count(field, name, view))
            case Struct():
                inner = None if obj is None else getattr(obj, field.attribute)
                if inner is None and obj is not None:
                    raise self.missing(name)
                value = self.object(field.description, inner, name + ".", field.version)
            case Temporary():
                inner = None if obj is None else field.factory(obj)
                value = self.object(field.description, inner, name + ".", field.version)
            case Bitmap():
                bits = field.bits
                if field.length is not None:
                    bits = self._length(field.length, field.bits, 1, name, view)
                value = self.reader.bitmap(name, bits)
                self._assign(field, obj, value)
            case Timer():
                value = self.timer(name, None if obj is None else getattr(obj, field.attribute))
            case Queue():
                value = read_queue(self, field, obj, name)
            case Tree():
                value = read_tree(self, field, obj, name)
            case Unused():
                self._unused(field, f"{path}(unused)", view)
                return
        staged[field.name] = staged[field.attribute] = value

    def _scalar(self, field: Scalar, obj: Any, name: str, view: Staged) -> Any:
        value = self.reader.scalar(name, field.type)
        if field.equal and obj is not None:
            live = getattr(obj, field.attribute)
            if live != value and not (live != live and value != value):
                raise self.reader.refuse(
                    name, f"is {value!r}, and must be {live!r} as on this device", field.type.size
                )
        if field.maximum is not None:
            self._bound(field, name, value, view)
        self._assign(field, obj, value)
        return value

    def _bound(self, field: Scalar, name: str, value: int, view: Staged) -> None:
        limit: Any = field.maximum
        if isinstance(limit, str):
            limit = getattr(view, limit, None)  # None: only the device can tell
        if value < 0 or (limit is not None and value > limit):
            known = "up" if limit is None else f"to {limit}"
            raise self.reader.refuse(
                name, f"is {value}, and may be 0 {known} on this device", field.type.size
            )

    def _unused(self, field: Unused, name: str, view: Staged) -> None:
        times = 1
        if field.length is not None:
            times = self._length(field.length, field.maximum, 1, name, view)
        self.reader.unused(name, times * field.size)

    def _buffer(self, field: Buffer, obj: Any, name: str, view: Staged) -> bytes:
        size = field.size
        if field.length is not None:
            size = self._length(field.length, field.maximum, field.multiply, name, view)
        data = self.reader.buffer(name, size, field.start or 0)
        self.fill(field, obj, name, data)
        return data

    def _count(self, field: Array, name: str, view: Staged) -> int:
        if field.length is None:
            return field.count
        return self._length(field.length, field.maximum, field.multiply, name, view)

    def _length(self, named: str, maximum: int, multiply: int, name: str, view: Staged) -> int:
        """Return how many items travel, as the attribute `named` says."""
        try:
            length = getattr(view, named)
        except AttributeError as error:
            raise self.reader.refuse(
                name,
                f"its length {named!r} is not in the stream and cannot be told without the device",
            ) from error
        if not isinstance(length, int) or not 0 <= length * multiply <= maximum:
            times = f" times {multiply}" if multiply != 1 else ""
            raise self.reader.refuse(
                name, f"its length {named} is {length!r}{times}, and may be 0 to {maximum}"
            )
        return length * multiply

    def object(
        self, description: Description, obj: Any, path: str, version: int | None = None
    ) -> Staged:
        """Read the body of an embedded object, and return a view of it as it will be."""
        staged: dict[str, Any] = {}
        view = Staged(obj, staged)
        if version is None:
            version = description.version
        self._body(description, obj, version, path, view, staged)
        return view

    def missing(self, name: str) -> StreamError:
        """Return the error for a part that is in the stream and not on the device."""
        return self.reader.refuse(name, "is in the stream, and None on this device")

    def timer(self, name: str, timer: Any) -> Staged:
        """Read the deadline of a timer, which may be None without a device."""
        deadline = self.reader.timer(name)
        if self.stage is not None:
            self.stage.deadline(timer, deadline)
        return Staged(timer, {"deadline": deadline})

    def _assign(self, field: Field, obj: Any, value: Any) -> None:
        if self.stage is not None:
            self.stage.assign(obj, field, value)

    def fill(self, field: Field, obj: Any, name: str, items: Any) -> None:
        """Stage what a container will hold, all of it, or the part that travels."""
        if self.stage is None:
            return
        container = container_of(obj, field)
        if isinstance(field, Buffer | Array) and (field.fixed or field.start is not None):
            start = field.start or 0
            if start + len(items) > len(container):
                raise self.reader.refuse(
                    name, f"{len(items)} items, and there is room for {len(container) - start}"
                )
            self.stage.fill_part(obj, field, start, items)
            return
        if (
            isinstance(container, deque)
            and container.maxlen is not None
            and len(items) > container.maxlen
        ):
            raise self.reader.refuse(
                name, f"{len(items)} items, and there is room for {container.maxlen}"
            )
        self.stage.fill(obj, field, items)
