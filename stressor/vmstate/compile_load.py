"""The loader of a description, as generated source.

Three parts: everything is read and checked into locals; then all of it is assigned; then hooks and
validations run. The first part gives up (`Refused`, or any error) on whatever is not usual; nothing
has been touched then, and the walk in `load` decides. What follows it can be taken back, unless no
step of it can fail.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final, NamedTuple

from stressor.errors import StreamError
from stressor.vmstate.compile_body import Body
from stressor.vmstate.compile_broken import has_rules, write_rules
from stressor.vmstate.compile_limits import demand_common_kinds, demand_whole_sample
from stressor.vmstate.compile_stage import is_plain
from stressor.vmstate.description import Description
from stressor.vmstate.kinds import Array, Buffer, Queue, Scalar, Struct, Timer, Unused
from stressor.vmstate.load import load_body
from stressor.vmstate.memory import remember, remember_source, take_back
from stressor.vmstate.source import CannotCompile, Module, Source
from stressor.vmstate.stage import Staged, described_objects, fill, fill_part, refusal

__all__ = ["Frame", "compile_load"]

_WORTH: Final = 500  # loads that are slower by a microsecond cost as much as compiling
_SHAPES: Final = 64  # choices of subsections that get code of their own
_FILLED: Final = frozenset((bytearray, bytes, list, tuple, deque, array))


class Frame(NamedTuple):
    """What stands around a body; `path` is what errors about all of it name, `walk` the slow way."""

    header: bytes
    footer: bytes
    path: str
    walk: Callable[[Any, bytes], None]


def compile_load(
    description: Description, sample: Any, frame: Frame | None = None, *, undo: bool = True
) -> Callable[[Any, bytes], None]:
    """Return `Description.load` for the current version, generated for objects of sample's class.

    With a frame that is loaded as well. Bytes with one and the same choice of subsections get code
    of their own once they have come often enough to be worth it. Without `undo` an object whose
    hooks or rules refuse the bytes is left as it is then; that costs half.
    """
    if frame is None:

        def walk(obj: Any, data: bytes) -> None:
            load_body(description, obj, data, description.version)

        frame = Frame(b"", b"", description.name, walk)
    try:
        demand_common_kinds(description)
        demand_whole_sample(description, sample)
        load = _Root(description, sample, frame, None, undo).compile()
    except CannotCompile:
        return frame.walk
    if description.subsections and _is_regular(description, subsections=True):
        return _Shapes(description, sample, frame, load, undo).load
    return load


class _Shapes:
    """Loaders for one choice of subsections each, by the size of the bytes; they return whether
    the bytes were such. Sizes may coincide, and the headers tell."""

    def __init__(
        self,
        description: Description,
        sample: Any,
        frame: Frame,
        load: Callable[..., Any],
        undo: bool,
    ) -> None:
        self._make = partial(_Root, description, sample, frame, undo=undo)
        self._description = description
        self._frame = frame
        self._load = load
        self._known: set[frozenset[str]] = set()
        self._seen: dict[int, int] = {}
        self._by_size: dict[int, tuple[Callable[..., Any], ...]] = {}

    def load(self, obj: Any, data: bytes) -> None:
        size = len(data)
        for shaped in self._by_size.get(size, ()):
            if shaped(obj, data):
                return
        self._load(obj, data)
        seen = self._seen[size] = self._seen.get(size, 0) + 1
        if seen == _WORTH and len(self._known) < _SHAPES:
            self._seen[size] = 0
            self._learn(size, data)

    def _learn(self, size: int, data: bytes) -> None:
        header, footer = len(self._frame.header), len(self._frame.footer)
        names = self._description.fields_of(bytes(data)[header : size - footer])
        present = frozenset(piece.path[1:-1] for piece in names if piece.kind == "subsection")
        if present not in self._known:
            self._known.add(present)
            self._by_size[size] = (self._make(present).compile(), *self._by_size.get(size, ()))


def _is_regular(description: Description, *, subsections: bool) -> bool:
    """Return whether sizes and offsets depend on nothing but which subsections are there."""
    return (
        all(
            field.when is None
            and not isinstance(field, Queue)
            and not (isinstance(field, Buffer | Array) and field.length is not None)
            and not (isinstance(field, Array) and isinstance(field.element, Description))
            and not (
                isinstance(field, Struct) and not _is_regular(field.description, subsections=False)
            )
            for field in description.fields
        )
        and (subsections or not description.subsections)
        and all(_is_regular(inner, subsections=True) for inner in description.subsections)
    )


def _can_fail(description: Description, obj: Any) -> bool:
    """Return whether anything after the first part can raise: hooks, rules, accessors, setters."""
    if has_rules(description) or description.post_load is not None:
        return True
    for field in description.fields:
        if not isinstance(field, Unused) and not is_plain(type(obj), field.attribute):
            return True
        if isinstance(field, Scalar) and field.write is not None:
            return True
        if isinstance(field, Array | Queue) and isinstance(field.element, Description):
            return True
        if isinstance(field, Struct) and _can_fail(
            field.description, getattr(obj, field.attribute, None)
        ):
            return True
    return any(_can_fail(subsection, obj) for subsection in description.subsections)


class _Root(Body):
    """Writes `load(o, d)`, where the three parts come together; with `present` it answers whether
    the bytes were such, and has done nothing when they were not."""

    def __init__(
        self,
        description: Description,
        sample: Any,
        frame: Frame,
        present: frozenset[str] | None,
        undo: bool,
    ) -> None:
        self._can_fail = _can_fail(description, sample)
        self._undo = undo and self._can_fail
        super().__init__(Module(), description, "0", dicts=self._undo, present=present)
        self._sample = sample
        self._frame = frame
        self._module.namespace.update(
            Staged=Staged, deque=deque, described_objects=described_objects, fill=fill,
            fill_part=fill_part, filled=_FILLED, remember=remember, take_back=take_back, refusal=refusal,
            StreamError=StreamError, walk=frame.walk,
        )  # fmt: skip

    def compile(self) -> Callable[..., Any]:
        """Return the function."""
        self._write()
        chosen = "" if self._present is None else f" with {', '.join(sorted(self._present))}"
        return self._module.compile(f"load of {self._description.name}{chosen}", "load")

    def _write(self) -> None:
        header, footer = self._frame.header, self._frame.footer
        self.know("o", self._sample)
        if header:
            name = self._local("h")
            check = f"{name} == {self._module.constant(header, 'H')}"
            self._take(f"{len(header)}s", len(header), name, check)
        self.body(self._description, "o", self.view("o"), {})
        if footer:
            name = self._local("h")
            check = f"{name} == {self._module.constant(footer, 'F')}"
            self._take(f"{len(footer)}s", len(footer), name, check)
        self._flush()
        source = Source()
        with source.block("def load(o, d):"):
            with source.block("try:"):
                source.line("if d.__class__ is not bytes: d = bytes(d)")
                source.line(f"end = len(d){f' - {len(footer)}' if footer else ''}")
                source.extend(self.read)
                source.line(f"if {self._position} != len(d): raise Refused")
                if self._undo:
                    self._keep(source)
            with source.block("except Exception:"):
                source.line("return walk(o, d)" if self._present is None else "return False")
            if self._can_fail:
                self._carefully(source)
            else:
                source.extend(self.assign)
            source.line("return True")
        self._module.add(source)

    def _keep(self, source: Source) -> None:
        """Remember every object that assigning or a hook may change."""
        description = self._description
        kept = []
        for part, sample in self._parts(description, "o", self._sample):
            obj = "o" if part == "o" else self._module.local("o")
            if part != "o":
                source.line(f"{obj} = {part}")
            layout, statement, values = remember_source(sample, obj, f"a{obj}")
            source.line(statement)
            kept.append(f"({obj}, {self._module.constant(layout, 'L')}, {values}), ")
        source.line(f"kept = [{''.join(kept)}]")
        for objects, element in self._arrays(description, "o"):
            source.line(
                f"kept += [remember(r) for e in {objects} "
                f"for r in described_objects({self._module.constant(element)}, e)]"
            )

    def _carefully(self, source: Source) -> None:
        description = self._description
        with source.block("try:"):
            source.extend(self.assign)
            source.extend(self.hooks)
            write_rules(
                description,
                "o",
                self._module,
                source,
                f"raise StreamError({self._frame.path!r}, end, 'does not hold after load: ' + {{}})",
            )
            source.line("pass")
        with source.block("except ValueError as error:"):
            if self._undo:
                source.line("take_back(kept)")
            source.line(f"raise refusal(error, {self._frame.path!r}, end) from error")
        if self._undo:
            with source.block("except BaseException:"):
                source.line("take_back(kept)")
                source.line("raise")

    def _parts(self, description: Description, obj: str, sample: Any) -> Iterator[tuple[str, Any]]:
        yield obj, sample
        yield from self._inner_parts(description, obj, sample)

    def _inner_parts(
        self, description: Description, obj: str, sample: Any
    ) -> Iterator[tuple[str, Any]]:
        for field in description.fields:
            part = getattr(sample, field.attribute, None)
            if isinstance(field, Struct):
                yield from self._parts(field.description, f"{obj}.{field.attribute}", part)
            elif isinstance(field, Timer) and not getattr(type(part), "live_attributes", None):
                # Others are remembered with what they hang on.
                yield f"{obj}.{field.attribute}", part
        for subsection in description.subsections:
            yield from self._inner_parts(subsection, obj, sample)

    def _arrays(self, description: Description, obj: str) -> Iterator[tuple[str, Description]]:
        for field in description.fields:
            if isinstance(field, Struct):
                yield from self._arrays(field.description, f"{obj}.{field.attribute}")
            elif isinstance(field, Array | Queue) and isinstance(field.element, Description):
                yield f"{obj}.{field.attribute}", field.element
        for subsection in description.subsections:
            yield from self._arrays(subsection, obj)
