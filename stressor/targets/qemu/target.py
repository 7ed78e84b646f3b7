"""A QEMU device as a target of the loop."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from stressor.errors import TargetError
from stressor.loop.target import NOT_REPEATING, FieldInfo, SavedField, Snapshot
from stressor.loop.trace import Argument, Cycle, Operation, ResetMode
from stressor.targets.qemu.driver import Driver, DriverType, Machinery
from stressor.targets.qemu.machine import Machine
from stressor.targets.qemu.pipeline import Pipeline
from stressor.targets.qemu.process import QemuDied, QemuHung
from stressor.targets.qemu.stock import Machines
from stressor.targets.qemu.traffic import Traffic
from stressor.targets.qemu.view import View
from stressor.vmstate.live import without_indexes

__all__ = ["Birth", "QemuTarget"]


class Birth:
    """What a new process is like before anything was done to it, taken once."""

    def __init__(self, machine: Machine, view: View) -> None:
        devices, stream = machine.named()
        self.frame = machine.frame
        self.stream = stream
        self.devices = devices
        self.shift = machine.shift
        self.digest = view.digest(devices)
        self.attributes = view.attributes(stream)


class QemuTarget:
    """One process, replaced by a new one in the reset mode `fresh`.

    The live state is what QEMU saves; what it does not save shows in what registers answer. A
    reset is the whole machine's. Memory stays as it is, but in `fresh`, where it travels; what a
    donor's operations did to `ram` is undone.
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
        self._saved: Snapshot | None = None
        self._examined: bytes | None = None
        """What was saved to examine it, until something else is done."""
        self.repairs: Collection[str] = ()
        self.hidden: Collection[str] = ()
        self.uncleared: Collection[str] = ()
        self._ram = ram
        self._machinery = Machinery(ram[len(ram) - len(ram) // 4 :])
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
        self._machine = machines.take()

    def execute(self, operations: Sequence[Operation]) -> list[object]:
        self._examined = None
        pipeline = self._machinery.pipeline = Pipeline(self._machine.process.run)
        try:
            for operation in operations:
                transaction = self._transactions.get(operation.name)
                if transaction is None:
                    pipeline.add(*self._traffic.commands(operation))
                else:
                    self._transact(pipeline, *transaction, operation.arguments)
            pipeline.flush()
        finally:
            self.commands += pipeline.sent
        return [*map(self._shown, pipeline.observations)]

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
        if self.hidden and isinstance(observation, tuple) and observation[1] in self.hidden:
            return (*observation[:2], None)
        return observation

    def stop(self) -> None:
        """Nothing to do: the machine never runs."""

    def resume(self) -> None:
        """Nothing to do either."""

    def save(self) -> Snapshot:
        devices = self._machine.save()
        self._saved = Snapshot(self._view.cut(devices), len(devices), devices)
        return self._saved

    def save_again(self) -> bytes:
        """To examine is to save, so right after it nothing is saved once more. Where only what is
        known to be lost differs from what was saved before, this gives that."""
        devices = self._examined or self._machine.save()
        hidden = {*self.repairs, *self._excluded}
        saved = self._saved
        if not hidden or saved is None or not isinstance(saved.board, bytes):
            return self._view.cut(devices)
        alike = self._digest_of(devices, hidden) == self._digest_of(saved.board, hidden)
        return saved.data if alike else self._view.cut(devices)

    def reset(self, cycle: Cycle, snapshot: Snapshot) -> None:
        self._examined = None
        if cycle.mode is ResetMode.FRESH:
            self._whole = self._machine.save_whole()
            self._machines.give(self._machine)
            self._machine = self._machines.take(incoming=True)
        elif cycle.mode is ResetMode.DONOR:
            self._drive_elsewhere(cycle.operations)
        else:
            self._machine.reset()

    def _drive_elsewhere(self, operations: Sequence[Operation]) -> None:
        memory = self._machine.save_memory(self._ram) if operations else b""
        known = [driver.keep() for driver in self._drivers]
        try:
            self.execute(operations)
        except (QemuDied, QemuHung):  # without any cycle: the gate's business, as in RUNS_ALONE
            self._machines.give(self._machine)
            self._machine = self._machines.take()
        for driver, kept in zip(self._drivers, known, strict=True):
            driver.put_back(kept)
        if operations:
            self._machine.put_back_memory(self._ram, memory)

    def load(self, snapshot: Snapshot) -> list[object]:
        self._examined = None
        whole, self._whole = self._whole, None
        if whole is not None:
            self._machine.load_whole(whole)
        else:
            board = snapshot.board
            self._machine.load(board if isinstance(board, bytes) else snapshot.data)
        return []

    def offer(self, snapshot: Snapshot) -> list[object]:
        return self.load(snapshot)

    def examine(self) -> bytes:
        devices = self._examined = self._machine.save()
        return self._digest_of(devices, {*self.repairs, *self._excluded})

    def _digest(self, hidden: Collection[str]) -> bytes:
        return self._digest_of(self._machine.save(), hidden)

    def _digest_of(self, devices: bytes, hidden: Collection[str]) -> bytes:
        if not hidden:
            return self._view.digest(devices)
        digest = self._view.digest_without(devices, hidden)
        if digest is not None:
            return digest
        stream = self._machine.parse(devices)
        if stream is None:
            devices, stream = self._machine.named()
        return self._view.learn(devices, stream, self._machine.shift, hidden)

    def _digest_at_birth(self, hidden: Collection[str]) -> bytes:
        birth = self.birth
        if not hidden:
            return birth.digest
        digest = self._view.digest_without(birth.devices, hidden)
        return digest or self._view.learn(birth.devices, birth.stream, birth.shift, hidden)

    def attributes(self) -> dict[str, object]:
        return self._view.attributes(self._machine.named()[1])

    def value(self, attribute: str) -> object:
        return self.attributes().get(attribute)

    def derived(self) -> dict[str, object]:
        return {}

    def pristine(self) -> bytes:
        return self._digest_at_birth({*self.repairs, *self._excluded})

    def fresh(self, pristine: bytes) -> bool:
        hidden = {*self.repairs, *self._excluded, *self.uncleared}
        return self._digest(hidden) == self._digest_at_birth(hidden)

    def pristine_attributes(self) -> dict[str, object]:
        return self.birth.attributes

    def assign(self, values: Mapping[str, object]) -> None:
        """Nothing: QEMU's state is only reached by a load, which is what is under test. What is
        known to be lost is left out of `examine` instead."""

    def broken(self) -> str | None:
        return None

    def field(self, attribute: str) -> FieldInfo:
        unsaved = NOT_REPEATING if without_indexes(attribute) in self._excluded else None
        return FieldInfo(attribute, unsaved, None, 0)

    def saved_fields(self, snapshot: Snapshot) -> Sequence[SavedField]:
        devices = snapshot.board
        stream = self._machine.parse(devices) if isinstance(devices, bytes) else None
        if stream is None:
            return ()
        found: list[SavedField] = []
        at = 0
        for section in self._view.sections(stream):
            shift = at - section.body if self._view.chooses else -self._machine.shift
            found += [
                SavedField(field.path, field.kind, field.offset + shift, field.size, field.value)
                for field in section.fields()
            ]
            at += len(section.data)
        return found

    def close(self) -> None:
        self._machines.give(self._machine)
