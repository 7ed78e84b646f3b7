"""Run a trace with care and name what diverges.

This is what a trace means: the search, the shrinker and `stressor replay` all ask here. A subject
and a twin run side by side, one step at a time; at every cycle digests are compared, and where they
differ the live states are walked by name. What diverged is put right before the trace goes on, so
that one lost field does not hide another.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import PurePath
from typing import TypeVar

from stressor.errors import StateError, StreamError
from stressor.loop.cycle import Checks, damaged_snapshot
from stressor.loop.finding import ABSENT, Cause, Divergence, FieldChange, Oracle, Value
from stressor.loop.target import NOT_REPEATING, SavedField, Snapshot, Target, TargetType
from stressor.loop.trace import Cycle, Operation, ResetMode, Step
from stressor.loop.watchdog import Hung, Watchdog
from stressor.vmstate.live import same, without_indexes

__all__ = ["investigate", "last_written"]

T = TypeVar("T")
Attributes = Mapping[str, object]


class _Stop(Exception):
    """The trace cannot go on."""


def investigate(
    target_type: TargetType,
    trace: Sequence[Step],
    checks: Checks,
    watchdog: Watchdog,
    *,
    gate: bool = True,
) -> list[Divergence]:
    """Run `trace` and return every divergence, one for each fingerprint, in the order of appearance.

    With `gate` two twins run the operations alone first; when these part, raise or hang, that is
    the only divergence. Returns an empty list when nothing diverged.
    """
    if gate:
        alone = _Investigation(target_type, trace, checks, watchdog).run_alone()
        if alone is not None:
            return [alone]
    return _Investigation(target_type, trace, checks, watchdog).run()


def last_written(
    target_type: TargetType, trace: Sequence[Step], attribute: str, before: int, watchdog: Watchdog
) -> int | None:
    """Return the index of the last operation before step `before` that changed a live attribute."""
    target = target_type.open()
    found = None
    try:
        value = target.attributes().get(attribute, ABSENT)
        for index, step in enumerate(trace[:before]):
            if isinstance(step, Cycle):
                continue
            watchdog.beats += 1
            watchdog.inside = True
            target.execute([step])
            watchdog.inside = False
            now = target.attributes().get(attribute, ABSENT)
            if not same(now, value):
                found, value = index, now
    except (Exception, Hung):  # only a nicety in a report: never worth failing for
        return None
    finally:
        watchdog.inside = False
        target.close()
    return found


class _Investigation:
    def __init__(
        self, target_type: TargetType, trace: Sequence[Step], checks: Checks, watchdog: Watchdog
    ) -> None:
        self._type = target_type
        self._trace = trace
        self._checks = checks
        self._watchdog = watchdog
        self._found: dict[str, Divergence] = {}
        self._suspects: dict[str, tuple[int, FieldChange, str, str | None]] = {}
        self._step = 0
        self._mode: ResetMode | None = None

    # --- the gate

    def run_alone(self) -> Divergence | None:
        first, second = self._type.open(), self._type.open()
        try:
            for self._step, step in enumerate(self._trace):
                if isinstance(step, Cycle):
                    continue
                answer = self._guard(first, step, Oracle.RUNS_ALONE)
                other = self._guard(second, step, Oracle.RUNS_ALONE)
                if answer != other or first.examine() != second.examine():
                    return self._nondeterministic(first, second, step, answer, other)
        except _Stop:
            return next(iter(self._found.values()))
        finally:
            first.close()
            second.close()
        return None

    def _nondeterministic(
        self, first: Target, second: Target, step: Operation, answer: list[object], other: list[object]
    ) -> Divergence | None:
        changes = self._changes(first, first.attributes(), second.attributes(), {})
        if not changes:
            if answer == other:
                return None
            changes = [self._output_change(step, answer, other)]
        return self._divergence(
            Oracle.RUNS_ALONE, Cause.NONDETERMINISTIC, changes, first,
            labels=("one twin", "the other"),
            detail="two devices that got the same operations and no cycle",
        )

    # --- the trace

    def run(self) -> list[Divergence]:
        subject, twin = self._type.open(), self._type.open()
        try:
            for self._step, step in enumerate(self._trace):
                if isinstance(step, Cycle):
                    self._mode = step.mode
                    self._cycle(subject, twin, step)
                else:
                    self._operation(subject, twin, step)
            self._end(subject, twin)
        except _Stop:
            pass
        finally:
            subject.close()
            twin.close()
        return list(self._found.values())

    def _operation(self, subject: Target, twin: Target, step: Operation) -> None:
        self._watchdog.inside = True
        try:
            wanted = twin.execute([step])
        except (Exception, Hung):  # without any cycle: the gate's business
            raise _Stop from None
        finally:
            self._watchdog.inside = False
        answer = self._guard(subject, step, Oracle.RESUMES_ALIKE)
        if answer != wanted and self._checks.alike and self._mode is not None:
            self._parted(subject, twin, self._output_change(step, wanted, answer))
            raise _Stop

    def _end(self, subject: Target, twin: Target) -> None:
        if self._mode is None or not self._checks.alike or subject.examine() == twin.examine():
            return
        changes = self._changes(subject, twin.attributes(), subject.attributes(), {})
        if changes:
            self._parted(subject, twin, changes[0], changes[1:])

    def _parted(
        self, subject: Target, twin: Target, change: FieldChange, also: Sequence[FieldChange] = ()
    ) -> None:
        """The interrupted device went on otherwise than its twin: blame derived state if there is some."""
        for attribute, (step, suspect, detail, declared) in self._suspects.items():
            seen = f"shows in {change.path}: {_text(change.before)} became {_text(change.after)}"
            self._add(
                Divergence(
                    Oracle.RESUMES_ALIKE, Cause.NOT_REBUILT, suspect, step, self._mode,
                    detail=f"declared unsaved ({detail}); {seen}", also=(change, *also), declared=declared,
                    attribute=attribute,
                )
            )
            return
        cause = Cause.OUTPUT_ONLY if not also and subject.examine() == twin.examine() else Cause.NOT_REBUILT
        if change.path.startswith(self._type.prefix) and self._is_output(change.path):
            cause = Cause.OUTPUT_ONLY
        self._add(
            self._divergence(
                Oracle.RESUMES_ALIKE, cause, [change, *also], subject,
                labels=("never interrupted", "after a cycle"),
                detail="the state came back equal, what came out afterwards did not",
            )
        )

    def _is_output(self, path: str) -> bool:
        return self._type.prefix + "output " in path or not path

    # --- one cycle

    def _cycle(self, subject: Target, twin: Target, cycle: Cycle) -> None:
        checks = self._checks
        subject.stop()
        before = subject.attributes()
        self._drifted(subject, twin, before)
        self._invariant(subject, "before save")
        snapshot = self._save(subject)
        if checks.pure:
            self._purity(subject, before, snapshot)
        self._phase("reset", Oracle.RESET_IS_FRESH, lambda: subject.reset(cycle, snapshot))
        reset = subject.attributes()
        if cycle.mode is ResetMode.IN_PLACE and checks.fresh:
            self._freshness(subject, reset)
        if cycle.mode is not ResetMode.POISON:
            self._invariant(subject, "after reset")
        if cycle.damage and checks.damage:
            self._damage(subject, cycle, snapshot)
        emitted = self._load(subject, snapshot)
        if emitted and checks.silent:
            self._noise(subject, emitted)
            subject.assign({path: before[path] for path in before if subject.field(path).output})
        if checks.restores:
            self._restored(subject, before, reset, snapshot)
        self._suspect(subject, before, reset)
        self._invariant(subject, "after load")
        subject.resume()

    def _drifted(self, subject: Target, twin: Target, before: Attributes) -> None:
        """State that parted since the last cycle, though every answer was alike so far."""
        if self._mode is None or not self._checks.alike or subject.examine() == twin.examine():
            return
        changes = self._changes(subject, twin.attributes(), before, {})
        if changes:
            self._parted(subject, twin, changes[0], changes[1:])
            raise _Stop

    def _save(self, subject: Target) -> Snapshot:
        def save() -> Snapshot:
            return subject.save()

        try:
            return self._phase("save", Oracle.SAVE_IS_PURE, save)
        except StateError as error:
            name = error.path
            value = error.value
            self._add(
                Divergence(
                    Oracle.SAVE_IS_PURE, Cause.TRUNCATED, FieldChange(name, _plain(value), ABSENT), self._step,
                    self._mode, labels=("before save", "saved"), detail=error.problem,
                    declared=subject.field(name.removeprefix(self._type.prefix)).declared,
                )
            )
            raise _Stop from None

    def _purity(self, subject: Target, before: Attributes, snapshot: Snapshot) -> None:
        again = self._save(subject)
        after = subject.attributes()
        changes = self._changes(subject, before, after, {})
        if changes:
            self._split(
                Oracle.SAVE_IS_PURE, Cause.CHANGED_BY_SAVING, changes, subject,
                labels=("before save", "after save"), after=again.data, before=snapshot.data,
            )
            subject.assign({path: before[path] for path in before if path in after})
        elif again.data != snapshot.data:
            saved = self._saved_changes(subject, snapshot, again)
            self._split(
                Oracle.SAVE_IS_PURE, Cause.CHANGED_BY_SAVING, saved, subject,
                labels=("first save", "second save"), after=again.data, before=snapshot.data,
                detail="the live state did not change; the saved bytes did",
            )

    def _freshness(self, subject: Target, reset: Attributes) -> None:
        if subject.examine() == subject.pristine():
            return
        fresh = subject.pristine_attributes()
        changes = self._changes(subject, fresh, reset, {})
        if changes:
            self._split(
                Oracle.RESET_IS_FRESH, Cause.NOT_CLEARED, changes, subject,
                labels=("a new device", "after reset"),
            )

    def _damage(self, subject: Target, cycle: Cycle, snapshot: Snapshot) -> None:
        broken, must_refuse = damaged_snapshot(snapshot, cycle)
        before, digest = subject.attributes(), subject.examine()
        kind, where = cycle.damage
        try:
            self._phase("load of damaged bytes", Oracle.REFUSES_DAMAGE, lambda: subject.offer(broken))
        except StreamError as error:
            changes = self._changes(subject, before, subject.attributes(), {})
            if subject.examine() != digest and changes:
                self._split(
                    Oracle.REFUSES_DAMAGE, Cause.ACCEPTED_DAMAGE, changes, subject,
                    labels=("before load", "after refusal"),
                    detail=f"refused ({error}), but not before it changed the device ({kind} {where})",
                )
        else:
            if must_refuse:
                size = FieldChange(f"{self._type.prefix}load", len(snapshot.data), len(broken.data))
                self._add(
                    self._divergence(
                        Oracle.REFUSES_DAMAGE, Cause.ACCEPTED_DAMAGE, [size], subject,
                        labels=("whole", "damaged"), detail=f"accepted bytes damaged by {kind} {where}",
                        before=snapshot.data, after=broken.data,
                    )
                )
        subject.reset(cycle, snapshot)

    def _load(self, subject: Target, snapshot: Snapshot) -> list[object]:
        try:
            return self._phase("load", Oracle.LOAD_RESTORES, lambda: subject.load(snapshot))
        except StreamError as error:
            saved = {field.path: field for field in subject.saved_fields(snapshot)}
            field = saved.get(error.path)
            change = FieldChange(error.path, field.value if field else ABSENT, ABSENT)
            self._add(
                self._divergence(
                    Oracle.LOAD_RESTORES, Cause.REJECTED, [change], subject,
                    labels=("saved", "loaded"), detail=error.problem, before=snapshot.data,
                )
            )
            raise _Stop from None

    def _noise(self, subject: Target, emitted: list[object]) -> None:
        name, value = _output(emitted[0])
        change = FieldChange(self._type.prefix + name, "silent", _plain(value))
        self._add(
            self._divergence(
                Oracle.LOAD_IS_SILENT, Cause.OUTPUT_ONLY, [change], subject,
                labels=("should be", "came out"), detail=f"loading emitted {_outputs(emitted)}",
            )
        )

    def _restored(self, subject: Target, before: Attributes, reset: Attributes, snapshot: Snapshot) -> None:
        after = subject.attributes()
        changes = self._changes(subject, before, after, reset)
        if changes:
            resaved = self._try_save(subject)
            saved = {field.path: field for field in subject.saved_fields(snapshot)}
            for cause, detail, change in self._causes(subject, changes, saved, reset):
                also = tuple(other for other in changes if other.path != change.path)
                self._add(
                    self._divergence(
                        Oracle.LOAD_RESTORES, cause, [change, *also], subject, detail=detail,
                        before=snapshot.data, after=resaved.data if resaved else b"",
                        equal=len(after) - len(changes),
                    )
                )
            subject.assign({path: before[path] for path in before if path in after or "[" in path})
            return
        resaved = self._save(subject)
        if resaved.data != snapshot.data:
            self._split(
                Oracle.LOAD_RESTORES, Cause.NOT_LOADED, self._saved_changes(subject, snapshot, resaved), subject,
                labels=("saved", "saved again"), before=snapshot.data, after=resaved.data,
                detail="the live attributes came back equal; what is saved of them did not",
            )

    def _try_save(self, subject: Target) -> Snapshot | None:
        try:
            return subject.save()
        except Exception:  # the state is known to be wrong here; naming it goes on without the bytes
            return None

    def _causes(
        self,
        subject: Target,
        changes: Iterable[FieldChange],
        saved: Mapping[str, SavedField],
        reset: Attributes,
    ) -> Iterable[tuple[Cause, str, FieldChange]]:
        """Tell for the first index of every field that diverged why it did."""
        named: set[str] = set()
        for change in changes:
            name = without_indexes(change.path)
            if name in named:
                continue
            named.add(name)
            field = saved.get(change.path)
            attribute = self._attribute_path(change)
            if subject.field(attribute).path is None:
                yield Cause.NEVER_SAVED, "no saved field carries it", change
            elif field is None:
                yield Cause.NEVER_SAVED, "described, but not among the saved bytes", change
            elif not _equal_saved(field.value, change.before):
                yield Cause.TRUNCATED, f"saved as {_text(field.value)}", change
            elif _is_truncation(change.before, change.after) and not same(change.after, change.reset):
                yield Cause.TRUNCATED, "the low bits came back, the others did not", change
            else:
                yield Cause.NOT_LOADED, f"saved as {_text(field.value)}, then not there after load", change

    def _suspect(self, subject: Target, before: Attributes, reset: Attributes) -> None:
        """Remember attributes declared unsaved that a load did not bring back: no finding as such."""
        for attribute, value in before.items():
            info = subject.field(attribute)
            if info.unsaved is None or info.unsaved == NOT_REPEATING:
                continue
            after = subject.attributes().get(attribute, ABSENT)
            if same(value, after):
                continue
            path = self._type.prefix + without_indexes(attribute)
            change = FieldChange(path, _plain(value), _plain(after), _plain(reset.get(attribute, ABSENT)))
            self._suspects.setdefault(attribute, (self._step, change, info.unsaved, info.declared))

    # --- helpers

    def _guard(self, target: Target, step: Operation, oracle: Oracle) -> list[object]:
        self._watchdog.beats += 1
        return self._phase(step.name, oracle, lambda: target.execute([step]))

    def _phase(self, name: str, oracle: Oracle, action: Callable[[], T]) -> T:
        """Run device code; whatever it raises, but refusals, is a divergence that ends the trace."""
        self._watchdog.beats += 1
        self._watchdog.inside = True
        try:
            return action()
        except (StreamError, StateError):
            raise
        except Hung as hung:
            self._raised(name, oracle, Cause.HUNG, str(hung), "")
        except Exception as error:
            where = _where(error)
            text = f"{type(error).__name__}: {error}"
            self._raised(name, oracle, Cause.CRASHED, text[:200], where)
        finally:
            self._watchdog.inside = False
        raise _Stop

    def _raised(self, name: str, oracle: Oracle, cause: Cause, text: str, where: str) -> None:
        change = FieldChange(self._type.prefix + name, "returns", text)
        self._add(
            Divergence(
                oracle, cause, change, self._step, self._mode, labels=("should", "did"),
                detail=f"raised at {where}" if where else "", declared=where or None,
            )
        )

    def _invariant(self, subject: Target, when: str) -> None:
        if not self._checks.invariants:
            return
        text = self._phase("validate", Oracle.INVARIANTS_HOLD, subject.broken)
        if text is not None:
            change = FieldChange(f"{self._type.prefix}{text}", "holds", f"broken {when}")
            self._add(
                self._divergence(
                    Oracle.INVARIANTS_HOLD, Cause.BROKE_INVARIANT, [change], subject,
                    labels=("should", "is"), detail=f"does not hold {when}",
                )
            )
            raise _Stop

    def _changes(
        self, target: Target, before: Attributes, after: Attributes, reset: Attributes
    ) -> list[FieldChange]:
        changes = []
        for attribute in (*before, *(name for name in after if name not in before)):
            old, new = before.get(attribute, ABSENT), after.get(attribute, ABSENT)
            if same(old, new):
                continue
            info = target.field(attribute)
            if info.unsaved is not None:
                continue
            path = self._type.prefix + (info.path if info.path is not None else attribute)
            at_reset = reset.get(attribute, ABSENT)
            changes.append(FieldChange(path, _plain(old), _plain(new), _plain(at_reset), info.width))
            self._attribute[path] = attribute
        return changes

    @property
    def _attribute(self) -> dict[str, str]:
        return self.__dict__.setdefault("_attributes", {})

    def _attribute_path(self, change: FieldChange) -> str:
        return self._attribute.get(change.path, change.path.removeprefix(self._type.prefix))

    def _saved_changes(self, target: Target, one: Snapshot, other: Snapshot) -> list[FieldChange]:
        before = {field.path: field for field in target.saved_fields(one)}
        after = {field.path: field for field in target.saved_fields(other)}
        changes = [
            FieldChange(path, old.value if old else ABSENT, new.value if new else ABSENT, width=(old or new).size)  # type: ignore[union-attr]
            for path in (*before, *(name for name in after if name not in before))
            for old, new in [(before.get(path), after.get(path))]
            if old is None or new is None or not same(old.value, new.value)
        ]
        return changes or [FieldChange(f"{self._type.prefix}bytes", len(one.data), len(other.data))]

    def _output_change(self, step: Operation, wanted: list[object], answer: list[object]) -> FieldChange:
        """Name the first output in which two lists of observations differ."""
        for index in range(max(len(wanted), len(answer))):
            old = wanted[index] if index < len(wanted) else None
            new = answer[index] if index < len(answer) else None
            if old == new and type(old) is type(new):
                continue
            lone = index >= len(wanted) or index >= len(answer)
            old_name, old_value = _output(old) if index < len(wanted) - 1 else ("", old)
            new_name, new_value = _output(new) if index < len(answer) - 1 else ("", new)
            name = old_name or new_name
            if not name:
                return FieldChange(self._type.prefix + self._label(step), _plain(old), _plain(new))
            if lone or old_name != new_name:
                old_value = old_value if old_name == name else "nothing"
                new_value = new_value if new_name == name else "nothing"
            return FieldChange(self._type.prefix + name, _plain(old_value), _plain(new_value))
        return FieldChange(self._type.prefix + self._label(step), _outputs(wanted), _outputs(answer))

    def _label(self, step: Operation) -> str:
        kind = next((kind for kind in self._type.operations if kind.matches(step)), None)
        return kind.label if kind is not None else step.name

    def _split(
        self,
        oracle: Oracle,
        cause: Cause,
        changes: list[FieldChange],
        target: Target,
        *,
        labels: tuple[str, str],
        detail: str = "",
        before: bytes = b"",
        after: bytes = b"",
    ) -> None:
        """Add one divergence for each field among `changes`."""
        named: set[str] = set()
        for change in changes:
            if without_indexes(change.path) not in named:
                named.add(without_indexes(change.path))
                others = [other for other in changes if other is not change]
                self._add(
                    self._divergence(
                        oracle, cause, [change, *others], target,
                        labels=labels, detail=detail, before=before, after=after,
                    )
                )

    def _divergence(
        self,
        oracle: Oracle,
        cause: Cause,
        changes: Sequence[FieldChange],
        target: Target,
        *,
        labels: tuple[str, str] = ("before save", "after load"),
        detail: str = "",
        before: bytes = b"",
        after: bytes = b"",
        equal: int = 0,
    ) -> Divergence:
        attribute = self._attribute_path(changes[0])
        mode = None if oracle is Oracle.RUNS_ALONE else self._mode
        return Divergence(
            oracle, cause, changes[0], self._step, mode, labels, detail, tuple(changes[1:]), equal,
            target.field(attribute).declared, None, before, after, attribute,
        )

    def _add(self, divergence: Divergence) -> None:
        if divergence.oracle in self._checks.oracles:
            self._found.setdefault(divergence.fingerprint(self._type.name).id, divergence)


def _plain(value: object) -> Value:
    """Return a value as plain data that a record can hold."""
    if value is None or type(value) in (int, float, bool, str, bytes):
        return value  # type: ignore[return-value]
    return repr(value)[:200]


def _text(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:#x}" if value >= 0 else str(value)
    return str(value)[:80]


def _output(event: object) -> tuple[str, object]:
    """Return what an output is called, and its value: `("line", "irq", 1)` gives `("irq", 1)`."""
    match event:
        case ("line", str(name), level):
            return name, level
        case ("sent", data):
            return "sent", data
        case ("memory", int(address), bytes(data)):
            return f"memory at {address:#x}", data
    return "", event


def _outputs(events: Sequence[object]) -> str:
    return ", ".join(f"{name or 'answer'} {_text(value)}" for name, value in map(_output, events))[:200]


def _equal_saved(saved: object, live: object) -> bool:
    if live is None and saved == -1:  # a timer that is not armed
        return True
    return saved == live


def _is_truncation(before: object, after: object) -> bool:
    """Return whether `after` is what is left of `before` in a narrower or signed field."""
    if not isinstance(before, int) or not isinstance(after, int) or before == after or before in (0, 1):
        return False
    return any(
        after in (before & (1 << bits) - 1, (before & (1 << bits) - 1) - (1 << bits))
        for bits in (4, 7, 8, 15, 16, 31, 32, 63)
        if after != 0
    )


def _where(error: BaseException) -> str:
    """Return `file:line` of the innermost frame, which is the device's; no absolute paths."""
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return ""
    frame = frames[-1]
    return f"{PurePath(frame.filename).name}:{frame.lineno} in {frame.name}"
