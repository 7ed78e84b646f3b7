"""Where machines come from: new ones, or for tries such as were used before and put back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final, Protocol

from stressor.errors import StressorError
from stressor.targets.qemu.machine import Frame, Machine, SaveRefused
from stressor.targets.qemu.pool import Pool
from stressor.targets.qemu.process import QemuDied, QemuHung
from stressor.targets.qemu.storage import ROOM

__all__ = ["Machines", "NewMachines", "Stock"]

_KEPT: Final = 3
"""A try takes a subject, a twin, and a third one to load into."""

_ONES: Final = {"b": 0xFF, "w": 0xFFFF, "l": 0xFFFF_FFFF, "q": 0xFFFF_FFFF_FFFF_FFFF}

_HOPELESS: Final = 6
"""Machines in a row that could not be put back; from then on there are only new ones."""


class Machines(Protocol):
    """Gives machines away, and takes them back."""

    def take(self, *, incoming: bool = False) -> Machine:
        """Return a machine with its registers mapped. Raises TargetError when there is none to be had.

        With `incoming` it is one to load a whole state into, in which nothing is mapped.
        """

    def give(self, machine: Machine) -> None:
        """Take back a machine, in whatever state; never raises."""


class NewMachines:
    """A new process for each machine. `frame` is that of the first one, once it is known."""

    def __init__(self, pool: Pool, setup: Sequence[str]) -> None:
        self._pool: Final = pool
        self.setup: Final = setup
        self.frame: Frame | None = None

    def take(self, *, incoming: bool = False) -> Machine:
        process = self._pool.take(incoming=incoming)
        try:
            machine = Machine(process, self.frame)
            if not incoming:
                process.run(self.setup)
        except BaseException:
            process.close()
            raise
        return machine

    def give(self, machine: Machine) -> None:
        machine.process.close()


class Stock:
    """Machines that are reset and loaded with the state that they were born with, and used again.

    A machine is only kept when its registers, read by `probe`, then answer as those of a new one. What
    neither a reset, a load nor a write brings back, and no register shows, remains: so this is for
    tries whose result is confirmed on new machines. `digest` is that of what a machine saves. `close` ends
    what is kept.
    """

    def __init__(
        self, new: NewMachines, probe: Sequence[str], digest: Callable[[bytes], bytes]
    ) -> None:
        self._new: Final = new
        self._probe: Final = probe
        self._digest: Final = digest
        self._expected: list[str] | None = None
        self._repeats = self._portable = False
        self._kept: list[Machine] = []
        self._spoilt = 0

    def take(self, *, incoming: bool = False) -> Machine:
        if self._kept:
            return self._kept.pop()
        if self._spoilt >= _HOPELESS or (incoming and not self._portable):
            return self._new.take(incoming=incoming)
        machine = self._new.take()
        try:
            size = machine.remember()
            if self._expected is None:
                self._portable = size <= ROOM // 2
                self._learn(machine)
        except BaseException:
            self._new.give(machine)
            raise
        return machine

    def give(self, machine: Machine) -> None:
        if machine.remembers and machine.keeps_time and self._spoilt < _HOPELESS:
            try:
                kept = len(self._kept) < _KEPT and self._put_back(machine)
            except (QemuDied, QemuHung, SaveRefused, StressorError):
                kept = False
            self._spoilt = 0 if kept else self._spoilt + 1
            if kept:
                self._kept.append(machine)
                return
        self._new.give(machine)

    def close(self) -> None:
        """End the machines that are kept; later ones are not."""
        self._spoilt = _HOPELESS
        while self._kept:
            self._new.give(self._kept.pop())

    def _learn(self, machine: Machine) -> None:
        """Find out what registers show at birth, and whether looking at them changes something."""
        self._expected = machine.process.run(self._probe)
        before = self._digest(machine.save())
        again = machine.process.run(self._probe)
        self._repeats = again == self._expected and self._digest(machine.save()) == before
        self._rewind(machine)

    def _put_back(self, machine: Machine) -> bool:
        """Return whether a machine is as it was born, as far as can be seen."""
        self._rewind(machine)
        answers = machine.process.run(self._probe)
        for flip in (0, -1):  # some registers answer with the inverse
            if answers != self._expected:
                machine.process.run([*self._writes(answers, flip)])
                machine.save()  # takes long enough for what a write starts in the background
                answers = machine.process.run(self._probe)
        if not self._repeats:
            self._rewind(machine)
        return answers == self._expected

    def _rewind(self, machine: Machine) -> None:
        machine.rewind()
        machine.process.resume()
        machine.process.run(self._new.setup)

    def _writes(self, answers: Sequence[str], flip: int) -> Iterator[str]:
        """Yield what may bring back the registers that differ."""
        for command, answer, expected in zip(self._probe, answers, self._expected or (), strict=True):
            if answer != expected:
                name, address = command.split()
                write = name.replace("read", "write").replace("in", "out")
                value = (int(expected, 16) ^ flip) & _ONES[name[-1]]
                yield f"{write} {address} {value:#x}"
