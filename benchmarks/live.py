"""What a cycle costs a running Linux guest of 256 MB: how long it stands, as a share of the period.

The kernel is that of STRESSOR_TEST_KERNEL, else the newest readable /boot/vmlinuz-*-amd64. Cycles
of ours and the same QMP commands with nothing around them take turns on one guest.
"""

from __future__ import annotations

import shutil
from statistics import median
from time import perf_counter

from benchmarks.measure import Row
from benchmarks.measure import seconds as in_words
from stressor.errors import UsageError
from stressor.targets.qemu.live.differences import Differences
from stressor.targets.qemu.live.guest import Guest
from stressor.targets.qemu.live.specification import live_written, parse_live
from stressor.targets.qemu.storage import SLOT
from tests.targets.qemu.live.guests import linux_kernel

__all__ = ["measure"]

_ROUNDS = 100
_PERIOD = 0.1
_BOUND = 0.020
_BOOT = 300.0
_WHAT = f"overhead of a cycle on a live 256 MB guest, every {in_words(_PERIOD)}"


def measure() -> list[Row]:
    """Return the rows, or one that says why there are none. Raises AssertionError when the guest is lost."""
    kernel = linux_kernel()
    if kernel is None or not shutil.which("qemu-system-x86_64"):
        return [Row(_WHAT, "skipped: no kernel that can be read, or no qemu-system-x86_64")]
    arguments = {"kernel": str(kernel), "append": "console=ttyS0 quiet"}
    specification = parse_live(live_written("qemu:live,memory=256M,silence=60s", {}, arguments))
    try:
        guest = Guest(specification)
    except UsageError as error:
        return [Row(_WHAT, f"skipped: {error}")]
    try:
        guest.resume()
        guest.console.watch(_BOOT, beats=1)
        guest.settle(_BOOT)
        differences = Differences(specification, guest.machine.sections)
        ours: list[float] = []
        bare: list[float] = []
        for _ in range(_ROUNDS):
            guest.console.watch(_PERIOD)
            ours.append(_ours(guest, differences))
            guest.console.watch(_PERIOD)
            bare.append(_bare(guest))
        assert guest.trouble is None, f"the guest did not go on: {guest.trouble}"
    finally:
        guest.close()
    stood = median(ours)
    share = f"{100 * stood / _PERIOD:.1f} % of the period"
    ratio = median(theirs / mine for mine, theirs in zip(ours, bare, strict=True))
    return [
        Row(_WHAT, in_words(stood), share, "", f"<= {in_words(_BOUND)}", stood <= _BOUND),
        Row("the same, against the bare commands", in_words(stood), in_words(median(bare)), f"{ratio:.2f}x"),
    ]


def _ours(guest: Guest, differences: Differences) -> float:
    before, again, after = guest.cycle()
    assert not differences.between(guest.machine, before, again), "a save changed the guest"
    assert not differences.between(guest.machine, again, after), "a load lost something"
    return guest.resume()


def _bare(guest: Guest) -> float:
    process, frame = guest.process, guest.machine.frame
    file = process.folder / "bare"
    begun = perf_counter()
    process.execute("stop")
    process.execute("xen-save-devices-state", filename=str(file), live=False)
    process.execute("xen-save-devices-state", filename=str(file), live=False)
    process.execute("system_reset")
    process.storage.write_slot(frame.start + file.read_bytes()[8:] + b"\x06\0\0\0\x02{}")
    process.human(f"loadvm {SLOT}")
    process.execute("xen-save-devices-state", filename=str(file), live=False)
    process.execute("cont")
    return perf_counter() - begun
