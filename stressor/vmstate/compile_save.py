"""The saver of a description, as generated source.

Runs of numbers and fixed buffers become one `struct.Struct`; embedded objects are read in line. The
code takes what is usual and gives up (`Refused`, or any error) on everything else; then the walk in
`save` decides, and says what is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, Final

from stressor.vmstate.compile_limits import demand_common_kinds
from stressor.vmstate.description import Description
from stressor.vmstate.kinds import (
    Array,
    Bitmap,
    Buffer,
    Element,
    Field,
    Queue,
    Scalar,
    ScalarType,
    Struct,
    Timer,
    Unused,
)
from stressor.vmstate.save import walk
from stressor.vmstate.source import CannotCompile, Module, Source
from stressor.vmstate.wire import NOT_ARMED, subsection_header

__all__ = ["compile_pack", "compile_save"]

_WORD: Final = 0xFFFF_FFFF_FFFF_FFFF


def compile_save(
    description: Description, header: bytes = b"", footer: bytes = b""
) -> Callable[[Any], bytes]:
    """Return `Description.save`, generated; `header` and `footer` stand around the body."""

    def slowly(obj: Any) -> bytes:
        return header + walk(description, obj).finish() + footer

    return _Saver(description, header, footer, slowly, keyed=False).compile()


def compile_pack(
    description: Description, header: bytes = b"", footer: bytes = b""
) -> Callable[[Any], tuple[bytes, Hashable]]:
    """Return `Description.pack`, generated; `header` and `footer` stand around the body."""

    def slowly(obj: Any) -> tuple[bytes, Hashable]:
        writer = walk(description, obj)
        return header + writer.finish() + footer, tuple(writer.layout)

    return _Saver(description, header, footer, slowly, keyed=True).compile()


class _Saver:
    """Generates `save(o) -> bytes`, or with `keyed` `save(o) -> (bytes, layout)`."""

    def __init__(
        self,
        description: Description,
        header: bytes,
        footer: bytes,
        slowly: Callable[[Any], Any],
        *,
        keyed: bool,
    ) -> None:
        self._description = description
        self._header = header
        self._footer = footer
        self._slowly = slowly
        self._keyed = keyed
        self._module = Module()
        self._functions: dict[int, str] = {}

    def compile(self) -> Callable[..., Any]:
        """Return the function: `pre_save` runs once, then the fast code or, if that refuses, the walk."""
        try:
            demand_common_kinds(self._description)
        except CannotCompile:
            return self._walked()
        function = _Function(self, self._module, self._description, False, self._keyed)
        inner = function.write(self._header, self._footer)
        source = Source()
        with source.block("def save(o):"):
            if self._description.pre_save is not None:
                source.line(f"{self._module.constant(self._description.pre_save)}(o)")
            with source.block("try:"):
                source.extend(inner)
            with source.block("except Exception:"):
                source.line(f"return {self._module.constant(self._slowly)}(o)")
        self._module.add(source)
        return self._module.compile(f"save of {self._description.name}", "save")

    def _walked(self) -> Callable[..., Any]:
        pre_save, slowly = self._description.pre_save, self._slowly
        if pre_save is None:
            return slowly

        def save(obj: Any) -> Any:
            pre_save(obj)
            return slowly(obj)

        return save

    def function(self, description: Description) -> str:
        """Return the name of the function that saves one whole object."""
        name = self._functions.get(id(description))
        if name is None:
            name = self._functions[id(description)] = f"save_{len(self._functions)}"
            source = Source()
            with source.block(f"def {name}(o):"):
                source.extend(_Function(self, self._module, description, True, self._keyed).write())
            self._module.add(source)
        return name


class _Function:
    """Writes one function: `b` collects the bytes, `run` what the next struct packs."""

    def __init__(
        self, saver: _Saver, module: Module, description: Description, hook: bool, keyed: bool
    ) -> None:
        self._saver = saver
        self._module = module
        self._description = description
        self._hook = hook
        self._keyed = keyed
        self._source = Source()
        self._formats: list[str] = []
        self._values: list[str] = []
        self._begun = False
        self._keys: list[str] = []
        self._flags = 0

    def write(self, header: bytes = b"", footer: bytes = b"") -> Source:
        """Return the body of the function."""
        if header:
            self._pack(f"{len(header)}s", self._module.constant(header, "H"))
        elif not self._starts_with_run():
            self._begin()
        self._body(self._description, "o", {}, self._hook)
        if footer:
            self._pack(f"{len(footer)}s", self._module.constant(footer, "F"))
        self._flush()
        if not self._keyed:
            self._source.line("return b")
            return self._source
        whole = Source()
        if self._flags:
            whole.line("f = 0")
        whole.extend(self._source)
        keys = (["f"] if self._flags else []) + self._keys
        whole.line("return b, f" if keys == ["f"] else f"return b, ({''.join(key + ', ' for key in keys)})")
        return whole

    def _starts_with_run(self) -> bool:
        """Return whether the first piece of bytes is packed, and not added under a condition."""
        first = next(iter(self._description.fields), None)
        return isinstance(first, Scalar | Timer | Unused | Bitmap) and first.when is None

    def _begin(self) -> None:
        self._source.line("b = b''")
        self._begun = True

    def _pack(self, format: str, *values: str) -> None:
        self._formats.append(format)
        self._values.extend(values)

    def _flush(self) -> None:
        if self._formats:
            pack = self._module.struct("".join(self._formats), "pack")
            self._source.line(f"b {'+=' if self._begun else '='} {pack}({', '.join(self._values)})")
            self._begun = True
            self._formats, self._values = [], []
        elif not self._begun:
            self._begin()

    def _add(self, expression: str) -> None:
        self._flush()
        self._source.line(f"b += {expression}")

    def _demand(self, condition: str) -> None:
        self._source.line(f"if not ({condition}): raise Refused")

    def _variable(self, expression: str) -> str:
        name = self._module.local()
        self._source.line(f"{name} = {expression}")
        return name

    def _body(self, description: Description, obj: str, saved: dict[str, str], hook: bool) -> None:
        if hook and description.pre_save is not None:
            self._flush()
            self._source.line(f"{self._module.constant(description.pre_save)}({obj})")
        for field in description.fields:
            if field.when is not None:
                with _Optional(self, self._module.test(field.when, obj)):
                    self._field(field, obj, dict(saved))
                if isinstance(field, Scalar) and field.read is not None:
                    # Whether its number or the live attribute is a later length depends.
                    saved[field.name] = saved[field.attribute] = ""
            else:
                self._field(field, obj, saved)
        for subsection in description.subsections:
            assert subsection.needed is not None
            inner = dict(saved)
            with _Optional(self, self._module.test(subsection.needed, obj)):
                header = subsection_header(subsection)
                self._pack(f"{len(header)}s", self._module.constant(header, "H"))
                self._body(subsection, obj, inner, True)
            for name, value in inner.items():
                # An attribute is the same with and without the subsection, an accessor's number not.
                saved.setdefault(name, value if "." in value else "")

    def _field(self, field: Field, obj: str, saved: dict[str, str]) -> None:
        value = f"{obj}.{field.attribute}"
        match field:
            case Scalar():
                self._scalar(field, obj, saved)
            case Buffer():
                held = self._variable(value)
                self._demand(f"{held}.__class__ is bytearray or {held}.__class__ is bytes")
                if field.length is None:
                    self._pack(f"{field.size}s", self._part(held, field.start, field.size))
                else:
                    length = self._length(field, obj, saved, held)
                    self._add(f"{held}[:{length}]" if field.fixed else held)
            case Array():
                self._array(field, obj, value, saved)
            case Struct():
                self._body(field.description, self._variable(value), {}, True)
            case Bitmap():
                self._bitmap(field, value)
            case Timer():
                held = self._variable(f"{value}.deadline")
                self._source.line(f"if {held} is None: {held} = {NOT_ARMED}")
                self._source.line(f"elif {held} == {NOT_ARMED}: raise Refused")
                self._pack("q", held)
            case Queue():
                self._queue(field, self._variable(value))
            case Unused():
                self._pack(f"{field.size}x")

    def _scalar(self, field: Scalar, obj: str, saved: dict[str, str]) -> None:
        value = f"{obj}.{field.attribute}"
        if field.read is not None:
            value = f"{self._module.constant(field.read)}({obj})"
        if field.type.code == "?":
            value = self._variable(value)
            self._demand(f"{value} is True or {value} is False")
        elif field.type.code == "d":
            value = self._variable(value)
            self._demand(f"{value}.__class__ is float")
        elif field.read is not None:
            value = self._variable(value)
        self._pack(field.type.code, value)
        saved[field.name] = saved[field.attribute] = value

    def _part(self, held: str, start: int | None, size: int) -> str:
        """Demand that a container has just `size` items, or a part of so many from `start` on."""
        if start is None:
            self._demand(f"len({held}) == {size}")
            return held
        self._demand(f"len({held}) >= {start + size}")
        return f"{held}[{start}:{start + size}]"

    def _length(self, field: Buffer | Array, obj: str, saved: dict[str, str], held: str) -> str:
        assert field.length is not None
        expression = saved.get(field.length, f"{obj}.{field.length}")
        if not expression:
            # The length travels only sometimes; what counts is its number then, else the attribute.
            self._source.line("raise Refused")
            expression = "0"
        length = self._variable(expression)
        relation = ">=" if field.fixed else "=="
        if field.multiply != 1:
            self._demand(f"{length}.__class__ is int")
            self._source.line(f"{length} *= {field.multiply}")
        self._demand(f"{length}.__class__ is int and 0 <= {length} <= {field.maximum}")
        self._demand(f"len({held}) {relation} {length}")
        self._keys.append(length)
        return length

    def _array(self, field: Array, obj: str, value: str, saved: dict[str, str]) -> None:
        held = self._variable(value)
        if field.length is None:
            part = self._part(held, field.start, field.count)
            if part != held:
                self._source.line(f"{held} = {part}")
            if isinstance(field.element, ScalarType):
                self._check_elements(field.element, held)
                if field.element.code == "B":
                    self._pack(f"{field.count}s", f"bytes({held})")
                else:
                    self._pack(f"{field.count}{field.element.code}", f"*{held}")
                return
        else:
            length = self._length(field, obj, saved, held)
            if field.fixed:
                self._source.line(f"{held} = {held}[:{length}]")
        self._elements(field.element, held)

    def _check_elements(self, element: ScalarType, held: str) -> None:
        if element.code in "?d":
            kind = "bool" if element.code == "?" else "float"
            self._demand(f"{{*map(type, {held})}} <= {{{kind}}}")

    def _elements(self, element: Element, held: str) -> None:
        """Add a number of elements that is known only when saving."""
        if isinstance(element, ScalarType):
            self._check_elements(element, held)
            if element.code == "B":
                self._add(f"bytes({held})")
            else:
                self._add(f"pack(f'>{{len({held})}}{element.code}', *{held})")
            return
        assert isinstance(element, Description)
        self._flush()
        save = self._saver.function(element)
        if self._keyed:
            pairs = self._variable(f"[{save}(e) for e in {held}]")
            self._add(f"b''.join([p[0] for p in {pairs}])")
            self._keys.append(self._variable(f"tuple([p[1] for p in {pairs}])"))
        else:
            self._add(f"b''.join([{save}(e) for e in {held}])")

    def _bitmap(self, field: Bitmap, value: str) -> None:
        held = self._variable(value)
        self._demand(f"{held}.__class__ is int and not {held} >> {field.bits}")
        for shift in range(0, field.bits, 64):
            word = held if field.bits <= 64 else f"{held} >> {shift} & {_WORD:#x}"
            self._pack("Q", word)

    def _queue(self, field: Queue, held: str) -> None:
        count = self._variable(f"len({held})")
        self._demand(f"{count} <= {field.maximum}")
        self._keys.append(count)
        element = field.element
        if not field.linked:
            self._pack("I", count)
            self._elements(element, held)
        elif isinstance(element, ScalarType):
            self._check_elements(element, held)
            pack = self._module.struct("B" + element.code, "pack")
            self._add(f"b''.join([{pack}(1, e) for e in {held}]) + b'\\0'")
        else:
            assert isinstance(element, Description)
            self._flush()
            save = self._saver.function(element)
            pairs = self._variable(f"[{save}(e) for e in {held}]")
            if self._keyed:
                self._keys.append(self._variable(f"tuple([p[1] for p in {pairs}])"))
                pairs = self._variable(f"[p[0] for p in {pairs}]")
            self._add(f"b''.join([b'\\1' + p for p in {pairs}]) + b'\\0'")


class _Optional:
    """What is saved under a condition; its layout is a bit of `f`, or None or a tuple of what is inside."""

    def __init__(self, function: _Function, condition: str) -> None:
        self._function = function
        self._condition = condition

    def __enter__(self) -> None:
        function = self._function
        function._flush()
        self._outer, function._keys = function._keys, []
        self._block = function._source.block(f"if {self._condition}:")
        self._block.__enter__()

    def __exit__(self, *error: object) -> None:
        function = self._function
        function._flush()
        inner, function._keys = function._keys, self._outer
        if not function._keyed:
            self._block.__exit__(None, None, None)
            return
        if not inner:
            function._source.line(f"f |= {1 << function._flags}")
            function._flags += 1
            self._block.__exit__(None, None, None)
            return
        key = function._module.local("k")
        function._source.line(f"{key} = ({''.join(name + ', ' for name in inner)})")
        self._block.__exit__(None, None, None)
        function._source.line(f"else: {key} = None")
        function._keys.append(key)
