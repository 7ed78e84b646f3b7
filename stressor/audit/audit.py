"""The audit of one target: a run with nothing lost, then one for each loss."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from stressor.audit.catalogue import Catalogue
from stressor.audit.edits import Edit, StreamEdit
from stressor.audit.equivalent import Equivalent, reason_for
from stressor.audit.hunt import Hunter, names
from stressor.audit.lossy import edited
from stressor.audit.mutant import Loss, Mutant
from stressor.audit.places import Places
from stressor.audit.sample import Sample
from stressor.errors import UnsuitableError
from stressor.loop.finding import Finding
from stressor.loop.target import TargetType
from stressor.search.seeds import generator
from stressor.targets.model import Model

__all__ = ["Audit", "Outcome", "audit", "canary"]

_CANARIES = 3
_EQUIVALENT = 0.1
"""Share of the cycles for what is declared equivalent: nothing is expected of it."""
_IN_STREAM = (Loss.AT_RESET, Loss.TRUNCATED, Loss.SWAPPED, Loss.ELEMENT)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one loss, after so many cycles.

    `finding` is the first that it led to; `named` says whether that names the field. Without a finding
    `reason` says why, as far as can be told. `equivalent` is the user's reason why it makes no difference.
    """

    mutant: Mutant
    finding: Finding | None
    named: bool
    cycles: int
    reason: str = ""
    equivalent: str = ""


@dataclass(frozen=True, slots=True)
class Audit:
    """The losses to come, and the findings that there are with nothing lost: those of the first run, to which others
    are added when a loss leads to one that the sound target has as well."""

    target: str
    specification: str
    findings: Sequence[Finding]
    mutants: tuple[Mutant, ...]


class _Lossy(Protocol):
    """A target that something can be lost of."""

    def mutants(self) -> Iterator[Mutant]: ...

    def lossy(self, mutant: Mutant) -> TargetType | None: ...

    def right_names(self, mutant: Mutant, lossy: TargetType) -> frozenset[str]: ...

    def moved(self, mutant: Mutant) -> bool: ...

    def edit(self, lossy: TargetType) -> Edit | None: ...


def audit(
    target_type: TargetType,
    hunter: Hunter,
    *,
    equivalents: Sequence[Equivalent] = (),
    losses: Collection[Loss] = tuple(Loss),
    chosen: Callable[[Mutant], bool] = lambda mutant: True,
) -> Iterator[Audit | Outcome]:
    """Yield the audit as it begins, and then the outcome of each loss that is `chosen`.

    Raises UnsuitableError for a target that nothing can be lost of.
    """
    catalogue, sound = _catalogue(target_type, hunter)
    mutants = [mutant for mutant in catalogue.mutants() if mutant.loss in losses and chosen(mutant)]
    yield Audit(target_type.name, target_type.specification, sound.findings, tuple(mutants))
    for mutant in mutants:
        if hunter.stop():
            return
        yield _outcome(catalogue, mutant, hunter, sound, reason_for(equivalents, target_type.name, mutant))


def canary(target_type: TargetType, hunter: Hunter) -> Outcome:
    """Lose one field that is known to move, chosen by the seed, and if need be another: a harness that notices
    none of them is broken.

    Raises UnsuitableError for a target that nothing can be lost of, or that nothing moves in.
    """
    catalogue, sound = _catalogue(target_type, hunter)
    moving = [mutant for mutant in catalogue.mutants() if mutant.loss is Loss.AT_RESET and catalogue.moved(mutant)]
    if not moving:
        raise UnsuitableError("nothing moves", f"{target_type.name}: no field ever left its reset value")
    chosen = generator(hunter.seed, target_type.name, "canary").sample(moving, min(_CANARIES, len(moving)))
    for mutant in chosen:  # what a field says may be said elsewhere as well, so one alone proves little
        outcome = _outcome(catalogue, mutant, hunter, sound, "")
        if outcome.finding is not None:
            break
    return outcome


@dataclass(frozen=True)
class _Sound:
    """The target with nothing lost, and the findings that it is known to have."""

    target_type: TargetType
    hunter: Hunter
    findings: list[Finding]

    def has(self, finding: Finding) -> bool:
        """Return whether it has what a loss led to; that is known from then on, and no answer to any loss."""
        anyway = self.hunter.repeats(self.target_type, finding, self.findings)
        if anyway:
            self.findings.append(finding)
        return anyway


def _catalogue(target_type: TargetType, hunter: Hunter) -> tuple[_Lossy, _Sound]:
    sample = Sample()
    if isinstance(target_type, Model):
        known = hunter.all(edited(target_type, sample, Places()))
        return Catalogue(target_type, sample, hunter.seed), _Sound(target_type, hunter, known)
    from stressor.audit.qemu import QemuCatalogue, is_qemu, sampled  # needs the extra "qemu"

    if not is_qemu(target_type):
        raise UnsuitableError("no audit", f"{target_type.name}: nothing can be lost of it on the way to a load")
    known = hunter.all(sampled(target_type, sample))
    return QemuCatalogue(target_type, sample, hunter.seed), _Sound(sampled(target_type, Sample()), hunter, known)


def _outcome(
    catalogue: _Lossy, mutant: Mutant, hunter: Hunter, sound: _Sound, equivalent: str
) -> Outcome:
    lossy = catalogue.lossy(mutant)
    assert lossy is not None  # or it would not be among the mutants
    if mutant.loss in _IN_STREAM and not catalogue.moved(mutant) and not mutant.other:
        # the same plans with the same bytes: there is no need to run them
        return Outcome(mutant, None, False, hunter.cycles, _NEVER_MOVED, equivalent)
    share = _EQUIVALENT if equivalent else 1
    hunt = hunter.first(lossy, sound.findings, share=share, passed_over=sound.has)
    if hunt.finding is not None:
        right = catalogue.right_names(mutant, lossy)
        return Outcome(mutant, hunt.finding, names(hunt.finding, right), hunt.cycles, "", equivalent)
    return Outcome(mutant, None, False, hunt.cycles, _why(catalogue, mutant, lossy), equivalent)


_NEVER_MOVED = "never left its reset value at a save point"


def _why(catalogue: _Lossy, mutant: Mutant, lossy: TargetType) -> str:
    """Return why nothing came of a loss."""
    edit = catalogue.edit(lossy)
    match mutant.loss:
        case Loss.NO_HOOK if not catalogue.right_names(mutant, lossy):
            return "changed nothing in any load"
        case Loss.SWAPPED if isinstance(edit, StreamEdit) and not edit.changed:
            return "always equal to the other"
    if not catalogue.moved(mutant) and mutant.loss is not Loss.NO_HOOK:
        return _NEVER_MOVED
    if isinstance(edit, StreamEdit):
        return f"made a difference to {edit.changed:,} loads, and nothing depends on it"
    return "nothing depends on it"
