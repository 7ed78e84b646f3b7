"""Loading and naming by walking the description, a field at a time.

The compiled loader is for the stream that one usually gets; this one is for all others: older
versions, subsections in another order, and bytes that are wrong, of which it says what and where.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any

from stressor.errors import DescriptionError, StreamError
from stressor.vmstate.description import Description
from stressor.vmstate.kinds import (
    Array,
    Bitmap,
    Buffer,
    Field,
    Queue,
    Scalar,
    ScalarType,
    Struct,
    Timer,
    Unused,
)
from stressor.vmstate.stage import MUTABLE, Stage, Staged
from stressor.vmstate.wire import NamedField, WireReader

__all__ = ["check_version", "load_body", "name_body"]


def load_body(
    description: Description, obj: Any, data: bytes, version: int, path: str = "", base: int = 0
) -> None:
    """Load a body in place, or raise StreamError and leave `obj` as it was.

    `path` stands in front of names, `base` is the offset of `data` in the whole stream.
    """
    reader = WireReader(bytes(data), base=base)
    whole = path.removesuffix(".") or description.name
    check_version(description, version, whole, reader.offset)
    stage = Stage()
    _Loader(reader, stage).whole(description, obj, version, path, whole)
    stage.commit(description, obj, whole, reader.offset)


def name_body(
    description: Description,
    data: bytes,
    version: int,
    path: str = "",
    base: int = 0,
    obj: Any = None,
) -> list[NamedField]:
    """Name every byte of a body. With `obj`, lengths that do not travel are taken from it."""
    reader = WireReader(bytes(data), base=base, naming=True)
    whole = path.removesuffix(".") or description.name
    check_version(description, version, whole, reader.offset)
    _Loader(reader, None).whole(description, obj, version, path, whole)
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


class _Loader:
    """Walks a description over a reader; stages what it reads, when there is a stage."""

    def __init__(self, reader: WireReader, stage: Stage | None) -> None:
        self._reader = reader
        self._stage = stage

    def whole(
        self, description: Description, obj: Any, version: int, path: str, whole: str
    ) -> None:
        staged: dict[str, Any] = {}
        self._body(description, obj, version, path, Staged(obj, staged), staged)
        if self._reader.remaining:
            found = self._reader.subsection(path, description.name)
            if found is not None:
                raise self._reader.refuse(
                    whole, f"no subsection {found[0]!r} is known, or it is here again"
                )
            raise self._reader.refuse(whole, f"{self._reader.remaining} bytes too many")

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
        if self._stage is not None and description.post_load is not None:
            self._stage.hook(description.post_load, obj, version)

    def _present(self, field: Field, path: str, view: Staged) -> bool:
        if field.when is None:
            return True
        try:
            return bool(field.when(view))
        except AttributeError as error:
            if object.__getattribute__(view, "_live") is not None:
                raise
            raise self._reader.refuse(
                path + field.name, f"whether it is there cannot be told without the device: {error}"
            ) from error

    def _subsections(
        self, description: Description, obj: Any, path: str, view: Staged, staged: dict[str, Any]
    ) -> None:
        known = {subsection.name: subsection for subsection in description.subsections}
        while True:
            start = self._reader.offset
            found = self._reader.subsection(path, description.name)
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

    def _field(
        self, field: Field, obj: Any, path: str, view: Staged, staged: dict[str, Any]
    ) -> None:
        name = path + field.name
        value: Any = None
        match field:
            case Scalar():
                value = self._scalar(field, obj, name)
            case Buffer():
                size = field.size if field.length is None else self._length(field, name, view)
                value = self._reader.buffer(name, size)
                self._fill(field, obj, name, value)
            case Array():
                count = field.count if field.length is None else self._length(field, name, view)
                value = self._array(field, obj, name, count)
            case Struct():
                inner = None if obj is None else getattr(obj, field.attribute)
                value = self._object(field.description, inner, name + ".")
            case Bitmap():
                value = self._reader.bitmap(name, field.bits)
                self._assign(field, obj, value)
            case Timer():
                deadline = self._reader.timer(name)
                self._assign(field, obj, deadline)
                value = Staged(
                    None if obj is None else getattr(obj, field.attribute), {"deadline": deadline}
                )
            case Queue():
                value = self._queue(field, obj, name)
            case Unused():
                self._reader.unused(f"{path}(unused)", field.size)
                return
        staged[field.name] = staged[field.attribute] = value

    def _scalar(self, field: Scalar, obj: Any, name: str) -> Any:
        value = self._reader.scalar(name, field.type)
        if field.equal and obj is not None:
            live = getattr(obj, field.attribute)
            if live != value and not (live != live and value != value):
                raise self._reader.refuse(
                    name, f"is {value!r}, and must be {live!r} as on this device", field.type.size
                )
        self._assign(field, obj, value)
        return value

    def _length(self, field: Buffer | Array, name: str, view: Staged) -> int:
        assert field.length is not None
        try:
            length = getattr(view, field.length)
        except AttributeError as error:
            raise self._reader.refuse(
                name,
                f"its length {field.length!r} is not in the stream and cannot be told without the device",
            ) from error
        if not isinstance(length, int) or not 0 <= length <= field.maximum:
            raise self._reader.refuse(
                name, f"its length {field.length} is {length!r}, and may be 0 to {field.maximum}"
            )
        return length

    def _object(self, description: Description, obj: Any, path: str) -> Staged:
        staged: dict[str, Any] = {}
        view = Staged(obj, staged)
        self._body(description, obj, description.version, path, view, staged)
        return view

    def _array(self, field: Array, obj: Any, name: str, count: int) -> list[Any]:
        element = field.element
        if isinstance(element, ScalarType):
            self._demand(name, count * element.size)
            values = [self._reader.scalar(f"{name}[{index}]", element) for index in range(count)]
            self._fill(field, obj, name, values)
            return values
        if obj is None:
            return [self._object(element, None, f"{name}[{index}].") for index in range(count)]
        objects = list(self._container(field, obj))
        if field.fixed or field.length is None:
            if (count > len(objects)) if field.fixed else (count != len(objects)):
                raise self._reader.refuse(
                    name, f"{count} elements, and the device has {len(objects)}"
                )
            chosen = objects[:count]
        else:
            chosen = objects[:count]
        views = []
        for index in range(count):
            if index == len(chosen):
                assert field.factory is not None
                chosen.append(field.factory())
            views.append(self._object(element, chosen[index], f"{name}[{index}]."))
        if self._stage is not None and len(chosen) != len(objects) and not field.fixed:
            self._stage.fill(obj, field, chosen)
        return views

    def _queue(self, field: Queue, obj: Any, name: str) -> list[Any]:
        element, reader = field.element, self._reader
        values: list[Any] = []
        views: list[Any] = []
        indexes: Iterable[int] = self._links(field, name)
        if not field.linked:
            count = reader.count(f"{name}.count", field.maximum)
            if isinstance(element, ScalarType):
                self._demand(name, count * element.size)
            indexes = range(count)
        for index in indexes:
            if isinstance(element, ScalarType):
                values.append(reader.scalar(f"{name}[{index}]", element))
                continue
            item = None
            if obj is not None:
                assert field.factory is not None
                item = field.factory()
            values.append(item)
            views.append(self._object(element, item, f"{name}[{index}]."))
        self._fill(field, obj, name, values)
        return views or values

    def _links(self, field: Queue, name: str) -> Iterable[int]:
        index = 0
        while self._reader.more(f"{name}.more[{index}]"):
            if index == field.maximum:
                raise self._reader.refuse(name, f"more than {field.maximum} elements", 1)
            yield index
            index += 1

    def _demand(self, name: str, size: int) -> None:
        """Refuse a length before anything is allocated for it."""
        if size > self._reader.remaining:
            raise self._reader.refuse(
                name, f"needs {size} bytes, and {self._reader.remaining} are left: truncated"
            )

    def _assign(self, field: Field, obj: Any, value: Any) -> None:
        if self._stage is not None:
            self._stage.assign(obj, field, value)

    def _fill(self, field: Buffer | Array | Queue, obj: Any, name: str, items: Any) -> None:
        if self._stage is None:
            return
        container = self._container(field, obj)
        if not isinstance(field, Queue) and field.fixed:
            if len(items) > len(container):
                raise self._reader.refuse(
                    name, f"{len(items)} items, and there is room for {len(container)}"
                )
            items = [*items, *list(container)[len(items) :]]
        if (
            isinstance(container, deque)
            and container.maxlen is not None
            and len(items) > container.maxlen
        ):
            raise self._reader.refuse(
                name, f"{len(items)} items, and there is room for {container.maxlen}"
            )
        self._stage.fill(obj, field, items)

    def _container(self, field: Field, obj: Any) -> Any:
        container = getattr(obj, field.attribute)
        if not isinstance(container, MUTABLE) and not isinstance(container, bytes | tuple):
            raise DescriptionError(
                type(obj).__name__,
                field.attribute,
                f"holds {type(container).__name__}, which cannot be filled",
                "give it a bytearray, list or deque before loading",
            )
        return container
