"""`stressor doctor`: what of QEMU is there, and how to get what is missing."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import click

from stressor.cli.common import verbose_option
from stressor.cli.exit_code import ExitCode
from stressor.errors import UsageError
from stressor.report.text import clean

__all__ = ["doctor"]


@click.command(
    "doctor",
    epilog="Exit codes: 0 everything is there, 2 something is missing that qemu: targets need.",
)
@verbose_option
def doctor() -> int:
    """Say which QEMU binaries are installed, and what else `stressor run qemu:...` needs."""
    missing = []
    needs = [*_needs()]
    column = max(len(name) for name, _, _ in needs) + 2
    for name, found, cure in needs:
        click.echo(clean(f"{name:<{column}}{found or f'missing: {cure}'}"))
        if not found and cure:
            missing.append(name)
    if missing:
        click.echo(f"\nmissing for qemu: targets: {', '.join(missing)}")
        return ExitCode.USAGE
    click.echo("\nready for qemu: targets")
    return ExitCode.CLEAN


def _needs() -> Iterator[tuple[str, str, str]]:
    """Yield what is looked for, what was found of it, and where to get it; "" where it can lack."""
    from stressor.targets.qemu.binary import installed

    found = False
    for binary in installed():
        found = True
        clock = "the clock can be stepped" if binary.qtest_clock else "no -accel qtest"
        machines = f"{len(binary.machines)} machines"
        yield os.path.basename(binary.path), f"{binary.version}, {machines}, {clock}", ""
    if not found:
        yield "qemu-system-*", "", "install Debian's qemu-system-x86, or qemu-system-arm"
    try:
        version = importlib.metadata.version("qemu.qmp")
    except importlib.metadata.PackageNotFoundError:
        version = ""
    yield "qemu.qmp", version, "install it, or Stressor with the extra qemu"
    memory = (
        "/dev/shm"
        if os.access("/dev/shm", os.W_OK)
        else "none: files go to the usual place, slower"
    )
    yield "memory-backed storage", memory, ""
    yield from _guests()
    ends = "there" if shutil.which("setpriv") else "none: a killed run may leave a QEMU behind"
    yield "setpriv (util-linux)", ends, ""


def _guests() -> Iterator[tuple[str, str, str]]:
    """Yield what a guest of `qemu:live` can be made of; one can be given instead."""
    from stressor.targets.qemu.live.initramfs import find_busybox

    kernels = [path for path in sorted(Path("/boot").glob("vmlinuz-*")) if os.access(path, os.R_OK)]
    lacking = "none that can be read: install Debian's linux-image-cloud-amd64, or give --kernel"
    yield "guest kernel", str(kernels[-1]) if kernels else lacking, ""
    try:
        find_busybox(kernels[-1] if kernels else Path("/boot/vmlinuz"))
        yield "BusyBox", "statically linked", ""
    except UsageError:
        yield "BusyBox", "none that is static: install busybox-static, or give --initrd", ""
