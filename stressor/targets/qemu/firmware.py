"""A few bytes of machine code that let a processor do nothing but count down, and then wait.

With `-icount` an instruction takes a fixed virtual time, so that counting is how time passes. What
follows must take none: an instruction that ends in an exception is not counted, so behind the loop
the processor takes one exception after another, whose handler is the place that it comes from. There
it is stopped, whenever that happens, at the same virtual time.

The first of these exceptions comes from another place. QEMU lets timers fire that fell due with the last
instruction before it tries the next one, so that a processor which waits has seen all of them; one that
was stopped between the two has not.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

__all__ = ["LOOP", "Firmware", "firmware_for"]

LOOP: Final = 2
"""Instructions that one round of the countdown takes."""


@dataclass(frozen=True)
class Firmware:
    """Code for one sort of processor at one place in guest memory.

    `memory` is what has to be at which address before it runs, and lies in `place`. `counter` is the
    register that is counted down, `registers` what others must be, `program_counter` among them.
    `overhead` instructions are executed beside the rounds. In the end the program counter is
    `waiting`, until then in `place`, or at `passed` on its way from there. `afterwards` takes back what
    waiting longer or shorter changes.
    """

    memory: tuple[tuple[int, bytes], ...]
    place: range
    counter: str
    registers: Mapping[str, int]
    program_counter: str
    waiting: int
    overhead: int
    afterwards: Mapping[str, int]
    passed: int | None = None


def firmware_for(registers: Collection[str], memory: range) -> Firmware | str:
    """Return what counts down on a processor with these registers, or why there is nothing.

    `memory` is the largest piece of the machine's.
    """
    if "rip" in registers or "eip" in registers:
        return _pc("r" if "rip" in registers else "e")
    if "cpsr" in registers:
        if len(memory) < _BEHIND + 2 * _TABLE_SIZE:
            return "the machine has no memory to count down in"
        base = -(-memory.start // _TABLE_SIZE) * _TABLE_SIZE + _BEHIND
        return _armv7(base) if "VBAR" in registers else _armv5(base)
    if "xpsr" in registers:
        return "a Cortex-M cannot wait without time passing: a fault within a fault ends QEMU"
    return "nothing is known that counts down on this processor"


def _pc(prefix: str) -> Firmware:
    """Real mode, in the lowest 64 KB. The exception is a division by the counter, which is 0 then.

    What it pushes goes to the read-only memory at 0xf0000. An interrupt that cannot be masked, and one
    of system management, is returned from at once. Intel 64 and IA-32 Architectures Software Developer's
    Manual, volume 2 (opcodes), volume 3: "8086 Emulation" (the vector table), "System Management Mode"
    (where it begins).
    """
    start, table = 0xA000, 0xA040
    code = bytes.fromhex(
        "fa"  # cli
        "90"  # nop: an even number of instructions
        "2e0f011e20a0"  # lidt cs:[0xa020]
        "90"
        "6649"  # dec ecx
        "75fc"  # jnz to the one before
        "f6f1"  # div cl
        "f6f1"  # the handler: div cl
        "cf"  # iret
    )
    waiting, back = start + len(code) - 3, start + len(code) - 1
    vectors = struct.pack("<HH", waiting, 0) + struct.pack("<HH", back, 0) * 31
    return Firmware(
        memory=(
            (start, code.ljust(table - 0x20 - start, b"\0") + struct.pack("<HI", len(vectors) - 1, table)),
            (table, vectors),
            (0x38000, bytes.fromhex("0faa")),  # rsm
        ),
        place=range(start, table + len(vectors)),
        counter=f"{prefix}cx",
        registers={"cs": 0, "ss": 0xF000, f"{prefix}ip": start},
        program_counter=f"{prefix}ip",
        waiting=waiting,
        overhead=4,
        afterwards={f"{prefix}sp": 0},
    )  # fmt: skip


_TABLE_SIZE: Final = 0x4000
_BEHIND: Final = 0xC000
"""Before that, traffic has its own window of memory."""

_HIGH_VECTORS: Final = 0xFFFF_0000
_PREFETCH_ABORT: Final = 0xC
_DATA_ABORT: Final = 0x10
_SECTION: Final = 0xC12  # of 1 MB, domain 0, access for all
_SUPERVISOR: Final = 0x1D3  # with aborts, interrupts and fast interrupts masked


def _armv7(base: int) -> Firmware:
    """Armv7-A. The exception is a load from an odd address, as is the vector of data aborts.

    Nothing is translated, as QEMU does not save what secure translation is set to. Arm Architecture
    Reference Manual, ARMv7-A edition, B1.8.1 exception vectors, B4.1.130 SCTLR, B4.1.156 VBAR.
    """
    code = (
        0xEE0C1F10,  # mcr p15, 0, r1, c12, c0, 0   where vectors are
        0xEE113F10,  # mrc p15, 0, r3, c1, c0, 0
        0xE3833002,  # orr r3, r3, #2               alignment is checked
        0xE3C33A02,  # bic r3, r3, #0x2000          no high vectors
        0xEE013F10,  # mcr p15, 0, r3, c1, c0, 0
        0xE1A00000,  # nop: an even number of instructions
        0xE2500001,  # subs r0, r0, #1
        0x1AFFFFFD,  # bne to the one before
        0xE5945000,  # ldr r5, [r4]
        0xE5945000,  # the vector: ldr r5, [r4]
    )
    vectors = base + 0x40
    waiting = vectors + _DATA_ABORT
    start = waiting - 4 * (len(code) - 1)
    return Firmware(
        memory=((start, struct.pack(f"<{len(code)}I", *code)),),
        place=range(base, base + _TABLE_SIZE),
        counter="r0",
        registers={"cpsr": _SUPERVISOR, "r1": vectors, "r4": start + 1, "pc": start},
        program_counter="pc",
        waiting=waiting,
        overhead=len(code) - 2 - LOOP,
        afterwards={},
    )


def _armv5(base: int) -> Firmware:
    """Armv5. The exception is a load from the high vectors, which are not mapped, so that its
    handler cannot be fetched, nor the handler of that.

    Arm Architecture Reference Manual, DDI 0100I, part A2.6 exceptions, part B4 the translation table.
    """
    start = base + 0x3000
    code = (
        0xEE021F10,  # mcr p15, 0, r1, c2, c0, 0    the table
        0xEE032F10,  # mcr p15, 0, r2, c3, c0, 0    no checks of access
        0xEE080F17,  # mcr p15, 0, r0, c8, c7, 0    forget what was looked up
        0xEE113F10,  # mrc p15, 0, r3, c1, c0, 0
        0xE3833A02,  # orr r3, r3, #0x2000          high vectors
        0xE3833001,  # orr r3, r3, #1               translation
        0xEE013F10,  # mcr p15, 0, r3, c1, c0, 0
        0xE1A00000,  # nop: an even number of instructions
        0xE2500001,  # subs r0, r0, #1
        0x1AFFFFFD,  # bne to the one before
        0xE5945000,  # ldr r5, [r4]
    )
    waiting = _HIGH_VECTORS + _PREFETCH_ABORT
    section = start & 0xFFF0_0000
    return Firmware(
        memory=(
            (start, struct.pack(f"<{len(code)}I", *code)),
            (base + (section >> 18), struct.pack("<I", section | _SECTION)),
            (base + (_HIGH_VECTORS >> 20 << 2), struct.pack("<I", 0)),
        ),
        place=range(base, base + _TABLE_SIZE),
        counter="r0",
        registers={
            "cpsr": _SUPERVISOR, "r1": base, "r2": 0xFFFF_FFFF, "r4": _HIGH_VECTORS, "pc": start
        },
        program_counter="pc",
        waiting=waiting,
        overhead=len(code) - 1 - LOOP,
        afterwards={},
        passed=_HIGH_VECTORS + _DATA_ABORT,
    )  # fmt: skip
