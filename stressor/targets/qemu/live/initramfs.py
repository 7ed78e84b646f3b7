"""A guest's first and only file system: BusyBox, drivers of the kernel, and a script that keeps devices busy.

The archive is the kernel's `newc` cpio: Linux, Documentation/driver-api/early-userspace/buffer-format.rst.
"""

from __future__ import annotations

import lzma
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from stressor.errors import UsageError

__all__ = ["HEARTBEAT", "archive", "build_initramfs", "find_busybox"]

HEARTBEAT: Final = r"^heartbeat \d+"
"""What the script prints again and again."""

_INIT: Final = r"""#!/bin/busybox sh
# Prints a heartbeat, and between two of them asks something of each device that is there.
/bin/busybox mkdir -p /proc /sys
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
for module in $(cat /modules/order); do insmod /modules/$module; done 2>/dev/null
for path in /sys/class/net/*; do
    card=${path##*/}
    [ $card = lo ] || ip link set $card up
    [ $card = eth0 ] && ip addr add 10.0.2.15/24 dev eth0
done 2>/dev/null
count=0
while true; do
    for path in /sys/block/*; do
        [ -e $path/device ] && dd if=/dev/${path##*/} of=/dev/null bs=4k count=16 skip=$((count % 64 * 16)) iflag=direct
    done 2>/dev/null
    [ -e /sys/class/net/eth0 ] && ping -c 1 -W 1 -s 400 10.0.2.2 >/dev/null 2>&1
    [ -e /dev/hwrng ] && dd if=/dev/hwrng of=/dev/null bs=16 count=1 2>/dev/null
    clock=$(cat /sys/class/rtc/rtc0/time 2>/dev/null)
    read up idle < /proc/uptime
    count=$((count + 1))
    echo "heartbeat $count, up $up s, clock $clock"
    sleep 0.1
done
"""

_DRIVERS: Final = (
    "virtio_pci", "virtio_mmio", "virtio_blk", "virtio_net", "virtio_scsi", "virtio-rng",
    "virtio_console", "virtio_balloon", "e1000", "e1000e", "8139cp", "ata_piix", "ahci", "sd_mod",
    "sr_mod", "nvme", "sdhci-pci", "xhci-pci", "ehci-pci", "uhci-hcd", "usb-storage", "i6300esb",
)  # fmt: skip
_DEPENDS: Final = re.compile(rb"\0depends=([^\0]*)\0")
_HOST: Final = Path("/bin/busybox")
_INTERPRETER: Final = b"/lib64/ld-linux"

_FOLDER, _FILE, _DEVICE = 0o040755, 0o100755, 0o020600


def build_initramfs(kernel: Path) -> bytes:
    """Return an archive for a kernel, with the drivers that are installed beside it, if any.

    Raises UsageError when there is no statically linked BusyBox.
    """
    root = _root(kernel)
    modules = dict(_modules(root / "lib/modules" / kernel.resolve().name.removeprefix("vmlinuz-")))
    entries: list[tuple[str, int, bytes]] = [
        ("bin", _FOLDER, b""),
        ("bin/busybox", _FILE, find_busybox(kernel)),
        ("dev", _FOLDER, b""),
        ("dev/console", _DEVICE, b""),
        ("init", _FILE, _INIT.encode()),
        ("modules", _FOLDER, b""),
        ("modules/order", _FILE, "".join(f"{name}\n" for name in modules).encode()),
    ]
    entries += [(f"modules/{name}", _FILE, data) for name, data in modules.items()]
    return archive(entries)


def archive(entries: Sequence[tuple[str, int, bytes]]) -> bytes:
    """Return a cpio archive of (path, mode, content); the one character device is the console."""
    parts = []
    for number, (path, mode, data) in enumerate([*entries, ("TRAILER!!!", 0, b"")], 1):
        major, minor = (5, 1) if mode == _DEVICE else (0, 0)
        name = path.encode() + b"\0"
        fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, major, minor, len(name), 0)
        head = b"070701" + b"".join(b"%08X" % field for field in fields) + name
        parts += [head + bytes(-len(head) % 4), data + bytes(-len(data) % 4)]
    return b"".join(parts)


def find_busybox(kernel: Path) -> bytes:
    """Return a BusyBox that needs no library: that beside the kernel, else the host's.

    Raises UsageError when there is none.
    """
    for path in (_root(kernel) / "bin/busybox", _HOST):
        try:
            data = path.read_bytes()
        except OSError:
            continue
        if _INTERPRETER not in data[:4096]:
            return data
    raise UsageError(
        "no statically linked BusyBox to make an initramfs of; install busybox-static, or give --initrd"
    )


def _root(kernel: Path) -> Path:
    """Return the folder in which `boot`, `bin` and `lib` of a distribution lie."""
    return kernel.resolve().parent.parent


def _modules(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield file name and content of drivers, each behind what it depends on."""
    files = {_key(path.name): path for path in sorted(folder.glob("kernel/**/*.ko*"))}
    done: set[str] = set()

    def load(name: str) -> Iterator[tuple[str, bytes]]:
        path = files.get(name)
        if path is None or name in done:
            return
        done.add(name)
        data = path.read_bytes()
        if path.suffix == ".xz":
            data = lzma.decompress(data)
        elif path.suffix != ".ko":
            return
        depends = _DEPENDS.search(data)
        for other in depends[1].decode().split(",") if depends else ():
            yield from load(_key(other))
        yield f"{name}.ko", data

    for driver in _DRIVERS:
        yield from load(_key(driver))


def _key(name: str) -> str:
    return name.partition(".")[0].replace("-", "_")
