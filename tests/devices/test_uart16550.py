"""The UART against its datasheet, one behaviour a test, in the order of the datasheet's sections."""

from __future__ import annotations

import pytest

from devices.uart16550 import UART16550, Fifo

RBR = THR = DLL = 0
IER = DLM = 1
IIR = FCR = 2
LCR, MCR, LSR, MSR, SCR = 3, 4, 5, 6, 7

FRAME_8N1 = 10 * 16 * 12 * 1_000_000_000 // 1_843_200  # ns, with the divisor after power-on


@pytest.fixture
def uart() -> UART16550:
    """A new part, set to eight bits, no parity, one stop bit."""
    uart = UART16550()
    write(uart, LCR, 0x03)
    return uart


@pytest.fixture
def fifo_uart(uart: UART16550) -> UART16550:
    """The same with its FIFOs enabled, trigger level 4."""
    write(uart, FCR, 0x41)
    return uart


def read(uart: UART16550, register: int) -> int:
    value = getattr(uart, str(UART16550.io.reader))(register, 1)
    assert isinstance(value, int)
    return value


def write(uart: UART16550, register: int, value: int) -> None:
    getattr(uart, str(UART16550.io.writer))(register, 1, value)


def receive(uart: UART16550, data: bytes) -> None:
    for byte in data:
        uart.receive(byte)


def sent(uart: UART16550) -> list[object]:
    return [output[1] for output in uart.outputs if isinstance(output, tuple) and output[0] == "sent"]


def irq_levels(uart: UART16550) -> list[int]:
    """Every level that INTR took since the last call."""
    levels = [
        output[2] for output in uart.outputs if isinstance(output, tuple) and output[:2] == ("line", "irq")
    ]
    uart.outputs.clear()
    return levels


# Table I: reset


def test_registers_after_reset() -> None:
    uart = UART16550()

    values = [read(uart, register) for register in (IER, IIR, LCR, MCR, LSR, MSR)]

    assert values == [0x00, 0x01, 0x00, 0x00, 0x60, 0xB0]


def test_reset_equals_a_new_part() -> None:
    uart = UART16550()
    for register, value in ((LCR, 0x5B), (MCR, 0x0F), (IER, 0x0F), (FCR, 0xC9), (SCR, 0x12), (THR, 0x41)):
        write(uart, register, value)
    receive(uart, b"left over")
    uart.clock.advance(5 * FRAME_8N1)

    uart.reset()

    fresh = UART16550()
    assert uart.state.save(uart) == fresh.state.save(fresh)
    assert (uart.character_time, uart.trigger_level) == (fresh.character_time, fresh.trigger_level)
    assert not any(line.level for line in uart.lines.values() if not line.input)


# 8.1: line control


def test_frame_time_counts_parity_and_stop_bits(uart: UART16550) -> None:
    write(uart, LCR, 0x1F)  # 8E2

    assert uart.character_time == 12 * 16 * 12 * 1_000_000_000 // 1_843_200


def test_two_stop_bits_are_one_and_a_half_with_five_data_bits(uart: UART16550) -> None:
    write(uart, LCR, 0x04)

    assert uart.character_time == 15 * 8 * 12 * 1_000_000_000 // 1_843_200


def test_short_words_lose_their_high_bits_both_ways(uart: UART16550) -> None:
    write(uart, LCR, 0x01)  # six bits
    write(uart, THR, 0xFF)
    uart.clock.advance(FRAME_8N1)
    uart.receive(0xFF)

    assert sent(uart) == [0x3F]
    assert read(uart, RBR) == 0x3F


def test_break_drives_its_line_and_swallows_characters(uart: UART16550) -> None:
    write(uart, LCR, 0x43)
    write(uart, THR, 0x41)
    uart.clock.advance(FRAME_8N1)

    assert uart.breaking.level == 1
    assert sent(uart) == []
    assert read(uart, LSR) == 0x60


def test_divisor_latch_hides_the_data_and_interrupt_enable_registers(uart: UART16550) -> None:
    write(uart, IER, 0x05)
    write(uart, LCR, 0x83)
    write(uart, DLL, 0x34)
    write(uart, DLM, 0x12)

    assert (read(uart, DLL), read(uart, DLM)) == (0x34, 0x12)
    write(uart, LCR, 0x03)
    assert read(uart, IER) == 0x05
    assert sent(uart) == []


# 8.3: baud generator


def test_divisor_sets_the_time_of_a_character(uart: UART16550) -> None:
    write(uart, LCR, 0x83)
    write(uart, DLL, 1)
    write(uart, LCR, 0x03)
    write(uart, THR, 0x41)

    uart.clock.advance(86_804)  # ten bits at 115200 baud, less one ns
    early = sent(uart)
    uart.clock.advance(1)

    assert (early, sent(uart)) == ([], [0x41])


def test_without_a_divisor_nothing_moves_until_one_is_written(uart: UART16550) -> None:
    write(uart, LCR, 0x83)
    write(uart, DLL, 0)
    write(uart, LCR, 0x03)
    write(uart, THR, 0x41)
    uart.receive(0x42)
    uart.clock.advance(1_000_000_000)
    stalled = (sent(uart), read(uart, LSR))
    write(uart, LCR, 0x83)
    write(uart, DLL, 12)

    uart.clock.advance(FRAME_8N1)

    assert stalled == ([], 0x20)
    assert sent(uart) == [0x41]


def test_a_frame_under_way_keeps_its_time(uart: UART16550) -> None:
    write(uart, THR, 0x41)
    write(uart, LCR, 0x83)
    write(uart, DLM, 0xFF)

    uart.clock.advance(FRAME_8N1)

    assert sent(uart) == [0x41]


# 8.4: line status, transmitter


def test_a_character_leaves_after_its_frame_time(uart: UART16550) -> None:
    write(uart, THR, 0x41)

    uart.clock.advance(FRAME_8N1 - 1)
    early = sent(uart)
    uart.clock.advance(1)

    assert (early, sent(uart)) == ([], [0x41])


def test_holding_register_empties_before_the_shift_register(uart: UART16550) -> None:
    write(uart, THR, 0x41)
    first = read(uart, LSR)
    write(uart, THR, 0x42)
    second = read(uart, LSR)
    uart.clock.advance(FRAME_8N1)
    third = read(uart, LSR)
    uart.clock.advance(FRAME_8N1)

    assert (first, second, third, read(uart, LSR)) == (0x20, 0x00, 0x20, 0x60)
    assert sent(uart) == [0x41, 0x42]


def test_a_second_write_overwrites_the_holding_register(uart: UART16550) -> None:
    for byte in b"ABC":
        write(uart, THR, byte)
    uart.clock.advance(3 * FRAME_8N1)

    assert sent(uart) == [0x41, 0x43]


def test_transmit_fifo_sends_seventeen_characters_in_order(fifo_uart: UART16550) -> None:
    for byte in range(18):  # one in the shift register, 16 queued, one lost
        write(fifo_uart, THR, byte)

    fifo_uart.clock.advance(20 * FRAME_8N1)

    assert sent(fifo_uart) == list(range(17))


# 8.4: line status, receiver


def test_a_received_character_is_ready_until_it_is_read(uart: UART16550) -> None:
    uart.receive(0x41)

    assert read(uart, LSR) == 0x61
    assert read(uart, RBR) == 0x41
    assert read(uart, LSR) == 0x60


def test_overrun_keeps_the_newer_character_without_fifos(uart: UART16550) -> None:
    receive(uart, b"AB")

    assert read(uart, LSR) == 0x63
    assert read(uart, RBR) == 0x42


def test_overrun_keeps_what_the_fifo_holds(fifo_uart: UART16550) -> None:
    receive(fifo_uart, bytes(range(17)))

    assert read(fifo_uart, LSR) == 0x63
    assert [read(fifo_uart, RBR) for _ in range(17)] == [*range(16), 0]


def test_reading_the_line_status_clears_its_errors(uart: UART16550) -> None:
    uart.receive_error("framing", 0x41)

    assert (read(uart, LSR), read(uart, LSR)) == (0x69, 0x61)


def test_parity_is_checked_only_when_enabled(uart: UART16550) -> None:
    uart.receive_error("parity", 0x41)
    unchecked = read(uart, LSR)
    read(uart, RBR)
    write(uart, LCR, 0x0B)
    uart.receive_error("parity", 0x41)

    assert (unchecked, read(uart, LSR)) == (0x61, 0x65)


def test_a_received_break_is_one_zero_character(uart: UART16550) -> None:
    uart.receive_error("break", 0x41)

    assert read(uart, LSR) == 0x71
    assert read(uart, RBR) == 0


def test_bit_7_tells_of_an_error_in_the_fifo_only(uart: UART16550) -> None:
    uart.receive_error("framing", 0x41)
    without = read(uart, LSR)
    write(uart, FCR, 0x01)
    uart.receive_error("framing", 0x41)

    assert (without, read(uart, LSR), read(uart, LSR)) == (0x69, 0xE9, 0x61)


def test_line_status_is_for_reading_only(uart: UART16550) -> None:
    write(uart, LSR, 0x00)

    assert read(uart, LSR) == 0x60


# 8.5: FIFO control


def test_fifo_control_bits_need_bit_0(fifo_uart: UART16550) -> None:
    write(fifo_uart, FCR, 0xC0)

    assert (fifo_uart.fifo_control, read(fifo_uart, IIR)) == (0x00, 0x01)


def test_clear_bits_empty_one_fifo_each(fifo_uart: UART16550) -> None:
    receive(fifo_uart, b"in")
    for byte in b"out":
        write(fifo_uart, THR, byte)

    write(fifo_uart, FCR, 0x43)
    after_receive = (fifo_uart.receive_fifo.count, fifo_uart.transmit_fifo.count)
    write(fifo_uart, FCR, 0x45)

    assert after_receive == (0, 2)
    assert fifo_uart.transmit_fifo.count == 0
    assert read(fifo_uart, LSR) == 0x20  # the frame in the shift register goes on
    assert fifo_uart.fifo_control == 0x41


def test_changing_the_mode_clears_both_directions(fifo_uart: UART16550) -> None:
    receive(fifo_uart, b"in")
    for byte in b"out":
        write(fifo_uart, THR, byte)

    write(fifo_uart, FCR, 0x00)

    assert read(fifo_uart, LSR) == 0x20
    assert fifo_uart.receive_fifo.count == fifo_uart.transmit_fifo.count == 0


@pytest.mark.parametrize(("bits", "level"), [(0x00, 1), (0x40, 4), (0x80, 8), (0xC0, 14)])
def test_trigger_level_decides_when_data_interrupts(uart: UART16550, bits: int, level: int) -> None:
    write(uart, FCR, 0x01 | bits)
    write(uart, IER, 0x01)

    receive(uart, bytes(level - 1))
    below = uart.irq.level
    uart.receive(0)

    assert (below, read(uart, IIR)) == (0, 0xC4)


# 8.6, 8.7 and Table IV: interrupts


def test_data_interrupt_drops_below_the_trigger_level(fifo_uart: UART16550) -> None:
    write(fifo_uart, IER, 0x01)
    receive(fifo_uart, b"1234")
    irq_levels(fifo_uart)

    read(fifo_uart, RBR)

    assert irq_levels(fifo_uart) == [0]
    assert read(fifo_uart, IIR) == 0xC1


def test_enabling_the_transmitter_interrupt_while_empty_interrupts_at_once(uart: UART16550) -> None:
    write(uart, IER, 0x02)

    assert uart.irq.level == 1
    assert read(uart, IIR) == 0x02


def test_reading_the_identification_resets_the_transmitter_interrupt(uart: UART16550) -> None:
    write(uart, IER, 0x02)
    read(uart, IIR)

    assert uart.irq.level == 0
    assert read(uart, IIR) == 0x01


def test_writing_the_holding_register_resets_the_transmitter_interrupt(uart: UART16550) -> None:
    write(uart, THR, 0x41)
    write(uart, IER, 0x02)
    irq_levels(uart)

    write(uart, THR, 0x42)

    assert irq_levels(uart) == [0]


def test_transmitter_interrupt_falls_and_rises_when_the_shift_register_takes_the_byte(
    uart: UART16550,
) -> None:
    write(uart, IER, 0x02)
    irq_levels(uart)

    write(uart, THR, 0x41)

    assert irq_levels(uart) == [0, 1]


def test_a_masked_transmitter_interrupt_waits_for_its_turn(uart: UART16550) -> None:
    write(uart, IER, 0x03)
    uart.receive(0x41)

    identified = [read(uart, IIR)]
    read(uart, RBR)
    identified.append(read(uart, IIR))

    assert identified == [0x04, 0x02]


def test_priorities_of_all_sources(uart: UART16550) -> None:
    uart.cts.set(0)
    write(uart, IER, 0x0F)
    uart.receive_error("framing", 0x41)

    identified = [read(uart, IIR)]
    read(uart, LSR)
    identified.append(read(uart, IIR))
    read(uart, RBR)
    identified.append(read(uart, IIR))
    identified.append(read(uart, IIR))
    read(uart, MSR)
    identified.append(read(uart, IIR))

    assert identified == [0x06, 0x04, 0x02, 0x00, 0x01]
    assert uart.irq.level == 0


def test_disabled_sources_do_not_interrupt(uart: UART16550) -> None:
    uart.receive_error("framing", 0x41)
    uart.cts.set(0)

    assert (read(uart, IIR), uart.irq.level) == (0x01, 0)


# 8.8: modem control and loopback


def test_modem_control_drives_the_output_lines(uart: UART16550) -> None:
    write(uart, MCR, 0x0F)

    assert [uart.dtr.level, uart.rts.level, uart.out1.level, uart.out2.level] == [1, 1, 1, 1]


def test_loopback_returns_a_character_after_its_frame_time(uart: UART16550) -> None:
    write(uart, MCR, 0x10)
    write(uart, THR, 0x41)
    early = read(uart, LSR)
    uart.clock.advance(FRAME_8N1)

    assert (early, read(uart, LSR), read(uart, RBR)) == (0x20, 0x61, 0x41)
    assert sent(uart) == []


def test_loopback_disconnects_the_serial_input(uart: UART16550) -> None:
    write(uart, MCR, 0x10)
    uart.receive(0x41)
    uart.receive_error("break", 0)

    assert read(uart, LSR) == 0x60


@pytest.mark.parametrize(("control", "status"), [(1, 0x20), (2, 0x10), (4, 0x40), (8, 0x80)])
def test_loopback_turns_outputs_into_inputs(uart: UART16550, control: int, status: int) -> None:
    write(uart, MCR, 0x10 | control)

    assert read(uart, MSR) & 0xF0 == status
    assert not any((uart.dtr.level, uart.rts.level, uart.out1.level, uart.out2.level))


def test_modem_interrupts_work_in_loopback(uart: UART16550) -> None:
    write(uart, MCR, 0x10)
    read(uart, MSR)
    write(uart, IER, 0x08)

    write(uart, MCR, 0x12)

    assert read(uart, IIR) == 0x00
    assert read(uart, MSR) == 0x11


# 8.9: modem status


@pytest.mark.parametrize(
    ("line", "change"), [("cts", 0x01), ("dsr", 0x02), ("dcd", 0x08)]
)
def test_a_changed_line_is_told_until_the_status_is_read(uart: UART16550, line: str, change: int) -> None:
    uart.lines[line].set(0)

    assert read(uart, MSR) == 0xB0 & ~(change << 4) | change
    assert read(uart, MSR) == 0xB0 & ~(change << 4)


def test_only_the_end_of_a_ring_counts(uart: UART16550) -> None:
    uart.ri.set(1)
    ringing = read(uart, MSR)
    uart.ri.set(0)

    assert (ringing, read(uart, MSR)) == (0xF0, 0xB4)


# 8.10: scratchpad


def test_scratch_register_keeps_what_is_written(uart: UART16550) -> None:
    write(uart, SCR, 0xA5)

    assert read(uart, SCR) == 0xA5


# 8.11: character timeout


def test_timeout_after_four_character_times(fifo_uart: UART16550) -> None:
    write(fifo_uart, IER, 0x01)
    fifo_uart.receive(0x41)
    fifo_uart.clock.advance(4 * FRAME_8N1 - 1)
    early = read(fifo_uart, IIR)
    fifo_uart.clock.advance(1)

    assert (early, read(fifo_uart, IIR), fifo_uart.irq.level) == (0xC1, 0xCC, 1)


def test_a_new_character_restarts_the_timeout(fifo_uart: UART16550) -> None:
    write(fifo_uart, IER, 0x01)
    fifo_uart.receive(0x41)
    fifo_uart.clock.advance(3 * FRAME_8N1)
    fifo_uart.receive(0x42)
    fifo_uart.clock.advance(4 * FRAME_8N1 - 1)

    assert read(fifo_uart, IIR) == 0xC1


def test_reading_a_character_clears_and_restarts_the_timeout(fifo_uart: UART16550) -> None:
    write(fifo_uart, IER, 0x01)
    receive(fifo_uart, b"AB")
    fifo_uart.clock.advance(4 * FRAME_8N1)

    read(fifo_uart, RBR)
    cleared = read(fifo_uart, IIR)
    fifo_uart.clock.advance(4 * FRAME_8N1)

    assert (cleared, read(fifo_uart, IIR)) == (0xC1, 0xCC)


def test_no_timeout_for_an_empty_fifo(fifo_uart: UART16550) -> None:
    fifo_uart.receive(0x41)
    read(fifo_uart, RBR)

    assert fifo_uart.timeout_timer.deadline is None


def test_no_timeout_without_fifos(uart: UART16550) -> None:
    write(uart, IER, 0x01)
    uart.receive(0x41)
    uart.clock.advance(10 * FRAME_8N1)

    assert read(uart, IIR) == 0x04


# the FIFO itself


def test_fifo_wraps_around() -> None:
    fifo = Fifo()
    for value in range(10):
        fifo.push(value)
    for _ in range(9):
        fifo.pop()
    for value in range(100, 115):
        fifo.push(value)

    assert [fifo.pop() for _ in range(16)] == [9, *range(100, 115)]


def test_an_emptied_fifo_leaves_nothing_behind() -> None:
    fifo = Fifo()
    for value in b"secret":
        fifo.push(value)
    while fifo.count:
        fifo.pop()

    assert (bytes(fifo.data), fifo.head) == (bytes(16), 0)
