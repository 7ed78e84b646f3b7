"""Cycles on a real QEMU, beside what one would type into its monitor, and beside its own test's way.

All sides have the same binary, the same machine with an e1000 and as much memory. A cycle is one of the
loop, in place, without operations. Beside the monitor and the migration it checks what these can tell:
that what is saved after the load is what was saved before. Beside the bare commands every oracle is on.

Where memory travels with the devices, a quarter of it was written to, which is not in the time; the guest
of QEMU's own migration-test writes 99 MB.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from time import perf_counter, sleep
from typing import Any, Final

from benchmarks.bare import BareQemu
from benchmarks.measure import Row, at_least, in_turns, ratio, seconds, timed
from stressor.loop.cycle import Checks, Recording, record, run_schedule
from stressor.loop.finding import Oracle
from stressor.loop.trace import Cycle, Operation, ResetMode
from stressor.loop.watchdog import Watchdog
from stressor.targets.qemu.discovery import Layout
from stressor.targets.qemu.model import QemuModel, qemu_model
from stressor.targets.qemu.target import QemuTarget

__all__ = ["measure"]

MEMORY: Final = "256M"
_BINARY: Final = "qemu-system-x86_64"
_CYCLES: Final = 20
_OPERATIONS: Final = 400
_ROUNDS: Final = 7
_PAUSE: Final = 0.001
_ROOM: Final = 512 << 20
_BARE: Final = 0.8
_UNLIMITED: Final = 1 << 36
"""Bytes a second; without it QEMU sends no more than 128 MB."""
_FILL: Final = f"memset {1 << 20:#x} {64 << 20:#x} 0x5a"


def measure() -> list[Row]:
    """Return the rows; one that gives the reason where there is no QEMU."""
    if shutil.which(_BINARY) is None:
        return [Row("cycles on a real QEMU", f"skipped: no {_BINARY} on the PATH")]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=_roomy())))
        model = qemu_model(f"qemu:e1000,memory={MEMORY},time=off")
        stack.callback(model.close)
        target = model.open()
        stack.callback(target.close)
        peer = stack.enter_context(BareQemu(model.layout, folder / "image.qcow2"))
        for line in model.layout.setup:
            peer.ask(line)
        peer.ask(_FILL)
        peer.human("savevm typed")
        cycles = _Cycles(model, target, [Oracle.LOAD_RESTORES])
        careful = _Cycles(model, target, list(Oracle))
        costs = in_turns(
            {
                "cycle": lambda: timed(cycles, 1) / _CYCLES,
                "plain": lambda: timed(lambda: _typed(peer), 2),
                "migration": lambda: _migrated(model.layout, folder),
                "careful": lambda: timed(careful, 1) / _CYCLES,
                "bare": _replaying(careful, peer),
                **_operations(target),
            },
            _ROUNDS,
        )
    best = {side: seconds(min(spent)) for side, spent in costs.items()}
    bare = ratio(costs, "careful", "bare")
    return [
        at_least(
            f"a cycle in place, e1000, {MEMORY}: beside savevm, system_reset, loadvm, savevm",
            best["cycle"], best["plain"], ratio(costs, "cycle", "plain"), 10,
        ),
        at_least(
            "  beside two new processes and a migration, as in QEMU's migration-test",
            best["cycle"], best["migration"], ratio(costs, "cycle", "migration"), 20,
        ),
        Row(
            "  with every oracle on: beside its own commands over a bare socket, and no harness",
            best["careful"], best["bare"], f"{bare:.2f}x", f">= {_BARE:g}x", bare >= _BARE,
        ),
        at_least(
            f"an operation, {_OPERATIONS} of them pipelined: beside one at a time",
            best["together"], best["alone"], ratio(costs, "together", "alone"), 3,
        ),
    ]  # fmt: skip


def _roomy() -> str | None:
    """Return where the peers' files lie: in memory as ours do, where there is room for a state."""
    shared = Path("/dev/shm")
    return str(shared) if shared.is_dir() and shutil.disk_usage(shared).free > _ROOM else None


class _Cycles:
    """Runs cycles in place as a campaign does. Raises RuntimeError when one parts."""

    def __init__(self, model: QemuModel, target: QemuTarget, oracles: list[Oracle]) -> None:
        self.target = target
        self._checks = Checks(oracles, model.reset_modes)
        self._watchdog = Watchdog(60.0)
        self._pristine = target.examine()
        self._recording = Recording()
        self._batches: list[list[Operation]] = [[]] * (_CYCLES + 1)
        record(target, self._batches, self._watchdog, self._recording)

    def __call__(self) -> None:
        parted = run_schedule(
            self.target, self._recording, self._batches, [Cycle(ResetMode.IN_PLACE)] * _CYCLES,
            self._checks, self._watchdog, self._pristine,
        )  # fmt: skip
        if parted is not None:
            raise RuntimeError(f"an e1000 that nothing was done to parted: {parted}")


def _replaying(cycles: _Cycles, peer: BareQemu) -> Callable[[], float]:
    """Return what sends every command of `cycles` to the peer, those together that we send together."""
    groups: list[list[dict[str, Any]]] = [[]]
    process = cycles.target._machine.process
    client: Any = process._monitor._client  # type: ignore[union-attr]
    outbound, inbound = client._cb_outbound, client._cb_inbound

    def sent(message: Any) -> Any:
        groups[-1].append(dict(message))
        return outbound(message)

    def came(message: Any) -> Any:
        if groups[-1]:
            groups.append([])
        return inbound(message)

    client._cb_outbound, client._cb_inbound = sent, came
    try:
        cycles()
    finally:
        client._cb_outbound, client._cb_inbound = outbound, inbound
    peer.storage.write_slot(process.storage.read_state("slot"))
    commands = [group for group in groups if group]

    def replay() -> float:
        return timed(lambda: [peer.send(group) for group in commands], 1) / _CYCLES

    return replay


def _operations(target: QemuTarget) -> dict[str, Callable[[], float]]:
    """Return both ways of doing the same reads; costs are those of one."""
    read = Operation("qemu.read", ("e1000-mmio", 8, 4))
    many = [read] * _OPERATIONS
    return {
        "together": lambda: timed(lambda: target.execute(many), 3) / _OPERATIONS,
        "alone": lambda: timed(lambda: target.execute([read]), _OPERATIONS),
    }


def _typed(peer: BareQemu) -> None:
    for line in ("savevm typed", "system_reset", "loadvm typed", "savevm typed"):
        peer.human(line)


def _migrated(layout: Layout, folder: Path) -> float:
    """Start a source and a destination, migrate, and end both; return the seconds that it took."""
    place = f"unix:{folder / 'migration'}"
    begin = perf_counter()
    with BareQemu(layout, more=["-incoming", place]) as there, BareQemu(layout) as here:
        filling = perf_counter()
        here.ask(_FILL)
        begin += perf_counter() - filling
        here.execute("migrate-set-parameters", **{"max-bandwidth": _UNLIMITED})
        here.execute("migrate", uri=place)
        while here.execute("query-migrate")["status"] != "completed":
            sleep(_PAUSE)
        while there.execute("query-status")["status"] == "inmigrate":
            sleep(_PAUSE)
    return perf_counter() - begin
