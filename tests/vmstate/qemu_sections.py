"""Sections that devices of a stock QEMU write, described with our kinds of field.

The names and types are those of the description that QEMU puts at the end of each stream.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import stressor.vmstate as vm
from tests.vmstate.generated import Plain, Tick

__all__ = ["ARM_MACHINES", "SECTIONS", "QemuSection", "cut", "stream_of"]


class QemuSection(NamedTuple):
    """One section: its description, its instance, and what the device has before a load."""

    description: vm.Description
    instance: int = 0
    settings: dict[str, Any] = {}

    def blank(self) -> Plain:
        """Return an object as the device is when it has nothing loaded."""
        obj = blank(self.description)
        for path, value in self.settings.items():
            *before, last = path.split(".")
            part = obj
            for name in before:
                part = getattr(part, name)
            setattr(part, last, value)
        return obj


def blank(description: vm.Description) -> Plain:
    """Return an object with zeros in every field of a description."""
    obj = Plain()
    for field in (*description.fields, *(f for s in description.subsections for f in s.fields)):
        value = _zero(field)
        if value is not None:
            setattr(obj, field.attribute, value)
    return obj


def _zero(field: Any) -> Any:
    element = getattr(field, "element", None)
    match type(field).__name__:
        case "Scalar":
            return False if field.type is vm.boolean else 0
        case "Buffer":
            return bytearray(field.maximum)
        case "Struct":
            return blank(field.description)
        case "Timer":
            return Tick(7)
        case "Array" if field.columns:
            return [[0] * field.columns for _ in range(field.count // field.columns)]
        case "Array" if isinstance(element, vm.Description):
            return [blank(element) for _ in range(field.maximum)]
        case "Array":
            return [0] * field.maximum
    return None


def cut(stream: bytes, name: str, section: QemuSection) -> tuple[int, bytes]:
    """Cut a whole section out of a migration stream; return its id and its bytes."""
    identity = bytes([len(name)]) + name.encode() + section.instance.to_bytes(4)
    version = section.description.version.to_bytes(4)
    header = re.compile(rb"\x04(.{4})" + re.escape(identity + version), re.DOTALL).search(stream)
    if header is None:
        raise ValueError(f"the stream has no section {name}/{section.instance}")
    footer = b"\x7e" + header[1]
    end = stream.index(footer, header.end()) + len(footer)
    return int.from_bytes(header[1]), stream[header.start() : end]


def stream_of(machine: str, folder: Path) -> bytes:
    """Return the migration stream of a stopped ARM machine that has done nothing."""
    file = folder / machine
    arguments = ["-M", machine, "-S", "-accel", "tcg", "-display", "none", "-qmp", "stdio"]
    process = subprocess.Popen(
        ["qemu-system-arm", *arguments, "-serial", "null", "-monitor", "none"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=os.environ | {"QEMU_AUDIO_DRV": "none"},
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process, process.stdin as commands, process.stdout as answers:
        try:
            for command in (
                '{"execute": "qmp_capabilities"}',
                json.dumps({"execute": "migrate", "arguments": {"uri": f"exec:cat > {file}"}}),
            ):
                commands.write(command + "\n")
            for _ in range(100_000):
                commands.write('{"execute": "query-migrate"}\n')
                commands.flush()
                if '"status": "completed"' in answers.readline():
                    return file.read_bytes()
        finally:
            process.kill()
    raise RuntimeError(f"{machine} could not migrate")


def fields(make: Callable[..., vm.Field], *names: str) -> list[vm.Field]:
    return [make(name) for name in names]


HPET_TIMER = vm.Description(
    "hpet_timer",
    fields=[
        vm.u8("tn"),
        *fields(vm.u64, "config", "cmp", "fsb", "period"),
        vm.u8("wrap_flag"),
        vm.timer("qemu_timer"),
    ],
)
HPET = vm.Description(
    "hpet",
    version=2,
    minimum_version=1,
    fields=[
        *fields(vm.u64, "config", "isr", "hpet_counter"),
        vm.u8("num_timers", since=2),
        vm.variable_struct_array("timer", HPET_TIMER, length="num_timers", maximum=32, fixed=True),
    ],
    subsections=[
        vm.Description(
            "hpet/rtc_irq_level", needed="rtc_irq_level != 0", fields=[vm.u8("rtc_irq_level")]
        )
    ],
    validate=[vm.Validate("3 to 32 timers", "3 <= num_timers <= 32")],
)
RTC = vm.Description(
    "mc146818rtc",
    version=3,
    minimum_version=1,
    fields=[
        vm.buffer("cmos_data", 128),
        vm.u8("cmos_index"),
        vm.unused(28),
        vm.timer("periodic_timer"),
        vm.i64("next_periodic_time"),
        vm.unused(24),
        *[vm.u32(name, since=2) for name in ("irq_coalesced", "period")],
        *[vm.u64(name, since=3) for name in ("base_rtc", "last_update")],
        vm.i64("offset", since=3),
        vm.timer("update_timer", since=3),
        vm.u64("next_alarm_time", since=3),
    ],
)
PIT_CHANNEL = vm.Description(
    "pit channel",
    version=2,
    fields=[
        vm.i32("count"),
        vm.u16("latched_count"),
        *fields(vm.u8, "count_latched", "status_latched", "status", "read_state", "write_state"),
        *fields(vm.u8, "write_latch", "rw_mode", "mode", "bcd", "gate"),
        *fields(vm.i64, "count_load_time", "next_transition_time"),
    ],
)
PIT = vm.Description(
    "i8254",
    version=3,
    minimum_version=2,
    fields=[
        vm.u32("irq_disabled", since=3),
        vm.struct_array("channels", PIT_CHANNEL, 3),
        vm.i64("first_transition_time"),
    ],
)
PS2_COMMON = vm.Description(
    "PS2 Common State",
    version=3,
    minimum_version=2,
    fields=[*fields(vm.i32, "write_cmd", "rptr", "wptr", "count"), vm.buffer("data", 256)],
)
KEYBOARD = vm.Description(
    "ps2kbd",
    version=3,
    minimum_version=2,
    fields=[
        vm.struct("common", PS2_COMMON),
        *fields(vm.i32, "scan_enabled", "translate"),
        vm.i32("scancode_set", since=3),
    ],
    subsections=[
        vm.Description(
            "ps2kbd/command_reply_queue", version=0, needed="cwptr >= 0", fields=[vm.i32("cwptr")]
        )
    ],
)
PCI_BUS = vm.Description(
    "PCIBUS",
    fields=[
        vm.equal("nirq", vm.i32),
        vm.variable_array("irq_count", vm.i32, length="nirq", maximum=256, fixed=True),
    ],
)
DMA_CHANNEL = vm.Description(
    "dma_regs",
    fields=[
        vm.array("now", vm.i32, 2),
        vm.array("base", vm.u16, 2),
        *fields(vm.u8, "mode", "page", "pageh", "dack", "eop"),
    ],
)
DMA = vm.Description(
    "dma",
    fields=[
        *fields(vm.u8, "command", "mask", "flip_flop"),
        vm.i32("dshift"),
        vm.struct_array("regs", DMA_CHANNEL, 4),
    ],
)
FIRMWARE = vm.Description(
    "fw_cfg",
    version=2,
    minimum_version=1,
    fields=[vm.u16("cur_entry"), vm.u32("cur_offset", since=2)],
    subsections=[
        vm.Description("fw_cfg/dma", version=0, needed="with_dma", fields=[vm.u64("dma_addr")]),
        vm.Description(
            "fw_cfg/acpi_mr",
            needed="with_acpi",
            fields=fields(vm.u64, "table_mr_size", "linker_mr_size", "rsdp_mr_size"),
        ),
    ],
)
MOUSE = vm.Description(
    "vmmouse",
    version=0,
    fields=[
        vm.equal("queue_size", vm.i32),
        vm.array("queue", vm.u32, 1024),
        *fields(vm.u16, "nb_queue", "status"),
        vm.u8("absolute"),
    ],
)
IOAPIC = vm.Description(
    "ioapic",
    version=3,
    minimum_version=1,
    fields=[
        *fields(vm.u8, "id", "ioregsel"),
        vm.unused(8, since=2),
        vm.u32("irr", since=2),
        vm.array("ioredtbl", vm.u64, 24),
    ],
)
PCI_DEVICE = vm.Description(
    "PCIDevice",
    version=2,
    minimum_version=1,
    fields=[
        vm.bounded("version_id", vm.i32),
        vm.buffer("config", 256),
        vm.array("irq_state", vm.i32, 4, since=2),
    ],
)
SMBUS = vm.Description(
    "pmsmb",
    fields=[
        *fields(vm.u8, "stat", "ctl", "cmd", "addr", "data0", "data1"),
        vm.u32("index"),
        vm.array("data", vm.u8, 32),
        *fields(vm.u8, "auxctl", "blkdata"),
        *fields(vm.boolean, "i2c_enable", "op_done", "in_i2c_block_read", "start_on_status_read"),
    ],
)
POWER = vm.Description(
    "piix4_pm",
    version=3,
    minimum_version=3,
    fields=[
        vm.struct("device", PCI_DEVICE),
        *fields(vm.u16, "pm1_sts", "pm1_en", "pm1_cnt"),
        vm.struct("apm", vm.Description("APM State", fields=fields(vm.u8, "apmc", "apms"))),
        vm.struct("smb", SMBUS),
        vm.timer("tmr_timer"),
        vm.i64("tmr_overflow_time"),
        # QEMU points at bytes there and takes two of them for a number
        vm.struct("gpe", vm.Description("gpe", fields=fields(vm.u16, "sts", "en"))),
        vm.u32("hotplug_select", when="with_hotplug"),
        vm.struct_array(
            "pci_status",
            vm.Description("acpi_pcihp_pci_status", fields=fields(vm.u32, "up", "down")),
            256,
            when="with_hotplug",
        ),
        vm.u32("acpi_index", when="with_hotplug"),
    ],
    subsections=[
        vm.Description("piix4_pm/memhp", needed="with_memory", fields=[vm.u32("selector")])
    ],
)

IRQ_STATE = vm.Description(
    "arm_gic_irq_state",
    fields=[
        *fields(vm.u8, "enabled", "pending", "active", "level"),
        *fields(vm.boolean, "model", "edge_trigger"),
        vm.u8("group"),
    ],
)
GIC = vm.Description(
    "arm_gic",
    version=12,
    minimum_version=12,
    fields=[
        vm.u32("ctlr"),
        vm.array("cpu_ctlr", vm.u32, 8),
        vm.struct_array("irq_state", IRQ_STATE, 1020),
        vm.array("irq_target", vm.u8, 1020),
        vm.array("priority1", vm.u8, (32, 8)),
        vm.array("priority2", vm.u8, 988),
        vm.array("sgi_pending", vm.u8, (16, 8)),
        *[vm.array(name, vm.u16, 8) for name in ("mask", "running_priority", "current_pending")],
        *[vm.array(name, vm.u8, 8) for name in ("bpr", "abpr")],
        *[vm.array(name, vm.u32, (4, 8)) for name in ("apr", "nsapr")],
    ],
)
PERIODIC = vm.Description(
    "ptimer",
    fields=[
        vm.u8("enabled"),
        *fields(vm.u64, "limit", "delta"),
        vm.u32("period_frac"),
        *fields(vm.i64, "period", "last_event", "next_event"),
        vm.timer("timer"),
    ],
)
CLOCK = vm.Description(
    "clock",
    version=0,
    fields=[vm.u64("period")],
    subsections=[
        vm.Description(
            "clock/muldiv",
            needed="multiplier > 1 or divider > 1",
            fields=fields(vm.u32, "multiplier", "divider"),
        )
    ],
)
TIMER_BLOCK = vm.Description(
    "arm_mptimer_timerblock",
    version=3,
    minimum_version=3,
    fields=[*fields(vm.u32, "control", "status"), vm.struct("timer", PERIODIC)],
)
PRIVATE_TIMERS = vm.Description(
    "arm_mptimer",
    version=3,
    minimum_version=3,
    fields=[
        vm.variable_struct_array("blocks", TIMER_BLOCK, length="num_cpu", maximum=4, fixed=True)
    ],
)
SYSTEM_TICK = vm.Description(
    "armv7m_systick",
    version=3,
    minimum_version=3,
    fields=[
        vm.struct("refclk", CLOCK),
        vm.struct("cpuclk", CLOCK),
        vm.u32("control"),
        vm.i64("tick"),
        vm.struct("ptimer", PERIODIC),
    ],
)
CLOCK_MUX = vm.Description(
    "bcm2835-cprman-clock-mux", fields=[vm.struct_array("srcs", CLOCK, 10, null=True)]
)

ARM_MACHINES = {
    "vexpress-a9": ("arm_gic", "arm_mptimer"),
    "mps2-an385": ("armv7m_systick",),
    "raspi2b": ("bcm2835-cprman-clock-mux",),
}
SECTIONS: dict[str, QemuSection] = {
    "hpet": QemuSection(HPET),
    "mc146818rtc": QemuSection(RTC),
    "i8254": QemuSection(PIT),
    "ps2kbd": QemuSection(KEYBOARD, 0, {"cwptr": -1}),
    "PCIBUS": QemuSection(PCI_BUS, 0, {"nirq": 4}),
    "dma": QemuSection(DMA, 1),
    "fw_cfg": QemuSection(FIRMWARE, 0, {"with_dma": True, "with_acpi": True}),
    "vmmouse": QemuSection(MOUSE, 0, {"queue_size": 1024}),
    "ioapic": QemuSection(IOAPIC),
    "0000:00:01.3/piix4_pm": QemuSection(
        POWER, 0, {"with_hotplug": True, "with_memory": True, "device.version_id": 2}
    ),
    "arm_gic": QemuSection(GIC),
    "arm_mptimer": QemuSection(PRIVATE_TIMERS, 0, {"num_cpu": 1}),
    "armv7m_systick": QemuSection(SYSTEM_TICK),
    "bcm2835-cprman-clock-mux": QemuSection(CLOCK_MUX),
}
