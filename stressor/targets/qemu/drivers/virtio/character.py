"""Small virtio devices: console, entropy, memory balloon, input.

Source: Virtual I/O Device (VIRTIO) 1.2, sections 5.3, 5.4, 5.5 and 5.8.
"""

from __future__ import annotations

import struct

from hypothesis import strategies as st

from stressor.device import operation
from stressor.targets.qemu.drivers.virtio.driver import INDIRECT, KICKED, Virtio

__all__ = ["VirtioBalloon", "VirtioConsole", "VirtioEntropy", "VirtioInput"]

_PAGE = 4096
_TEXT = st.binary(min_size=1, max_size=64)


class VirtioConsole(Virtio):
    """Port 0 at queues 0 and 1, control messages at 2 and 3, port 1 at 4 and 5."""

    queues = 6

    @operation(text=_TEXT, port=st.integers(0, 1), indirect=INDIRECT, kicked=KICKED)
    def send(self, text: bytes, port: int, indirect: bool, kicked: bool) -> None:
        self._request(5 if port else 1, [text], [], indirect=indirect, kicked=kicked)

    @operation(size=st.integers(1, 64), port=st.integers(0, 1), kicked=KICKED)
    def post_buffer(self, size: int, port: int, kicked: bool) -> None:
        self._request(4 if port else 0, [], [size], kicked=kicked)

    @operation(kicked=KICKED)
    def post_control_buffer(self, kicked: bool) -> None:
        self._request(2, [], [64], kicked=kicked)

    @operation(port=st.integers(0, 3), event=st.sampled_from([0, 3, 6, 99]), value=st.integers(0, 1))
    def send_control(self, port: int, event: int, value: int) -> None:
        self._request(3, [struct.pack("<IHH", port, event, value)], [])

    @operation(character=st.integers(0, 0xFFFF_FFFF))
    def write_emergency_character(self, character: int) -> None:
        self._write_configuration(8, character)


class VirtioEntropy(Virtio):
    """Random bytes: only how many there were is shown."""

    @operation(size=st.sampled_from([1, 16, 1024]), indirect=INDIRECT, kicked=KICKED)
    def read(self, size: int, indirect: bool, kicked: bool) -> None:
        self._request(0, [], [size], indirect=indirect, kicked=kicked, shown=False)


class VirtioBalloon(Virtio):
    """Gives pages of its own to the host, and takes them back."""

    queues = 3

    def __init__(self) -> None:
        super().__init__()
        self.pages = self.allocate(4 * _PAGE)

    @operation(page=st.integers(0, 3), count=st.integers(1, 3), indirect=INDIRECT, kicked=KICKED)
    def inflate(self, page: int, count: int, indirect: bool, kicked: bool) -> None:
        self._request(0, [self._numbers(page, count)], [], indirect=indirect, kicked=kicked)

    @operation(page=st.integers(0, 3), count=st.integers(1, 3), kicked=KICKED)
    def deflate(self, page: int, count: int, kicked: bool) -> None:
        self._request(1, [self._numbers(page, count)], [], kicked=kicked)

    @operation(tag=st.integers(0, 9), value=st.integers(0, 1 << 40))
    def report(self, tag: int, value: int) -> None:
        self._request(2, [struct.pack("<HQ", tag, value)], [])

    @operation(pages=st.integers(0, 1024))
    def say_how_large(self, pages: int) -> None:
        self._write_configuration(4, pages)
        self._show_configuration(4)

    def _numbers(self, page: int, count: int) -> bytes:
        numbers = [self.pages // _PAGE + (page + number) % 4 for number in range(count)]
        return struct.pack(f"<{count}I", *numbers)


class VirtioInput(Virtio):
    """Buffers for events, lights of a keyboard, and what the device says about itself."""

    queues = 2

    @operation(count=st.integers(1, 4), kicked=KICKED)
    def post_buffers(self, count: int, kicked: bool) -> None:
        for number in range(count):
            self._request(0, [], [8], kicked=kicked and number == count - 1)

    @operation(code=st.integers(0, 4), on=st.booleans(), kicked=KICKED)
    def set_light(self, code: int, on: bool, kicked: bool) -> None:
        self._request(1, [struct.pack("<HHI", 0x11, code, on)], [], kicked=kicked)

    @operation(select=st.sampled_from([0, 1, 2, 3, 0x10, 0x11, 0x12]), sub=st.integers(0, 20))
    def select(self, select: int, sub: int) -> None:
        self._write_configuration(0, select, 1)
        self._write_configuration(1, sub, 1)
        for offset in (0, 8, 12):
            self._show_configuration(offset)
