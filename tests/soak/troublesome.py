"""Devices that trouble whoever runs them, for the tests of the soak; each is loaded from this file."""

from __future__ import annotations

import itertools
import os
import time

import stressor.vmstate as vm
from stressor.device import Device, Region

__all__ = ["Clairvoyant", "Exits", "Forgets", "Hangs", "Moody", "Sluggish", "Whole"]


class Whole(Device):
    """Two registers, both saved."""

    state = vm.Description("whole", fields=[vm.u8("first"), vm.u8("second")])
    io = Region(size=2, registers={0: "first", 1: "second"})

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.first = self.second = 0

    @io.on_read
    def _read(self, offset: int, width: int) -> int:
        return self.second if offset else self.first

    @io.on_write
    def _write(self, offset: int, width: int, value: int) -> None:
        if offset:
            self.second = value
        else:
            self.first = value


class Forgets(Whole):
    """Does not save one of them."""

    state = vm.Description("forgets", fields=[vm.u8("first")])


class Hangs(Whole):
    """A write never returns, in C, where no watchdog of its own process gets through."""

    state = vm.Description("hangs", fields=[vm.u8("first"), vm.u8("second")])

    def _write(self, offset: int, width: int, value: int) -> None:
        sum(itertools.repeat(0))


class Exits(Whole):
    """A write ends the whole process."""

    state = vm.Description("exits", fields=[vm.u8("first"), vm.u8("second")])

    def _write(self, offset: int, width: int, value: int) -> None:
        os._exit(3)


class Moody(Whole):
    """Forgets a register from its 100th load in a process on: no trace alone brings that back."""

    state = vm.Description(
        "moody", fields=[vm.u8("first"), vm.u8("second")], post_load=lambda device, version: device.loaded()
    )
    loads = 0

    def loaded(self) -> None:
        Moody.loads += 1
        if Moody.loads > 100:
            self.second = 0


class Sluggish(Whole):
    """The first two writes in a process, the scout's and the twin's, take longer than anybody waits, and those
    of the replay a while."""

    state = vm.Description("sluggish", fields=[vm.u8("first"), vm.u8("second")])

    def _write(self, offset: int, width: int, value: int) -> None:
        writes = 1 + int(os.environ.get("SLUGGISH_WRITES", "0"))  # a replay loads this file anew
        os.environ["SLUGGISH_WRITES"] = str(writes)
        time.sleep(2.5 if writes <= 2 else 0.4 if writes <= 60 else 0)


class Clairvoyant(Whole):
    """Knows after a load what it was, whatever was loaded: nothing that is lost of it can show."""

    state = vm.Description(
        "clairvoyant", fields=[vm.u8("first"), vm.u8("second")], post_load=lambda device, version: device.recall()
    )
    last = (0, 0)

    def _write(self, offset: int, width: int, value: int) -> None:
        super()._write(offset, width, value)
        Clairvoyant.last = (self.first, self.second)

    def recall(self) -> None:
        self.first, self.second = Clairvoyant.last
