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
from typing import Any, Final

from stressor.errors import StreamError
from stressor.vmstate.compile_body import Body, is_plain
from stressor.vmstate.compile_broken import has_rules
from stressor.vmstate.description import Description
from stressor.vmstate.kinds import Array, Queue, Scalar, Struct, Timer, Unused
from stressor.vmstate.load import load_body
from stressor.vmstate.memory import remember, remember_source, take_back
from stressor.vmstate.source import CannotCompile, Module, Source
from stressor.vmstate.stage import Staged, described_objects, fill, refusal

__all__ = ["compile_load"]

_FILLED: Final = frozenset((bytearray, bytes, list, tuple, deque, array))


def compile_load(description: Description, sample: Any) -> Callable[[Any, bytes], None]:
    """Return `Description.load` for the current version, generated for objects of sample's class."""

    def walk(obj: Any, data: bytes) -> None:
        load_body(description, obj, data, description.version)

    module = Module()
    module.namespace.update(
        Staged=Staged, deque=deque, described_objects=described_objects, fill=fill, filled=_FILLED,
        remember=remember, take_back=take_back, refused=_refused, walk=walk,
    )  # fmt: skip
    try:
        _Root(module, description, sample).write()
        return module.compile(f"load of {description.name}", "load")
    except CannotCompile:
        return walk


def _refused(error: BaseException, name: str, offset: int, text: str | None) -> BaseException:
    if text is not None:
        return StreamError(name, offset, f"does not hold after load: {text}")
    return refusal(error, name, offset)


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
    """Writes `load(o, d)`, where the three parts come together."""

    def __init__(self, module: Module, description: Description, sample: Any) -> None:
        self._can_fail = _can_fail(description, sample)
        super().__init__(module, description, "0", dicts=self._can_fail)
        self._sample = sample

    def write(self) -> None:
        description, source = self._description, Source()
        self.know("o", self._sample)
        view = self.view("o")
        self.body(description, "o", view, {})
        self._flush()
        with source.block("def load(o, d):"):
            with source.block("try:"):
                source.line("if d.__class__ is not bytes: d = bytes(d)")
                source.line("end = len(d)")
                source.extend(self.read)
                source.line(f"if {self._position} != end: raise Refused")
                if self._can_fail:
                    self._keep(source)
            with source.block("except Exception:"):
                source.line("return walk(o, d)")
            if self._can_fail:
                self._carefully(source)
            else:
                source.extend(self.assign)
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
        rules = has_rules(description)
        source.line("text = None")
        with source.block("try:"):
            source.extend(self.assign)
            source.extend(self.hooks)
            if rules:
                source.line(f"text = {self._module.constant(description.broken)}(o)")
                source.line("if text is not None: raise Refused")
            source.line("pass")
        with source.block("except BaseException as error:"):
            source.line("take_back(kept)")
            source.line(f"raise refused(error, {description.name!r}, end, text) from error")

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
