"""Two streams compared: section by section, field by field, in the order of the first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from stressor.vmstate.stream.parts import DeviceSection
from stressor.vmstate.stream.whole import Stream
from stressor.vmstate.wire import NamedField

__all__ = ["Comparison", "FieldDifference", "compare_streams"]


@dataclass(frozen=True, slots=True)
class FieldDifference:
    """A field of which both sides have another value, or which only one has: the other is None.

    Of a buffer only the bytes that differ, each run of them under its own path: `data[3:7]`.
    """

    path: str
    before: NamedField | None
    after: NamedField | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """`differences` begins with the first divergent field; `alike` counts equal sections.

    Sections are told apart by name, instance and occurrence; `only_before` and `only_after` are
    the labels of those that one side has. What the pages of guest memory hold is not compared.
    """

    differences: tuple[FieldDifference, ...]
    only_before: tuple[str, ...]
    only_after: tuple[str, ...]
    compared: int
    alike: int

    @property
    def equal(self) -> bool:
        """Whether nothing was found."""
        return not (self.differences or self.only_before or self.only_after)


def compare_streams(
    before: Stream, after: Stream, selected: Callable[[DeviceSection], bool] | None = None
) -> Comparison:
    """Compare what both streams say of their machine, and their device sections.

    With `selected` only those sections, and nothing else. Raises StreamError for a section whose
    bytes contradict its description.
    """
    differences: list[FieldDifference] = []
    if selected is None:
        differences += _fields(_machine(before), _machine(after))
    left = {part.label: part for part in before.sections if selected is None or selected(part)}
    right = {part.label: part for part in after.sections if selected is None or selected(part)}
    alike = compared = 0
    for label, one in left.items():
        other = right.get(label)
        if other is None:
            continue
        found = list(_sections(one, other))
        compared += 1
        alike += not found
        differences += found
    return Comparison(
        tuple(differences),
        tuple(label for label in left if label not in right),
        tuple(label for label in right if label not in left),
        compared,
        alike,
    )


def _machine(stream: Stream) -> list[NamedField]:
    """Return what a stream says beside its devices, as fields of no size."""
    fields = []
    configuration = stream.configuration
    if configuration is not None:
        fields.append(NamedField("configuration.machine", "text", 0, 0, configuration.machine))
        for subsection in configuration.subsections:
            for name, value in subsection.values:
                fields.append(NamedField(f"configuration.{name}", "value", 0, 0, value))
    fields.append(NamedField("ram/0.page_size", "size", 0, 0, stream.page_size))
    for block in stream.blocks:
        fields.append(NamedField(f"ram/0({block.name})", "size", 0, 0, block.length))
    return fields


def _sections(one: DeviceSection, other: DeviceSection) -> Iterator[FieldDifference]:
    if one.version != other.version:
        path = f"{one.label}(version)"
        yield FieldDifference(
            path,
            NamedField(path, "version", one.offset, 4, one.version),
            NamedField(path, "version", other.offset, 4, other.version),
        )
    if one.data != other.data or one.description != other.description:
        yield from _fields(one.fields(), other.fields())


def _fields(left: Sequence[NamedField], right: Sequence[NamedField]) -> Iterator[FieldDifference]:
    """Pair fields by path, the first of a path with the first; a pair that differs is yielded."""
    if [field.path for field in left] == [field.path for field in right]:
        pairs = zip(left, right, strict=True)
    else:
        pairs = _paired(left, right)  # type: ignore[assignment]
    for one, other in pairs:
        if one is None or other is None:
            yield FieldDifference((one or other).path, one, other)
        elif one.value != other.value or one.kind != other.kind:
            yield from _runs(one, other)


def _paired(
    left: Sequence[NamedField], right: Sequence[NamedField]
) -> Iterator[tuple[NamedField | None, NamedField | None]]:
    there = dict(_numbered(right))
    for key, one in _numbered(left):
        yield one, there.pop(key, None)
    for other in there.values():
        yield None, other


def _numbered(fields: Sequence[NamedField]) -> Iterator[tuple[tuple[str, int], NamedField]]:
    seen: Counter[str] = Counter()
    for field in fields:
        yield (field.path, seen[field.path]), field
        seen[field.path] += 1


def _runs(one: NamedField, other: NamedField) -> Iterator[FieldDifference]:
    """Yield the runs of bytes that differ, of two buffers of one size; or else both fields."""
    if not isinstance(one.value, bytes) or one.size != other.size or one.size == 1:
        yield FieldDifference(one.path, one, other)
        return
    start = None
    differ = [a != b for a, b in zip(one.value, other.value, strict=True)]
    for place, different in enumerate([*differ, False]):
        if different and start is None:
            start = place
        elif not different and start is not None:
            yield FieldDifference(
                f"{one.path}[{start}]" if place == start + 1 else f"{one.path}[{start}:{place}]",
                _piece(one, start, place),
                _piece(other, start, place),
            )
            start = None


def _piece(field: NamedField, start: int, end: int) -> NamedField:
    return NamedField(
        f"{field.path}[{start}:{end}]",
        field.kind,
        field.offset + start,
        end - start,
        field.value[start:end],
    )
