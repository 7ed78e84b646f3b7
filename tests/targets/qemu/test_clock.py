"""Virtual time without a QEMU: which clock is taken, and what is said to the gdb stub."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from stressor.errors import UsageError
from stressor.targets.qemu.binary import QemuBinary
from stressor.targets.qemu.clock import DURATIONS, Countdown, QtestClock
from stressor.targets.qemu.firmware import Firmware, firmware_for
from stressor.targets.qemu.gdb import Gdb, GdbError, GdbSilent
from stressor.targets.qemu.qtest import Qtest
from stressor.targets.qemu.specification import parse_specification
from stressor.targets.qemu.timekeeping import clock_to_try

STOCK = QemuBinary("qemu-system-arm", "7.2.22", qtest_clock=False)
UPSTREAM = QemuBinary("qemu-system-arm", "7.2.22", qtest_clock=True)


# Which clock


def test_the_clock_of_qtest_is_taken_where_it_is_built_in() -> None:
    specification = parse_specification("qemu:machine=versatilepb")

    assert clock_to_try(specification, UPSTREAM) == QtestClock()
    assert clock_to_try(specification, STOCK) == Countdown()
    assert QtestClock().arguments == ("-accel", "qtest")
    assert Countdown().arguments[:2] == ("-accel", "tcg")


def test_the_clock_of_qtest_steps_to_the_nanosecond() -> None:
    here, there = socket.socketpair()
    qtest = Qtest(here, 1.0)
    there.sendall(b"OK 12345\n")

    passed = QtestClock().advance(qtest, None, 12_345)

    assert (passed, there.recv(100)) == (12_345, b"clock_step 12345\n")
    qtest.close()
    there.close()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("qemu:machine=pc,time=off", ""),
        ("qemu:machine=pc -- -accel kvm", "-accel is given to QEMU, and the clock needs its own"),
    ],
)
def test_no_clock_is_tried_when_none_is_wanted_or_possible(text: str, reason: str) -> None:
    assert clock_to_try(parse_specification(text), STOCK) == reason


def test_time_is_on_or_off() -> None:
    with pytest.raises(UsageError, match="time=maybe is neither; write time=on or time=off"):
        parse_specification("qemu:e1000,time=maybe")


@pytest.mark.parametrize(
    ("registers", "place"),
    [
        ({"rip", "rcx"}, range(0xA000, 0xA0C0)),
        ({"cpsr", "VBAR"}, range(0x4001_0000, 0x4001_4000)),
        ({"cpsr"}, range(0x4001_0000, 0x4001_4000)),
    ],
)
def test_firmware_stays_in_its_place(registers: set[str], place: range) -> None:
    firmware = firmware_for(registers, range(0x4000_0100, 0x4100_0000))

    assert isinstance(firmware, Firmware)
    assert firmware.place == place
    assert firmware.overhead % 2 == 0
    assert firmware.registers[firmware.program_counter] in place
    assert all(duration >= (firmware.overhead + 2) * 256 for duration in DURATIONS)


@pytest.mark.parametrize(
    ("registers", "reason"),
    [
        ({"xpsr"}, "a Cortex-M cannot wait without time passing"),
        ({"pc", "a0"}, "nothing is known that counts down on this processor"),
        ({"cpsr"}, "no memory to count down in"),
    ],
)
def test_a_processor_without_a_countdown_is_refused_with_the_reason(
    registers: set[str], reason: str
) -> None:
    assert reason in str(firmware_for(registers, range(0)))


# The gdb protocol


@pytest.fixture
def stub() -> Iterator[tuple[Gdb, socket.socket]]:
    here, there = socket.socketpair()
    gdb = Gdb(here, 0.2)
    yield gdb, there
    gdb.close()
    there.close()


def described(there: socket.socket) -> None:
    there.sendall(b'+$m<target><xi:include href="core.xml"/>#00+$l</target>#00')
    there.sendall(b'+$l<reg name="r0" bitsize="32"/><reg name="pc" bitsize="32" regnum="15"/>#00')


def test_registers_are_found_by_name(stub: tuple[Gdb, socket.socket]) -> None:
    gdb, there = stub
    described(there)

    assert gdb.registers == {"r0": (0, 4), "pc": (15, 4)}
    assert there.recv(1000).startswith(b"$qXfer:features:read:target.xml:0,800#")


def test_registers_are_written_and_read_little_endian(stub: tuple[Gdb, socket.socket]) -> None:
    gdb, there = stub
    described(there)
    assert gdb.registers
    there.recv(1000)
    there.sendall(b"+$78563412#00+$OK#9a")

    assert gdb.exchange(("pc",), {"r0": 0xABCD}) == [0x12345678]
    assert there.recv(1000) == b"$pf#d6$P0=cdab0000#07"


def test_a_stub_that_refuses_closes_or_is_silent_is_told(stub: tuple[Gdb, socket.socket]) -> None:
    gdb, there = stub
    with pytest.raises(GdbSilent, match=r"no answer from the gdb stub within 0\.2 s"):
        gdb.stop(0)
    described(there)
    assert gdb.registers
    there.sendall(b"$E22#00")
    with pytest.raises(GdbError, match="answered 'E22'"):
        gdb.start({"r0": 1})
    with pytest.raises(GdbError, match="no register r99"):
        gdb.exchange(("r99",), {})
    there.close()
    with pytest.raises(GdbError, match="closed the connection"):
        gdb.stop(0)
