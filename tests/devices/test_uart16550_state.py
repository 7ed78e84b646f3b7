"""The UART's saved state: QEMU's `serial` section, and a device that goes on as it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from devices.uart16550 import UART16550
from stressor.errors import StreamError
from stressor.vmstate import Section
from stressor.vmstate.check import Kind, Severity, check_dumps
from stressor.vmstate.dump import Dump, DumpedDescription, DumpedField, dump_of
from tests.devices.qemu_pc import QemuPc, needs_qemu
from tests.vmstate.check.dumps import stored_dump

DATA = Path(__file__).parent / "data"
SECTION_ID = 0x16  # what QEMU gave the port
NUMBER = 5  # bytes at either end that say which section of the machine's it is
SECTION = Section(UART16550.state, section_id=SECTION_ID)
PORT, LABEL = 0x3F8, "serial/0"
PRISTINE = "qemu-7.2-serial-pristine.hex"
LOOPBACK = "qemu-7.2-serial-fifo-loopback.hex"
LOOPBACK_WRITES = [(3, 0x03), (2, 0x81), (4, 0x1B), (1, 0x03), (7, 0x5A), *((0, byte) for byte in b"Stressor")]


def stored(name: str) -> bytes:
    return bytes.fromhex((DATA / name).read_text())


def write(uart: UART16550, *registers: tuple[int, int]) -> None:
    for offset, value in registers:
        getattr(uart, str(UART16550.io.writer))(offset, 1, value)


def read(uart: UART16550, offset: int) -> Any:
    return getattr(uart, str(UART16550.io.reader))(offset, 1)


def busy_uart() -> UART16550:
    """A UART all of whose subsections travel: it sends, has received, and every source is pending."""
    uart = UART16550()
    write(uart, (3, 0x1B), (2, 0x41), (1, 0x0F), (4, 0x0B), (0, 0x48), (0, 0x69), (0, 0x21))
    for byte in b"abc":
        uart.receive(byte)
    uart.clock.advance(4 * uart.character_time)
    uart.receive(0x64)
    write(uart, (0, 0x48), (0, 0x69))
    uart.transmitter_empty_pending = 1  # waits behind the character timeout
    return uart


def leaves(uart: UART16550) -> dict[str, object]:
    """Every attribute that is no wiring, by name."""
    found: dict[str, object] = {}
    for name, value in vars(uart).items():
        if isinstance(value, int):
            found[name] = value
        elif name.endswith("_timer"):
            found[name] = value.deadline
        elif name.endswith("_fifo"):
            found[name] = (bytes(value.data), value.head, value.count)
    return found


def fields_of(description: DumpedDescription | None) -> tuple[DumpedField, ...]:
    assert description is not None
    return description.fields


# the layout


def test_the_layout_is_qemus() -> None:
    qemu = Dump("", {"isa-serial": stored_dump("qemu-7.2-x86_64").devices["isa-serial"]})
    ours = Dump("", {"isa-serial": dump_of(UART16550.state, "isa-serial")})

    comparison = check_dumps(qemu, ours)

    # QEMU's FIFO is of a size that only the device knows; ours says that it has 16 bytes.
    assert {
        (each.kind, each.path, each.forward.severity, each.backward.severity)
        for each in comparison.differences
        if each.forward.severity or each.backward.severity
    } == {
        (Kind.RESIZED, f"(serial/{fifo}).{fifo}.data", Severity.MAYBE, Severity.MAYBE)
        for fifo in ("recv_fifo", "xmit_fifo")
    }
    assert {each.kind for each in comparison.differences} == {Kind.RESIZED, Kind.REVERSIONED}


def test_the_fields_have_qemus_names() -> None:
    (wrapper,) = fields_of(stored_dump("qemu-7.2-x86_64").devices["isa-serial"].description)
    qemu, ours = wrapper.description, dump_of(UART16550.state).description

    assert [field.name for field in fields_of(ours)] == [field.name for field in fields_of(qemu)]


# real streams


@pytest.mark.parametrize("name", [PRISTINE, LOOPBACK])
def test_what_qemu_saved_comes_back_byte_for_byte(name: str) -> None:
    data = stored(name)
    uart = UART16550()

    SECTION.load(uart, data)

    assert SECTION.save(uart) == data


def test_what_qemu_received_can_be_read() -> None:
    uart = UART16550()
    SECTION.load(uart, stored(LOOPBACK))

    text = bytes(read(uart, 0) for _ in range(8))

    assert (text, read(uart, 5), read(uart, 7)) == (b"Stressor", 0x60, 0x5A)


def test_a_host_line_that_qemu_polls_is_not_ours() -> None:
    data = stored(PRISTINE)
    poll = b"\x05\x0bserial/poll" + (1).to_bytes(4) + (1).to_bytes(4) + (5_000).to_bytes(8)
    uart = UART16550()

    SECTION.load(uart, data[:-5] + poll + data[-5:])
    uart.clock.advance(10_000)

    assert not any(isinstance(output, tuple) and output[0] == "sent" for output in uart.outputs)
    assert SECTION.save(uart) == data


def with_port(kind: str) -> QemuPc:
    """Return a PC whose first serial port is at a character device of QEMU's."""
    return QemuPc(options=f" -- -serial {kind}")


@pytest.mark.qemu
@needs_qemu
@pytest.mark.parametrize(("name", "registers"), [(PRISTINE, []), (LOOPBACK, LOOPBACK_WRITES)])
def test_the_stored_streams_are_what_qemu_writes(name: str, registers: list[tuple[int, int]]) -> None:
    with with_port("null") as qemu:
        qemu.run(f"outb {PORT + offset:#x} {value:#x}" for offset, value in registers)
        saved = qemu.section(LABEL)

    assert saved[NUMBER:-NUMBER] == stored(name)[NUMBER:-NUMBER]


@pytest.mark.qemu
@needs_qemu
def test_qemu_goes_on_from_our_state_and_finishes_the_frame(tmp_path: Path) -> None:
    sent = tmp_path / "sent"
    with with_port(f"file:{sent}") as qemu:
        qemu.move_there(busy_uart(), LABEL)
        identified, *received = qemu.run(f"inb {PORT + offset:#x}" for offset in (2, 0, 0, 0, 0))
        idle = any((qemu.run([f"inb {PORT + 5:#x}"])[0] or 0) & 0x40 for _ in range(100_000))

    assert (identified, received, idle) == (0xCC, [*b"abcd"], True)
    assert sent.read_bytes() == b"Hi"


# our own round trip


def test_a_busy_uart_comes_back_as_it_was() -> None:
    before = busy_uart()
    after = UART16550()

    SECTION.load(after, SECTION.save(before))

    assert leaves(after) == leaves(before)


def test_a_frame_under_way_ends_at_its_time() -> None:
    before, after = UART16550(), UART16550()
    write(before, (0, 0x1F))
    before.clock.advance(before.character_time - 10)

    SECTION.load(after, SECTION.save(before))
    after.clock.now = before.clock.now
    after.clock.advance(9)
    early = list(after.outputs)
    after.clock.advance(1)

    assert (early, after.outputs) == ([], [("sent", 0x1F)])


def test_a_frame_without_a_clock_still_waits_for_one() -> None:
    before, after = UART16550(), UART16550()
    write(before, (3, 0x80), (0, 0), (3, 0), (0, 0x1F))

    SECTION.load(after, SECTION.save(before))

    assert (after.transmitting, after.transmit_timer.deadline) == (1, None)


def test_loading_what_the_device_already_is_drives_no_line() -> None:
    uart = busy_uart()
    data = SECTION.save(uart)
    uart.outputs.clear()

    SECTION.load(uart, data)

    assert uart.irq.level == 1
    assert uart.outputs == []


def test_derived_values_are_worked_out_again() -> None:
    before, after = UART16550(), UART16550()
    write(before, (3, 0x83), (0, 1), (3, 0x03), (2, 0xC1))

    SECTION.load(after, SECTION.save(before))

    assert (after.character_time, after.trigger_level) == (86_805, 14)


def test_a_stream_of_version_2_leaves_the_fifos_off() -> None:
    body = UART16550.state.save(UART16550())
    uart = UART16550()

    UART16550.state.load(uart, body[:-1], version=2)

    assert uart.fifo_control == 0


@pytest.mark.parametrize(
    ("offset", "value", "text"),
    [
        (7, 0x20, "TEMT is clear exactly while a frame is shifted out"),
        (-5, 17, "a FIFO holds at most 16 bytes"),
    ],
)
def test_a_state_that_cannot_be_is_refused_and_changes_nothing(
    offset: int, value: int, text: str
) -> None:
    source, uart = UART16550(), UART16550()
    write(source, (2, 0x01))
    source.receive(0x1F)
    source.timeout_timer.cancel()  # so that the FIFO is the last subsection
    body = bytearray(UART16550.state.save(source))
    if offset < 0:
        body[-1] = value
    else:
        body[offset] = value
    before = leaves(uart)

    with pytest.raises(StreamError, match=text):
        UART16550.state.load(uart, bytes(body))

    assert leaves(uart) == before
