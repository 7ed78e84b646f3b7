"""Writing Python source: lines with indentation, names for constants, one name for each local."""

from __future__ import annotations

import linecache
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from types import CodeType
from typing import Any, Final

from stressor.vmstate.condition import Condition

__all__ = ["CannotCompile", "Module", "Refused", "Source", "compiled"]


class Refused(Exception):
    """Compiled code met what it does not take; the walk over the description decides."""


class CannotCompile(Exception):
    """The description needs more than the generated code can do; the walk does it."""


@lru_cache(maxsize=256)
def compiled(text: str, file: str) -> CodeType:
    """Return the code of a module. An audit describes a device again for each of its fields, and what is generated
    from most of these descriptions is alike; to compile takes more time than to write it."""
    return compile(text, file, "exec")


class Module:
    """One piece of generated source: its functions share constants."""

    def __init__(self) -> None:
        self.namespace: Final[dict[str, Any]] = {
            "Refused": Refused,
            "pack": struct.pack,
            "unpack": struct.unpack,
        }
        self._known: Final[dict[object, str]] = {}
        self._functions: Final[list[str]] = []
        self._locals = 0

    def constant(self, value: object, stem: str = "C") -> str:
        """Return a global name for `value`; equal structs, and one object, share theirs."""
        key: object = ("format", value) if isinstance(value, str) else id(value)
        name = self._known.get(key)
        if name is None:
            name = self._known[key] = f"{stem}{len(self._known)}"
            self.namespace[name] = value
        return name

    def test(self, predicate: Callable[[Any], object], obj: str) -> str:
        """Return an expression that tests the object in the local `obj`; text is put in line."""
        if isinstance(predicate, Condition):
            return predicate.source(obj)
        return f"{self.constant(predicate)}({obj})"

    def struct(self, format: str, method: str) -> str:
        """Return a global name for a method of the big-endian struct of `format`."""
        key = ("struct", format, method)
        name = self._known.get(key)
        if name is None:
            name = self._known[key] = f"{method}_{len(self._known)}"
            self.namespace[name] = getattr(struct.Struct(">" + format), method)
        return name

    def local(self, stem: str = "x") -> str:
        """Return a new local name."""
        self._locals += 1
        return f"{stem}{self._locals}"

    def add(self, source: Source) -> None:
        self._functions.append(source.text)

    def compile(self, what: str, entry: str) -> Callable[..., Any]:
        """Compile everything added, and return the function `entry`; tracebacks show its source."""
        text = "\n\n".join(self._functions)
        file = f"<stressor {what}>"
        linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
        exec(compiled(text, file), self.namespace)
        function: Callable[..., Any] = self.namespace[entry]
        return function


class Source:
    """Lines of one function."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._depth = 0

    @property
    def text(self) -> str:
        return "\n".join(self._lines) + "\n"

    @property
    def empty(self) -> bool:
        return not self._lines

    def line(self, text: str) -> None:
        self._lines.append("    " * self._depth + text)

    @contextmanager
    def block(self, head: str, *, needed: bool = True) -> Iterator[None]:
        """Indent what follows below `head`; an empty block gets a `pass`, or goes if not needed."""
        self.line(head)
        before = len(self._lines)
        self._depth += 1
        yield
        if len(self._lines) == before:
            if needed:
                self.line("pass")
            else:
                self._lines.pop()
        self._depth -= 1

    def extend(self, other: Source) -> None:
        """Add another function's lines at this depth."""
        for line in other._lines:
            self.line(line)
