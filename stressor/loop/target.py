"""The one interface between the engine and whatever is under test."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence
from typing import NamedTuple, Protocol

from stressor.loop.finding import FieldChange, Value
from stressor.loop.operations import OperationType
from stressor.loop.trace import Cycle, Operation, ResetMode

__all__ = [
    "FILLED",
    "NOT_REPEATING",
    "DiedOfDamageError",
    "DiedOfSavingError",
    "FieldInfo",
    "Lockstep",
    "SavedField",
    "Snapshot",
    "StillbornError",
    "Target",
    "TargetType",
]


NOT_REPEATING = "does not repeat from run to run"
FILLED = "filled by pre_save, for what is saved"


class DiedOfSavingError(Exception):
    """A device had to be saved to be looked at, and did not survive that; the message says how.

    Raised by `Target.examine`, and a finding of the next save.
    """


class DiedOfDamageError(Exception):
    """A device that damaged state was given to did not survive that; the message says when and how.

    `change` is what had been damaged, `hung` whether it is there and does not answer. Raised by
    `Target.sacrifice`, and by what is done to that device later.
    """

    def __init__(self, change: FieldChange, said: str, *, hung: bool = False) -> None:
        self.change = change
        self.hung = hung
        super().__init__(said)


class StillbornError(Exception):
    """A new device cannot even be saved, before anything was done to it; its cause is what it raised.

    Raised by `TargetType.open`, and a finding as such.
    """


class Snapshot(NamedTuple):
    """Saved bytes, and what the target needs to load them again.

    Equal `layout`s mean that the same field lies at the same offset. `board` is what the board
    around the device keeps (the time, levels of lines): opaque to everyone but the target.
    """

    data: bytes
    layout: Hashable
    board: object


class SavedField(NamedTuple):
    """One named piece of the saved bytes, `size` bytes at `offset`."""

    path: str
    kind: str
    offset: int
    size: int
    value: Value


class FieldInfo(NamedTuple):
    """What is declared of a live attribute: `path` is the field that carries it, None when none does.

    `unsaved` is the reason why it deliberately does not travel, `declared` is `file:line`. `output`
    says that it is no state of the device but what it drives, such as a line's level. `name` is what reports
    call it where that is neither its field nor the attribute itself. What is `converted` is saved as accessors give it,
    which says nothing of the attribute.
    """

    path: str | None
    unsaved: str | None
    declared: str | None
    width: int
    output: bool = False
    name: str = ""
    converted: bool = False

    def called(self, attribute: str) -> str:
        """Return what reports call the live attribute that this is about."""
        return self.name or (attribute if self.path is None else self.path)


class Target(Protocol):
    """A device that can be driven, saved, reset and loaded; the engine knows nothing else.

    Whatever the device itself raises passes through unchanged. Paths of live attributes have no
    section in front; `field` says what they are called in reports.
    """

    repairs: Collection[str]
    """Live attributes (indexes dropped) that known findings lose: the target puts them back by
    itself after save and load, so that other bugs show."""
    hidden: Collection[str]
    """Outputs that known findings are about: a target that cannot put state back answers None for
    them, so that other bugs show."""
    uncleared: Collection[str]
    """The same for what a reset is known to leave: put back after a reset in place."""

    def execute(self, operations: Sequence[Operation]) -> list[object]:
        """Run operations; return what they answered and what came out, in order."""

    def stop(self) -> None:
        """Bring the device to a point at which it may be saved."""

    def save(self) -> Snapshot:
        """Save the device's state, and nothing else."""

    def save_again(self) -> bytes:
        """Save once more; return the bytes alone. Does not repair anything."""

    def reset(self, cycle: Cycle, snapshot: Snapshot) -> None:
        """Do what stands between save and load in `cycle.mode`."""

    def load(self, snapshot: Snapshot) -> list[object]:
        """Load a snapshot; return what came out meanwhile (it should be nothing).

        Raises StreamError when the bytes are refused.
        """

    def sacrifice(self, snapshot: Snapshot, damage: Sequence[str | int]) -> bool:
        """Have the state that was just saved loaded with this damage by another device, to which, when
        it accepts, everything is done that is executed up to the next save; then it is thrown away.

        Returns False, and does nothing, where damaged bytes are to be offered to the device itself.
        Raises DiedOfDamageError.
        """

    def offer(self, snapshot: Snapshot) -> list[object]:
        """Load damaged bytes, as `load` does, but what refuses them leaves the board alone as well."""

    def resume(self) -> None:
        """Let the device go on."""

    def examine(self) -> bytes:
        """Return a digest of the whole live state, without trusting the save code.

        Equal digests mean equal states; attributes declared unsaved are left out. Raises
        DiedOfSavingError where it cannot be done without a save.
        """

    def state(self) -> tuple[object, ...]:
        """Return the values of the whole live state, in one order as long as there are as many. They are not
        copied: look at them before the device goes on. Fast; empty where it takes a save to see them."""

    def attributes(self) -> Mapping[str, object]:
        """Return every live attribute by path, also those declared unsaved; slow."""

    def value(self, attribute: str) -> object:
        """Return one live attribute, as `attributes` does; None when there is no such. Fast."""

    def derived(self) -> dict[str, object]:
        """Return the live attributes that are declared unsaved; fast when there are few."""

    def pristine(self) -> bytes:
        """Return what `examine` gives for a new device at this moment."""

    def fresh(self, pristine: bytes) -> bool:
        """Return whether the device, just reset, is as a new one; `pristine` is what `examine` gave
        for one at the beginning. What is `uncleared` does not count."""

    def pristine_attributes(self) -> Mapping[str, object]:
        """Return what `attributes` gives for a new device at this moment."""

    def assign(self, values: Mapping[str, object]) -> None:
        """Give the live attributes under the keys of `values` (indexes dropped) their values from
        `values`, which is an earlier result of `attributes`."""

    def broken(self) -> str | None:
        """Return the text of the first invariant that does not hold."""

    def field(self, attribute: str) -> FieldInfo:
        """Return what is declared of a live attribute (with or without indexes)."""

    def saved_fields(self, snapshot: Snapshot, *, whole: bool = False) -> Sequence[SavedField]:
        """Name every byte of a snapshot; empty when the target cannot. Paths carry the section. With `whole`
        a buffer may be one piece, of the kind `whole buffer`, called as its first byte: naming each takes long."""

    def close(self) -> None:
        """Let go of everything that the target started."""


class Lockstep(Protocol):
    """A twin, and several subjects that are given the same operations side by side, each with cycles of
    its own: what is common to them is done once. What a device raises passes through.

    It is for devices that do as their twin: a False tells that some do not, and no more.
    """

    @property
    def twin(self) -> Target:
        """The device that is never interrupted."""

    @property
    def subjects(self) -> Sequence[Target]:
        """The others, one by one."""

    def execute(self, operations: Sequence[Operation]) -> bool:
        """Run operations on the twin and all subjects; return whether all answered alike, and the same came
        out of each."""

    def save(self) -> Snapshot | None:
        """Save the subjects; None when they do not all save the same."""

    def load(self, snapshot: Snapshot) -> bool:
        """Load what `save` returned into the subjects; return whether nothing came out meanwhile."""

    def saves(self, data: bytes) -> bool:
        """Save the subjects once more; return whether it is this each time."""

    def are(self, digest: bytes) -> bool:
        """Return whether this is what `Target.examine` gives for each subject."""


class TargetType(Protocol):
    """What can be opened, again and again, to get a pristine `Target`."""

    @property
    def name(self) -> str:
        """Stable and unique in a run: seeds and fingerprints derive from it."""

    @property
    def specification(self) -> str:
        """What the command line takes to reach it."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What a report has to say once of what cannot be tested of it; empty for most."""

    @property
    def prefix(self) -> str:
        """The section and instance in front of every field path, such as `serial/0.`."""

    @property
    def operations(self) -> tuple[OperationType, ...]:
        """Every kind of operation that it takes."""

    @property
    def opening(self) -> tuple[Operation, ...]:
        """What to ask of the device right after every cycle, when its saved state is not all that can
        be seen of it; empty for most."""

    @property
    def reset_modes(self) -> tuple[ResetMode, ...]:
        """The reset modes that it can do."""

    @property
    def walks(self) -> bool:
        """Whether `examine` looks at the device itself, and not at what it saves of itself."""

    @property
    def fields(self) -> tuple[str, ...]:
        """Every field there is to exercise, without section and indexes."""

    @property
    def invariants(self) -> bool:
        """Whether there is any invariant to hold."""

    @property
    def damages(self) -> tuple[str, ...]:
        """The kinds of damage that its saved bytes can be given, see `stressor.vmstate.damage`."""

    def parts(self, operation: Operation) -> Sequence[Operation]:
        """Return what an operation consists of, each enough to show what it shows; empty for most."""

    def excluding(self, attributes: Collection[str]) -> TargetType:
        """Return the same with live attributes (indexes dropped) that are left out of everything,
        because they do not repeat; their `unsaved` reason is `NOT_REPEATING`."""

    def reusing(self) -> TargetType | None:
        """Return the same, with devices that are put back and opened again: faster, and only good for
        tries, as something may remain in them. Its `close` lets go of these. None where a new device
        costs next to nothing."""

    def open(self) -> Target:
        """Return a new device, just reset. Raises TargetError when there is none to be had, and
        StillbornError."""

    def lockstep(self, count: int) -> Lockstep | None:
        """Return a twin and so many subjects, all of them new devices, to be driven side by side; None where
        each is better driven alone."""

    def close(self) -> None:
        """Let go of what was started ahead for targets that were not opened any more."""
