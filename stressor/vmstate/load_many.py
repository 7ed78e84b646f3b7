"""Loading arrays, queues and trees: the part of the walk in `load` that is about many elements."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from stressor.vmstate.kinds import Array, Queue, ScalarType, TimerType, Tree
from stressor.vmstate.save import key_values
from stressor.vmstate.stage import container_of

if TYPE_CHECKING:
    from stressor.vmstate.load import Loader

__all__ = ["read_array", "read_queue", "read_tree"]


def read_array(loader: Loader, field: Array, obj: Any, name: str, count: int) -> list[Any]:
    """Read `count` elements, and return what a predicate may see of them."""
    element, paths = field.element, _paths(field, name, count)
    if isinstance(element, ScalarType) and not field.null:
        loader.reader.demand(name, count * element.size)
        values = [loader.reader.scalar(path, element) for path in paths]
        _fill(loader, field, obj, name, values)
        return values
    if obj is None:
        if field.null:
            raise loader.reader.refuse(
                name, "which of its elements are None cannot be told without the device"
            )
        return [_read(loader, field, path, None) for path in paths]
    chosen, changed = _elements(loader, field, obj, name, count)
    read = []
    for index, path in enumerate(paths):
        if index == len(chosen):
            assert field.factory is not None
            chosen.append(field.factory())
        if chosen[index] is None and not field.null:
            raise loader.missing(path)
        read.append(_read(loader, field, path, chosen[index]))
    if isinstance(element, ScalarType):
        _fill(loader, field, obj, name, read)
    elif loader.stage is not None and changed:
        loader.stage.fill(obj, field, chosen)
    return read


def _paths(field: Array, name: str, count: int) -> Iterator[str]:
    if field.columns is None:
        start = field.start or 0
        return (f"{name}[{index}]" for index in range(start, start + count))
    columns = field.columns
    return (f"{name}[{index // columns}][{index % columns}]" for index in range(count))


def _read(loader: Loader, field: Array, path: str, item: Any) -> Any:
    """Read one element into `item`, the live one."""
    if field.null and item is None:
        return loader.reader.null(path)
    if isinstance(field.element, ScalarType):
        return loader.reader.scalar(path, field.element)
    if isinstance(field.element, TimerType):
        return loader.timer(path, item)
    return loader.object(field.element, item, path + ".")


def _elements(
    loader: Loader, field: Array, obj: Any, name: str, count: int
) -> tuple[list[Any], bool]:
    """Return the live elements that are read into, and whether there will be more or fewer."""
    objects = list(container_of(obj, field))
    if field.columns is not None:
        objects = [item for row in objects for item in row]
    start = field.start or 0
    partial = field.fixed or field.start is not None
    if not partial and field.length is not None:
        return objects[:count], count != len(objects)
    if start + count > len(objects) if partial else count != len(objects):
        raise loader.reader.refuse(
            name, f"{count} elements, and the device has {len(objects) - start}"
        )
    return objects[start : start + count], False


def _fill(loader: Loader, field: Array, obj: Any, name: str, values: list[Any]) -> None:
    if field.columns is None:
        loader.fill(field, obj, name, values)
        return
    if loader.stage is None:
        return
    rest = iter(values)
    rows = list(container_of(obj, field))
    if len(rows) * field.columns != len(values):
        raise loader.reader.refuse(
            name, f"{len(values) // field.columns} rows, and the device has {len(rows)}"
        )
    for row in rows:
        loader.stage.refill(type(obj).__name__, field, row, list(islice(rest, field.columns)))


def read_queue(loader: Loader, field: Queue, obj: Any, name: str) -> list[Any]:
    """Read the elements of a queue, and return what a predicate may see of them."""
    element, reader = field.element, loader.reader
    values: list[Any] = []
    views: list[Any] = []
    for index in _indexes(loader, field, name):
        if isinstance(element, ScalarType):
            values.append(reader.scalar(f"{name}[{index}]", element))
            continue
        assert not isinstance(element, TimerType)
        item = None
        if obj is not None:
            assert field.factory is not None
            item = field.factory()
        values.append(item)
        views.append(loader.object(element, item, f"{name}[{index}]."))
    loader.fill(field, obj, name, values)
    return views or values


def _indexes(loader: Loader, field: Queue, name: str) -> Iterator[int]:
    if field.linked:
        yield from _links(loader, field, name)
        return
    count = loader.reader.count(name, field.maximum)
    if isinstance(field.element, ScalarType):
        loader.reader.demand(name, count * field.element.size)
    yield from range(count)


def _links(loader: Loader, field: Queue | Tree, name: str) -> Iterator[int]:
    index = 0
    while loader.reader.more(name, index):
        if index == field.maximum:
            raise loader.reader.refuse(name, f"more than {field.maximum} elements", 1)
        yield index
        index += 1


def read_tree(loader: Loader, field: Tree, obj: Any, name: str) -> dict[Any, Any]:
    """Read a dict of objects, and return what a predicate may see of it."""
    reader = loader.reader
    count = reader.count(f"{name}.key", field.maximum)
    values: dict[Any, Any] = {}
    views: dict[Any, Any] = {}
    for index in _links(loader, field, f"{name}.key"):
        if index == count:
            raise reader.refuse(name, f"more than the {count} elements that were counted", 1)
        numbers = tuple(
            reader.scalar(f"{name}.key[{index}]{suffix}", type_)
            for suffix, type_ in key_values(field.key)
        )
        text = ",".join(map(str, numbers))
        key = numbers[0] if field.key is None else numbers
        if key in values:
            raise reader.refuse(f"{name}[{text}]", "is there twice")
        values[key] = None if obj is None else field.factory()
        views[key] = loader.object(field.element, values[key], f"{name}[{text}].")
    if len(values) != count:
        raise reader.refuse(name, f"{len(values)} elements, and {count} were counted")
    loader.fill(field, obj, name, values)
    return views
