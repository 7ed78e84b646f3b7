"""A ring of descriptors with an owner each: what the cards of boards have in common."""

from __future__ import annotations

from typing import ClassVar

from hypothesis import strategies as st

from stressor.device import operation
from stressor.targets.qemu.drivers.network.card import RING, Card
from stressor.targets.qemu.drivers.network.frames import FRAMES, PARTS, pieces

__all__ = ["RingCard"]


class RingCard(Card):
    """A card that is told where its rings are, and when there is something to send.

    A card's class says how a descriptor is made, and which registers there are.
    """

    state: ClassVar[tuple[int, ...]]
    """Registers that are shown after every transaction."""

    filters: ClassVar[tuple[int, ...]]
    """Registers with addresses and hashes of what is received."""

    descriptor_size: ClassVar[int] = 16
    interrupts: ClassVar[int]
    """The register with interrupt causes, of which ones that are written are cleared."""

    mask: ClassVar[int]
    """The register that enables interrupts."""

    def __init__(self) -> None:
        super().__init__()
        self.position = 0

    @operation(control=st.integers(0, 0xFFFF_FFFF), looped=st.booleans())
    def set_up(self, control: int, looped: bool) -> None:
        """Rings, and transmitter and receiver on; some bits of `control` besides."""
        self.position = 0
        for number in range(RING):
            last = number == RING - 1
            self._put(self.receiving, number, self._empty(number, last))
            self._put(self.sending, number, self._idle(number, last))
        self._start(control, looped)
        self._show_state()

    @operation(frame=FRAMES, count=st.integers(1, 2), part=PARTS)
    def send(self, frame: bytes, count: int, part: str) -> None:
        if not self._runs():
            self.set_up(0, True)
        for data, first, last in pieces(frame, count, part):
            number = self.position % RING
            self.memory.write(self._sent(number), data)
            self._put(
                self.sending, number, self._full(number, len(data), first, last, number == RING - 1)
            )
            self.position += 1
        self.demand()

    @operation
    def demand(self) -> None:
        """Have the card look at its rings."""
        self._poll()
        self.settle()
        self._show_state()
        self._show_rings(self.descriptor_size)

    @operation(number=st.integers(0, RING - 1))
    def return_buffer(self, number: int) -> None:
        self._put(self.receiving, number, self._empty(number, number == RING - 1))

    @operation(mask=st.integers(0, 0xFFFF_FFFF))
    def enable_interrupts(self, mask: int) -> None:
        self.registers.write(self.mask, mask)
        self._show_state()

    @operation(bits=st.integers(0, 0xFFFF_FFFF))
    def acknowledge_interrupts(self, bits: int) -> None:
        self.registers.write(self.interrupts, bits)
        self._show_state()

    @operation(values=st.lists(st.integers(0, 0xFFFF_FFFF), min_size=1, max_size=8))
    def set_filters(self, values: list[int]) -> None:
        for offset, value in zip(self.filters, values, strict=False):
            self.registers.write(offset, value)
        for offset in self.filters:
            self.registers.show(offset)

    @operation(register=st.integers(0, 31), value=st.integers(0, 0xFFFF), writing=st.booleans())
    def use_phy(self, register: int, value: int, writing: bool) -> None:
        self._manage(register, value, writing)

    @operation
    def show_state(self) -> None:
        self._show_state()

    def _put(self, ring: int, number: int, descriptor: bytes) -> None:
        self.memory.write(ring + self.descriptor_size * number, descriptor)

    def _show_state(self) -> None:
        for offset in self.state:
            self.registers.show(offset)

    # What a card's class says.

    def _empty(self, number: int, last: bool) -> bytes:
        """Return a descriptor with a buffer that the card may fill; `last` of the ring."""
        raise NotImplementedError

    def _idle(self, number: int, last: bool) -> bytes:
        """Return a descriptor that is the driver's."""
        raise NotImplementedError

    def _full(self, number: int, size: int, first: bool, final: bool, last: bool) -> bytes:
        """Return a descriptor of the `first` or `final` part of a frame to send."""
        raise NotImplementedError

    def _start(self, control: int, looped: bool) -> None:
        raise NotImplementedError

    def _runs(self) -> bool:
        raise NotImplementedError

    def _poll(self) -> None:
        raise NotImplementedError

    def _manage(self, register: int, value: int, writing: bool) -> None:
        raise NotImplementedError
