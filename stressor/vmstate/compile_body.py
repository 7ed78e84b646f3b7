"""Loading one object by generated code, a field at a time."""

from __future__ import annotations

from stressor.vmstate.compile_stage import Staging
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
from stressor.vmstate.source import CannotCompile, Module, Source
from stressor.vmstate.wire import NOT_ARMED, SUBSECTION, subsection_header

__all__ = ["Body"]


class Body(Staging):
    """Writes the code that loads one object, and what is embedded in it.

    With `present` the code is for bytes with just these subsections, in the order of their
    declaration.
    """

    def __init__(
        self,
        module: Module,
        description: Description,
        position: str,
        *,
        dicts: bool = False,
        present: frozenset[str] | None = None,
    ) -> None:
        super().__init__(module, description, position, dicts=dicts)
        self._present = present

    def body(self, description: Description, obj: str, view: str, scope: dict[str, str]) -> None:
        """Write the fields of `obj`; `scope` has the locals of numbers that can be lengths."""
        for field in description.fields:
            if field.when is None:
                self._field(field, obj, view, scope)
                continue
            self._show()
            present = self._let(f"{self._module.constant(field.when)}(w{view})", "n")
            with self._optional(present):
                self._field(field, obj, view, dict(scope))
            scope[field.name] = scope[field.attribute] = ""
        if description.subsections:
            self._subsections(description, obj, view, scope)
        if description.post_load is not None:
            hook = self._module.constant(description.post_load)
            self.hooks.line(f"{hook}({obj}, {description.version})")

    def _subsections(
        self, description: Description, obj: str, view: str, scope: dict[str, str]
    ) -> None:
        if self._present is not None:
            for subsection in description.subsections:
                if subsection.name in self._present:
                    header, name = subsection_header(subsection), self._local("h")
                    check = f"{name} == {self._module.constant(header, 'H')}"
                    self._take(f"{len(header)}s", len(header), name, check)
                    self.body(subsection, obj, view, scope)
            return
        self._show()
        self.settle()
        flags = [self._local("n") for _ in description.subsections]
        self.read.line(f"{' = '.join(flags)} = False")
        with self.read.block("if p != end:"):
            for flag, subsection in zip(flags, description.subsections, strict=True):
                header = subsection_header(subsection)
                self.read.line(f"{flag} = d.startswith({self._module.constant(header, 'H')}, p)")
                with self._optional(flag):
                    self._delta = len(header)
                    inner = dict(scope)
                    self.body(subsection, obj, view, inner)
                for name in inner.keys() - scope.keys():
                    scope[name] = ""
            # One more is in another order, or unknown: the walk tells.
            name = self._module.constant(description.name.encode(), "N")
            self._demand(f"p == end or d[p] != {SUBSECTION} or not d.startswith({name}, p + 2)")

    def _field(self, field: Field, obj: str, view: str, scope: dict[str, str]) -> None:
        match field:
            case Scalar():
                self._scalar(field, obj, view, scope)
            case Buffer():
                self._buffer(field, obj, view, scope)
            case Array():
                self._array(field, obj, view, scope)
            case Struct():
                self._struct(field, obj, view)
            case Bitmap():
                self._bitmap(field, obj, view)
            case Timer():
                self._timer(field, obj, view)
            case Queue():
                self._queue(field, obj, view)
            case Unused():
                self._take(f"{field.size}x", field.size)

    def _scalar(self, field: Scalar, obj: str, view: str, scope: dict[str, str]) -> None:
        name = self._local()
        code, value, check = field.type.code, name, ""
        if code == "?":
            code, value, check = "B", f"({name} == 1)", f"{name} <= 1"
        if field.equal:
            held = self._let(f"{obj}.{field.attribute}")
            check += f"{' and ' if check else ''}{value} == {held}"
        if field.maximum is not None:
            check = f"0 <= {name} <= {self._bound(field, obj, scope)}"
        self._take(code, field.type.size, name, check)
        if field.write is not None:
            self.assign.line(f"{self._module.constant(field.write)}({obj}, {value})")
        elif not field.equal:
            self._store(obj, field.attribute, value)
        scope[field.name] = scope[field.attribute] = name
        self._stage(field, view, value)

    def _bound(self, field: Scalar, obj: str, scope: dict[str, str]) -> str:
        if not isinstance(field.maximum, str):
            return str(field.maximum)
        known = scope.get(field.maximum)
        if known == "":
            raise CannotCompile
        self._flush()
        return known or self._let(f"{obj}.__dict__[{field.maximum!r}]", "n")

    def _buffer(self, field: Buffer, obj: str, view: str, scope: dict[str, str]) -> None:
        name = self._local()
        if field.length is None:
            self._take(f"{field.size}s", field.size, name)
            self._fill(field, obj, name, size=field.size)
        else:
            length = self._length(field, obj, scope)
            self._slice(name, length)
            self._fill(field, obj, name, length)
        self._stage(field, view, name)

    def _slice(self, name: str, length: str) -> None:
        self.settle()
        self.read.line(f"{name} = d[p:p + {length}]")
        self._demand(f"len({name}) == {length}")
        self.read.line(f"p += {length}")

    def _length(self, field: Buffer | Array, obj: str, scope: dict[str, str]) -> str:
        assert field.length is not None
        self._flush()
        known = scope.get(field.length)
        if known == "":
            raise CannotCompile
        # Through the dict, because a property is to see what is loaded, and the walk shows it.
        length = known or self._let(f"{obj}.__dict__[{field.length!r}]", "n")
        if field.multiply != 1:
            self._demand(f"{length}.__class__ is int")
            length = self._let(f"{length} * {field.multiply}", "n")
        self._demand(f"{length}.__class__ is int and 0 <= {length} <= {field.maximum}")
        return length

    def _fill(
        self, field: Field, obj: str, items: str, partial: str = "", size: int = 0
    ) -> None:
        """Put items into the container in a field's attribute, which is checked while reading."""
        held = self._let(f"{obj}.{field.attribute}", "c")
        if isinstance(field, Buffer | Array) and field.start is not None:
            self._fill_part(field, obj, items, held, field.start, field.start + size)
            return
        fixed = isinstance(field, Buffer | Array) and field.fixed
        self._demand(
            f"{held}.__class__ in filled" + (f" and len({held}) >= {partial}" if fixed else "")
        )
        usual = "bytearray" if isinstance(field, Buffer) else "list"
        with self.assign.block(f"if {held}.__class__ is {usual}:"):
            self.assign.line(f"{held}[:{partial if fixed else ''}] = {items}")
        rest = f"[*{items}, *list({held})[{partial}:]]" if fixed else items
        self.assign.line(f"else: fill({obj}, {field.attribute!r}, {rest})")

    def _fill_part(
        self, field: Field, obj: str, items: str, held: str, start: int, end: int
    ) -> None:
        self._demand(f"{held}.__class__ in filled and len({held}) >= {end}")
        usual = "bytearray" if isinstance(field, Buffer) else "list"
        with self.assign.block(f"if {held}.__class__ is {usual}:"):
            self.assign.line(f"{held}[{start}:{end}] = {items}")
        self.assign.line(f"else: fill_part({obj}, {field.attribute!r}, {start}, {items})")

    def _array(self, field: Array, obj: str, view: str, scope: dict[str, str]) -> None:
        length = "" if field.length is None else self._length(field, obj, scope)
        if isinstance(field.element, Description):
            self._objects(field, field.element, obj, length)
            return
        assert isinstance(field.element, ScalarType)
        name = self._local()
        if length:
            self._numbers(field.element, name, length)
        elif field.element.code == "B":
            self._take(f"{field.count}s", field.count, name)
        else:
            code = "B" if field.element.code == "?" else field.element.code
            check = f"max({name}) <= 1" if field.element.code == "?" else ""
            self._take(f"{field.count}{code}", field.count * field.element.size, "*" + name, check)
        items = f"[e == 1 for e in {name}]" if field.element.code == "?" else name
        self._fill(field, obj, items, length, field.count)
        self._stage(field, view, f"[*{items}]")

    def _numbers(self, element: ScalarType, name: str, count: str) -> None:
        """Read a number of numbers that is known only when loading."""
        raw = name if element.code in "B?" else self._local()
        self._slice(raw, count if element.size == 1 else f"{element.size} * {count}")
        if element.code == "?":
            self._demand(f"not {raw}.strip(b'\\0\\1')")
        elif element.code != "B":
            self.read.line(f"{name} = unpack(f'>{{{count}}}{element.code}', {raw})")

    def _struct(self, field: Struct, obj: str, view: str) -> None:
        held = self._let(f"{obj}.{field.attribute}", "o")
        if field.when is not None:
            self._demand(f"{held} is not None")
        self.know(held, getattr(self._samples.get(obj), field.attribute, None))
        inner = self.view(held)
        self.body(field.description, held, inner, {})
        self._stage(field, view, f"w{inner}")

    def _objects(self, field: Array, element: Description, obj: str, length: str) -> None:
        if self._viewed:
            raise CannotCompile
        self.settle()
        held = self._let(f"{obj}.{field.attribute}", "c")
        self._demand(f"{held}.__class__ in filled")
        objects = self._let(f"[*{held}]", "e")
        if not length and field.start is not None:
            end = field.start + field.count
            self._demand(f"len({objects}) >= {end}")
            self.read.line(f"{objects} = {objects}[{field.start}:{end}]")
        elif not length:
            self._demand(f"len({objects}) == {field.count}")
        elif field.fixed:
            self._demand(f"len({objects}) >= {length}")
            self.read.line(f"{objects} = {objects}[:{length}]")
        else:
            # Each element takes a byte at least, or there are no more than the maximum of them.
            self._demand(f"{length} - len({objects}) <= end - p")
            self.read.line(f"{objects} = {objects}[:{length}]")
            factory = self._module.constant(field.factory)
            self.read.line(f"while len({objects}) < {length}: {objects}.append({factory}())")
        self._elements(element, objects)
        if length and not field.fixed:
            with self.assign.block(f"if len({held}) != {length}:"):
                self.assign.line(f"fill({obj}, {field.attribute!r}, {objects})")

    def _elements(self, element: Description, objects: str) -> None:
        """Read the fields of each of `objects`, by functions of their own."""
        part = Element(self._module, element)
        staged = self._let("[]", "t")
        with self.read.block(f"for e in {objects}:"):
            self.read.line(f"p, t = {part.reader}(e, d, p, end)")
            self.read.line(f"{staged}.append(t)")
        with self.assign.block(f"for e, t in zip({objects}, {staged}):"):
            self.assign.line(f"{part.assigner}(e, t)")
        if part.hooker:
            with self.hooks.block(f"for e, t in zip({objects}, {staged}):"):
                self.hooks.line(f"{part.hooker}(e, t)")

    def _bitmap(self, field: Bitmap, obj: str, view: str) -> None:
        words = [self._local() for _ in range(0, field.bits, 64)]
        for word in words:
            self._take("Q", 8, word)
        value = " | ".join(
            f"{word} << {64 * index}" if index else word for index, word in enumerate(words)
        )
        if field.bits % 64:
            self._checks.append(f"not {words[-1]} >> {field.bits % 64}")
        self._store(obj, field.attribute, value)
        self._stage(field, view, value)

    def _timer(self, field: Timer, obj: str, view: str) -> None:
        held = self._let(f"{obj}.{field.attribute}", "o")
        name = self._local()
        self._take("q", 8, name)
        value = f"None if {name} == {NOT_ARMED} else {name}"
        self.assign.line(f"{held}.deadline = {value}")
        self._stage(field, view, f"Staged({held}, {{'deadline': {value}}})")

    def _queue(self, field: Queue, obj: str, view: str) -> None:
        items = self._local("q")
        if field.linked:
            self._links(field, items)
        else:
            count = self._local("n")
            self._take("I", 4, count, f"{count} <= {field.maximum}")
            self.settle()
            if isinstance(field.element, ScalarType):
                self._numbers(field.element, items, count)
            else:
                assert isinstance(field.element, Description)
                if self._viewed:
                    raise CannotCompile
                self._demand(f"{count} <= end - p")
                factory = self._module.constant(field.factory)
                self.read.line(f"{items} = [{factory}() for _ in range({count})]")
                self._elements(field.element, items)
        value = items
        if isinstance(field.element, ScalarType) and field.element.code == "?":
            value = f"[e == 1 for e in {items}]"
        self._fill(field, obj, value)
        held = self.locals[-1]
        self._demand(
            f"{held}.__class__ is not deque or {held}.maxlen is None or len({items}) <= {held}.maxlen"
        )
        self._stage(field, view, f"[*{value}]")

    def _links(self, field: Queue, items: str) -> None:
        self.settle()
        self.read.line(f"{items} = []")
        element = field.element
        part = staged = None
        if isinstance(element, Description):
            if self._viewed:
                raise CannotCompile
            part, staged = Element(self._module, element), self._let("[]", "t")
        with self.read.block("while d[p] == 1:"):
            self._demand(f"len({items}) < {field.maximum}")
            if part is not None:
                self.read.line(f"e = {self._module.constant(field.factory)}()")
                self.read.line(f"p, t = {part.reader}(e, d, p + 1, end)")
                self.read.line(f"{staged}.append(t)")
            else:
                assert isinstance(element, ScalarType)
                code = "B" if element.code == "?" else element.code
                unpack = self._module.struct(f"x{code}", "unpack_from")
                self.read.line(f"e, = {unpack}(d, p)")
                if element.code == "?":
                    self._demand("e <= 1")
                self.read.line(f"p += {1 + element.size}")
            self.read.line(f"{items}.append(e)")
        self._demand("d[p] == 0")
        self.read.line("p += 1")
        if part is not None:
            with self.assign.block(f"for e, t in zip({items}, {staged}):"):
                self.assign.line(f"{part.assigner}(e, t)")
            if part.hooker:
                with self.hooks.block(f"for e, t in zip({items}, {staged}):"):
                    self.hooks.line(f"{part.hooker}(e, t)")


class Element(Body):
    """Writes the functions that read, assign and finish one element of an array or queue."""

    def __init__(self, module: Module, description: Description) -> None:
        super().__init__(module, description, "p")
        stem = module.local("element")
        self.reader, self.assigner, self.hooker = f"read_{stem}", f"assign_{stem}", ""
        if self._viewed:
            raise CannotCompile
        self.body(description, "o", "", {})
        self._flush()
        names = "".join(f"{name}, " for name in dict.fromkeys(self.locals))
        source = Source()
        with source.block(f"def {self.reader}(o, d, p, end):"):
            if names:
                source.line(f"{names.replace(', ', ' = ')}None")
            source.line("if o is None: raise Refused")
            source.extend(self.read)
            source.line(f"return {self._position}, ({names})")
        module.add(source)
        parts = [(self.assigner, self.assign)]
        if not self.hooks.empty:
            self.hooker = f"finish_{stem}"
            parts.append((self.hooker, self.hooks))
        for name, part in parts:
            source = Source()
            with source.block(f"def {name}(o, t):"):
                if names:
                    source.line(f"{names}= t")
                source.extend(part)
            module.add(source)
