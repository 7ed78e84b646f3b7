"""What generated loading code does with the values that it has read into locals.

Three pieces of source grow together: what reads and checks, what assigns, and what calls the hooks.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import MemberDescriptorType
from typing import Any

from stressor.vmstate.compile_read import Reading
from stressor.vmstate.description import Description
from stressor.vmstate.kinds import Field, Struct
from stressor.vmstate.source import Module, Source

__all__ = ["Staging", "is_plain"]


def is_plain(cls: type, attribute: str) -> bool:
    """Return whether storing an attribute of an instance runs no code of the class."""
    if cls.__setattr__ is not object.__setattr__:  # type: ignore[comparison-overlap]
        return False
    found = getattr(cls, attribute, None)
    return isinstance(found, MemberDescriptorType) or not hasattr(type(found), "__set__")


def _views(description: Description) -> bool:
    """Return whether a predicate of a field wants to see what was read before it."""
    return any(
        field.when is not None or (isinstance(field, Struct) and _views(field.description))
        for field in description.fields
    ) or any(map(_views, description.subsections))


class Staging(Reading):
    """Writes code that reads values, shows them to predicates, and assigns them in the end.

    With `dicts` values are stored in the dict of an object whose class adds no code to that: once a
    dict has been asked for (to remember it), that is twice as fast as an attribute.
    """

    def __init__(
        self, module: Module, description: Description, position: str, *, dicts: bool
    ) -> None:
        super().__init__(module, position)
        self._description = description
        self.assign = Source()
        self.hooks = Source()
        self._viewed = _views(description)
        self._dicts = dicts
        self._samples: dict[str, Any] = {}
        self._pending: list[tuple[str, str, str]] = []

    def know(self, obj: str, sample: Any) -> None:
        """Note what the local `obj` is an instance of; others are left to the walk."""
        if self._dicts and sample is not None and hasattr(sample, "__dict__"):
            self._samples[obj] = sample
            self.read.line(f"a{obj} = {obj}.__dict__")
            if obj != "o":
                self._demand(f"{obj}.__class__ is {self._module.constant(type(sample))}")

    def _store(self, obj: str, attribute: str, value: str) -> None:
        sample = self._samples.get(obj)
        if sample is not None and attribute in vars(sample) and is_plain(type(sample), attribute):
            self.assign.line(f"a{obj}[{attribute!r}] = {value}")
        else:
            self.assign.line(f"{obj}.{attribute} = {value}")

    def view(self, obj: str) -> str:
        """Make a view of an object, when any predicate wants one."""
        if not self._viewed:
            return ""
        name = self._module.local("v")
        self.read.line(f"g{name} = {{}}; w{name} = Staged({obj}, g{name})")
        return name

    @contextmanager
    def _optional(self, flag: str) -> Iterator[None]:
        self.settle()
        with (
            self.read.block(f"if {flag}:"),
            self.assign.block(f"if {flag}:", needed=False),
            self.hooks.block(f"if {flag}:", needed=False),
        ):
            yield
            self._show()
            self.settle()

    def _show(self) -> None:
        """Let the views see what has been read."""
        if self._viewed:
            self._flush()
            for staged, name, value in self._pending:
                self.read.line(f"{staged}[{name!r}] = {value}")
        self._pending = []

    def _stage(self, field: Field, view: str, value: str) -> None:
        if self._viewed:
            for name in {field.name: 0, field.attribute: 0}:
                self._pending.append((f"g{view}", name, value))
