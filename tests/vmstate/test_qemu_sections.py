"""Sections of real devices: they load by our descriptions, and save to the bytes QEMU wrote.

The stored ones are of QEMU 7.2, after `WRITES`; each line is a section's name and its bytes.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from stressor.errors import StreamError
from stressor.vmstate import Section
from stressor.vmstate.formats import Json
from tests.devices.qemu_pc import QemuPc, needs_qemu
from tests.vmstate.qemu_sections import ARM_MACHINES, SECTIONS, cut, stream_of

ARM = "qemu-system-arm"
DATA = Path(__file__).parent / "data" / "qemu-7.2-sections.txt"
STORED = dict(line.split(" ") for line in DATA.read_text().splitlines())
WRITES = [
    # the last counter of the 8254, latched; the clock; a keyboard command; a channel of the DMA
    *((0x43, 0xB6), (0x42, 0x34), (0x42, 0x12), (0x43, 0x80), (0x70, 0x0B), (0x71, 0x42)),
    *((0x60, 0xF3), (0x60, 0x20), (0xC4, 0x55), (0xC4, 0x66), (0xD6, 0x45)),
]


def body(data: bytes, name: str) -> bytes:
    return data[6 + len(name) + 8 : -5]


@pytest.mark.parametrize("name", SECTIONS)
def test_a_stored_section_comes_back_to_the_byte(name: str) -> None:
    described = SECTIONS[name]
    data = body(bytes.fromhex(STORED[name]), name)
    obj = described.blank()
    described.description.bind(obj)

    described.description.load(obj, data)

    assert described.description.save(obj) == data


@pytest.mark.parametrize("name", SECTIONS)
def test_a_stored_section_comes_back_through_json(name: str) -> None:
    described = SECTIONS[name]
    source, target = described.blank(), described.blank()
    described.description.load(source, body(bytes.fromhex(STORED[name]), name))

    Json(described.description).load(target, Json(described.description).save(source))

    assert described.description.save(target) == described.description.save(source)


@pytest.mark.parametrize(
    "name", [name for name in SECTIONS if SECTIONS[name].description.name == name]
)
def test_a_stored_section_has_the_frame_of_a_section(name: str) -> None:
    data = bytes.fromhex(STORED[name])
    described = SECTIONS[name]
    section = Section(described.description, described.instance, int.from_bytes(data[1:5]))
    obj = described.blank()

    section.load(obj, data)

    assert section.save(obj) == data


def test_what_was_written_to_the_devices_is_in_the_stored_sections() -> None:
    pit, keyboard = SECTIONS["i8254"].blank(), SECTIONS["ps2kbd"].blank()

    SECTIONS["i8254"].description.load(pit, body(bytes.fromhex(STORED["i8254"]), "i8254"))
    SECTIONS["ps2kbd"].description.load(keyboard, body(bytes.fromhex(STORED["ps2kbd"]), "ps2kbd"))

    assert pit.channels[2].count == 0x1234
    assert pit.channels[2].count_latched == 3
    assert keyboard.common.count > 0


def test_a_device_with_another_number_of_lines_refuses_the_section() -> None:
    described = SECTIONS["PCIBUS"]
    obj = described.blank()
    obj.nirq = 8

    with pytest.raises(StreamError, match="nirq at byte 0: is 4, and must be 8"):
        described.description.load(obj, body(bytes.fromhex(STORED["PCIBUS"]), "PCIBUS"))


def test_a_pci_device_of_an_older_version_refuses_the_section() -> None:
    name = "0000:00:01.3/piix4_pm"
    obj = SECTIONS[name].blank()
    obj.device.version_id = 1

    with pytest.raises(StreamError, match=r"device\.version_id at byte 0: is 2, and may be 0 to 1"):
        SECTIONS[name].description.load(obj, body(bytes.fromhex(STORED[name]), name))


@pytest.mark.qemu
@needs_qemu
def test_the_sections_of_a_running_qemu_come_back_to_the_byte() -> None:
    with QemuPc(options=" -- -serial null") as qemu:
        qemu.run(f"outb {port:#x} {value:#x}" for port, value in WRITES)
        stream = qemu.machine.save_whole()

    on_arm = {name for names in ARM_MACHINES.values() for name in names}
    for name in SECTIONS.keys() - on_arm:
        assert comes_back(stream, name), name


@pytest.mark.qemu
@pytest.mark.skipif(shutil.which(ARM) is None, reason=f"{ARM} is not installed")
@pytest.mark.parametrize("machine", ["vexpress-a9", "mps2-an385"])
def test_the_sections_of_an_arm_machine_come_back_to_the_byte(
    machine: str, tmp_path: Path
) -> None:
    stream = stream_of(machine, tmp_path)

    for name in ARM_MACHINES[machine]:
        assert comes_back(stream, name), name


def comes_back(stream: bytes, name: str) -> bool:
    described = SECTIONS[name]
    data = body(cut(stream, name, described)[1], name)
    obj = described.blank()
    described.description.load(obj, data)
    return described.description.save(obj) == data
