"""A QEMU device as a target of the loop."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from stressor.loop.target import NOT_REPEATING, FieldInfo, SavedField, Snapshot
from stressor.loop.trace import Cycle, Operation, ResetMode
from stressor.targets.qemu.machine import Machine
from stressor.targets.qemu.pool import Pool
from stressor.targets.qemu.process import QemuDied, QemuHung
from stressor.targets.qemu.traffic import Answer, Traffic
from stressor.targets.qemu.view import View
from stressor.vmstate.live import without_indexes

__all__ = ["Birth", "QemuTarget"]


class Birth:
    """What a new process is like before anything was done to it, taken once."""

    def __init__(self, machine: Machine, view: View) -> None:
        devices, stream = machine.named()
        self.frame = machine.frame
        self.stream = stream
        self.digest = view.digest(devices)
        self.attributes = view.attributes(stream)


class QemuTarget:
    """One process, replaced by a new one in the reset mode `fresh`.

    The live state is what QEMU saves; what it does not save shows in what registers answer. A
    reset is the whole machine's. Memory stays as it is, but in `fresh`, where it travels.
    """

    def __init__(
        self,
        pool: Pool,
        setup: Sequence[str],
        traffic: Traffic,
        view: View,
        birth: Birth | None,
        excluded: Collection[str] = (),
    ) -> None:
        self._excluded = frozenset(excluded)
        self._pool = pool
        self._traffic = traffic
        self._view = view
        self._whole: bytes | None = None
        self.repairs: Collection[str] = ()
        self.hidden: Collection[str] = ()
        self.uncleared: Collection[str] = ()
        process = pool.take()
        try:
            self._machine = Machine(process, birth.frame if birth else None)
            self.birth = birth or Birth(self._machine, view)
            process.run(setup)
        except BaseException:
            process.close()
            raise

    def execute(self, operations: Sequence[Operation]) -> list[object]:
        commands: list[str] = []
        parts: list[tuple[int, Answer]] = []
        for operation in operations:
            lines, answer = self._traffic.commands(operation)
            commands += lines
            parts.append((len(lines), answer))
        answers = self._machine.process.run(commands)
        observations: list[object] = []
        at = 0
        for count, answer in parts:
            observations += map(self._shown, answer(answers[at : at + count]))
            at += count
        return observations

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
        return Snapshot(self._view.cut(devices), len(devices), devices)

    def save_again(self) -> bytes:
        return self._view.cut(self._machine.save())

    def reset(self, cycle: Cycle, snapshot: Snapshot) -> None:
        if cycle.mode is ResetMode.FRESH:
            self._whole = self._machine.save_whole()
            self._machine.process.close()
            self._machine = Machine(self._pool.take(incoming=True), self.birth.frame)
        elif cycle.mode is ResetMode.DONOR:
            try:
                self.execute(cycle.operations)
            except (QemuDied, QemuHung):  # without any cycle: the gate's business, as in RUNS_ALONE
                self._machine.process.close()
                self._machine = Machine(self._pool.take(), self.birth.frame)
        else:
            self._machine.reset()

    def load(self, snapshot: Snapshot) -> list[object]:
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
        return self._digest({*self.repairs, *self._excluded})

    def _digest(self, hidden: Collection[str]) -> bytes:
        devices = self._machine.save()
        if not hidden:
            return self._view.digest(devices)
        stream = self._machine.parse(devices) or self._machine.named()[1]
        return self._view.digest_without(stream, hidden)

    def _digest_at_birth(self, hidden: Collection[str]) -> bytes:
        if not hidden:
            return self.birth.digest
        return self._view.digest_without(self.birth.stream, hidden)

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
            shift = at - section.body
            found += [
                SavedField(field.path, field.kind, field.offset + shift, field.size, field.value)
                for field in section.fields()
            ]
            at += len(section.data)
        return found

    def close(self) -> None:
        self._machine.process.close()
