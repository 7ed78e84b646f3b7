"""A QEMU device as a target of the loop."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final

from stressor.errors import TargetError
from stressor.loop.target import (
    NOT_REPEATING,
    DiedOfSavingError,
    FieldInfo,
    SavedField,
    Snapshot,
)
from stressor.loop.trace import Argument, Cycle, Operation, ResetMode
from stressor.targets.qemu.clock import ClockLost
from stressor.targets.qemu.damage import Damaged, damage
from stressor.targets.qemu.driver import Driver, DriverType, Machinery, memory_of_drivers
from stressor.targets.qemu.machine import Machine
from stressor.targets.qemu.pipeline import NOTHING, Pipeline
from stressor.targets.qemu.process import QemuDied, QemuHung
from stressor.targets.qemu.sacrifice import Sacrifice
from stressor.targets.qemu.stock import Machines
from stressor.targets.qemu.traffic import STEP, Traffic
from stressor.targets.qemu.view import View, whole_section
from stressor.vmstate.live import without_indexes
from stressor.vmstate.stream import Stream, read_stream

__all__ = ["Birth", "QemuTarget"]


_ENOUGH: Final = 4
"""Lost registers of a region after which the others are taken to be lost as well: a region that is not
saved at all has hundreds, and each would be a finding."""


class Birth:
    """What a new process is like before anything was done to it, taken once."""

    def __init__(self, machine: Machine, view: View) -> None:
        self.devices, stream = machine.named()
        self.frame = machine.frame
        self.attributes = view.attributes(stream)
        self.doubled = view.doubled(stream)
        self.labels = tuple(section.label for section in view.sections(stream))
        self.timer = whole_section("timer/0", self.devices)


class QemuTarget:
    """One process, replaced by a new one in the reset mode `fresh`.

    The live state is what QEMU saves; what it does not save shows in what registers answer. A
    reset is the whole machine's. Memory stays as it is in place; otherwise it travels.
    """

    def __init__(
        self,
        machines: Machines,
        traffic: Traffic,
        view: View,
        birth: Birth,
        excluded: Collection[str] = (),
        drivers: Sequence[DriverType] = (),
        ram: range = range(0),
    ) -> None:
        self._excluded = frozenset(excluded)
        self._machines = machines
        self._traffic = traffic
        self._view = view
        self._whole: bytes | None = None
        self._digested = b"", hashlib.blake2b(digest_size=16).digest()
        self._moved = False
        """Whether the state that `load` gets is another machine's."""
        self._time = 0
        self._standing = False
        """Whether steps let no time pass, as nothing would take it back."""
        self._put_back: Sequence[str] = ()
        self._examined: bytes | None = None
        """What was saved to examine it, until something else is done."""
        self._to_reset = False
        """Whether a reset in place is still to be done: nobody has looked since, and a load begins with one."""
        self.repairs: Collection[str] = ()
        self.hidden: Collection[str] = ()
        self.uncleared: Collection[str] = ()
        self._assigned: set[str] = set()
        self._machinery = Machinery(memory_of_drivers(ram))
        self._drivers: list[Driver] = []
        self._transactions: dict[str, tuple[Callable[..., object], int]] = {}
        self.commands: list[str] = []
        """Every command that operations sent, in order."""
        for driver_type in drivers:
            driver = driver_type.create(self._machinery)
            self._drivers.append(driver)
            for name, method in driver_type.names.items():
                self._transactions[name] = getattr(driver, method), driver_type.arguments(method)
        self.birth = birth
        self._sacrifice: Sacrifice | None = None
        self._machine = machines.take()

    def execute(self, operations: Sequence[Operation]) -> list[object]:
        self._examined = None
        pipeline = self._machinery.pipeline = Pipeline(
            self._machine.process.run, self.step if self._machine.process.clock else None
        )
        try:
            for operation in operations:
                transaction = self._transactions.get(operation.name)
                if operation.name == STEP:
                    pipeline.step(self._traffic.duration(operation))
                    pipeline.add((), lambda answers: [None])
                elif transaction is None:
                    self._traffic.perform(operation, pipeline, self.hidden)
                else:
                    self._transact(pipeline, *transaction, operation.arguments)
            pipeline.flush()
        finally:
            self.commands += pipeline.sent
        if self._sacrifice is not None:
            self._sacrifice.follow(pipeline.sent)
        return [*map(self._shown, pipeline.observations)]

    def step(self, nanoseconds: int) -> int:
        """Let so much virtual time pass, or a little more; return how much. Raises as
        `QemuProcess.step`."""
        self._examined = None
        passed = 0 if self._standing else self._machine.step(nanoseconds)
        self._time += passed
        return passed

    def _transact(
        self,
        pipeline: Pipeline,
        transaction: Callable[..., object],
        takes: int,
        arguments: Sequence[Argument],
    ) -> None:
        if len(arguments) != takes:
            raise TargetError(
                f"{transaction.__qualname__} takes {takes} arguments, not {arguments!r:.80}; was it "
                "found with another version of the driver?"
            )
        returned = transaction(*arguments)
        pipeline.add((), lambda answers: [returned])

    def _shown(self, observation: object) -> object:
        if self.hidden and isinstance(observation, tuple) and self._hides(observation[1]):
            return (*observation[:2], None)
        return observation

    def _hides(self, register: str) -> bool:
        if register in self.hidden:
            return True
        region = register.rpartition("+")[0] + "+"
        return sum(name.startswith(region) for name in self.hidden) >= _ENOUGH

    def stop(self) -> None:
        """Nothing to do: the machine only runs in the course of an operation."""

    def resume(self) -> None:
        self._examined = None
        self._machine.process.resume()

    def save(self) -> Snapshot:
        self._end_sacrifice()
        if self._traffic.known_to_lose(self.hidden):
            self._put_back = self._traffic.put_back(self._machine.process.run)
        devices = self._machine.save()
        return Snapshot(self._cut(devices, self._left_out()), len(devices), devices)

    def save_again(self) -> bytes:
        """To examine is to save, so right after it nothing is saved once more."""
        return self._cut(self._examined or self._machine.save(), self._left_out())

    def reset(self, cycle: Cycle, snapshot: Snapshot) -> None:
        self._examined = None
        if cycle.mode is ResetMode.FRESH:
            self._whole = self._machine.save_whole()
            self._machines.give(self._machine)
            self._move()
        elif cycle.mode is ResetMode.DONOR:
            self._drive_elsewhere(cycle.operations)
        else:
            self._to_reset = True

    def _as_reset(self) -> None:
        """Do the reset in place that is to be done, for somebody who looks at what it leaves."""
        if not self._to_reset:
            return
        self._to_reset = False
        if self._time and self._machine.keeps_time:
            self._machine.rewind_clock(self.birth.timer)  # a reset arms as it does in a new process
        self._machine.reset()

    def _move(self) -> None:
        """Go on with a machine that waits for a whole state."""
        self._machine, self._moved = self._waiting(), True

    def _drive_elsewhere(self, operations: Sequence[Operation]) -> None:
        """Drive a donor. Memory, and what a device has of its own, is not for the device sections to
        bring back, and neither is what drivers know: so they get it back with all of the machine."""
        known = [driver.keep() for driver in self._drivers]
        self._whole = self._machine.save_whole()
        self._machinery.elsewhere = True
        time = self._time
        self._standing = not self._machine.keeps_time
        try:
            self.execute(operations)
        except (ClockLost, QemuDied, QemuHung):  # without any cycle: the gate's business, as in RUNS_ALONE
            self._machines.give(self._machine)
            self._move()
        finally:
            self._machinery.elsewhere = False
        self._standing = False
        self._time = time
        for driver, kept in zip(self._drivers, known, strict=True):
            driver.put_back(kept)

    def load(self, snapshot: Snapshot) -> list[object]:
        self._examined = None
        self._to_reset = False  # the first thing that `loadvm` does
        whole, self._whole = self._whole, None
        if whole is not None and self._moved:
            self._moved = False
            self._machine.load_whole(whole)
        elif whole is not None:
            self._machine.load_saved()
        else:
            board = snapshot.board
            self._machine.load(board if isinstance(board, bytes) else snapshot.data)
        self._machine.process.run(self._put_back)
        return []

    def sacrifice(self, snapshot: Snapshot, damage: Sequence[str | int]) -> bool:
        whole = self._machine.save_whole()
        damaged = _damaged(whole, damage)
        if damaged is not None:
            self._sacrifice = Sacrifice(self._waiting, whole, damaged)
        return True

    def damaged(self, how: Sequence[str | int]) -> Damaged | None:
        """Return the machine's whole state as it is now, with such damage; None where there is nothing
        to be damaged like that. Raises TargetError for damage of another sort."""
        return _damaged(self._machine.save_whole(), how)

    def _waiting(self) -> Machine:
        """Return a machine that waits for a whole state."""
        machine = self._machines.take(incoming=True)
        machine.process.put_forward(self._time)
        return machine

    def _end_sacrifice(self) -> None:
        if self._sacrifice is not None:
            self._sacrifice.close()
            self._sacrifice = None

    def offer(self, snapshot: Snapshot) -> list[object]:
        return self.load(snapshot)

    def examine(self) -> bytes:
        self._as_reset()
        self._machine.process.run((NOTHING,))  # what an operation ended, ends here
        try:
            devices = self._examined = self._machine.save()
        except QemuDied as error:
            raise DiedOfSavingError(f"QemuDied: {error}") from error
        return self._digest(devices, self._left_out())

    def _cut(self, devices: bytes, hidden: Collection[str]) -> bytes:
        return self._view.masked(devices, hidden, self._parsed)

    def _parsed(self, devices: bytes) -> Stream:
        return self._machine.parse(devices) or self._machine.named()[1]

    def _digest(self, devices: bytes, hidden: Collection[str]) -> bytes:
        """What was digested last mostly comes again, and to compare costs a tenth."""
        data = self._cut(devices, hidden)
        if data != self._digested[0]:
            self._digested = data, hashlib.blake2b(data, digest_size=16).digest()
        return self._digested[1]

    def _left_out(self) -> Collection[str]:
        return {*self.repairs, *self._excluded, *self._assigned}

    def state(self) -> tuple[object, ...]:
        return ()

    def attributes(self) -> dict[str, object]:
        self._as_reset()
        return self._known(self._view.attributes(self._machine.named()[1]))

    def _known(self, attributes: dict[str, object]) -> dict[str, object]:
        if not self._assigned:
            return attributes
        return {path: value for path, value in attributes.items() if without_indexes(path) not in self._assigned}

    def value(self, attribute: str) -> object:
        return self.attributes().get(attribute)

    def derived(self) -> dict[str, object]:
        return {}

    def pristine(self) -> bytes:
        return self._digest(self.birth.devices, self._left_out())

    def fresh(self, pristine: bytes) -> bool:
        if self._time and not self._machine.keeps_time:
            return True  # what a reset arms cannot be compared
        self._as_reset()
        hidden = {*self._left_out(), *self.uncleared}
        return self._cut(self._machine.save(), hidden) == self._cut(self.birth.devices, hidden)

    def pristine_attributes(self) -> dict[str, object]:
        return self._known(self.birth.attributes)

    def assign(self, values: Mapping[str, object]) -> None:
        """Leave these fields out of `examine` and `attributes` from now on: QEMU's state is only
        reached by a load, which is what is under test."""
        self._assigned.update(map(without_indexes, values))

    def broken(self) -> str | None:
        if not self.birth.doubled:
            return None
        return f"{self.birth.doubled[0]} has a name and instance of its own in the stream"

    def field(self, attribute: str) -> FieldInfo:
        unsaved = NOT_REPEATING if without_indexes(attribute) in self._excluded else None
        return FieldInfo(attribute, unsaved, None, 0)

    def saved_fields(self, snapshot: Snapshot, *, whole: bool = False) -> Sequence[SavedField]:
        devices = snapshot.board
        stream = self._machine.parse(devices) if isinstance(devices, bytes) else None
        if stream is None:
            return ()
        return [
            SavedField(field.path, field.kind, offset, field.size, field.value)
            for field, offset in self._view.placed(stream)
        ]

    def close(self) -> None:
        self._end_sacrifice()
        self._machines.give(self._machine)


def _damaged(whole: bytes, how: Sequence[str | int]) -> Damaged | None:
    name, number = how
    try:
        return damage(whole, read_stream(io.BytesIO(whole)), str(name), int(number))
    except ValueError as error:
        raise TargetError(f"{error}; was it found with another version?") from error
