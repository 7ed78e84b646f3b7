"""What the author of a device model writes against.

    class Counter(Device):
        state = vm.Description("counter", fields=[vm.u8("count"), vm.timer("tick")])
        io = Region(size=1, registers={0: "count"})
        irq = Line()

        def __init__(self) -> None:
            self.count = 0
            self.tick = self.clock.timer(self._tick)

        def reset(self) -> None: ...

        @io.on_read
        def _read(self, offset: int, width: int) -> int: ...

        @operation(by=st.integers(1, 10))
        def bump(self, by: int) -> None: ...

Regions, lines and guest memory are declared on the class; each instance gets its own, and its own
virtual clock, before `__init__` runs.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from types import MethodType
from typing import Any, ClassVar, Final, TypeAlias, TypeVar, overload

from stressor.vmstate import Description

__all__ = ["Clock", "Device", "Line", "Memory", "Outputs", "Region", "Timer", "operation"]

F = TypeVar("F", bound=Callable[..., Any])


class Outputs(list[object]):
    """What came out of a device, in order; the harness reads it, a device only adds to it.

    `("line", name, level)`, `("sent", data)`, `("memory", address, data)`.
    """

    live_attributes: ClassVar[None] = None  # wiring: not part of the device's state


class Timer:
    """Calls back once when the virtual time reaches its deadline (ns), unless cancelled before."""

    __slots__ = ("_callback", "_clock", "_order", "deadline")
    live_attributes: ClassVar[tuple[str, ...]] = ("deadline",)

    def __init__(self, clock: Clock, callback: Callable[[], object], order: int) -> None:
        self._clock = clock
        self._callback = callback
        self._order = order
        self.deadline: int | None = None
        """Absolute virtual time in ns, None while not armed."""

    @property
    def armed(self) -> bool:
        return self.deadline is not None

    def arm(self, deadline: int) -> None:
        """Fire at the absolute time `deadline` (ns), or with the next step when that has passed."""
        self.deadline = deadline

    def arm_in(self, delay: int) -> None:
        """Fire `delay` ns from now."""
        self.deadline = self._clock.now + delay

    def cancel(self) -> None:
        """Do not fire. Cancelling a timer that is not armed does nothing."""
        self.deadline = None


class Clock:
    """Virtual time in ns. It stands still unless it is advanced, so runs repeat exactly.

    Timers with one deadline fire in the order in which they were made, whoever armed them first:
    so a loaded device, whose timers were armed in the order of its fields, fires as before.
    """

    __slots__ = ("now", "timers")
    live_attributes: ClassVar[None] = None
    epoch: ClassVar[int] = 0
    """What time it is when a clock is made: the harness makes devices in the middle of a run."""

    def __init__(self) -> None:
        self.now = Clock.epoch
        self.timers: list[Timer] = []

    def timer(self, callback: Callable[[], object]) -> Timer:
        """Return a new timer, not armed."""
        timer: Timer = object.__new__(Timer)
        timer._clock, timer._callback, timer._order = self, callback, len(self.timers)
        timer.deadline = None
        self.timers.append(timer)
        return timer

    @property
    def next_deadline(self) -> int | None:
        """The earliest deadline of all armed timers."""
        deadlines = [timer.deadline for timer in self.timers if timer.deadline is not None]
        return min(deadlines) if deadlines else None

    def advance(self, duration: int, most: int = -1) -> None:
        """Let `duration` ns pass; every timer that falls due fires at its own time, in order.

        After `most` have fired, time stops where it is then.
        """
        end = self.now + duration
        while True:
            first: Timer | None = None
            deadline = end
            for timer in self.timers:
                due = timer.deadline
                if due is not None and (due < deadline or (due == deadline and first is None)):
                    first, deadline = timer, due
            if first is None:
                break
            if most == 0:
                return
            most -= 1
            if deadline > self.now:
                self.now = deadline
            first.deadline = None
            first._callback()
        self.now = end

    def expire(self) -> None:
        """Let time pass up to the next deadline; nothing happens when no timer is armed."""
        first: int | None = None
        for timer in self.timers:
            due = timer.deadline
            if due is not None and (first is None or due < first):
                first = due
        if first is not None:
            self.advance(first - self.now if first > self.now else 0)


class Line:
    """A wire with a level. An output is driven by the device, an input by the board.

    Declared on the class (`irq = Line()`, `cts = Line(input=True)`); what an instance holds under
    that name is its own line. An input calls the method that `on_change` decorates.
    """

    __slots__ = ("_changed", "_outputs", "initial", "input", "level", "name")
    live_attributes: ClassVar[tuple[str, ...]] = ("level",)

    def __init__(self, *, input: bool = False, level: int = 0) -> None:
        self.name = ""
        self.input = input
        self.initial = level
        self.level = level
        self._changed: Callable[..., object] | None = None
        self._outputs: Outputs | None = None

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"<Line {self.name}={self.level}>"

    def on_change(self, method: F) -> F:
        """Decorate the method that an input line calls with its new level."""
        self._changed = method
        return method

    def set(self, level: bool | int) -> None:
        """Drive the line. Setting the level that it has does nothing."""
        level = 1 if level else 0
        if level == self.level:
            return
        self.level = level
        if self.input:
            if self._changed is not None:
                self._changed(level)
        elif self._outputs is not None:
            self._outputs.append(("line", self.name, level))
            if self._changed is not None:  # a machine has wired it to something
                self._changed(level)



class Memory:
    """Guest memory for devices that do DMA; what the device writes is an output.

    Declared on the class (`ram = Memory(0x10000)`). It belongs to the board: a cycle leaves its
    content as it is. An access outside of it raises IndexError.
    """

    live_attributes: ClassVar[None] = None

    def __init__(self, size: int) -> None:
        self.name = ""
        self.size: Final = size
        self.data = bytearray(0)
        self._outputs: Outputs | None = None

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def read(self, address: int, size: int) -> bytes:
        """Return `size` bytes from `address`."""
        self._check(address, size)
        return bytes(self.data[address : address + size])

    def write(self, address: int, data: bytes) -> None:
        """Store what the device sends to memory."""
        self._check(address, len(data))
        self.data[address : address + len(data)] = data
        if self._outputs is not None:
            self._outputs.append(("memory", address, bytes(data)))

    def store(self, address: int, data: bytes) -> None:
        """Store what the guest, not the device, writes: an operation, and no output."""
        self._check(address, len(data))
        self.data[address : address + len(data)] = data

    def _check(self, address: int, size: int) -> None:
        if address < 0 or size < 0 or address + size > self.size:
            raise IndexError(f"guest memory has {self.size:#x} bytes, not {address:#x}+{size:#x}")

    def _attach(self, outputs: Outputs) -> Memory:
        memory = Memory(self.size)
        memory.data = bytearray(self.size)
        memory._outputs = outputs
        return memory


class Region:
    """A range of registers: memory-mapped, or ports.

    `size` in bytes, `widths` the access widths (bytes) that the device takes, `registers` names for
    offsets, used in reports. The handlers are methods: `read(offset, width) -> int` and
    `write(offset, width, value)`. A region without a read handler is write-only, and so on.
    """

    def __init__(
        self,
        *,
        size: int,
        widths: tuple[int, ...] = (1,),
        registers: Mapping[int, str] | None = None,
        ports: bool = False,
    ) -> None:
        if size < 1 or not widths or any(width not in (1, 2, 4, 8) for width in widths):
            raise ValueError(f"a region has a size and widths of 1, 2, 4 or 8 bytes, not {size}, {widths}")
        self.name = ""
        self.size: Final = size
        self.widths: Final = widths
        self.registers: Final = dict(registers or {})
        self.ports: Final = ports
        self.reader: str | None = None
        self.writer: str | None = None

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def on_read(self, method: F) -> F:
        """Decorate the method that answers reads: `(self, offset, width) -> int`."""
        self.reader = method.__name__
        return method

    def on_write(self, method: F) -> F:
        """Decorate the method that takes writes: `(self, offset, width, value)`."""
        self.writer = method.__name__
        return method

    def register(self, offset: int) -> str:
        """Return the register's name, or the offset in hex."""
        return self.registers.get(offset, f"{offset:#x}")


@overload
def operation(method: F, /) -> F: ...
@overload
def operation(**arguments: Any) -> Callable[[F], F]: ...
def operation(method: F | None = None, /, **arguments: Any) -> F | Callable[[F], F]:
    """Mark a method as an operation: one input to the device, drawn by the search.

    Each keyword is an argument of the method and the Hypothesis strategy that it is drawn from;
    what a strategy gives must be plain data. The method's return value is an observation.
    """

    def mark(function: F) -> F:
        names = list(inspect.signature(function).parameters)[1:]
        if set(names) != set(arguments):
            raise TypeError(
                f"{function.__qualname__} takes {names}, but @operation gives strategies for "
                f"{sorted(arguments)}; give one strategy for each argument"
            )
        function.stressor_operation = {name: arguments[name] for name in names}  # type: ignore[attr-defined]
        return function

    return mark if method is None else mark(method)


class Device:
    """The base of a device model.

    A subclass declares `state`, its regions, lines and operations, and defines `reset()`. Before
    `__init__` runs an instance has `clock` (its own virtual clock), `outputs`, and its own lines and
    guest memory.
    """

    state: ClassVar[Description]
    clock: Clock
    outputs: Outputs

    def __new__(cls, *args: object, **kwargs: object) -> Device:
        # All in one place and without calls: a run makes a new device in every other cycle.
        lines, memories = _PARTS.get(cls) or _parts(cls)
        new = object.__new__
        self = new(cls)
        attributes = self.__dict__
        clock = attributes["clock"] = new(Clock)
        clock.now, clock.timers = Clock.epoch, []
        outputs = attributes["outputs"] = Outputs()
        for name, is_input, initial, changed in lines:
            line = attributes[name] = new(Line)
            line.name = name  # one by one: a tuple would be made first
            line.input = is_input
            line.initial = line.level = initial
            line._outputs = outputs
            line._changed = None if changed is None else MethodType(changed, self)
        for memory in memories:
            attributes[memory.name] = memory._attach(outputs)
        return self

    @property
    def lines(self) -> dict[str, Line]:
        """The device's lines by name, inputs and outputs."""
        return {name: part for name, part in self.__dict__.items() if isinstance(part, Line)}

    def reset(self) -> None:
        """Bring the device to the state that it has after power-on."""
        raise NotImplementedError(f"{type(self).__name__} has no reset(); define what its reset pin does")

    def send(self, data: int | bytes) -> None:
        """Send a byte, or bytes, out of the device (a serial line, a network)."""
        self.outputs.append(("sent", data))


_Lines: TypeAlias = "tuple[tuple[str, bool, int, Callable[..., object] | None], ...]"
_PARTS: dict[type, tuple[_Lines, tuple[Memory, ...]]] = {}


def _parts(cls: type) -> tuple[_Lines, tuple[Memory, ...]]:
    """Return what each instance of a class gets of its own: lines as plain data, and memories."""
    declared = {
        name: part
        for base in reversed(cls.__mro__)
        for name, part in vars(base).items()
        if isinstance(part, Line | Memory)
    }
    lines = []
    for name, part in declared.items():
        if isinstance(part, Line):
            changed = None if part._changed is None else getattr(cls, part._changed.__name__)
            lines.append((name, part.input, part.initial, changed))
    memories = tuple(part for part in declared.values() if isinstance(part, Memory))
    _PARTS[cls] = tuple(lines), memories
    return _PARTS[cls]
