"""Descriptions drawn at random, with an object that each of them fits."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

import stressor.vmstate as vm

INTEGERS = (vm.u8, vm.u16, vm.u32, vm.u64, vm.i8, vm.i16, vm.i32, vm.i64)
SCALARS = (*INTEGERS, vm.boolean, vm.f64)
KINDS = (
    "scalar",
    "scalar",
    "scalar",
    "accessor",
    "equal",
    "buffer",
    "bytes",
    "variable_buffer",
    "fixed_buffer",
    "array",
    "variable_array",
    "fixed_array",
    "struct",
    "struct_array",
    "variable_struct_array",
    "fixed_struct_array",
    "bitmap",
    "timer",
    "queue",
    "linked_queue",
    "object_queue",
    "linked_object_queue",
    "unused",
    "bounded",
    "part_buffer",
    "part_array",
    "part_struct_array",
    "multiplied_variable_buffer",
    "multiplied_variable_array",
)
GATED = ("gated", "optional_struct")
RARE = (
    "timer_array",
    "null_array",
    "null_struct_array",
    "rows",
    "rows_of_structs",
    "tree",
    "keyed_tree",
    "temporary",
    "struct_of_version",
    "variable_bitmap",
    "unused_variable",
)
"""What only the walk takes."""


class Plain:
    """An object with whatever attributes it is given."""

    def __init__(self, **attributes: Any) -> None:
        self.__dict__.update(attributes)

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...
        def __setattr__(self, name: str, value: Any) -> None: ...


class Tick:
    """The least that a timer is."""

    def __init__(self, deadline: int | None) -> None:
        self.deadline = deadline


class Halves:
    """A number of its parent, in two halves while it is saved or loaded."""

    def __init__(self, parent: Plain, attribute: str) -> None:
        self.parent, self.attribute = parent, attribute
        self.low = self.high = 0

    def split(self) -> None:
        self.high, self.low = divmod(getattr(self.parent, self.attribute), 256)

    def join(self, version: int) -> None:
        setattr(self.parent, self.attribute, self.high * 256 + self.low)


def plain(value: Any) -> Any:
    """Return a live value as plain data with types, to compare by."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, Plain | Tick):
        return {name: plain(item) for name, item in vars(value).items()}
    if isinstance(value, list | tuple | deque):
        return (type(value).__name__, [plain(item) for item in value])
    return (type(value).__name__, bytes(value) if isinstance(value, bytearray) else repr(value))


def number(scalar: vm.ScalarType) -> st.SearchStrategy[Any]:
    """Draw a value that a scalar type holds."""
    if scalar is vm.boolean:
        return st.booleans()
    if scalar is vm.f64:
        return st.floats(allow_nan=False)
    return st.integers(scalar.low, scalar.high)


class Maker:
    """Draws descriptions; `obj` collects the attributes that their fields carry."""

    def __init__(self, draw: st.DrawFn, gated: bool, rare: bool) -> None:
        self.draw = draw
        self.kinds = KINDS + GATED * gated + RARE * rare
        self.names = 0

    def name(self) -> str:
        self.names += 1
        return f"f{self.names}"

    def description(self, name: str, obj: Plain, depth: int, needed: str = "") -> vm.Description:
        fields: list[vm.Field] = []
        for _ in range(self.draw(st.integers(0, 5))):
            fields += self.field(obj, depth)
        subsections: list[vm.Description] = []
        if not needed and name != "dev":
            obj.first = 0
            fields.append(vm.u8("first"))
        for index in range(self.draw(st.integers(0, 2)) if depth else 0):
            flag = f"{self.name()}_kept"
            setattr(obj, flag, self.draw(st.booleans()))
            subsections.append(self.description(f"{name}/{index}", obj, depth - 1, flag))
        return vm.Description(
            name,
            version=3,
            minimum_version=1,
            fields=fields,
            subsections=subsections,
            needed=(lambda o: getattr(o, needed)) if needed else None,
        )

    def values(self, scalar: vm.ScalarType, count: int) -> list[Any]:
        return self.draw(st.lists(number(scalar), min_size=count, max_size=count))

    def objects(self, depth: int, count: int) -> tuple[vm.Description, list[Plain], Any]:
        """Draw a description for elements, and so many elements that fit it."""
        first = Plain()
        inner = self.description(self.name(), first, min(depth - 1, 1))
        return inner, [clone(first) for _ in range(count)], lambda: clone(first)

    def field(self, obj: Plain, depth: int) -> list[vm.Field]:
        draw, name = self.draw, self.name()
        kind = draw(st.sampled_from(self.kinds))
        since = draw(st.sampled_from((0, 0, 1, 2, 3)))
        scalar = draw(st.sampled_from(SCALARS))
        count = draw(st.integers(0, 3))
        if not depth and ("struct" in kind or "object" in kind or "tree" in kind):
            kind = "scalar"
        attributes = vars(obj)
        length, fields = f"{name}_length_kept", list[vm.Field]()
        if "variable" in kind or "fixed" in kind:
            attributes[length] = count
            if draw(st.booleans()):
                fields.append(vm.u16(length))
        match kind:
            case "scalar":
                attributes[name] = draw(number(scalar))
                fields.append(scalar(name, since=since))
            case "equal":
                attributes[f"{name}_kept"] = draw(number(scalar))
                fields.append(vm.equal(f"{name}_kept", scalar, since=since))
            case "accessor":
                attributes[name] = draw(st.integers(0, 99))
                fields.append(
                    vm.u8(
                        f"{name}_wire",
                        attribute=name,
                        read=lambda o: getattr(o, name) + 100,
                        write=lambda o, value: setattr(o, name, value - 100),
                    )
                )
            case "buffer" | "bytes":
                data = bytes(self.values(vm.u8, 1 + count))
                attributes[name] = data if kind == "bytes" else bytearray(data)
                fields.append(vm.buffer(name, 1 + count, since=since))
            case "variable_buffer":
                attributes[name] = bytearray(self.values(vm.u8, count))
                fields.append(vm.variable_buffer(name, length=length, maximum=3))
            case "fixed_buffer":
                attributes[name] = bytearray(self.values(vm.u8, 3))
                fields.append(vm.variable_buffer(name, length=length, maximum=3, fixed=True))
            case "array":
                values = self.values(scalar, 1 + count)
                attributes[name] = draw(st.sampled_from((list, tuple, deque)))(values)
                fields.append(vm.array(name, scalar, 1 + count, since=since))
            case "variable_array":
                attributes[name] = self.values(scalar, count)
                fields.append(vm.variable_array(name, scalar, length=length, maximum=3))
            case "fixed_array":
                attributes[name] = self.values(scalar, 3)
                fields.append(vm.variable_array(name, scalar, length=length, maximum=3, fixed=True))
            case "struct":
                attributes[name] = inner = Plain()
                fields.append(vm.struct(name, self.description(self.name(), inner, depth - 1)))
            case "struct_array":
                element, attributes[name], _ = self.objects(depth, 1 + count)
                fields.append(vm.struct_array(name, element, 1 + count))
            case "variable_struct_array" | "fixed_struct_array":
                fixed = kind.startswith("fixed")
                element, attributes[name], factory = self.objects(depth, 3 if fixed else count)
                fields.append(
                    vm.variable_struct_array(
                        name, element, length=length, maximum=3, fixed=fixed, factory=factory
                    )
                )
            case "bitmap":
                bits = draw(st.sampled_from((1, 63, 64, 65, 128, 130)))
                attributes[name] = draw(st.integers(0, (1 << bits) - 1))
                fields.append(vm.bitmap(name, bits, since=since))
            case "timer":
                attributes[name] = Tick(draw(st.none() | st.integers(0, (1 << 63) - 1)))
                fields.append(vm.timer(name, since=since))
            case "queue" | "linked_queue":
                attributes[name] = draw(st.sampled_from((list, deque)))(self.values(scalar, count))
                make = vm.queue if kind == "queue" else vm.linked_queue
                fields.append(make(name, scalar, maximum=3))
            case "object_queue" | "linked_object_queue":
                element, items, factory = self.objects(depth, count)
                attributes[name] = draw(st.sampled_from((list, deque)))(items)
                make = vm.queue if kind == "object_queue" else vm.linked_queue
                fields.append(make(name, element, maximum=3, factory=factory))
            case "unused":
                fields.append(vm.unused(1 + count))
            case "gated":
                switch = f"{name}_switch"
                attributes[switch] = draw(st.booleans())
                attributes[name] = draw(number(scalar))
                fields.append(vm.boolean(switch))
                fields.append(scalar(name, when=lambda o: getattr(o, switch)))
            case "optional_struct":
                inner = Plain()
                element = self.description(self.name(), inner, depth - 1)
                attributes[name] = inner if draw(st.booleans()) else None
                fields.append(vm.struct(name, element, when=f"{name} is not None"))
            case "bounded":
                integer = draw(st.sampled_from((vm.u8, vm.u32, vm.i32)))
                bound = draw(st.integers(0, 100))
                attributes[f"{name}_kept"] = draw(st.integers(0, bound))
                attributes[f"{name}_bound_kept"] = bound
                limit = draw(st.sampled_from((None, bound, f"{name}_bound_kept")))
                fields.append(vm.bounded(f"{name}_kept", integer, maximum=limit, since=since))
            case "part_buffer":
                attributes[name] = bytearray(self.values(vm.u8, 6))
                fields.append(vm.buffer(name, 1 + count, start=draw(st.integers(0, 2))))
            case "part_array":
                attributes[name] = self.values(scalar, 6)
                fields.append(vm.array(name, scalar, 1 + count, start=draw(st.integers(0, 2))))
            case "part_struct_array":
                element, attributes[name], _ = self.objects(depth, 2 + count)
                fields.append(vm.struct_array(name, element, 1 + count, start=1))
            case "multiplied_variable_buffer":
                attributes[name] = bytearray(self.values(vm.u8, 2 * count))
                fields.append(vm.variable_buffer(name, length=length, maximum=6, multiply=2))
            case "multiplied_variable_array":
                attributes[name] = self.values(scalar, 2 * count)
                fields.append(vm.variable_array(name, scalar, length=length, maximum=6, multiply=2))
            case _:
                fields.append(self.rare_field(kind, name, obj, depth, count, scalar, length))
        return fields

    def rare_field(
        self,
        kind: str,
        name: str,
        obj: Plain,
        depth: int,
        count: int,
        scalar: vm.ScalarType,
        length: str,
    ) -> vm.Field:
        draw, attributes = self.draw, vars(obj)
        present = draw(st.lists(st.booleans(), min_size=1 + count, max_size=1 + count))
        match kind:
            case "timer_array":
                deadline = st.none() | st.integers(0, 99)
                attributes[name] = [Tick(draw(deadline)) for _ in range(3)]
                return vm.array(name, vm.timer, 2, start=1)
            case "null_array":
                values = self.values(scalar, 1 + count)
                attributes[name] = [
                    value if there else None for there, value in zip(present, values, strict=True)
                ]
                return vm.array(name, scalar, 1 + count, null=True)
            case "null_struct_array":
                element, items, _ = self.objects(depth, 1 + count)
                attributes[name] = [
                    item if there else None for there, item in zip(present, items, strict=True)
                ]
                return vm.struct_array(name, element, 1 + count, null=True)
            case "rows":
                attributes[name] = [self.values(scalar, 1 + count) for _ in range(2)]
                return vm.array(name, scalar, (2, 1 + count))
            case "rows_of_structs":
                element, items, factory = self.objects(depth, 2)
                attributes[name] = [items, [factory(), factory()]]
                return vm.struct_array(name, element, (2, 2))
            case "tree" | "keyed_tree":
                element, items, factory = self.objects(depth, count)
                keyed = kind == "keyed_tree"
                attributes[name] = {
                    (index, -index) if keyed else index * 7: item
                    for index, item in enumerate(items)
                }
                key = vm.Description("key", fields=[vm.u64("low"), vm.i8("high")])
                return vm.tree(
                    name, element, maximum=3, factory=factory, key=key if keyed else None
                )
            case "temporary":
                source = f"{name}_whole"
                attributes[source] = draw(st.integers(0, 0xFFFF))
                halves = vm.Description(
                    self.name(),
                    fields=[vm.u8("low"), vm.u8("high")],
                    pre_save=Halves.split,
                    post_load=Halves.join,
                )
                return vm.temporary(name, halves, factory=lambda parent: Halves(parent, source))
            case "struct_of_version":
                attributes[name] = inner = Plain()
                description = self.description(self.name(), inner, depth - 1)
                return vm.struct(name, description, version=draw(st.integers(1, 3)))
            case "variable_bitmap":
                attributes[f"{name}_kept"] = draw(st.integers(0, (1 << count) - 1))
                return vm.variable_bitmap(f"{name}_kept", length=length, maximum=3)
        assert kind == "unused_variable"
        return vm.unused(5, length=length, maximum=3)


def clone(value: Any) -> Any:
    """Return a deep copy of what `Maker` makes."""
    if isinstance(value, Plain):
        return Plain(**{name: clone(item) for name, item in vars(value).items()})
    if isinstance(value, Tick):
        return Tick(value.deadline)
    if isinstance(value, dict):
        return {key: clone(item) for key, item in value.items()}
    if isinstance(value, bytearray | bytes):
        return type(value)(value)
    if isinstance(value, list | tuple | deque):
        return type(value)([clone(item) for item in value])
    return value


def scribble(value: Any) -> Any:
    """Return a copy with other numbers in it, of the same shape; what loading does not set stays."""
    if value is None:
        return None
    if isinstance(value, dict):
        return {}
    if isinstance(value, Plain):
        return Plain(
            **{
                name: item if name.endswith("_kept") else scribble(item)
                for name, item in vars(value).items()
            }
        )
    if isinstance(value, Tick):
        return Tick(7 if value.deadline is None else None)
    if isinstance(value, bytearray | bytes):
        return type(value)(byte ^ 0xFF for byte in value)
    if isinstance(value, list | tuple | deque):
        return type(value)([scribble(item) for item in value])
    if isinstance(value, bool):
        return not value
    return 0 if value else type(value)(1)


@st.composite
def described(
    draw: st.DrawFn, *, gated: bool = True, rare: bool = True
) -> tuple[vm.Description, Plain]:
    """Draw a description, and an object that it fits.

    Fields with `when=` are there only if `gated`, kinds that only the walk takes only if `rare`.
    """
    obj = Plain(other=1)
    return Maker(draw, gated, rare).description("dev", obj, 2), obj
