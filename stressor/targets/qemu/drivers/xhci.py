"""USB transfers through an xHCI host controller: rings in guest memory, and doorbells.

Sources: Intel, eXtensible Host Controller Interface for USB 1.2, sections 4.2 (initialization), 4.3
(devices), 4.11 (TRBs), 5.4 (operational registers), 5.5 (runtime registers), 6 (data structures).
"""

from __future__ import annotations

import struct
from typing import Final

from hypothesis import strategies as st

from stressor.device import operation
from stressor.targets.qemu.driver import Driver
from stressor.targets.qemu.drivers.usb import COMMANDS, REQUESTS, wrapped

__all__ = ["Xhci"]

_USBCMD, _USBSTS, _CRCR, _DCBAAP, _CONFIG, _PORTS = 0x00, 0x04, 0x18, 0x30, 0x38, 0x400
_IMAN, _ERSTSZ, _ERSTBA, _ERDP = 0x20, 0x28, 0x30, 0x38
_CONNECTED, _RESET, _CHANGES = 0x1, 0x10, 0x00FE_0000
_NORMAL, _SETUP, _DATA, _STATUS, _LINK = 1, 2, 3, 4, 6
_ENABLE, _DISABLE, _ADDRESS, _CONFIGURE, _EVALUATE, _RESET_ENDPOINT, _STOP, _DEQUEUE, _RESET_DEVICE, _NO_OP = (
    9, 10, 11, 12, 13, 14, 15, 16, 17, 23,
)  # fmt: skip
_PAGE: Final = 4096
_SLOTS: Final = 16
"""TRBs of a ring, the last one of which leads back to the first."""
_EVENTS: Final = 64
_SPEEDS = {1: 8, 2: 8, 3: 64, 4: 512}  # PORTSC's speed: bytes of a packet at endpoint 0


class _Ring:
    """Where the next TRB of a ring goes. The bit that says whose a TRB is flips with each round."""

    def __init__(self, address: int) -> None:
        self.address = address
        self.index = 0
        self.cycle = 1

    @property
    def next(self) -> int:
        return self.address + 16 * self.index

    def advance(self) -> bool:
        """Go one TRB on; return whether the ring has to be closed by a link first."""
        self.index += 1
        return self.index == _SLOTS - 1

    def again(self) -> None:
        self.index = 0
        self.cycle ^= 1


class Xhci(Driver):
    """One device behind the controller: the first port that has one."""

    region = "doorbell"
    others = {"capabilities": "capabilities", "operational": "operational", "runtime": "runtime"}

    def __init__(self) -> None:
        self.base = self.allocate(8 * _PAGE)
        self.array, self.events, self.table, self.input, self.context, self.buffer = (
            self.base + _PAGE * index for index in range(6)
        )
        rings = self.base + 6 * _PAGE
        self.commands = _Ring(rings)
        self.rings = {index: _Ring(rings + 0x100 * index) for index in range(1, 6)}
        self.slot = 0
        self.port = 0
        self.speed = 0
        self.left: list[tuple[int, int, int]] = []
        self.bulk: list[tuple[int, int, int]] = []
        self.endpoint = 1
        self.tag = 0

    def _start(self) -> None:
        """Reset the controller and give it rings. Section 4.2."""
        registers, runtime = self.other["operational"], self.other["runtime"]
        registers.write(_USBCMD, 0)
        registers.write(_USBCMD, 2)
        self.memory.fill(self.base, 8 * _PAGE)
        self.memory.write(self.table, struct.pack("<QII", self.events, _EVENTS, 0))
        registers.write(_CONFIG, 8)
        registers.write(_DCBAAP, self.array, 8)
        registers.write(_CRCR, self.commands.address | 1, 8)
        runtime.write(_ERSTSZ, 1)
        runtime.write(_ERDP, self.events, 8)
        runtime.write(_ERSTBA, self.table, 8)
        runtime.write(_IMAN, 2)
        registers.write(_USBCMD, 5)
        for ring in (self.commands, *self.rings.values()):
            ring.index, ring.cycle = 0, 1
        self.slot, self.left, self.bulk = 0, [], []

    @operation
    def start(self) -> None:
        self._start()
        self._show()

    @operation
    def reset_port(self) -> None:
        """Reset the first port that has a device, and take note of its speed. Section 4.3.1."""
        registers = self.other["operational"]
        count = self.other["capabilities"].read(0x04) >> 24
        for port in range(min(count, 16)):
            status = registers.read(_PORTS + 16 * port)
            if status & _CONNECTED:
                registers.write(_PORTS + 16 * port, status & ~_CHANGES | _RESET)
                self.port = port + 1
                self.speed = registers.read(_PORTS + 16 * port) >> 10 & 0xF
                return

    @operation
    def enable_slot(self) -> None:
        self._command(_ENABLE, 0)
        self.settle()
        self.slot = self.memory.read(self._last_event() + 15, 1, "slot of the last event")[0]
        if 0 < self.slot <= 8:
            self.memory.write(self.array + 8 * self.slot, struct.pack("<Q", self.context))

    @operation(blocked=st.booleans())
    def address_device(self, blocked: bool) -> None:
        """Address the device; when `blocked`, without telling it. Section 4.6.5."""
        packet = _SPEEDS.get(self.speed, 8)
        self.rings[1].index, self.rings[1].cycle = 0, 1
        self._input(0b11, {0: self._slot_context(1), 1: self._endpoint_context(1, 4, packet)})
        self._command(_ADDRESS, self.input, blocked << 9)
        self._show()

    @operation
    def configure_endpoints(self) -> None:
        """Bulk in at 1 and out at 2, or for what is no disk interrupt in at 1. Section 4.6.6."""
        kind, packet = (6, 512) if self.speed in (3, 4) else (7, 8)
        packet = 1024 if self.speed == 4 else packet
        for index in (3, 4):
            self.rings[index].index, self.rings[index].cycle = 0, 1
        contexts = {0: self._slot_context(4), 3: self._endpoint_context(3, kind, packet)}
        if kind == 6:
            contexts[4] = self._endpoint_context(4, 2, packet)
        self._input(1 | sum(1 << index for index in contexts), contexts)
        self._command(_CONFIGURE, self.input)
        self._show()

    def _bring_up(self) -> None:
        if not self.slot:
            self._start()
            self.reset_port()
            self.enable_slot()
            self.address_device(False)

    @operation(name=st.sampled_from(list(REQUESTS)), parts=st.integers(1, 3))
    def control(self, name: str, parts: int) -> None:
        """A control transfer, of which only the first `parts` TRBs are given at first. Section 4.11.2.2."""
        self._bring_up()
        kind, request, value, index, length = REQUESTS[name]
        inwards = kind >> 7
        setup = struct.unpack("<Q", struct.pack("<BBHHH", kind, request, value, index, length))[0]
        trbs = [(setup, 8, _SETUP << 10 | 1 << 6 | (2 + inwards if length else 0) << 16)]
        if length:
            trbs.append((self.buffer, length, _DATA << 10 | inwards << 16))
        trbs.append((0, 0, _STATUS << 10 | 1 << 5 | (0 if inwards and length else 1) << 16))
        self._transfer(1, trbs, parts)

    @operation
    def poll(self) -> None:
        """Ask the interrupt endpoint; without news the transfer stays where it is."""
        self._bring_up()
        self._transfer(3, [(self.buffer, 8, _NORMAL << 10 | 1 << 5)], 1)

    @operation(name=st.sampled_from(list(COMMANDS)), parts=st.integers(1, 3))
    def storage(self, name: str, parts: int) -> None:
        """A command to a disk, of which only the first `parts` of its transfers are made at first."""
        self._bring_up()
        _, length, inwards = COMMANDS[name]
        if self.elsewhere and not inwards:
            return
        self.tag += 1
        self.memory.write(self.buffer + 0x800, wrapped(name, self.tag))
        self.bulk = [(4, self.buffer + 0x800, 31)]
        if length:
            self.bulk.append((3 if inwards else 4, self.buffer, length))
        self.bulk.append((3, self.buffer + 0xC00, 13))
        self._bulk_on(parts)

    def _bulk_on(self, count: int) -> None:
        for _ in range(min(count, len(self.bulk))):
            endpoint, address, length = self.bulk[0]
            self.bulk = self.bulk[1:]
            self._transfer(endpoint, [(address, length, _NORMAL << 10 | 1 << 5)], 1)
        self.memory.show(self.buffer + 0xC00, 13, "command status wrapper")

    @operation
    def go_on(self) -> None:
        """Give the controller what is left of a transfer."""
        if self.left:
            self._give(self.left, len(self.left))
        elif self.bulk:
            self._bulk_on(len(self.bulk))

    @operation(
        command=st.sampled_from([_NO_OP, _STOP, _RESET_ENDPOINT, _EVALUATE, _RESET_DEVICE, _DISABLE]),
        endpoint=st.sampled_from([1, 3, 4]),
    )  # fmt: skip
    def command(self, command: int, endpoint: int) -> None:
        self._command(command, self.input, endpoint << 16)
        if command == _DISABLE:
            self.slot = 0
        self._show()

    @operation(endpoint=st.sampled_from([1, 3, 4]))
    def restart_endpoint(self, endpoint: int) -> None:
        """Stop an endpoint and begin its ring anew. Section 4.6.10."""
        self._command(_STOP, 0, endpoint << 16)
        ring = self.rings[endpoint]
        ring.index, ring.cycle, self.left = 0, 1, []
        self.memory.fill(ring.address, 16 * _SLOTS)
        self._command(_DEQUEUE, ring.address | 1, endpoint << 16)
        self._show()

    @operation
    def take_events(self) -> None:
        """Tell the controller that all events were taken."""
        self.other["runtime"].write(_ERDP, self._last_event() | 8, 8)
        self._show()

    def _slot_context(self, entries: int) -> bytes:
        return struct.pack("<IIII", entries << 27 | self.speed << 20, self.port << 16, 0, 0)

    def _endpoint_context(self, index: int, kind: int, packet: int) -> bytes:
        return struct.pack("<IIQI", 0, packet << 16 | kind << 3 | 3 << 1, self.rings[index].address | 1, packet)

    def _input(self, added: int, contexts: dict[int, bytes]) -> None:
        self.memory.fill(self.input, 0x400)
        self.memory.write(self.input, struct.pack("<II", 0, added))
        for index, context in contexts.items():
            self.memory.write(self.input + 0x20 * (index + 1), context)

    def _command(self, kind: int, pointer: int, more: int = 0) -> None:
        self._put(self.commands, pointer, 0, kind << 10 | self.slot << 24 | more)
        self.registers.write(0, 0)

    def _transfer(self, endpoint: int, trbs: list[tuple[int, int, int]], parts: int) -> None:
        self.endpoint = endpoint
        self._give(trbs, parts)

    def _give(self, trbs: list[tuple[int, int, int]], parts: int) -> None:
        for pointer, length, control in trbs[:parts]:
            self._put(self.rings[self.endpoint], pointer, length, control)
        self.left = trbs[parts:]
        if 0 < self.slot <= 8:
            self.registers.write(4 * self.slot, self.endpoint)
        self._show()

    def _put(self, ring: _Ring, pointer: int, length: int, control: int) -> None:
        self.memory.write(ring.next, struct.pack("<QII", pointer, length, control | ring.cycle))
        if ring.advance():
            self.memory.write(ring.next, struct.pack("<QII", ring.address, 0, _LINK << 10 | 2 | ring.cycle))
            ring.again()

    def _last_event(self) -> int:
        """Return the address of the newest event: those of the current round have the same last bit."""
        ring = self.memory.read(self.events, 16 * _EVENTS, "event ring")
        cycles = [ring[16 * index + 12] & 1 for index in range(_EVENTS)]
        newest = next((index for index, bit in enumerate(cycles) if bit != cycles[0]), _EVENTS) - 1
        return self.events + 16 * newest

    def _show(self) -> None:
        self.settle()
        self.other["operational"].show(_USBSTS)
        self.other["operational"].show(_CRCR)
        self.other["runtime"].show(_IMAN)
        self.other["runtime"].show(_ERDP)
        if self.port:
            self.other["operational"].show(_PORTS + 16 * (self.port - 1))
        self.memory.show(self.events, 16 * _EVENTS, "event ring")
        self.memory.show(self.context, 0xA0, "device context")
        self.memory.show(self.buffer, 64, "data")
