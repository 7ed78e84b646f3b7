"""A bounded search on one target: plans are run, what parts is investigated, shrunk, and named."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from time import monotonic

from stressor.errors import TargetError
from stressor.loop.coverage import FieldCoverage, saved_at_reset
from stressor.loop.cycle import Checks, Recording, record, run_lockstep, run_schedule, trace_of
from stressor.loop.events import Statistics
from stressor.loop.finding import Cause, Divergence, Finding, Kind, Oracle
from stressor.loop.gate import examined, not_repeated, run_alone
from stressor.loop.investigate import investigate
from stressor.loop.target import StillbornError, TargetType
from stressor.loop.trace import Cycle, Operation, ResetMode, Trace
from stressor.loop.watchdog import RAISED, Hung, Watchdog
from stressor.loop.written import last_written
from stressor.search.engine import engine_for
from stressor.search.plan import EngineName, Plan
from stressor.search.seeded import fresh_traces
from stressor.search.shrink import shrink_on
from stressor.search.tally import Tally
from stressor.vmstate.live import without_indexes

__all__ = ["Campaign"]

_IDLE = 100  # plans in a row without a single cycle, as every one crashed at once: there is no going on
_GATE_EVERY = 32  # plans between two looks at the twin's determinism; it is looked at on every suspicion too
_FIRST = 8  # plans that run one by one at first: what shows in them would be run twice
_ALONE = 8  # plans whose schedules run one by one, after one of which something parted
_FRUITLESS = 50  # investigations in a row that found nothing new; from then on only one in eight is made
_BUDGET = 2_000  # tries to shrink a trace, unless another number is given
_HUNG_BUDGET = 24  # the same where each try waits for the watchdog, or tells little
_PAIRS = 8  # pairs of twins that have to stay alike before a cycle is blamed; a process may repeat itself by luck
_CRASHES = 2  # times that a known crash comes again before its operation is left out
_REPAIRABLE = {Cause.NEVER_SAVED, Cause.NOT_LOADED, Cause.TRUNCATED, Cause.CHANGED_BY_SAVING, Cause.NOT_REBUILT, Cause.NOT_CLEARED}


class Campaign:
    """One target under one seed. `run` yields findings as they come; `statistics` tells the rest.
    Once `stop` says so, traces are made no smaller. A `brief` one counts no coverage, and dates no field's last writing.

    What is drawn depends on the seed and the target's name alone, never on time or other targets.
    """

    def __init__(
        self,
        target_type: TargetType,
        *,
        seed: int,
        oracles: Collection[Oracle],
        reset_modes: Sequence[ResetMode],
        watchdog: Watchdog,
        shrinking: bool = True,
        tries: int = _BUDGET,
        engine: EngineName = EngineName.SEEDED,
        steered: bool = True,
        brief: bool = False,
        stop: Callable[[], bool] = lambda: False,
    ) -> None:
        self._type = target_type
        self._seed = seed
        self._checks = Checks(oracles, reset_modes)
        self._all_on = all(oracle in self._checks.oracles for oracle in Oracle)
        self._watchdog = watchdog
        self._shrinking, self._tries, self._brief = shrinking, tries, brief
        self._stop = stop
        self._engine = engine_for(target_type, engine, seed, reset_modes, watchdog, steered=steered)
        self.coverage = FieldCoverage(target_type.prefix)
        self._known: set[str] = set()
        self._lost: dict[str, str] = {}
        self._repairs: set[str] = set()
        self._uncleared: set[str] = set()
        self._fruitless = self._alone = 0
        self._ended = False
        self._tally = Tally(target_type.operations)
        self._crashes: Counter[str] = Counter()
        self._explained: set[object] = set()
        self._started = monotonic()
        self.findings = self._limit = 0
        self._pristine = b""
        try:
            target = target_type.open()
        except StillbornError:
            self._ended = True
            return
        self._pristine = target.examine()
        if not brief:
            self.coverage = FieldCoverage(target_type.prefix, saved_at_reset(target, watchdog))
        target.close()

    @property
    def cycles(self) -> int:
        """How many cycles were begun."""
        return self._tally.cycles

    @property
    def operations(self) -> int:
        """How many operations interrupted devices were given."""
        return self._tally.operations

    def run(self, cycles: int | None) -> Iterator[Finding | None]:
        """Run plans until `cycles` are done (for ever when None). Yields each new finding, and None
        after each plan, so that whoever listens can stop it or show progress."""
        self._limit = cycles or 0
        if self._ended:
            yield from self._stillborn()
        index = idle = 0
        with self._watchdog.watching():
            yield from self._newborn()
            while (cycles is None or self.cycles < cycles) and not self._ended:
                before = self.cycles
                for finding in self._plan(self._engine.plan(index), index, cycles):
                    self.findings += 1
                    yield finding
                self._tally.add_raised(self._checks.raised)
                idle = 0 if self.cycles > before else idle + 1
                self._ended |= idle >= _IDLE
                yield None
                index += 1

    def parts(self, plan: Plan) -> bool:
        """Run one plan; return whether anything parted, a suspicion that `consider` looks into."""
        with self._watchdog.watching():
            recording, raised = self._record(plan.batches, unseen=False)
            self._tally.plans += 1
            if raised is not None:
                return True
            for number, schedule in enumerate(plan.schedules):
                parted = self._run(recording, plan.batches, schedule, None if number else self.coverage)
                done, begun = parted or (len(plan.batches), len(schedule))
                self._tally.add_cycles(schedule[:begun])
                self._tally.add_operations(plan.batches[:done])
                if parted is not None:
                    return True
            return False

    def consider(self, plan: Plan) -> Iterator[Finding]:
        """Run one plan, and yield each finding that is new."""
        with self._watchdog.watching():
            yield from self._plan(plan, 0, None)

    def _stillborn(self) -> Iterator[Finding]:
        """Yield what is wrong with a device that cannot be saved; that save was its only cycle."""
        cycle = Cycle(self._checks.looking_in or ResetMode.IN_PLACE)
        self._tally.add_cycles([cycle])
        for divergence in investigate(self._type, (cycle,), self._checks, self._watchdog):
            self.findings += 1
            name, specification = self._type.name, self._type.specification
            yield Finding(name, specification, self._seed, divergence, (cycle,), self.cycles, self._limit, found_in=1)

    def _newborn(self) -> Iterator[Finding]:
        """Yield what new devices differ in before anything is done to them; later it would be told as other things."""
        while self._type.walks and not self._ended and examined(self._type) != self._pristine:
            divergence = run_alone(self._type, (), self._checks, self._watchdog)
            if divergence is None or divergence.fingerprint(self._type.name).id in self._known:
                return
            finding = self._finding((), divergence, False)
            self.findings += 1
            self.know(finding)
            yield finding

    def _plan(self, plan: Plan, index: int, limit: int | None) -> Iterator[Finding]:
        self._tally.plans += 1
        patience = self._watchdog.seconds
        try:
            if index >= _FIRST and self._in_lockstep(plan, limit):  # which is a look at determinism, too
                return
        except Hung:
            patience = self._watchdog.short
        with self._watchdog.within(patience):
            yield from self._one_by_one(plan, index, limit)

    def _one_by_one(self, plan: Plan, index: int, limit: int | None) -> Iterator[Finding]:
        batches, repeats = plan.batches, False
        # to look at a twin that does not walk is to save it, so every other one is not looked at
        unseen = not self._type.walks and index % 2 == 1
        recording, raised = self._record(batches, unseen=unseen)
        if raised is not None:
            patience = self._watchdog.short if isinstance(raised, Hung) else self._watchdog.seconds
            done = len(recording.digests)
            trace = trace_of(batches, (), done + 1, 0)
            if len(recording.observations) > done:  # it died of being looked at, as it will of a save
                trace = (*trace, Cycle(self._checks.looking_in or ResetMode.IN_PLACE))
            with self._watchdog.within(patience):
                yield from self._look(trace, raises=True)
            batches = batches[:done]
        elif index < 2 or index % _GATE_EVERY == 0:
            repeats, recorded_with = self._record(batches, unseen=unseen)[0] == recording, self._type
            if not repeats:
                yield from self._look(trace_of(batches, (), len(batches), 0))
            if self._type is not recorded_with:
                return
        if not batches:
            return
        whole = 0
        try:
            for number, schedule in enumerate(plan.schedules):
                batches_now = batches
                if limit is not None and len(schedule) > limit - self.cycles:
                    schedule = schedule[: limit - self.cycles]
                    batches_now = batches[: len(schedule) + 1]
                schedule = schedule[: len(batches_now)]
                if not schedule:
                    return
                coverage = None if number or self._brief else self.coverage
                parted = self._run(recording, batches_now, schedule, coverage)
                if parted is None and len(batches_now) == len(plan.batches):
                    whole += 1
                    self._tally.add_cycles(schedule)
                    continue
                done, begun = parted or (len(batches_now), len(schedule))
                self._tally.add_cycles(schedule[:begun])
                self._tally.add_operations(batches_now[:done])
                if parted is not None and self._worthwhile():
                    recorded_with = self._type
                    yield from self._look(trace_of(batches_now, schedule, done, begun), gate=not repeats)
                    if self._type is not recorded_with:  # the recording has in it what is now left out
                        return
        finally:
            if whole:
                self._tally.add_whole(plan, whole)

    def _in_lockstep(self, plan: Plan, limit: int | None) -> bool:
        """Run the twin and all schedules side by side, where that can be done; return whether all held.
        Otherwise nothing is counted, and they are to be run one by one. Raises Hung."""
        if self._alone:
            self._alone -= 1
            return False
        cycles = sum(map(len, plan.schedules))
        known = self._repairs or self._uncleared or self._checks.tolerated or self._checks.hidden
        if known or not self._all_on or (limit is not None and cycles > limit - self.cycles):
            return False
        lockstep = self._type.lockstep(len(plan.schedules))
        if lockstep is None:
            return False
        self._alone = _ALONE
        saved = run_lockstep(lockstep, plan.batches, plan.schedules, self._checks, self._watchdog, self._pristine)
        if saved is None:
            return False
        self._alone = 0
        if not self._brief:
            self.coverage.add_all(saved, lockstep.twin)
        for schedule in plan.schedules:
            self._tally.add_cycles(schedule)
        self._tally.add_whole(plan, len(plan.schedules))
        return True

    def _record(self, batches: Sequence[Sequence[Operation]], *, unseen: bool) -> tuple[Recording, BaseException | None]:
        """Run the twin; return what it raised as well. The recording then ends before that batch."""
        twin = self._type.open()
        twin.hidden, twin.repairs = self._checks.hidden, self._repairs
        recording = Recording()
        try:
            record(twin, batches, self._watchdog, recording, unseen=unseen)
        except TargetError:
            raise
        except RAISED as raised:
            self._checks.note(raised)
            return recording, raised
        finally:
            twin.close()
        return recording, None

    def _run(
        self, recording: Recording, batches: Sequence[Sequence[Operation]], schedule: Sequence[Cycle], coverage: FieldCoverage | None
    ) -> tuple[int, int] | None:
        subject = self._type.open()
        subject.repairs, subject.uncleared = self._repairs, self._uncleared
        subject.hidden = self._checks.hidden
        try:
            return run_schedule(subject, recording, batches, schedule, self._checks, self._watchdog, self._pristine, coverage)
        finally:
            if coverage is not None:
                coverage.settle(subject)
            subject.close()

    def _worthwhile(self) -> bool:
        self._fruitless += 1
        return self._fruitless <= _FRUITLESS or self._fruitless % 8 == 0

    def _look(self, trace: Trace, *, raises: bool = False, gate: bool = True) -> Iterator[Finding]:
        """Investigate a trace that parted somewhere, and yield what is new about it."""
        gate |= not self._type.walks  # what other processes do depends on more than the trace
        found = investigate(self._type, trace, self._checks, self._watchdog, raises=raises, gate=gate)
        # what a process does in the background may come earlier or later when it is run by steps
        if not found and self._all_on and not self._repairs and self._type.walks:
            found = [not_repeated(self._type.prefix, trace)]
        for divergence in found:
            if divergence.fingerprint(self._type.name).id in self._known:
                self._avoid(divergence)
                continue
            finding = self._finding(trace, divergence, raises)
            if finding.id not in self._known:
                self.know(finding)
                yield finding

    def _avoid(self, divergence: Divergence) -> None:
        """Leave out an operation that keeps ending the whole process of a device, which costs a new one each time."""
        if self._type.walks or divergence.cause is not Cause.CRASHED or divergence.oracle is not Oracle.RUNS_ALONE:
            return
        label = divergence.first.path.removeprefix(self._type.prefix)
        self._crashes[label] += 1
        if self._crashes[label] == _CRASHES:
            self._ended = not self._engine.exclude(label)

    def _finding(self, trace: Trace, divergence: Divergence, raises: bool) -> Finding:
        fingerprint = divergence.fingerprint(self._type.name).id
        gate = divergence.oracle is Oracle.RUNS_ALONE
        found_in, cycle, seconds = len(trace), self.cycles, monotonic() - self._started

        def matching(candidate: Trace, among: TargetType | None = None) -> Divergence | None:
            found = investigate(among or self._type, candidate, self._checks, self._watchdog, gate=gate, raises=raises)
            return next((other for other in found if other.fingerprint(self._type.name).id == fingerprint), None)

        hung = divergence.cause is Cause.HUNG
        # what does not repeat cannot be shrunk by repeating it, and on a process each try is dear
        dear = hung or (divergence.cause is Cause.NONDETERMINISTIC and not self._type.walks)
        patience = self._watchdog.short if self._watchdog.hung else self._watchdog.seconds
        try:
            with self._watchdog.within(patience):
                if self._shrinking and trace and matching(trace) is not None:
                    plainer = fresh_traces(self._type, self._seed, trace)
                    trace = next((other for other in plainer if matching(other) is not None), trace)
                    trace = shrink_on(self._type, trace, matching, _HUNG_BUDGET if dear else self._tries, self._stop)
                    divergence = matching(trace) or divergence
                if self._shrinking and divergence.kind is Kind.FOUND:  # shrinking may end at what one gate let pass by luck
                    alone = run_alone(self._type, trace, self._checks, self._watchdog, pairs=_PAIRS)
                    if alone is not None:
                        return replace(self._finding(trace, alone, False), found_in=found_in)
            if not self._brief:
                written = last_written(self._type, trace, divergence.attribute, divergence.step, self._watchdog)
                divergence = replace(divergence, last_written=written)
        except TargetError as broke:  # what was found is reported even when its target broke since
            self._checks.note(broke)
        return Finding(
            self._type.name, self._type.specification, self._seed, self._accompanied(divergence), trace,
            cycle, self._limit, seconds, found_in,
        )

    def repeats(self, finding: Finding) -> bool:
        """Run a finding's trace as the search does, with what is known passed over; return whether it diverges again."""
        gate = finding.divergence.oracle is Oracle.RUNS_ALONE
        with self._watchdog.watching():
            found = investigate(self._type, finding.trace, self._checks, self._watchdog, gate=gate)
        return any(other.fingerprint(self._type.name) == finding.fingerprint for other in found)

    def _accompanied(self, divergence: Divergence) -> Divergence:
        """Say when the smallest trace also loses a field that an earlier finding lost: one may follow
        from the other."""
        for change in divergence.also:
            earlier = self._lost.get(without_indexes(change.path))
            if earlier is not None:
                detail = f"{divergence.detail}; never seen without {earlier}".lstrip("; ")
                return replace(divergence, detail=detail)
        return divergence

    def know(self, finding: Finding) -> None:
        """Do not find it again, and see to it that it does not hide others from now on."""
        self._known.add(finding.id)
        self._fruitless = 0
        divergence = finding.divergence
        self._explained.add(divergence.first.after)
        name = without_indexes(divergence.first.path)
        bare = name.removeprefix(self._type.prefix)
        attribute = without_indexes(divergence.attribute) or bare
        self._type = self._checks.pass_over(divergence, self._type)
        if divergence.oracle is Oracle.LOAD_IS_SILENT:
            self._repairs.add(bare)
        if divergence.cause is Cause.NONDETERMINISTIC:
            self._ended = not self._engine.exclude(bare)
            self._pristine = examined(self._type)
        if divergence.kind is Kind.DAMAGE_KILLS and not self._type.walks:
            self._engine.exclude(name)  # and go on: it was another process that ended
        elif divergence.cause is Cause.HUNG:
            # each further hang would cost the watchdog's patience
            left = self._engine.exclude(bare)
            self._ended = not left or divergence.oracle is not Oracle.RUNS_ALONE
        if divergence.cause not in _REPAIRABLE:
            return
        self._lost[name] = finding.id
        lost = self._uncleared if divergence.cause is Cause.NOT_CLEARED else self._repairs
        lost.add(attribute)
        if divergence.oracle is Oracle.RESET_IS_FRESH and not self._type.walks:
            lost.add(f"{bare}.")  # the finding speaks for its whole section

    @property
    def notes(self) -> tuple[str, ...]:
        """What of the target cannot be tested, and what ended a process of it and is no finding."""
        return (*self._type.notes, *(() if self._type.walks else self._tally.unexplained(self._explained, self._seed)))

    @property
    def statistics(self) -> Statistics:
        """What was done so far, and what was not."""
        fields = self.coverage.of(self._type)
        seconds = monotonic() - self._started
        return self._tally.statistics(self._checks, self._type.invariants, fields, self.coverage.points, seconds)
