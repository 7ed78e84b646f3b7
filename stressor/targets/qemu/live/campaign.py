"""The loop on a running guest: one cycle every period, and what is to be said of it.

Nothing is drawn: what the guest does when it is stopped is up to it, so a run does not repeat.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Generator, Iterator
from time import monotonic
from typing import Final, TypeAlias, TypeVar

from stressor.errors import StreamError, TargetError
from stressor.loop.events import Statistics
from stressor.loop.finding import Divergence, Finding, Oracle
from stressor.loop.trace import ResetMode
from stressor.targets.qemu.live.differences import Differences
from stressor.targets.qemu.live.guest import Guest
from stressor.targets.qemu.live.judge import broke, by_itself, changed, lost, trace_of
from stressor.targets.qemu.live.machine import LiveMachine
from stressor.targets.qemu.live.specification import OPERATIONS, LiveSpecification
from stressor.targets.qemu.live.tally import Tally
from stressor.targets.qemu.process import QemuDied, QemuHung

__all__ = ["LiveCampaign"]

_LOST: Final = 3
"""After so many guests that did not survive, the run ends."""

_BOOT: Final = 120.0
"""How many seconds a guest may take until it shows its first heartbeat."""

_CONTROL: Final = 60.0
"""At most so many seconds a second guest runs without cycles, to see whether it ends by itself."""

_SLICE: Final = 0.2
_SAMPLED: Final = 10


T = TypeVar("T")
Steps: TypeAlias = Generator[Finding | None, None, T]
"""Yields findings, and None whenever the run may be ended; returns what it comes to."""


class LiveCampaign:
    """Cycles on one guest; a new one is booted when it is lost. Whoever makes one closes it.

    A finding is yielded once for each fingerprint; how often it came is in `statistics`.
    """

    def __init__(
        self,
        specification: LiveSpecification,
        *,
        seed: int,
        oracles: Collection[Oracle],
        machine: type[LiveMachine] = LiveMachine,
    ) -> None:
        self._specification: Final = specification
        self._seed: Final = seed
        self._oracles: Final = frozenset(oracles)
        self._machine: Final = machine
        self._bound = 0
        self._begun = monotonic()
        self._guests: list[Guest] = []
        self._differences: Differences | None = None
        self._tally: Final = Tally()
        self._seen: Counter[str] = Counter()
        self.cycles = 0

    @property
    def operations(self) -> int:
        """How often the guest was let run."""
        return self._tally.runs

    def run(self, cycles: int | None) -> Iterator[Finding | None]:
        """Do so many cycles, or go on for ever; yield each new finding, and None now and then.

        Raises UsageError and TargetError for a guest that cannot be watched, or saved.
        """
        self._bound = cycles or 0
        while self._tally.lost < _LOST and (cycles is None or self.cycles < cycles):
            guest = yield from self._booted()
            born = monotonic()
            found: Divergence | None = None
            while found is None and (cycles is None or self.cycles < cycles):
                found = yield from self._round(guest)
            if found is None:
                found = yield from self._epilogue(guest)
            lived = monotonic() - born
            self.close()
            if found is not None:
                self._tally.lost += 1
                alone = yield from self._alone(found, lived)
                yield from self._told(by_itself(found) if alone else found)

    def close(self) -> None:
        """End the guest; may be called at any time, and again."""
        while self._guests:
            self._guests.pop().close()

    @property
    def statistics(self) -> Statistics:
        """What was done so far."""
        spoke = {Oracle.LOAD_RESTORES, Oracle.SAVE_IS_PURE, Oracle.RESUMES_ALIKE, Oracle.RUNS_ALONE}
        checked = [oracle for oracle in Oracle if oracle in self._oracles and oracle in spoke]
        fields = self._tally.covered
        return Statistics(
            cycles={ResetMode.IN_PLACE.value: self.cycles},
            operations={OPERATIONS[0].label: self.operations},
            oracles={oracle.value: self.cycles for oracle in checked},
            fields=len(fields),
            exercised=sum(field.points > 0 for field in fields),
            unexercised=tuple(field.path for field in fields if not field.points),
            covered=fields,
            save_points=self._tally.points,
            seconds=monotonic() - self._begun,
            notes=self._notes(),
        )

    def _notes(self) -> tuple[tuple[str, str], ...]:
        found = self._differences
        notes = [*self._tally.notes(self._specification.period)]
        if found is not None:
            left = f"; left out: {', '.join(found.left_out)}" if found.left_out else ""
            notes.append(("compared", f"{len(found.compared)} sections{left}"))
            notes += [
                ("may differ", f"{label} ({found.allowed[label]} times): {why}")
                for label, why in found.declared.items()
            ]
        notes += [("came again", f"{name}: {count} times in all") for name, count in self._seen.items() if count > 1]
        return tuple(notes)

    def _booted(self, *, counts: bool = True) -> Generator[None, None, Guest]:
        """Return a new guest, as soon as it shows its first heartbeat."""
        try:
            guest = Guest(self._specification, self._machine)
            self._guests.append(guest)
            if self._differences is None:
                self._differences = Differences(self._specification, guest.machine.sections)
                self._tally.begin(self._differences.values(guest.machine, guest.machine.save()))
            begun = monotonic()
            guest.resume()
            yield from self._watch(guest, _BOOT, beats=1)
            took = monotonic() - begun
            if counts:
                self._tally.booted(took, guest.console)
            guest.settle(took)
        except (QemuDied, QemuHung) as error:
            raise TargetError(f"the guest did not boot: {error}") from error
        return guest

    def _round(self, guest: Guest) -> Steps[Divergence | None]:
        """Run and cycle once; return why the guest is lost, None when it is not."""
        period = self._specification.period
        self._tally.runs += 1
        yield from self._watch(guest, period)
        if guest.trouble:
            return lost(guest.trouble, self.cycles)
        before = self.cycles
        try:
            exchange = guest.cycle()
            self.cycles += 1
            if guest.trouble:
                return lost(guest.trouble, self.cycles)
            found = [*changed(guest, exchange, self._compares, self._oracles, self._known)]
            self._tally.stood(guest.resume())
        except (StreamError, QemuDied, QemuHung) as error:
            self.cycles = before + (guest.doing != "run")
            return broke(guest.doing, error, self.cycles)
        if self.cycles % _SAMPLED == 1:
            self._tally.sample(self._compares.values(guest.machine, exchange.before))
        for divergence in found:
            yield from self._told(divergence)
        yield None
        return None

    def _epilogue(self, guest: Guest) -> Steps[Divergence | None]:
        """See that the guest goes on behind the last cycle; return why it is lost, or None."""
        yield from self._watch(guest, self._specification.period)
        beats = guest.console.heartbeats + 2  # the first of them may be from before the cycle
        yield from self._watch(guest, 2 * self._specification.silence + _SLICE, beats)
        try:
            guest.pause()
        except (QemuDied, QemuHung) as error:
            return broke(guest.doing, error, self.cycles)
        return lost(guest.trouble, self.cycles) if guest.trouble else None

    def _watch(self, guest: Guest, seconds: float, beats: int = 0) -> Iterator[None]:
        """Let the guest run, and yield meanwhile, so that whoever waits can stop it."""
        end = monotonic() + seconds
        while (left := end - monotonic()) > 0:
            guest.console.watch(min(left, _SLICE), beats=beats)
            console = guest.console
            if console.closed or guest.trouble or (beats and console.heartbeats >= beats):
                return
            if left > _SLICE:
                yield None

    @property
    def _compares(self) -> Differences:
        assert self._differences is not None
        return self._differences

    def _alone(self, found: Divergence, seconds: float) -> Generator[None, None, bool]:
        """Return whether a guest that goes through no cycle is lost as well, in as much time."""
        if found.oracle is not Oracle.RESUMES_ALIKE or self._known(found):
            return False
        if self._known(by_itself(found)):
            return True
        try:
            guest = yield from self._booted(counts=False)
            yield from self._watch(guest, min(seconds + self._specification.silence, _CONTROL))
            guest.pause()
            return guest.trouble is not None
        except (QemuDied, QemuHung):
            return True
        except TargetError:  # no word about what becomes of a guest that does not even boot
            return False
        finally:
            self.close()

    def _known(self, divergence: Divergence) -> bool:
        return self._seen[self._fingerprint(divergence)] > 0

    def _fingerprint(self, divergence: Divergence) -> str:
        return divergence.fingerprint(self._specification.name).id

    def _told(self, divergence: Divergence) -> Iterator[Finding]:
        """Yield the finding, the first time that it comes."""
        finding = Finding(
            self._specification.name, self._specification.text, self._seed, divergence,
            trace_of(divergence, self._specification.period), self.cycles, self._bound, monotonic() - self._begun,
        )  # fmt: skip
        self._seen[finding.id] += 1
        if self._seen[finding.id] == 1:
            yield finding
