"""A device that lives in this process."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from operator import attrgetter
from typing import Any, Protocol, TypeAlias

from stressor.device import Clock, Line, Memory, Outputs
from stressor.errors import StreamError
from stressor.loop.target import FieldInfo, SavedField, Snapshot
from stressor.loop.trace import Cycle, Operation, ResetMode
from stressor.loop.watchdog import RAISED
from stressor.vmstate.live import LiveState
from stressor.vmstate.values import names_of

__all__ = ["Binding", "Board", "InProcessTarget"]

_level: Callable[[Line], int] = attrgetter("level")
_FRESH, _POISON, _DONOR = ResetMode.FRESH, ResetMode.POISON, ResetMode.DONOR


Board: TypeAlias = tuple[Outputs, Clock, Sequence[Line], Sequence[Line], Sequence[Memory]]
"""The ends of a device that the board around it holds: what comes out, the time, its lines, those of them that are
inputs, and guest memory."""


class Binding(Protocol):
    """How to reach the devices of one class; `InProcessTarget` does the rest."""

    @property
    def live(self) -> LiveState:
        """The walk of its devices."""

    @property
    def prefix(self) -> str:
        """The section and instance in front of field paths."""

    @property
    def fields(self) -> tuple[str, ...]:
        """Every field there is, without section and indexes."""

    @property
    def damages(self) -> tuple[str, ...]:
        """The kinds of damage that its bytes can be given."""

    @property
    def invariants(self) -> bool:
        """Whether there is any invariant."""

    @property
    def functions(self) -> Mapping[str, Callable[..., object]]:
        """What to call, with the device in front, for each operation's name."""

    def excluding(self, attributes: Collection[str]) -> Binding:
        """Return the same, with attributes that are left out because they do not repeat."""

    def create(self) -> Any:
        """Return a new device."""

    def board(self, device: Any) -> Board:
        """Return what the board holds of a device; lines and memories always in one order."""


    def reset(self, device: Any) -> None:
        """Reset the device in place."""

    def save(self, device: Any) -> tuple[bytes, Any, Any]:
        """Return the saved bytes, their layout, and what `load` wants beside the bytes."""

    @property
    def packer(self) -> Callable[[Any], tuple[Any, ...]]:
        """What gives the saved bytes, and more: `save`, or what is faster and tells less of a failure."""

    def load(self, device: Any, data: bytes, beside: Any) -> Any:
        """Load what was saved; return the device, which may be another object than before.

        When it raises, the device is in no defined state."""

    def offer(self, device: Any, data: bytes, beside: Any) -> Any:
        """Load what may be damaged; when it raises StreamError, the device is to be as it was."""

    def broken(self, device: Any) -> str | None:
        """Return the first invariant that does not hold."""

    def field(self, attribute: str) -> FieldInfo:
        """Return what is declared of a live attribute."""

    def saved_fields(self, data: bytes, *, whole: bool = False) -> Sequence[SavedField]:
        """Name every byte; with `whole` a buffer may be one piece, called as its first byte. Empty when they
        cannot be named."""

    def absent(self, data: bytes, layout: Any) -> frozenset[str]:
        """Return the attributes (no indexes) that a load of these bytes leaves as they are: what they do not carry
        of the described ones, and what it only looks at."""


class InProcessTarget:
    """A `Target` around one device object.

    The clock, the levels of lines and guest memory belong to the board: they go on through a
    cycle as they were, as the interrupt controller and the memory of a real machine would be
    restored from their own sections. A reset is the whole machine's, so input lines fall back to
    their initial level before the device is reset.
    """

    def __init__(self, binding: Binding) -> None:
        self._binding = binding
        self._functions = binding.functions
        self._save, self._load = binding.save, binding.load
        self._digest = binding.live.digest
        self._spare: Any = None
        self.repairs: Collection[str] = ()
        self.hidden: Collection[str] = ()
        self.uncleared: Collection[str] = ()
        Clock.epoch = 0
        self._adopt(binding.create())

    def _adopt(self, device: Any) -> None:
        self.device = device
        self.outputs, self.clock, self.lines, self._inputs, self._memories = self._binding.board(device)

    def execute(self, operations: Sequence[Operation]) -> list[object]:
        outputs = self.outputs
        outputs.clear()
        append = outputs.append
        functions = self._functions
        device = self.device
        for name, arguments in operations:
            function, count = functions[name], len(arguments)
            # `function(device, *arguments)` would take half as long again
            if count == 3:
                first, second, third = arguments
                append(function(device, first, second, third))
            elif count == 2:
                first, second = arguments
                append(function(device, first, second))
            elif count == 1:
                append(function(device, arguments[0]))
            else:
                append(function(device, *arguments))
        return outputs[:]

    def stop(self) -> None:
        """Nothing to do: a device in this process only runs while it is called."""

    def resume(self) -> None:
        """Nothing to do either."""

    def save(self) -> Snapshot:
        kept = None
        if not self.repairs:
            data, layout, beside = self._save(self.device)
        else:
            live = self._binding.live
            kept = live.keep(self.device, self.repairs)
            data, layout, beside = self._save(self.device)
            live.put_back(self.device, kept, self.repairs)
        return Snapshot(data, layout, (self.clock.now, [*map(_level, self.lines)], beside, kept))

    def save_again(self) -> bytes:
        return self._save(self.device)[0]

    def reset(self, cycle: Cycle, snapshot: Snapshot) -> None:
        mode = cycle.mode
        if mode is _FRESH:
            self.replace(self._create())
        elif mode is _DONOR:
            self.replace(self._donor(cycle.operations))
            self._reset_in_place()
        else:
            self._reset_in_place()
            if mode is _POISON:
                keep = self._binding.absent(snapshot.data, snapshot.layout)
                self._binding.live.scribble(self.device, keep)

    def _reset_in_place(self) -> None:
        for line in self._inputs:
            line.level = line.initial
        self._binding.reset(self.device)
        if self.uncleared:
            self._clear()

    def _clear(self) -> None:
        fresh = self._binding.live.keep(self._create(), self.uncleared)
        self._binding.live.put_back(self.device, fresh, self.uncleared)

    def _create(self) -> Any:
        Clock.epoch = self.clock.now
        try:
            return self._binding.create()
        finally:
            Clock.epoch = 0

    def replace(self, device: Any) -> None:
        self._spare = self.device
        before, now = self._memories, self.clock.now
        self._adopt(device)
        self.clock.now = now
        if before:
            for memory, old in zip(self._memories, before, strict=True):
                # an exchange, so that a spare device does not share the memory of the one in use
                memory.data, old.data = old.data, memory.data

    def _donor(self, operations: Sequence[Operation]) -> Any:
        """Return another device than the subject, driven: an earlier one if there is."""
        device = self._spare
        if device is None:
            device = self._create()
        functions = self._functions
        try:
            for name, arguments in operations:
                functions[name](device, *arguments)
        except RAISED:  # a donor only has to be in another state; the rest is RUNS_ALONE's
            pass
        return device

    def load(self, snapshot: Snapshot) -> list[object]:
        return self._put(snapshot, self._load)

    def sacrifice(self, snapshot: Snapshot, damage: Sequence[str | int]) -> bool:
        return False  # it is cheap to see that a refusal leaves the device itself as it was

    def offer(self, snapshot: Snapshot) -> list[object]:
        was = self.clock.now, [*map(_level, self.lines)]
        try:
            return self._put(snapshot, self._binding.offer)
        except StreamError:
            self._restore_board(*was)
            raise

    def _put(self, snapshot: Snapshot, load: Callable[[Any, bytes, Any], Any]) -> list[object]:
        board: Any = snapshot.board
        now, levels, beside, kept = board
        self._restore_board(now, levels)
        outputs = self.outputs
        outputs.clear()
        device = load(self.device, snapshot.data, beside)
        emitted = outputs[:]
        if device is not self.device:
            self.replace(device)
        if kept and self.repairs:
            self._binding.live.put_back(self.device, kept, self.repairs)
        return emitted

    def _restore_board(self, now: int, levels: list[int]) -> None:
        self.clock.now = now
        if [*map(_level, self.lines)] != levels:  # mostly none moved
            for line, level in zip(self.lines, levels, strict=True):
                line.level = level

    def examine(self) -> bytes:
        return self._digest(self.device)

    def state(self) -> tuple[object, ...]:
        return self._binding.live.state(self.device)

    def attributes(self) -> Mapping[str, object]:
        return self._binding.live.attributes(self.device)

    def value(self, attribute: str) -> object:
        return self._binding.live.value(self.device, attribute)

    def derived(self) -> dict[str, object]:
        return self._binding.live.derived(self.device)

    def pristine(self) -> bytes:
        return self._binding.live.digest(self._create())

    def fresh(self, pristine: bytes) -> bool:
        digest = self.examine()
        return digest == pristine or digest == self.pristine()

    def pristine_attributes(self) -> Mapping[str, object]:
        return self._binding.live.attributes(self._create())

    def assign(self, values: Mapping[str, object]) -> None:
        self._binding.live.assign(self.device, values, names_of(values))

    def broken(self) -> str | None:
        return self._binding.broken(self.device)

    def field(self, attribute: str) -> FieldInfo:
        return self._binding.field(attribute)

    def saved_fields(self, snapshot: Snapshot, *, whole: bool = False) -> Sequence[SavedField]:
        return self._binding.saved_fields(snapshot.data, whole=whole)

    def close(self) -> None:
        """Nothing to let go of."""
