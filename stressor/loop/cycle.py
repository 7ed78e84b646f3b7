"""The hot loop: run a schedule of cycles against a recorded reference.

The uninterrupted twin runs once and is recorded; several schedules (other reset modes) are held
against that one recording. Comparing is comparing bytes; who differs and why is found out by
`stressor.loop.investigate`, only after something did.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from stressor.errors import StateError, StreamError, TargetError
from stressor.loop.coverage import FieldCoverage
from stressor.loop.finding import Cause, Divergence, Oracle
from stressor.loop.plain import said
from stressor.loop.target import DiedOfDamageError, Lockstep, Snapshot, Target, TargetType
from stressor.loop.trace import Cycle, Operation, ResetMode, Step, Trace
from stressor.loop.watchdog import RAISED, Watchdog
from stressor.vmstate.damage import damaged
from stressor.vmstate.values import without_indexes

__all__ = ["Checks", "Recording", "damaged_snapshot", "record", "run_lockstep", "run_schedule", "trace_of"]

_IN_PLACE = ResetMode.IN_PLACE  # looking it up in its class costs as much as a call
Batches = Sequence[Sequence[Operation]]


@dataclass
class Recording:
    """What the twin did: per batch what came out, and the digest of its state after it."""

    observations: list[list[object]] = field(default_factory=list)
    digests: list[bytes] = field(default_factory=list)


class Checks:
    """Which oracles are on, as plain attributes for the hot loop."""

    def __init__(self, oracles: Collection[Oracle], reset_modes: Sequence[ResetMode] = tuple(ResetMode)) -> None:
        self.restores = Oracle.LOAD_RESTORES in oracles
        self.alike = Oracle.RESUMES_ALIKE in oracles
        self.pure = Oracle.SAVE_IS_PURE in oracles
        self.silent = Oracle.LOAD_IS_SILENT in oracles
        self.fresh = Oracle.RESET_IS_FRESH in oracles
        self.invariants = Oracle.INVARIANTS_HOLD in oracles
        self.damage = Oracle.REFUSES_DAMAGE in oracles
        self.oracles = frozenset(oracles) | {Oracle.RUNS_ALONE}
        self.looking_in: ResetMode | None = next(iter(reset_modes), None)
        """The reset mode whose cycles look at the device before it is reset: the same save points come
        by in every mode, so once is enough."""
        self.tolerated: set[str] = set()
        """Outputs that a load is known to give: a finding already, and no reason to stop there."""
        self.hidden: set[str] = set()
        """Outputs that are known to part after a cycle, see `Target.hidden`."""
        self.raised: list[str] = []
        """What devices raised, in words: it may not come back when the same is run again."""

    def note(self, raised: BaseException) -> None:
        """Remember what a device raised; a refusal can be had again, and for damage there was a second look."""
        if not isinstance(raised, (StreamError, StateError, DiedOfDamageError)):
            self.raised.append(said(raised))

    def pass_over(self, divergence: Divergence, target_type: TargetType) -> TargetType:
        """See to it that a divergence which is known hides no others; return the target without what does not repeat."""
        name = without_indexes(divergence.first.path).removeprefix(target_type.prefix)
        if divergence.oracle is Oracle.LOAD_IS_SILENT:
            self.tolerated.add(name)
        if divergence.oracle is Oracle.RESUMES_ALIKE:
            self.hidden.add(name)
        if divergence.oracle is Oracle.INVARIANTS_HOLD and not target_type.walks:
            self.invariants = False  # it is one about the whole stream, and there to stay
        if divergence.cause is not Cause.NONDETERMINISTIC:
            return target_type
        self.hidden.add(name)
        return target_type.excluding({without_indexes(divergence.attribute) or name})


def record(
    twin: Target, batches: Batches, watchdog: Watchdog, recording: Recording, *, unseen: bool = False
) -> None:
    """Run `batches` uninterrupted and write down what happens. What the device raises passes through.

    A twin that is `unseen` is examined at the end alone, as that may be to save it; the other digests
    are empty.
    """
    last = len(batches) - 1
    watchdog.inside = True
    try:
        for index, batch in enumerate(batches):
            watchdog.beats += 1
            recording.observations.append(twin.execute(batch))
            recording.digests.append(b"" if unseen and index < last else twin.examine())
    finally:
        watchdog.inside = False


def output_name(event: object) -> str:
    """Return what an output is called: a line's name, "sent", or "memory"."""
    match event:
        case ("line", str(name), _):
            return name
        case (str(kind), *_):
            return kind
    return ""


def trace_of(batches: Batches, cycles: Sequence[Cycle], batch: int, cycle: int) -> Trace:
    """Return the first `batch` batches with the first `cycle` cycles behind them as a trace."""
    steps: list[Step] = []
    for index in range(batch):
        steps.extend(batches[index])
        if index < cycle:
            steps.append(cycles[index])
    return tuple(steps)


def damaged_snapshot(snapshot: Snapshot, cycle: Cycle) -> tuple[Snapshot, bool]:
    """Return the snapshot damaged as `cycle.damage` says, and whether it must be refused."""
    kind, where = cycle.damage
    data, refused = damaged(str(kind), int(where), snapshot.data)
    return snapshot._replace(data=data), refused and data != snapshot.data


def run_schedule(
    target: Target,
    recording: Recording,
    batches: Batches,
    cycles: Sequence[Cycle],
    checks: Checks,
    watchdog: Watchdog,
    pristine: bytes,
    coverage: FieldCoverage | None = None,
) -> tuple[int, int] | None:
    """Run every batch, and `cycles[i]` after batch i. None when nothing parted from the recording.

    Otherwise how many batches and how many cycles had begun when something did: material for
    `trace_of`. What the device raises counts as parting, all but TargetError. `pristine` is the digest of a new device.
    """
    done = begun = 0
    watchdog.inside = True
    try:
        for batch, cycle in zip(batches, cycles, strict=False):
            watchdog.beats += 1
            index = done
            done += 1
            if target.execute(batch) != recording.observations[index] and checks.alike:
                return done, begun
            digest = recording.digests[index] or target.examine()
            begun += 1
            if not _cycle(target, cycle, digest, checks, pristine, coverage):
                return done, begun
        for index in range(done, len(batches)):
            watchdog.beats += 1
            done += 1
            if target.execute(batches[index]) != recording.observations[index] and checks.alike:
                return done, begun
        expected = recording.digests[done - 1]
        if checks.alike and expected and target.examine() != expected:
            return done, begun
    except TargetError:
        raise
    except RAISED as raised:  # whatever a device does is a reason to look closer, not to stop
        checks.note(raised)
        return done, begun
    finally:
        watchdog.inside = False
    return None


def _cycle(
    target: Target,
    cycle: Cycle,
    digest: bytes,
    checks: Checks,
    pristine: bytes,
    coverage: FieldCoverage | None,
) -> bool:
    """Run one cycle; return whether everything held."""
    mode = cycle.mode
    target.stop()
    look = mode is checks.looking_in
    if look and checks.invariants and target.broken() is not None:
        return False
    snapshot = target.save()
    if coverage is not None:
        coverage.add(snapshot)
    if look and checks.pure:
        if target.examine() != digest:
            return False
        # with load-restores on, a save that never repeats is seen when it is repeated after the load
        if not checks.restores and target.save_again() != snapshot.data:
            return False
    if not _between(target, cycle, snapshot, checks, pristine):
        return False
    emitted = target.load(snapshot)
    if emitted and checks.silent and not checks.tolerated.issuperset(map(output_name, emitted)):
        return False
    if checks.restores and (target.examine() != digest or target.save_again() != snapshot.data):
        return False
    target.resume()  # that no invariant is broken now, load itself has seen to
    return True


def _between(target: Target, cycle: Cycle, snapshot: Snapshot, checks: Checks, pristine: bytes) -> bool:
    """Do what stands between save and load; return whether everything held."""
    offered = cycle.damage and checks.damage and not target.sacrifice(snapshot, cycle.damage)
    target.reset(cycle, snapshot)
    if cycle.mode is _IN_PLACE:
        if checks.fresh and not target.fresh(pristine):
            return False
        if checks.invariants and target.broken() is not None:
            return False
    if offered:
        broken, must_refuse = damaged_snapshot(snapshot, cycle)
        before = target.examine()
        try:
            target.offer(broken)
        except StreamError:
            if target.examine() != before:
                return False
        else:
            if must_refuse:
                return False
        target.reset(cycle, snapshot)
    return True


def run_lockstep(
    lockstep: Lockstep,
    batches: Batches,
    schedules: Sequence[Sequence[Cycle]],
    checks: Checks,
    watchdog: Watchdog,
    pristine: bytes,
) -> list[Snapshot] | None:
    """Run what `record` and `run_schedule` run, all schedules side by side and with all oracles on.

    Returns what was saved, once for each save point; None when anything parted. What that is, is told
    by running one after the other. `checks` has nothing that is tolerated. Raises Hung.
    """
    saved: list[Snapshot] = []
    subjects, twin, looking_in = lockstep.subjects, lockstep.twin, checks.looking_in
    watchdog.inside = True
    try:
        for batch, *cycles in zip(batches, *schedules, strict=False):
            watchdog.beats += 1
            if not lockstep.execute(batch):
                return None
            watchdog.beats += 1
            digest = twin.examine()
            looking = [subject for subject, cycle in zip(subjects, cycles, strict=True) if cycle.mode is looking_in]
            for subject in looking:
                if subject.broken() is not None:
                    return None
            snapshot = lockstep.save()
            if snapshot is None:
                return None
            saved.append(snapshot)
            for subject in looking:
                if subject.examine() != digest:
                    return None
            for subject, cycle in zip(subjects, cycles, strict=True):
                if cycle.mode is not _IN_PLACE and not cycle.damage:
                    subject.reset(cycle, snapshot)
                elif not _between(subject, cycle, snapshot, checks, pristine):
                    return None
            if not (lockstep.load(snapshot) and lockstep.are(digest) and lockstep.saves(snapshot.data)):
                return None
        watchdog.beats += 1
        if not (lockstep.execute(batches[-1]) and lockstep.are(twin.examine())):
            return None
    except TargetError:
        raise
    except (Exception, SystemExit):
        return None
    finally:
        watchdog.inside = False
    return saved
