"""A PC16550D UART: one serial port, two 16-byte FIFOs.

Source: National Semiconductor, "PC16550D Universal Asynchronous Receiver/Transmitter with FIFOs",
June 1995; section numbers below are that datasheet's. The saved state is QEMU's `serial` section
(version 3, seven subsections), byte for byte.

Left out, because the saved layout has no room for it: the three error bits beside each byte of the
receive FIFO. An error shows in the line status when its character arrives, not when that reaches the
head of the FIFO (8.4). Also left out: the delayed "transmitter empty" interrupt of 8.11, and the DMA
pins. `irq` is the part's own INTR pin; on a PC the board lets it through only while OUT2 is set.
"""

from __future__ import annotations

from typing import Final

import hypothesis.strategies as st

import stressor.vmstate as vm
from stressor.device import Device, Line, Region, operation

__all__ = ["UART16550", "Fifo"]

CRYSTAL: Final = 1_843_200  # Hz, the usual crystal of Table III
DEPTH: Final = 16
ZEROS: Final = bytes(DEPTH)
TRIGGER_LEVELS: Final = (1, 4, 8, 14)  # 8.5, FCR bits 7 and 6
TIMEOUT_CHARACTERS: Final = 4  # 8.11

# Bits, from bit 0 on, by register.
# Interrupt enable (IER), 8.7
ENABLE_RECEIVED_DATA, ENABLE_TRANSMITTER_EMPTY, ENABLE_LINE_STATUS, ENABLE_MODEM_STATUS = 1, 2, 4, 8
# Interrupt identification (IIR), 8.6: not bits but the codes of Table IV, the highest priority first
LINE_STATUS, RECEIVED_DATA, CHARACTER_TIMEOUT, TRANSMITTER_EMPTY = 0x06, 0x04, 0x0C, 0x02
MODEM_STATUS, NO_INTERRUPT = 0x00, 0x01
INTERRUPT_SOURCE, FIFOS_ENABLED = 0x0F, 0xC0
# FIFO control (FCR), 8.5; the two clear bits clear themselves
FIFO_ENABLE, CLEAR_RECEIVE_FIFO, CLEAR_TRANSMIT_FIFO, FIFO_CONTROL_KEPT = 0x01, 0x02, 0x04, 0xC9
# Line control (LCR), 8.1; the last one is DLAB
TWO_STOP_BITS, PARITY_ENABLE, SET_BREAK, DIVISOR_LATCH_ACCESS = 0x04, 0x08, 0x40, 0x80
# Modem control (MCR), 8.8
DATA_TERMINAL_READY, REQUEST_TO_SEND, OUTPUT_1, OUTPUT_2, LOOPBACK = 0x01, 0x02, 0x04, 0x08, 0x10
# Line status (LSR), 8.4. HOLDING_EMPTY (THRE): the holding register, or the transmit FIFO, is empty;
# TRANSMITTER_IDLE (TEMT): the shift register is empty as well
DATA_READY, OVERRUN_ERROR, PARITY_ERROR, FRAMING_ERROR, BREAK_INTERRUPT = 0x01, 0x02, 0x04, 0x08, 0x10
HOLDING_EMPTY, TRANSMITTER_IDLE, FIFO_ERROR = 0x20, 0x40, 0x80
ANY_ERROR = OVERRUN_ERROR | PARITY_ERROR | FRAMING_ERROR | BREAK_INTERRUPT
# Modem status (MSR), 8.9: levels in the high half, what changed in the low half
MODEM_CHANGES, MODEM_LEVELS, RING_INDICATOR = 0x0F, 0xF0, 0x40

REGISTERS: Final = ("rbr/thr/dll", "ier/dlm", "iir/fcr", "lcr", "mcr", "lsr", "msr", "scr")
ERRORS: Final = {"parity": PARITY_ERROR, "framing": FRAMING_ERROR, "break": BREAK_INTERRUPT}


def _half_bits(control: int) -> int:
    """Return how long a frame takes in halves of a bit's time: start, data, parity and stop (8.1)."""
    data = 5 + (control & 3)
    stop = (3 if data == 5 else 4) if control & TWO_STOP_BITS else 2
    return 2 * (1 + data + (control & PARITY_ENABLE != 0)) + stop


FRAME_HALF_BITS: Final = tuple(map(_half_bits, range(16)))


class Fifo:
    """A ring of 16 bytes. An empty one is all zeros, so that nothing is left over to be saved."""

    __slots__ = ("count", "data", "head")

    def __init__(self) -> None:
        self.data = bytearray(DEPTH)
        self.head = 0
        self.count = 0

    def push(self, byte: int) -> bool:
        """Append a byte; False, and nothing changed, when the FIFO is full."""
        if self.count == DEPTH:
            return False
        self.data[(self.head + self.count) % DEPTH] = byte
        self.count += 1
        return True

    def pop(self) -> int:
        """Take out the oldest byte; there must be one."""
        byte = self.data[self.head]
        if self.count > 1:
            self.head = (self.head + 1) % DEPTH
            self.count -= 1
        else:
            self.clear()
        return byte

    def clear(self) -> None:
        self.data[:] = ZEROS
        self.head = 0
        self.count = 0


FIFO = vm.Description(
    "Fifo8",
    fields=[
        vm.buffer("data", DEPTH),  # in QEMU of variable size, which is not on the wire
        vm.u32("head"),
        vm.u32("num", attribute="count"),
    ],
    validate=[vm.Validate("a FIFO holds at most 16 bytes", f"head < {DEPTH} >= count")],
)


class UART16550(Device):
    """The part after power-on runs at 9600 baud, as in QEMU; the datasheet leaves the divisor open."""

    state = vm.Description(
        "serial",
        version=3,
        minimum_version=2,
        fields=[
            vm.u16("divider", attribute="divisor", since=2),
            vm.u8("rbr", attribute="receive_buffer"),
            vm.u8("ier", attribute="interrupt_enable"),
            vm.u8("iir", attribute="interrupt_identification"),
            vm.u8("lcr", attribute="line_control"),
            vm.u8("mcr", attribute="modem_control"),
            vm.u8("lsr", attribute="line_status"),
            vm.u8("msr", attribute="modem_status"),
            vm.u8("scr", attribute="scratch"),
            vm.u8("fcr_vmstate", attribute="fifo_control", since=3),
        ],
        subsections=[
            vm.Description(
                "serial/thr_ipending",
                needed=f"transmitter_empty_pending != (interrupt_identification & {INTERRUPT_SOURCE} == {TRANSMITTER_EMPTY})",
                fields=[vm.i32("thr_ipending", attribute="transmitter_empty_pending")],
            ),
            vm.Description(
                "serial/tsr",
                needed="transmitting != 0",
                fields=[
                    vm.i32("tsr_retry", attribute="transmitting"),
                    vm.u8("thr", attribute="transmit_holding"),
                    vm.u8("tsr", attribute="transmit_shift"),
                ],
            ),
            vm.Description(
                "serial/recv_fifo",
                needed="receive_fifo.count > 0",
                fields=[vm.struct("recv_fifo", FIFO, attribute="receive_fifo")],
            ),
            vm.Description(
                "serial/xmit_fifo",
                needed="transmit_fifo.count > 0",
                fields=[vm.struct("xmit_fifo", FIFO, attribute="transmit_fifo")],
            ),
            vm.Description(
                "serial/fifo_timeout_timer",
                needed="timeout_timer.deadline is not None",
                fields=[vm.timer("fifo_timeout_timer", attribute="timeout_timer")],
            ),
            vm.Description(
                "serial/timeout_ipending",
                needed="timeout_pending != 0",
                fields=[vm.i32("timeout_ipending", attribute="timeout_pending")],
            ),
            # QEMU polls its host's modem lines with this timer and sends characters in no time. We
            # have no host, but a frame that takes time and no field for its end: so the slot carries
            # it. QEMU loads it harmlessly: it polls once and, finding no host line, never again.
            vm.Description(
                "serial/poll",
                needed="modem_poll >= 0",
                fields=[
                    vm.i32("poll_msl", attribute="modem_poll"),
                    vm.timer("modem_status_poll", attribute="transmit_timer"),
                ],
            ),
        ],
        validate=[
            vm.Validate(
                "TEMT is clear exactly while a frame is shifted out",
                f"(line_status & {TRANSMITTER_IDLE} == 0) == (transmitting != 0)",
            ),
            vm.Validate(
                "THRE is set exactly when the transmit FIFO in use is empty",
                f"(line_status & {HOLDING_EMPTY} == 0) == (transmit_fifo.count > 0)"
                f" or not fifo_control & {FIFO_ENABLE}",
            ),
        ],
        post_load=lambda uart, version: uart._loaded(),
        unsaved={
            "character_time": "worked out from the divisor and the line control in post_load",
            "trigger_level": "worked out from the FIFO control in post_load",
        },
    )

    io = Region(size=8, ports=True, registers=dict(enumerate(REGISTERS)))

    # levels are logical: 1 is asserted, though the pins are active low
    irq = Line()
    dtr = Line()
    rts = Line()
    out1 = Line()
    out2 = Line()
    breaking = Line()  # SOUT is held at the spacing level
    cts = Line(input=True, level=1)
    dsr = Line(input=True, level=1)
    ri = Line(input=True)
    dcd = Line(input=True, level=1)

    def __init__(self) -> None:
        self.receive_fifo = Fifo()
        self.transmit_fifo = Fifo()
        self.timeout_timer = self.clock.timer(self._characters_waited)
        self.transmit_timer = self.clock.timer(self._frame_sent)
        self.reset()

    def reset(self) -> None:
        """Power-on: Table I, and the values that QEMU chose for what the table leaves open."""
        self.divisor = 12
        self.receive_buffer = 0  # RBR
        self.interrupt_enable = 0  # IER
        self.interrupt_identification = NO_INTERRUPT  # IIR
        self.line_control = 0  # LCR
        self.modem_control = 0  # MCR
        self.line_status = HOLDING_EMPTY | TRANSMITTER_IDLE  # LSR
        self.modem_status = self._modem_levels()  # MSR
        self.scratch = 0  # SCR
        self.fifo_control = 0  # FCR
        self.transmit_holding = self.transmit_shift = 0  # THR, TSR
        self.transmitting = self.transmitter_empty_pending = self.timeout_pending = 0
        self.modem_poll = -1
        self.receive_fifo.clear()
        self.transmit_fifo.clear()
        self.timeout_timer.cancel()
        self.transmit_timer.cancel()
        self._derive()
        self._drive_lines()
        self._update_interrupt()

    # registers

    @io.on_read
    def _read(self, offset: int, width: int) -> int:
        if offset == 0:
            latch = self.line_control & DIVISOR_LATCH_ACCESS
            return self.divisor & 0xFF if latch else self._take_received()
        if offset == 5:
            value = self.line_status
            if value & (ANY_ERROR | FIFO_ERROR):
                self.line_status = value & ~(ANY_ERROR | FIFO_ERROR)
                self._update_interrupt()
            return value
        if offset == 2:
            value = self.interrupt_identification
            if value & INTERRUPT_SOURCE == TRANSMITTER_EMPTY:  # Table IV, the reset column
                self.transmitter_empty_pending = 0
                self._update_interrupt()
            return value
        if offset == 1:
            latch = self.line_control & DIVISOR_LATCH_ACCESS
            return self.divisor >> 8 if latch else self.interrupt_enable
        if offset == 6:
            value = self.modem_status
            if value & MODEM_CHANGES:
                self.modem_status = value & MODEM_LEVELS
                self._update_interrupt()
            return value
        if offset == 3:
            return self.line_control
        if offset == 4:
            return self.modem_control
        return self.scratch

    @io.on_write
    def _write(self, offset: int, width: int, value: int) -> None:
        if offset < 2 and self.line_control & DIVISOR_LATCH_ACCESS:
            low, high = self.divisor & 0xFF, self.divisor & 0xFF00
            self.divisor = value << 8 | low if offset else high | value
            self._derive()
        elif offset == 0:
            self._queue_for_sending(value)
        elif offset == 1:
            self._enable_interrupts(value & 0x0F)
        elif offset == 2:
            self._control_fifos(value)
        elif offset == 3:
            if value != self.line_control:
                self.line_control = value
                self._derive()
                self._drive_lines()
        elif offset == 4:
            value &= 0x1F
            if value != self.modem_control:
                self.modem_control = value
                self._drive_lines()
                self._update_modem_status()
        elif offset == 7:
            self.scratch = value
        # LSR and MSR are for reading only (8.4, 8.9)

    def _enable_interrupts(self, enabled: int) -> None:
        changed = self.interrupt_enable ^ enabled
        self.interrupt_enable = enabled
        if changed & ENABLE_TRANSMITTER_EMPTY:
            # enabling it while the transmitter is empty interrupts at once; drivers count on it
            at_once = enabled & ENABLE_TRANSMITTER_EMPTY and self.line_status & HOLDING_EMPTY
            self.transmitter_empty_pending = 1 if at_once else 0
        self._update_interrupt()

    def _control_fifos(self, value: int) -> None:
        if not value & FIFO_ENABLE:  # 8.5: without bit 0 the other bits are not programmed
            value = 0
        toggled = (value ^ self.fifo_control) & FIFO_ENABLE
        if toggled:
            value |= CLEAR_RECEIVE_FIFO | CLEAR_TRANSMIT_FIFO
        self.fifo_control = value & FIFO_CONTROL_KEPT
        if value & CLEAR_RECEIVE_FIFO:
            self.receive_fifo.clear()
            self.timeout_timer.cancel()
            self.timeout_pending = 0
            self.line_status &= ~(DATA_READY | FIFO_ERROR)
        if value & CLEAR_TRANSMIT_FIFO:
            self.transmit_fifo.clear()
            self.transmit_holding = 0
            if toggled or not self.line_status & HOLDING_EMPTY:
                self._holding_emptied()
        self.trigger_level = TRIGGER_LEVELS[value >> 6]
        self._update_interrupt()

    # transmitter

    def _queue_for_sending(self, byte: int) -> None:
        if self.fifo_control & FIFO_ENABLE:
            self.transmit_fifo.push(byte)  # a seventeenth is lost
        else:
            self.transmit_holding = byte
        self.line_status &= ~HOLDING_EMPTY
        if self.transmitter_empty_pending:
            self.transmitter_empty_pending = 0
            self._update_interrupt()  # INTR drops, even if the shift register takes the byte at once
        if not self.transmitting:
            self._start_frame()
            self._update_interrupt()

    def _start_frame(self) -> None:
        """Move the next character to the shift register (TSR); one must be waiting."""
        if self.fifo_control & FIFO_ENABLE:
            byte = self.transmit_fifo.pop()
        else:
            byte = self.transmit_holding
            self.transmit_holding = 0
        self.transmit_shift = byte & self._character_mask()
        self.transmitting = 1
        self.modem_poll = 0
        self.line_status &= ~TRANSMITTER_IDLE
        if self.character_time:
            self.transmit_timer.arm_in(self.character_time)
        if not self.transmit_fifo.count:
            self._holding_emptied()

    def _frame_sent(self) -> None:
        byte = self.transmit_shift
        if self.line_status & HOLDING_EMPTY:
            self.transmit_shift = 0
            self.transmitting = 0
            self.modem_poll = -1
            self.line_status |= TRANSMITTER_IDLE
        else:
            self._start_frame()
        if self.modem_control & LOOPBACK:
            self._receive(byte, 0)
        elif not self.line_control & SET_BREAK:  # 8.1: a break overrides SOUT, nothing else
            self.send(byte)
        self._update_interrupt()

    def _holding_emptied(self) -> None:
        self.line_status |= HOLDING_EMPTY
        if self.interrupt_enable & ENABLE_TRANSMITTER_EMPTY:
            self.transmitter_empty_pending = 1

    # receiver

    @operation(byte=st.integers(0, 255))
    def receive(self, byte: int) -> None:
        """A good character arrives at SIN."""
        if not self.modem_control & LOOPBACK:  # 8.8: in loopback SIN is disconnected
            self._receive(byte, 0)
            self._update_interrupt()

    @operation(kind=st.sampled_from(sorted(ERRORS)), byte=st.integers(0, 255))
    def receive_error(self, kind: str, byte: int) -> None:
        """A damaged character arrives at SIN, or a break (whose `byte` is always 0, 8.4)."""
        if self.modem_control & LOOPBACK:
            return
        error = ERRORS[kind]
        if error == PARITY_ERROR and not self.line_control & PARITY_ENABLE:
            error = 0  # nobody checks it
        self._receive(0 if error == BREAK_INTERRUPT else byte, error)
        self._update_interrupt()

    def _receive(self, byte: int, error: int) -> None:
        if not self.character_time:
            return  # the receiver's clock is the baud generator's output
        byte &= self._character_mask()
        if self.fifo_control & FIFO_ENABLE:
            self.timeout_timer.arm_in(TIMEOUT_CHARACTERS * self.character_time)
            if not self.receive_fifo.push(byte):
                self.line_status |= OVERRUN_ERROR  # 8.4: what the FIFO holds survives
                return
            if error:
                error |= FIFO_ERROR
        else:
            if self.line_status & DATA_READY:
                error |= OVERRUN_ERROR  # 8.4: the newer character survives
            self.receive_buffer = byte
        self.line_status |= DATA_READY | error

    def _take_received(self) -> int:
        if not self.fifo_control & FIFO_ENABLE:
            self.line_status &= ~DATA_READY
            self._update_interrupt()
            return self.receive_buffer
        if not self.receive_fifo.count:
            return 0
        byte = self.receive_fifo.pop()
        self.timeout_pending = 0
        if not self.receive_fifo.count:
            self.line_status &= ~DATA_READY
            self.timeout_timer.cancel()
        elif self.character_time:
            self.timeout_timer.arm_in(TIMEOUT_CHARACTERS * self.character_time)
        self._update_interrupt()
        return byte

    def _characters_waited(self) -> None:
        if self.receive_fifo.count:
            self.timeout_pending = 1
            self._update_interrupt()

    # modem lines

    def _modem_levels(self) -> int:
        control = self.modem_control
        if control & LOOPBACK:  # 8.8: RTS, DTR, OUT1, OUT2 become CTS, DSR, RI, DCD
            low = (control & REQUEST_TO_SEND) << 3 | (control & DATA_TERMINAL_READY) << 5
            return low | (control & (OUTPUT_1 | OUTPUT_2)) << 4
        return self.cts.level << 4 | self.dsr.level << 5 | self.ri.level << 6 | self.dcd.level << 7

    @cts.on_change
    @dsr.on_change
    @ri.on_change
    @dcd.on_change
    def _update_modem_status(self, level: int = 0) -> None:
        levels = self._modem_levels()
        changed = (self.modem_status ^ levels) & MODEM_LEVELS
        if levels & RING_INDICATOR:
            changed &= ~RING_INDICATOR  # 8.9: only the end of a ring counts (TERI)
        self.modem_status = levels | self.modem_status & MODEM_CHANGES | changed >> 4
        self._update_interrupt()

    def _drive_lines(self) -> None:
        control = self.modem_control
        breaking = self.line_control >> 6 & 1  # SET_BREAK
        if control & LOOPBACK:  # 8.8: the outputs are forced inactive, SOUT to marking
            control = breaking = 0
        dtr, rts, out1, out2, sout = self.dtr, self.rts, self.out1, self.out2, self.breaking
        levels = control & 1, control >> 1 & 1, control >> 2 & 1, control >> 3 & 1, breaking
        if levels != (dtr.level, rts.level, out1.level, out2.level, sout.level):
            dtr.set(control & DATA_TERMINAL_READY)
            rts.set(control & REQUEST_TO_SEND)
            out1.set(control & OUTPUT_1)
            out2.set(control & OUTPUT_2)
            sout.set(breaking)

    # interrupts

    def _update_interrupt(self) -> None:
        """Show the pending interrupt in IIR and on INTR."""
        source = self._pending_interrupt() if self.interrupt_enable else NO_INTERRUPT
        self.interrupt_identification = source | (FIFOS_ENABLED if self.fifo_control & FIFO_ENABLE else 0)
        level = 0 if source == NO_INTERRUPT else 1
        if self.irq.level != level:
            self.irq.set(level)

    def _pending_interrupt(self) -> int:
        """Return the enabled source of the highest priority (Table IV)."""
        enabled = self.interrupt_enable
        status = self.line_status
        if enabled & ENABLE_LINE_STATUS and status & ANY_ERROR:
            return LINE_STATUS
        if enabled & ENABLE_RECEIVED_DATA:
            if self.timeout_pending:
                return CHARACTER_TIMEOUT  # 8.6: bit 3 is set along with bit 2
            fifos = self.fifo_control & FIFO_ENABLE
            if status & DATA_READY and not (fifos and self.receive_fifo.count < self.trigger_level):
                return RECEIVED_DATA
        if enabled & ENABLE_TRANSMITTER_EMPTY and self.transmitter_empty_pending:
            return TRANSMITTER_EMPTY
        if enabled & ENABLE_MODEM_STATUS and self.modem_status & MODEM_CHANGES:
            return MODEM_STATUS
        return NO_INTERRUPT

    def _character_mask(self) -> int:
        return (0x20 << (self.line_control & 3)) - 1  # 8.1: 5 to 8 bits

    def _derive(self) -> None:
        """Work out what is not saved. A frame under way keeps the time that it began with; one that
        waits for a clock begins as soon as the divisor gives it one."""
        self.character_time = FRAME_HALF_BITS[self.line_control & 0x0F] * self.divisor * 8_000_000_000 // CRYSTAL
        self.trigger_level = TRIGGER_LEVELS[self.fifo_control >> 6]
        if self.transmitting and self.character_time and not self.transmit_timer.armed:
            self.transmit_timer.arm_in(self.character_time)

    def _loaded(self) -> None:
        if self.interrupt_identification & INTERRUPT_SOURCE == TRANSMITTER_EMPTY:
            self.transmitter_empty_pending = 1  # IIR says so, and nothing more travels
        if not self.transmitting:  # a QEMU that polled its host's lines
            self.modem_poll = -1
            self.transmit_timer.cancel()
        self._derive()
        self._drive_lines()
        self._update_interrupt()
