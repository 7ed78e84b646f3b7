"""Devices written with what Python has for it: numbers that wrap, frozen records, heaps, views of a buffer, loggers."""

from __future__ import annotations

import enum
import heapq
import logging
import threading
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

import stressor.vmstate as vm
from stressor import adapt
from stressor.device import Device, Region, operation


class Byte(int):
    """Wraps."""

    def __new__(cls, value: int) -> Byte:
        return super().__new__(cls, value & 0xFF)


class Processor(Device):
    """Its registers may be one object, such as after a reset or a transfer; a load makes one of each."""

    state = vm.Description(
        "processor",
        fields=[
            vm.u8("a", read=lambda device: int(device.a), write=lambda device, value: setattr(device, "a", Byte(value))),
            vm.u8("x", read=lambda device: int(device.x), write=lambda device, value: setattr(device, "x", Byte(value))),
        ],
    )

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.a = self.x = Byte(0)

    @operation(value=st.integers(0, 255))
    def add(self, value: int) -> None:
        self.a = Byte(self.a + value)

    @operation
    def transfer(self) -> None:
        self.x = self.a


class Banked(Device):
    """A window shows one of four banks."""

    state = vm.Description("banked", fields=[vm.u8("bank"), vm.buffer("ram", 64)], post_load=lambda device, version: device.switch())
    io = Region(size=2, registers={0: "bank", 1: "data"})

    def __init__(self) -> None:
        self.ram = bytearray(64)
        self.reset()

    def reset(self) -> None:
        self.ram[:] = bytes(64)
        self.bank = 0
        self.switch()

    def switch(self) -> None:
        self.window = memoryview(self.ram)[16 * self.bank : 16 * self.bank + 16]

    @io.on_read
    def read(self, offset: int, width: int) -> int:
        return self.window[0] if offset else self.bank

    @io.on_write
    def write(self, offset: int, width: int, value: int) -> None:
        if offset:
            self.window[0] = value
        else:
            self.bank = value & 3
            self.switch()


class Unswitched(Banked):
    """Planted: a load does not switch the window."""

    state = vm.Description("unswitched", fields=Banked.state.fields)


class Moved(Banked):
    """Planted: a load makes another buffer, and the window shows the old one."""

    state = vm.Description("moved", fields=Banked.state.fields, post_load=lambda device, version: device.move())

    def move(self) -> None:
        self.switch()
        self.ram = bytearray(self.ram)


class Erased(Banked):
    """Planted: the buffer is forgotten, which shows in the window as well."""

    state = vm.Description("erased", fields=[vm.u8("bank")], post_load=lambda device, version: device.switch())


class Kind(enum.Enum):
    DATA = 1
    REMOTE = 2


@dataclass(frozen=True, order=True)
class Frame:
    """What is sent."""

    identifier: int
    kind: Kind


class Bus:
    """A plain class that sends frames by priority."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.log = logging.getLogger("bus")
        self.reset()

    def reset(self) -> None:
        self.heap: list[tuple[int, Frame]] = []
        self.sent: Frame | None = None

    def queue(self, identifier: int, remote: bool) -> None:
        with self.lock:
            if len(self.heap) < 8 and identifier not in [each for each, _ in self.heap]:
                heapq.heappush(self.heap, (identifier, Frame(identifier, Kind(1 + remote))))

    def send(self) -> int | None:
        if not self.heap:
            return None
        _, self.sent = heapq.heappop(self.heap)
        self.log.debug("sent %s", self.sent)
        return self.sent.identifier

    def save(self) -> dict[str, Any]:
        last = self.sent and (self.sent.identifier, self.sent.kind.value)
        return {"heap": [(identifier, frame.kind.value) for identifier, frame in self.heap], "sent": last}

    def load(self, state: dict[str, Any]) -> None:
        self.heap = [(identifier, Frame(identifier, Kind(kind))) for identifier, kind in state["heap"]]
        self.sent = state["sent"] and Frame(state["sent"][0], Kind(state["sent"][1]))


class Plain(Bus):
    """Planted: a load takes every frame that waits for one with data."""

    def load(self, state: dict[str, Any]) -> None:
        super().load(state)
        self.heap = [(identifier, Frame(identifier, Kind.DATA)) for identifier, _ in self.heap]


class Unsent(Bus):
    """Planted: what waits is forgotten."""

    def save(self) -> dict[str, Any]:
        return {**super().save(), "heap": []}


def bus(cls: type[Bus]) -> Any:
    """Return what drives a bus."""
    inputs = {"queue": {"identifier": st.integers(0, 9), "remote": st.booleans()}, "send": {}}
    return adapt(cls, save="save", load="load", reset="reset", operations=inputs)
