"""What is learnt of registers by trying: on a bench without QEMU, whose registers are known."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from stressor.targets.qemu.configuration import meaningful
from stressor.targets.qemu.learning import learn_registers
from stressor.targets.qemu.pairs import learn_pairs
from stressor.targets.qemu.regions import Region
from stressor.targets.qemu.registers import Deadly, Learnt, Pair, Register

UART = Region("uart", 0x1000_0000, 16, False)
WIDTHS = {"b": 1, "w": 2, "l": 4, "q": 8}
Access = Callable[[int, int, int | None], int]


class Bench:
    """Answers qtest commands with `access(address, width, value)`, which raises to end the machine."""

    def __init__(self, access: Callable[[], Access]) -> None:
        self._access = access
        self._machine = access()
        self.deaths = 0

    def ask(self, commands: Sequence[str], *, anew: bool = False) -> list[str] | None:
        if anew:
            self._machine = self._access()
        answers = []
        for command in commands:
            verb, address, *value = command.split()
            try:
                said = self._machine(int(address, 16), WIDTHS[verb[-1]], int(value[0], 16) if value else None)
            except RuntimeError:
                self.deaths += 1
                self._machine = self._access()
                return None
            answers.append(f"{said:#x}")
        return answers


def registers(width: int, base: int, *, killing: int | None = None) -> Callable[[], Access]:
    """Two registers that keep what is written, at offsets 0 and 8, that only `width` bytes reach."""

    def machine() -> Access:
        kept = {base: 0, base + 8: 0}

        def access(address: int, size: int, value: int | None) -> int:
            if address == killing and value is not None:
                raise RuntimeError
            if size != width or address not in kept:
                return 0
            kept[address] = kept[address] if value is None else value
            return kept[address]

        return access

    return machine


def test_registers_are_found_at_the_width_that_they_take() -> None:
    by_words = learn_registers(Bench(registers(2, UART.base)), UART)
    by_longs = learn_registers(Bench(registers(4, UART.base)), UART)

    assert by_words.width == 2
    assert by_words.registers == (Register(0, 2), Register(8, 2))
    assert {width for width, offsets in by_words.narrow.items() if offsets} == set()
    assert by_longs.registers == (Register(0, 4), Register(8, 4))


def test_a_region_that_says_nothing_keeps_its_usual_width() -> None:
    learnt = learn_registers(Bench(lambda: lambda address, width, value: 0), UART)

    assert (learnt.width, learnt.registers) == (4, ())
    assert learnt.silent == (0, 4, 8, 12)


def test_a_place_that_kills_is_found_and_left_out_of_everything_else() -> None:
    bench = Bench(registers(4, UART.base, killing=UART.base + 8))

    learnt = learn_registers(bench, UART)

    assert learnt.deadly[0] == Deadly(8, 4, 0xFFFF_FFFF)
    assert learnt.registers == (Register(0, 4),)
    assert 8 not in learnt.silent
    assert not any(learnt.kills(offset, width) for width, offsets in learnt.narrow.items() for offset in offsets)


def test_a_region_that_kills_everywhere_costs_a_bounded_number_of_machines() -> None:
    def machine() -> Access:
        def access(address: int, width: int, value: int | None) -> int:
            raise RuntimeError

        return access

    bench = Bench(machine)
    learn_registers(bench, Region("bomb", 0x1000, 0x1000, False))

    assert 12 <= bench.deaths <= 14


def test_of_a_configuration_space_header_and_capabilities_mean_something() -> None:
    space = bytearray(256)
    space[0x06], space[0x34] = 0x10, 0xC8
    space[0xC8:0xCA] = 0x01, 0xD0  # power management, and on
    space[0xD0:0xD2] = 0x05, 0x00  # messages
    space[0x90] = 1

    meant = meaningful(bytes(space))

    assert {0x3C, 0xCC, 0xDC, 0x90, 0x93} <= meant
    assert meant.isdisjoint({0x40, 0x94, 0xE0})
    space[0x06] = 0
    assert 0xCC not in meaningful(bytes(space))


def indexed(*, honest: bool) -> Callable[[], Access]:
    """An index register at port 0x70 and data at 0x71; a dishonest one keeps one value for all."""

    def machine() -> Access:
        cells, index = [0] * 256, [0]

        def access(address: int, width: int, value: int | None) -> int:
            if width != 1:
                return 0xFF
            if address == 0x70:
                index[0] = index[0] if value is None else value
                return 0xFF
            at = index[0] if honest else 0
            cells[at] = cells[at] if value is None else value
            return cells[at]

        return access

    return machine


def test_an_index_register_is_found_with_its_data_also_across_regions() -> None:
    clock = [
        Learnt(Region("rtc-index", 0x70, 1, True), 1),
        Learnt(Region("rtc", 0x71, 1, True), 1, (Register(0, 1),)),
    ]

    assert learn_pairs(Bench(indexed(honest=True)), clock) == (Pair("rtc-index", 0, "rtc", 0, 1),)
    assert learn_pairs(Bench(indexed(honest=False)), clock) == ()
