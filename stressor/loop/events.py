"""What the engine says while it runs: frozen events, and no word of who listens."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from stressor.loop.coverage import CoveredField
from stressor.loop.finding import Finding, Oracle
from stressor.loop.trace import ResetMode

__all__ = [
    "Event",
    "FindingFound",
    "Progress",
    "RegressionsReplayed",
    "RunFinished",
    "RunStarted",
    "Statistics",
    "TargetBroke",
    "TargetFinished",
    "TargetSkipped",
    "TargetStarted",
]


@dataclass(frozen=True, slots=True)
class Statistics:
    """What was done to one target, and what was not.

    `cycles` by reset mode, `operations` by kind (each kind there is, also those never drawn),
    `oracles` how often each spoke. `fields` counts the named fields; `exercised` those that
    differed from their reset value at some save point; `unexercised` names the others. `covered` says of each
    field what `save_points` save points saw of it. `notes` are
    what else there is to say, each under a word: of a running guest how it went on.
    """

    cycles: dict[str, int] = field(default_factory=dict)
    operations: dict[str, int] = field(default_factory=dict)
    oracles: dict[str, int] = field(default_factory=dict)
    fields: int = 0
    exercised: int = 0
    unexercised: tuple[str, ...] = ()
    covered: tuple[CoveredField, ...] = ()
    save_points: int = 0
    seconds: float = 0.0
    notes: tuple[tuple[str, str], ...] = ()

    @property
    def total_cycles(self) -> int:
        return sum(self.cycles.values())

    def covers(self, required: float | None) -> bool:
        """Return whether at least `required` percent of the fields were exercised; None is always met, and
        so is everything where no field is named."""
        return required is None or 100 * self.exercised >= required * self.fields

    @property
    def total_operations(self) -> int:
        return sum(self.operations.values())


@dataclass(frozen=True, slots=True)
class RunStarted:
    """First of all. `configuration` says where the settings came from; `required_coverage` is the percentage
    of its fields that each target has to have exercised, if any is asked for."""

    version: str
    seed: int
    targets: tuple[str, ...]
    oracles: tuple[Oracle, ...]
    reset_modes: tuple[ResetMode, ...]
    configuration: str
    required_coverage: float | None = None


@dataclass(frozen=True, slots=True)
class TargetStarted:
    """A campaign begins. `specification` is what the command line takes to reach it."""

    target: str
    specification: str


@dataclass(frozen=True, slots=True)
class Progress:
    """Now and then, a few times a second at most. `of` is 0 when time is the bound."""

    target: str
    cycles: int
    of: int
    operations: int
    findings: int
    seconds: float


@dataclass(frozen=True, slots=True)
class RegressionsReplayed:
    """The promoted findings of a target were replayed, before anything is drawn for it: by id those that
    are fixed, those that failed (each follows as a finding, once), and why others could not be replayed."""

    target: str
    fixed: tuple[str, ...]
    failed: tuple[str, ...]
    errors: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class FindingFound:
    """A new finding, shrunk."""

    finding: Finding


@dataclass(frozen=True, slots=True)
class TargetBroke:
    """The campaign cannot go on, for a reason that is not a finding; others still run. `trace` is the traceback of what
    was raised, as text."""

    target: str
    problem: str
    trace: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class TargetSkipped:
    """A target that cannot be stressed; `reason` in two or three words, `problem` in a sentence."""

    target: str
    reason: str
    problem: str


@dataclass(frozen=True, slots=True)
class TargetFinished:
    """A campaign ended; `interrupted` when Ctrl-C ended it early. `notes` say what of the target cannot
    be tested at all. `uncovered` says that fewer of its fields were exercised than are required."""

    target: str
    statistics: Statistics
    findings: int
    interrupted: bool = False
    notes: tuple[str, ...] = ()
    uncovered: bool = False


@dataclass(frozen=True, slots=True)
class RunFinished:
    """Last of all; by name the targets that are broken, skipped, `uncovered`, as in `TargetFinished`, or `unchecked`: none
    of the oracles that were asked for had anything to look at there. `checked` says that one had, in some target."""

    cycles: int
    operations: int
    findings: tuple[str, ...]
    broken: tuple[str, ...]
    seconds: float
    interrupted: bool = False
    skipped: tuple[str, ...] = ()
    uncovered: tuple[str, ...] = ()
    unchecked: tuple[str, ...] = ()
    checked: bool = True


Event: TypeAlias = (
    RunStarted
    | TargetStarted
    | RegressionsReplayed
    | Progress
    | FindingFound
    | TargetBroke
    | TargetSkipped
    | TargetFinished
    | RunFinished
)
