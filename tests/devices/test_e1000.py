"""The network card beside a real QEMU's: registers, EEPROM, PHY, rings, and its state both ways."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random

import pytest

from devices.e1000 import E1000, MEMORY, PHY_WRITE
from devices.e1000_driver import RING
from devices.e1000_registers import CLEARED, WRITABLE
from stressor.device import Memory
from tests.devices.qemu_pc import QemuPc, Step, needs_qemu

LABEL = "0000:00:02.0/e1000/0"
WINDOWS = (0xE000_0000, 0xC000)
SECOND = 1_100_000_000
"""For so long QEMU's card receives nothing after a write to RCTL; here it is let pass."""
DELAYS = (0x00C4, 0x2820, 0x282C, 0x3820, 0x382C)
LOOKED_AT = tuple(
    offset
    for offset in sorted(
        {*WRITABLE, *CLEARED, 0, 8, 0x10, 0x14, 0x20, 0xC0, 0xC8, 0xD0, 0x100, 0x400}
    )
    if offset != 0x3820
)
ALL_MULTICAST, CUT, BY_ADDRESS = 0x10, (0x40F8,), (0x40F8, 0x4078, 0x407C)
"""What is counted in other ways, of packets that are cut, and with RCTL.MPE: see docs/devices.md."""
OFTEN = (0x00C0, 0x00C8, 0x00D0, 0x2810, 0x2818, 0x3810, 0x3818)
STORED = tuple(offset for offset in WRITABLE if offset not in DELAYS)
SPACE = (0x1000, 0x9000)
"""Where rings and buffers lie, and how much it is."""


class GuestMemory(Memory):
    """Notes in a trace what the guest stores."""

    def __init__(self, steps: list[Step]) -> None:
        super().__init__(MEMORY)
        self.data = bytearray(MEMORY)
        self._steps = steps

    def store(self, address: int, data: bytes) -> None:
        self._steps.append(("store", address, bytes(data)))
        super().store(address, data)


class Traced(E1000):
    """Notes each step that the guest takes, and what it is answered."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.answers: list[int] = []
        self.ram = GuestMemory(self.steps)
        super().__init__()

    def _write(self, offset: int, width: int, value: int) -> None:
        self.steps.append(("write", offset, value))
        super()._write(offset, width, value)

    def _read(self, offset: int, width: int) -> int:
        self.steps.append(("read", offset))
        self.answers.append(super()._read(offset, width))
        return self.answers[-1]

    def look_at_memory(self) -> None:
        self.steps.append(("look", *SPACE))
        self.answers.append(int.from_bytes(self.ram.read(*SPACE)))

    def forget(self) -> None:
        self.steps.clear()
        self.answers.clear()


def on_qemu(qemu: QemuPc, steps: Sequence[Step]) -> list[int]:
    base = WINDOWS[0]
    answers: list[int] = []
    commands: list[str] = []
    for step in [*steps, ("wait", 0)]:
        match step:
            case ("write", offset, value):
                commands.append(f"writel {base + offset:#x} {value:#x}")
            case ("read", offset):
                commands.append(f"readl {base + offset:#x}")
            case ("store", address, data):
                commands.append(f"write {address:#x} {len(data):#x} 0x{data.hex()}")
            case ("look", address, size):
                commands.append(f"read {address:#x} {size:#x}")
            case ("wait", duration):
                answers += [answer for answer in qemu.run(commands) if answer is not None]
                commands = []
                if duration:
                    qemu.advance(duration)
    return answers


def use_registers(card: Traced, random: Random) -> None:
    """Take a step with registers, EEPROM or PHY."""
    choice, value = random.random(), random.choice((0, 0xFFFF_FFFF, random.getrandbits(32)))
    if choice < 0.25:
        offset = random.choice(STORED)
        card.set_register(offset, value & WRITABLE[offset])
        card.get_register(offset)
    elif choice < 0.4:
        card.get_register(random.choice(LOOKED_AT))
    elif choice < 0.5:
        card.set_register(random.choice((0xC0, 0xC8, 0xD0, 0xD8)), value)
        for offset in (0xC0, 0xC8, 0xD0)[random.randrange(3) :]:
            card.get_register(offset)
    elif choice < 0.6:
        card.set_register(0x14, value & 0xFF00 | random.getrandbits(1))
        card.get_register(0x14)
    elif choice < 0.7:
        card.read_serially(random.randrange(64), random.randrange(1, 20))
    elif choice < 0.8:
        card.clock_eeprom([random.getrandbits(3) for _ in range(random.randrange(1, 40))])
    elif choice < 0.95:  # not a new negotiation, see docs/devices.md
        card.use_phy(random.randrange(32), value & 0x7DFF, random.random() < 0.5)
    else:
        card.set_register(
            0x20, PHY_WRITE | random.getrandbits(10) << 16 & ~0x200_0000 | value & 0x7DFF
        )
        card.get_register(0x20)


def set_up(card: Traced, random: Random) -> None:
    card.set_up(random.getrandbits(16), looped=False, tagged=random.random() < 0.3, strip=True)
    card.use_phy(0, 0x5140, True)
    card.steps.append(("wait", SECOND))


def drawn_frame(random: Random) -> bytes:
    to = random.choice((b"\xff" * 6, b"\x52\x54\x00\x12\x34\x56", random.randbytes(6)))
    kind = random.choice((b"\x08\x00", b"\x81\x00", random.randbytes(2)))
    return to + random.randbytes(6) + kind + random.randbytes(64 * random.randrange(1, 7) - 2)


def use_rings(card: Traced, random: Random) -> None:
    """Take a step with descriptors."""
    choice, special = random.random(), random.getrandbits(16)
    if choice < 0.3:
        card.send_legacy(drawn_frame(random), random.choice((0x09, 0x09, 0x49, 0x89)), special)
    elif choice < 0.6:
        command = random.choice((0x09, 0x09, 0x49, 0x89, 0x08)) if not card.size else 0x09
        card.send_data(drawn_frame(random), command, random.getrandbits(2), special)
    elif choice < 0.65 and not card.size:
        cut(card, random)
    elif choice < 0.75:
        card.set_context(
            random.getrandbits(1), random.getrandbits(1), random.randrange(20, 90), False, 80
        )
    else:
        for offset in random.sample(OFTEN, 2):
            card.get_register(offset)
    if (card.rdt - card.rdh) % RING < 6:  # without buffers they differ, see docs/devices.md
        card.give_back()


def cut(card: Traced, random: Random) -> None:
    """Have a packet cut; not at its end, nor where the CRC counts for the size, see docs/devices.md."""
    tcp, frame = random.getrandbits(1), drawn_frame(random)
    header = 54 if tcp else 42
    sizes = [
        size
        for size in range(90, 200)
        if (len(frame) - header) % size
        and (size + header) % 64 < 50
        and ((len(frame) - header) % size + header) % 64 < 50
        and (len(frame) - header) % size + header > 64
    ]
    if not sizes:
        return
    card.set_context(tcp, 1, random.choice(sizes), True, len(frame) - header)
    card.send_data(frame, 0x0D, random.getrandbits(2), 0)


def trace(card: Traced, random: Random, rings: bool, length: int) -> None:
    for _ in range(length):
        (use_rings if rings else use_registers)(card, random)


def before_the_move(card: Traced, random: Random, rings: bool) -> None:
    """Run a trace that ends with the context of which QEMU loses no part, see docs/devices.md."""
    trace(card, random, rings, 30)
    if rings:
        card.set_context(1, 1, 40, False, 80)


def look_at_all(card: Traced, rings: bool) -> None:
    for offset in LOOKED_AT:
        if not rings or offset not in (BY_ADDRESS if card.rctl & ALL_MULTICAST else CUT):
            card.get_register(offset)
    if rings:
        card.look_at_memory()


def begun(random: Random, rings: bool) -> Traced:
    """Return a card that has just been reset, and set up when it is for `rings`."""
    card = Traced()
    for offset, value in ((4, 7), (0x10, WINDOWS[0]), (0x14, WINDOWS[1])):
        card.pci.write(offset, 4, value)
    card.clock_eeprom([0, 2, 0])  # QEMU's reset leaves the EEPROM's lines as they were
    if rings:
        card.ram.store(SPACE[0], bytes(SPACE[1]))
        set_up(card, random)
    return card


@pytest.fixture(scope="module")
def qemu() -> Iterator[QemuPc]:
    with QemuPc(device="e1000", timed=True) as pc:
        yield pc


@pytest.mark.qemu
@needs_qemu
def test_the_windows_are_where_both_cards_have_them(qemu: QemuPc) -> None:
    assert qemu.layout.assigned == ((0x10, WINDOWS[0]), (0x14, WINDOWS[1]))


@pytest.mark.qemu
@pytest.mark.slow
@needs_qemu
@pytest.mark.parametrize(("rings", "resets"), [(False, 500), (True, 125)])
def test_a_thousand_traces_answer_as_qemus_do(qemu: QemuPc, rings: bool, resets: int) -> None:
    for number in range(resets):
        random = Random(number)
        qemu.reset()
        card = begun(random, rings)
        for part in range(500 // resets):  # letting time pass takes longest
            trace(card, random, rings, 30)
            look_at_all(card, rings)

            assert on_qemu(qemu, card.steps) == card.answers, f"trace {number}.{part}: {card.steps}"
            card.forget()


@pytest.mark.qemu
@needs_qemu
@pytest.mark.parametrize("rings", [False, True])
def test_what_qemu_saved_comes_back_byte_for_byte_and_goes_on_as_qemus(
    qemu: QemuPc, rings: bool
) -> None:
    for number in range(10):
        random = Random(number)
        qemu.reset()
        card = begun(random, rings)
        before_the_move(card, random, rings)
        on_qemu(qemu, card.steps)
        moved = Traced()
        qemu.move_here(moved, LABEL)
        moved.ram.data[:] = card.ram.data

        trace(moved, random, rings, 30)
        look_at_all(moved, rings)
        assert on_qemu(qemu, moved.steps) == moved.answers, f"trace {number}: {moved.steps}"


@pytest.mark.qemu
@needs_qemu
@pytest.mark.parametrize("rings", [False, True])
def test_qemu_goes_on_from_our_state(qemu: QemuPc, rings: bool) -> None:
    for number in range(10):
        random = Random(number)
        qemu.reset()
        card = begun(random, rings)
        before_the_move(card, random, rings)
        card.ram.store(SPACE[0], card.ram.read(*SPACE))
        on_qemu(qemu, [step for step in card.steps if step[0] == "store"])
        qemu.move_there(card, LABEL)
        card.forget()

        trace(card, random, rings, 30)
        look_at_all(card, rings)
        assert on_qemu(qemu, card.steps) == card.answers, f"trace {number}: {card.steps}"
