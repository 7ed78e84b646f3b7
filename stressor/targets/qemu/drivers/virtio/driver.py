"""What every virtio device has: features, status, queues and a configuration.

Source: Virtual I/O Device (VIRTIO) 1.2, sections 2 and 3. How the device is reached is in
`transport`, what its queues carry in the modules beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

from hypothesis import strategies as st

from stressor.device import operation
from stressor.targets.qemu.driver import Driver
from stressor.targets.qemu.drivers.virtio.queue import (
    QUEUE_BYTES,
    PackedQueue,
    Part,
    Queue,
    SplitQueue,
)

__all__ = ["INDIRECT", "KICKED", "Virtio"]

_ACKNOWLEDGE, _DRIVER, _DRIVER_OK, _FEATURES_OK, _NEEDS_RESET = 1, 2, 4, 8, 64
_INDIRECT_FEATURE: Final = 1 << 28
_PACKED_FEATURE: Final = 1 << 34
_REFUSED: Final = (0, 1 << 29, 1 << 28, 1 << 35, 1 << 40, 0xFFFF_FFFF)
"""Sets of features that a driver does without: none, the event index, indirect descriptors, the
order of use, the reset of one queue, and all but the modern ones."""

_SLOTS: Final = 16
_SLOT: Final = 2048
_TABLE: Final = 256
_SIZE: Final = 16

INDIRECT = st.booleans()
"""Whether a request goes through an indirect table, where the device has such."""

KICKED = st.sampled_from([True, True, True, False])
"""Whether the device is told of a request at once, or only with a later one."""


class Virtio(Driver):
    """A driver of one device. A request sets the device up when it is not; then it may be one more
    chain in a queue that was left half-way."""

    queues: ClassVar[int] = 1
    """How many queues are set up."""

    never: ClassVar[int] = 0
    """Features that are always refused."""

    def __init__(self) -> None:
        self.rings = [self.allocate(QUEUE_BYTES) for _ in range(self.queues)]
        self.buffers = self.allocate(_SLOTS * _SLOT)
        self.tables = self.allocate(_SLOTS * _TABLE)
        self.queue: list[Queue] = []
        self.accepted = 0
        self.requests = 0

    @operation(size=st.sampled_from([2, 4, 16, 64, 256]), refused=st.sampled_from(_REFUSED))
    def initialise(self, size: int, refused: int) -> None:
        self._begin(refused)
        self._make_queues(size)
        for queue in self.queue:
            self._start_queue(queue)
        self._set_status(_ACKNOWLEDGE | _DRIVER | _FEATURES_OK | _DRIVER_OK)
        self._status()

    @operation(refused=st.sampled_from(_REFUSED))
    def negotiate(self, refused: int) -> None:
        self._begin(refused)
        self._make_queues(_SIZE)

    @operation(number=st.integers(0, 5))
    def start_queue(self, number: int) -> None:
        """Set up a queue that the device does not have, before it runs: by the other interface it may
        have one in a place that is not shown here, and has used part of that."""
        if number >= len(self.queue) or self._status() & _DRIVER_OK:
            return
        if not self._queue_address(number):
            self._renew(number)
            self._start_queue(self.queue[number])

    @operation(status=st.sampled_from([0, 1, 3, 11, 15, 0x80, 0x8F]))
    def set_status(self, status: int) -> None:
        self._set_status(status)
        self._status()

    @operation(number=st.integers(0, 5))
    def notify(self, number: int) -> None:
        self._notify(number)
        self.settle()
        self._show_interrupts()
        self._show_queue(number)

    @operation(number=st.integers(0, 5), without=st.booleans())
    def suppress_interrupts(self, number: int, without: bool) -> None:
        if number < len(self.queue):
            self.queue[number].suppress(self.memory, without)

    @operation
    def show_interrupts(self) -> None:
        self._show_interrupts()

    @operation(number=st.integers(0, 5))
    def show_queue(self, number: int) -> None:
        self._show_queue(number)

    @operation(offset=st.integers(0, 15))
    def show_configuration(self, offset: int) -> None:
        self._show_configuration(4 * offset)

    def _begin(self, refused: int) -> None:
        self._set_status(0)
        self._set_status(_ACKNOWLEDGE | _DRIVER)
        self.accepted = self._device_features() & ~(refused | self.never)
        self._accept(self.accepted)
        self._set_status(_ACKNOWLEDGE | _DRIVER | _FEATURES_OK)

    def _make_queues(self, size: int) -> None:
        kind = PackedQueue if self.accepted & _PACKED_FEATURE else SplitQueue
        self.queue = [
            kind(number, self._queue_size(number, size), address)
            for number, address in enumerate(self.rings)
        ]
        for number in range(len(self.queue)):
            self._renew(number)

    def _renew(self, number: int) -> None:
        """Have a queue as it is before the device gets it."""
        queue = self.queue[number]
        self.queue[number] = type(queue)(number, queue.size, queue.address)
        self.memory.fill(queue.address, QUEUE_BYTES)

    def _has(self, number: int) -> bool:
        """Return whether the device runs, with a queue of ours: not one that somebody else, such as
        the driver of the other interface, has set up."""
        running = self._status() & (_DRIVER_OK | _NEEDS_RESET) == _DRIVER_OK
        return running and self._queue_address(number) == self.rings[number]

    def _show_queue(self, number: int) -> None:
        if number < len(self.queue):
            self.queue[number].collect(self.memory, f"queue {number}")

    def _request(
        self,
        number: int,
        given: Sequence[bytes],
        returned: Sequence[int],
        *,
        indirect: bool = False,
        kicked: bool = True,
        shown: bool = True,
    ) -> None:
        """Send buffers for the device to read, and others for it to fill, and show what came back
        (with `shown`, for what it fills at random).

        Parts together fit into one slot of memory. Without free descriptors only those that were
        sent before are waited for.
        """
        if not self.queue or not self._has(number):
            self.initialise(_SIZE, 0)
        slot = self.requests % _SLOTS
        self.requests += 1
        parts = self._place(self.buffers + slot * _SLOT, given, returned)
        queue = self.queue[number]
        table = self.tables + slot * _TABLE if indirect and self.accepted & _INDIRECT_FEATURE else None
        if len(queue.free) < (len(parts) if table is None else 1):
            self.notify(number)
            return
        queue.post(self.memory, parts, table)
        if kicked:
            self.notify(number)
        if kicked and shown and returned:
            filled = parts[len(given)].address
            self.memory.show(filled, sum(returned), f"queue {number} buffer")

    def _place(self, at: int, given: Sequence[bytes], returned: Sequence[int]) -> list[Part]:
        """Put what the device reads at `at`, and room for what it returns behind it."""
        parts = []
        for data in given:
            self.memory.write(at, data)
            parts.append(Part(at, len(data), False))
            at += len(data)
        for size in returned:
            self.memory.fill(at, size, 0xA5)
            parts.append(Part(at, size, True))
            at += size
        return parts

    # What a transport provides.

    def _status(self) -> int:
        raise NotImplementedError

    def _set_status(self, status: int) -> None:
        raise NotImplementedError

    def _device_features(self) -> int:
        raise NotImplementedError

    def _accept(self, features: int) -> None:
        raise NotImplementedError

    def _queue_size(self, number: int, wanted: int) -> int:
        """Return how many descriptors a queue is going to have, at most `wanted` where it can be
        chosen, and at least 1."""
        raise NotImplementedError

    def _queue_address(self, number: int) -> int:
        """Return where the device has the descriptors of a queue, 0 when it has none."""
        raise NotImplementedError

    def _start_queue(self, queue: Queue) -> None:
        raise NotImplementedError

    def _notify(self, number: int) -> None:
        raise NotImplementedError

    def _show_interrupts(self) -> None:
        raise NotImplementedError

    def _show_configuration(self, offset: int) -> None:
        raise NotImplementedError

    def _write_configuration(self, offset: int, value: int, width: int = 4) -> None:
        raise NotImplementedError
