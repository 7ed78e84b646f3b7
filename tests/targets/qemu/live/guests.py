"""A guest of one sector: it says on its serial line that it lives, and ends as the test wants."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

__all__ = ["HANG", "PANIC", "REBOOT", "SHUT_DOWN", "boot_sector", "linux_kernel", "specification"]

_PORT = 0x3F8
_LOADED = 0x7C00
_PANIC_TEXT = b"Kernel panic - not syncing: planted\r\n\0"

HANG = b"\xfa\xf4\xeb\xfd"
"""cli; hlt; jmp to hlt."""
REBOOT = b"\xb0\xfe\xe6\x64\xeb\xfe"
"""mov al, 0xfe; out 0x64, al: the keyboard controller pulses the reset line; jmp to itself."""
SHUT_DOWN = b"\xba\x04\x06\xb8\x00\x20\xef\xeb\xfe"
"""mov dx, 0x604; mov ax, 0x2000; out dx, ax: PIIX4 sleep, type soft-off; jmp to itself."""
PANIC = b""
"""Print what Linux prints, again and again."""


def boot_sector(ending: bytes = HANG, beats: int = 0) -> bytes:
    """Return a sector that prints `beat` with each tick of the timer, and after `beats` (0: 65536) ends."""
    end_of_code = 64
    counter, text = _LOADED + end_of_code, _LOADED + end_of_code + 2
    again = b"\xbe" + text.to_bytes(2, "little")  # mov si, text
    put = (
        b"\xac\x84\xc0\x74\x10"  # lodsb; test al, al; jz behind
        b"\x50\xba" + (_PORT + 5).to_bytes(2, "little") + b"\xec\xa8\x20\x74\xfb\x58"  # wait until it is empty
        b"\xba" + _PORT.to_bytes(2, "little") + b"\xee\xeb\xeb"  # out dx, al; jmp to lodsb
    )
    tick = b"\xfb\xf4"  # sti; hlt
    count = b"\xff\x0e" + counter.to_bytes(2, "little")  # dec word [counter]
    code = b"\x31\xc0\x8e\xd8" + again + put + tick + count
    code += b"\x75" + (4 - len(code) - 2).to_bytes(1, "little", signed=True)  # jnz again
    if ending:
        code += ending
    else:  # mov word [again + 1], panic; jmp again
        panic = (text + len(b"beat\r\n\0")).to_bytes(2, "little")
        code += b"\xc7\x06" + (_LOADED + 5).to_bytes(2, "little") + panic
        code += b"\xeb" + (4 - len(code) - 2).to_bytes(1, "little", signed=True)
    assert len(code) <= end_of_code
    data = beats.to_bytes(2, "little") + b"beat\r\n\0" + _PANIC_TEXT
    return (code.ljust(end_of_code, b"\0") + data).ljust(510, b"\0") + b"\x55\xaa"


def specification(folder: Path, sector: bytes, options: str = "") -> str:
    """Return what runs the sector from a floppy disk."""
    file = folder / "sector.img"
    file.write_bytes(sector.ljust(1440 << 10, b"\0"))
    drive = f"file={file},format=raw,if=floppy,readonly=on"
    return f"qemu:live,memory=4M{options} -- -drive {shlex.quote(drive)}"


def linux_kernel() -> Path | None:
    """Return the kernel for tests with a real guest: that of STRESSOR_TEST_KERNEL, else an installed one."""
    named = os.environ.get("STRESSOR_TEST_KERNEL")
    found = [Path(named)] if named else sorted(Path("/boot").glob("vmlinuz-*-amd64"))
    return next((path for path in reversed(found) if os.access(path, os.R_OK)), None)
