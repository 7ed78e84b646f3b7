"""Run a trace with care and name what diverges.

This is what a trace means: the search, the shrinker and `stressor replay` all ask here. A subject
and a twin run side by side, one step at a time; at every cycle digests are compared, and where they
differ the live states are walked by name. What diverged is put right before the trace goes on, so
that one lost field does not hide another.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from stressor.errors import StateError, StreamError
from stressor.loop.careful import Careful, Stop
from stressor.loop.causes import causes
from stressor.loop.cycle import Checks, damaged_snapshot
from stressor.loop.finding import ABSENT, Cause, Divergence, FieldChange, Oracle
from stressor.loop.gate import between_cycles, run_alone
from stressor.loop.ledger import Attributes
from stressor.loop.plain import output, outputs, plain, section_of, text
from stressor.loop.saved import Saved
from stressor.loop.target import FILLED, Snapshot, StillbornError, Target, TargetType
from stressor.loop.trace import Cycle, Operation, ResetMode, Step
from stressor.loop.watchdog import RAISED, Hung, Watchdog
from stressor.vmstate.values import same, under, without_indexes

__all__ = ["investigate"]


def investigate(
    target_type: TargetType,
    trace: Sequence[Step],
    checks: Checks,
    watchdog: Watchdog,
    *,
    gate: bool = True,
    raises: bool = False,
) -> list[Divergence]:
    """Run `trace` and return every divergence, one for each fingerprint, in the order of appearance.

    With `gate` two twins run the operations alone first; when these part, raise or hang, that is
    the only divergence. `raises` says that they are known to. Returns an empty list when nothing
    diverged.
    """
    if gate:
        alone = run_alone(target_type, trace, checks, watchdog, raises=raises)
        if alone is not None:
            return [alone]
    found = _Investigation(target_type, trace, checks, watchdog).run()
    if not found and not target_type.walks:
        # to look at such a twin is to save it, which may change it as it changes the subject
        found = _Investigation(target_type, trace, checks, watchdog, unseen=True).run()
    return found


class _Investigation(Careful):
    def __init__(
        self,
        target_type: TargetType,
        trace: Sequence[Step],
        checks: Checks,
        watchdog: Watchdog,
        *,
        unseen: bool = False,
    ) -> None:
        super().__init__(target_type, checks, watchdog)
        self._trace = trace
        self._unseen = unseen
        """Whether nobody looks at the twin before the end."""
        self._suspects: list[Divergence] = []
        self._alike: list[Target] = []
        """What is put right: beside the subject a twin that can only leave out what is known."""

    def run(self) -> list[Divergence]:
        """Run the trace on a subject beside a twin that knows of no cycle."""
        try:
            subject, twin = self._type.open(), self._type.open()
        except StillbornError as error:
            return self._stillborn(error)
        self._alike = [subject] if self._type.walks else [subject, twin]
        subject.hidden = twin.hidden = self._checks.hidden
        try:
            # what stands before the first cycle is run in one go: it can be nobody's fault but the device's own
            lead = next(between_cycles(self._trace)) if self._type.walks else []
            for target in (twin, subject):
                self._alone(target, lead)
            for index, step in enumerate(self._trace[len(lead) :], len(lead)):
                self._ledger.step = index
                if isinstance(step, Cycle):
                    self._ledger.mode = step.mode
                    self._cycle(subject, twin, step)
                else:
                    self._operation(subject, twin, step)
            self._drifted(subject, twin)
        except Stop:
            pass
        finally:
            subject.close()
            twin.close()
        return list(self._ledger.found.values())

    def _stillborn(self, error: StillbornError) -> list[Divergence]:
        cause = Cause.HUNG if isinstance(error.__cause__, Hung) else Cause.CRASHED
        change = FieldChange(f"{self._type.prefix}save", "returns", str(error)[:200])
        detail = "a new device was saved, before anything was done to it"
        return [Divergence(Oracle.SAVE_IS_PURE, cause, change, 0, labels=("should", "did"), detail=detail)]

    def _operation(self, subject: Target, twin: Target, step: Operation) -> None:
        wanted = self._alone(twin, [step])
        answer = self._execute(subject, step, Oracle.RESUMES_ALIKE)
        if answer != wanted and self._checks.alike and self._ledger.mode is not None:
            cause = Cause.OUTPUT_ONLY if self._type.walks else Cause.NEVER_SAVED
            self._parted(subject, [self._ledger.output_change(step, wanted, answer)], cause)

    def _drifted(self, subject: Target, twin: Target) -> None:
        """Tell of state that parted since the last cycle, though every answer was alike so far."""
        if self._ledger.mode is None or not self._checks.alike or self._examine(subject) == twin.examine():
            return
        changes = self._ledger.changes(subject, twin.attributes(), subject.attributes(), {})
        if changes:
            self._parted(subject, changes, Cause.NOT_REBUILT)

    def _parted(self, subject: Target, changes: Sequence[FieldChange], cause: Cause) -> None:
        """The interrupted device went on otherwise than its twin: blame derived state if there is some."""
        if self._suspects:
            change = changes[0]
            itself = (known for known in self._suspects if known.first.path == change.path)
            suspect = next(itself, self._suspects[0])
            if change.path != suspect.first.path:
                seen = f"shows in {change.path}: {text(change.before)} became {text(change.after)}"
                suspect = replace(suspect, detail=f"{suspect.detail}; {seen}", also=tuple(changes))
            self._ledger.add(suspect)
        else:
            detail = "what came back from the load was equal, what came of it afterwards was not"
            if cause is Cause.NEVER_SAVED:
                detail = "what is saved came back equal: what shows here is not in it"
            self._ledger.add(
                self._ledger.divergence(
                    Oracle.RESUMES_ALIKE, cause, changes, subject, labels=("never interrupted", "after a cycle"),
                    detail=detail,
                )
            )  # fmt: skip
        raise Stop

    def _cycle(self, subject: Target, twin: Target, cycle: Cycle) -> None:
        checks = self._checks
        subject.stop()
        if not self._unseen:
            self._drifted(subject, twin)
        before = self._before(subject, twin)
        digest = self._examine(subject)
        self._invariant(subject, "before save")
        snapshot = self._save(subject)
        if checks.pure:
            snapshot = self._purity(subject, before, digest, snapshot)
        offered = False
        if cycle.damage and checks.damage:
            sacrifice = lambda: subject.sacrifice(snapshot, cycle.damage)  # noqa: E731
            offered = not self._run("load of damaged bytes", Oracle.REFUSES_DAMAGE, sacrifice)
        self._run("reset", Oracle.RESET_IS_FRESH, lambda: subject.reset(cycle, snapshot))
        poisoned = subject.attributes() if cycle.mode is ResetMode.POISON else {}
        reset: Callable[[], Attributes] = (lambda: poisoned) if poisoned else subject.pristine_attributes
        if cycle.mode is not ResetMode.POISON and not (checks.fresh and self._looks_stale(subject, cycle) and self._stale(subject)):
            self._invariant(subject, "after reset")
        if offered:
            self._damage(subject, cycle, snapshot, poisoned or subject.attributes())
        emitted = self._load(subject, snapshot, before, reset)
        restored = not checks.restores or self._restored(subject, before, digest, reset, snapshot, emitted)
        if emitted and checks.silent and restored:  # else it mostly follows from what was lost
            self._noise(subject, before(), emitted)
        if not checks.restores and checks.alike and subject.examine() != digest:
            # nobody asked what came back, but it is to blame for what comes of it
            lost = self._ledger.changes(subject, before(), now := subject.attributes(), reset())
            self._suspects += self._lost(Oracle.RESUMES_ALIKE, lost, subject, snapshot, len(now))
        self._suspect(subject, twin)
        self._invariant(subject, "after load")
        self._run("resume", Oracle.RESUMES_ALIKE, subject.resume)

    def _before(self, subject: Target, twin: Target) -> Callable[[], Attributes]:
        """Return what gives the state before the save: the twin's, which is walked only when asked."""
        if not self._unseen and (self._checks.alike or self._examine(subject) == twin.examine()):
            return twin.attributes
        before = subject.attributes()
        return lambda: before

    def _save(self, subject: Target) -> Snapshot:
        try:
            return self._run("save", Oracle.SAVE_IS_PURE, subject.save)
        except StateError as error:
            name = error.path
            self._ledger.add(
                Divergence(
                    Oracle.SAVE_IS_PURE, Cause.TRUNCATED, FieldChange(name, plain(error.value), ABSENT),
                    self._ledger.step, self._ledger.mode, ("before save", "saved"), error.problem,
                    declared=subject.field(name.removeprefix(self._type.prefix)).declared,
                )
            )  # fmt: skip
            raise Stop from None

    def _purity(self, subject: Target, before: Callable[[], Attributes], digest: bytes, snapshot: Snapshot) -> Snapshot:
        """Tell of what the save did to the device; return the snapshot to go on with."""
        if self._examine(subject) != digest:
            changes = self._ledger.changes(subject, was := before(), subject.attributes(), {})
            self._ledger.split(
                Oracle.SAVE_IS_PURE, Cause.CHANGED_BY_SAVING, changes, subject,
                labels=("before save", "after save"), before=snapshot.data, after=self._try_save(subject),
            )  # fmt: skip
            subject.repairs = {*subject.repairs, *self._put_right(was, changes, digest)}
            return self._save(subject)  # else what it changed would be told of the load as well
        again = self._save(subject)
        if again.data != snapshot.data:
            saved = self._ledger.saved_changes(subject, snapshot, again)
            self._ledger.split(
                Oracle.SAVE_IS_PURE, Cause.CHANGED_BY_SAVING, saved, subject,
                labels=("first save", "second save"), after=again.data, before=snapshot.data,
                detail="the live state did not change; the saved bytes did",
            )  # fmt: skip
        return snapshot

    def _looks_stale(self, subject: Target, cycle: Cycle) -> bool:
        """Return whether a reset is to be looked at: in place, and where it may have broken a rule."""
        return cycle.mode is ResetMode.IN_PLACE or (self._checks.invariants and subject.broken() is not None)

    def _stale(self, subject: Target) -> bool:
        """Return whether a reset left anything, and tell of it."""
        if subject.fresh(subject.pristine()):
            return False
        changes = self._ledger.changes(subject, subject.pristine_attributes(), subject.attributes(), {})
        if not self._type.walks:
            # devices that forget one register at reset mostly forget all: one finding for a section
            for section in dict.fromkeys(section_of(change.path) for change in changes):
                fields = [change for change in changes if change.path.startswith(section + ".")]
                whole = replace(fields[0], path=section)
                self._ledger.add(
                    self._ledger.divergence(
                        Oracle.RESET_IS_FRESH, Cause.NOT_CLEARED, [whole, *fields], subject,
                        labels=("a new device", "after reset"),
                    )
                )
        else:
            self._ledger.split(
                Oracle.RESET_IS_FRESH, Cause.NOT_CLEARED, changes, subject, labels=("a new device", "after reset")
            )
        return True

    def _damage(self, subject: Target, cycle: Cycle, snapshot: Snapshot, before: Attributes) -> None:
        broken, must_refuse = damaged_snapshot(snapshot, cycle)
        digest = subject.examine()
        kind, place = cycle.damage
        try:
            self._run("load of damaged bytes", Oracle.REFUSES_DAMAGE, lambda: subject.offer(broken))
        except StreamError as error:
            if subject.examine() != digest:
                self._ledger.split(
                    Oracle.REFUSES_DAMAGE, Cause.ACCEPTED_DAMAGE,
                    self._ledger.changes(subject, before, subject.attributes(), {}), subject,
                    labels=("before load", "after refusal"),
                    detail=f"refused ({error}), but not before it changed the device ({kind} {place})",
                )  # fmt: skip
        else:
            if must_refuse:
                size = FieldChange(f"{self._type.prefix}load", len(snapshot.data), len(broken.data))
                self._ledger.add(
                    self._ledger.divergence(
                        Oracle.REFUSES_DAMAGE, Cause.ACCEPTED_DAMAGE, [size], subject, labels=("whole", "damaged"),
                        detail=f"accepted bytes damaged by {kind} {place}", before=snapshot.data, after=broken.data,
                    )
                )  # fmt: skip
        self._run("reset", Oracle.RESET_IS_FRESH, lambda: subject.reset(cycle, snapshot))

    def _load(
        self, subject: Target, snapshot: Snapshot, before: Callable[[], Attributes], reset: Callable[[], Attributes]
    ) -> list[object]:
        cleared = subject.examine() if self._type.walks else b""
        try:
            return self._run("load", Oracle.LOAD_RESTORES, lambda: subject.load(snapshot))
        except StreamError as error:
            saved = Saved(subject.saved_fields(snapshot, whole=True))
            field = saved.get(error.path)
            changes = [FieldChange(error.path, field.value if field else ABSENT, ABSENT)]
            cause, labels, detail = Cause.REJECTED, ("saved", "loaded"), error.problem
            if field is None and self._type.walks and subject.examine() != cleared:
                # a rule or a hook refused what had been assigned: what of that is wrong is to blame
                lost = self._ledger.changes(subject, before(), subject.attributes(), reset())
                lost = [change for change in lost if change.path.startswith(f"{error.path}.")]
                blame = next(causes(subject, lost, saved, self._ledger), None)
                if blame is not None:
                    cause, why, change = blame
                    changes = [change, *(other for other in lost if other is not change)]
                    labels, detail = ("before save", "after load"), f"{why}; {error.problem}"
            self._ledger.add(
                self._ledger.divergence(
                    Oracle.LOAD_RESTORES, cause, changes, subject, labels=labels, detail=detail, before=snapshot.data,
                )
            )  # fmt: skip
            raise Stop from None

    def _noise(self, subject: Target, before: Attributes, emitted: list[object]) -> None:
        name, value = output(emitted[0])
        change = FieldChange(self._type.prefix + name, "silent", plain(value))
        self._ledger.add(
            self._ledger.divergence(
                Oracle.LOAD_IS_SILENT, Cause.OUTPUT_ONLY, [change], subject, labels=("should be", "came out"),
                detail=f"loading emitted {outputs(emitted)}",
            )
        )  # fmt: skip
        subject.assign({path: before[path] for path in before if subject.field(path).output})

    def _restored(
        self,
        subject: Target,
        before: Callable[[], Attributes],
        digest: bytes,
        reset: Callable[[], Attributes],
        snapshot: Snapshot,
        emitted: list[object],
    ) -> bool:
        """Return whether everything came back, and tell of what did not."""
        if subject.examine() != digest:
            was = before()
            now = subject.attributes()
            changes = self._ledger.changes(subject, was, now, reset())
            state = [change for change in changes if not subject.field(self._ledger.attribute(change)).output]
            if emitted and self._checks.silent and not state:
                return True  # the lines alone, and it was the load that drove them
            changes = state or changes  # lines follow from what was lost
            for divergence in self._lost(Oracle.LOAD_RESTORES, changes, subject, snapshot, len(now)):
                self._ledger.add(divergence)
            self._put_right(was, changes, digest)
            return False
        again = self._save(subject)
        if again.data != snapshot.data:
            self._ledger.split(
                Oracle.LOAD_RESTORES, Cause.NOT_LOADED, self._ledger.saved_changes(subject, snapshot, again), subject,
                labels=("saved", "saved again"), before=snapshot.data, after=again.data,
                detail="the live attributes came back equal; what is saved of them did not",
            )  # fmt: skip
            return False
        return True

    def _lost(
        self, oracle: Oracle, changes: Sequence[FieldChange], subject: Target, snapshot: Snapshot, count: int
    ) -> list[Divergence]:
        """Return a divergence for each field that a load did not bring back, of so many."""
        resaved, equal = self._try_save(subject), max(0, count - len(changes))
        saved = Saved(subject.saved_fields(snapshot, whole=True))
        return [
            self._ledger.divergence(
                oracle, cause, [change, *(other for other in changes if other is not change)], subject,
                detail=detail, before=snapshot.data, after=resaved, equal=equal,
            )
            for cause, detail, change in causes(subject, changes, saved, self._ledger)
        ]  # fmt: skip

    def _put_right(self, was: Attributes, changes: Sequence[FieldChange], digest: bytes) -> set[str]:
        """Give what diverged its former value, so that it hides nothing; return what. Raises Stop where that cannot be."""
        names = {without_indexes(self._ledger.attribute(change)) for change in changes}
        for target in self._alike:
            target.assign(under(was, names))
        if self._type.walks and self._alike[0].examine() != digest:
            raise Stop
        return names

    def _try_save(self, subject: Target) -> bytes:
        try:
            return self._watchdog.run(subject.save).data
        except RAISED:  # the state is known to be wrong here; naming it goes on without the bytes
            return b""

    def _suspect(self, subject: Target, twin: Target) -> None:
        """Remember attributes declared unsaved that a load did not rebuild: no finding as such."""
        mine, theirs = subject.derived(), twin.derived()
        for attribute, value in theirs.items():
            info = subject.field(attribute)
            if same(value, mine.get(attribute, ABSENT)) or info.unsaved in (None, FILLED):
                continue
            fresh = subject.pristine_attributes().get(attribute, ABSENT)
            path = self._type.prefix + without_indexes(attribute)
            change = FieldChange(path, plain(value), plain(mine.get(attribute, ABSENT)), plain(fresh))
            self._suspects.append(
                Divergence(
                    Oracle.RESUMES_ALIKE, Cause.NOT_REBUILT, change, self._ledger.step, self._ledger.mode,
                    detail=f"declared unsaved ({info.unsaved})", declared=info.declared, attribute=attribute,
                )
            )  # fmt: skip

    def _invariant(self, subject: Target, when: str) -> None:
        if not self._checks.invariants:
            return
        rule = self._run("validate", Oracle.INVARIANTS_HOLD, subject.broken)
        if rule is not None:
            change = FieldChange(f"{self._type.prefix}{rule}", "holds", f"broken {when}")
            self._ledger.add(
                self._ledger.divergence(
                    Oracle.INVARIANTS_HOLD, Cause.BROKE_INVARIANT, [change], subject, labels=("should", "is"),
                    detail=f"does not hold {when}",
                )
            )  # fmt: skip
            raise Stop
