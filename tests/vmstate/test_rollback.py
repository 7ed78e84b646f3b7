"""A load that is refused, at whatever point, leaves the object as it was."""

from __future__ import annotations

from array import array
from collections import deque
from typing import Any

import pytest

import stressor.vmstate as vm
from stressor.errors import DescriptionError, StreamError
from stressor.vmstate import compile_load
from tests.vmstate.generated import Plain, Tick, plain

POINT = vm.Description("point", fields=[vm.u8("x")])


class Part:
    """A part with slots, of which one is not described."""

    __slots__ = ("cache", "level", "log", "unset")
    unset: int

    def __init__(self) -> None:
        self.level = 1
        self.cache = 2
        self.log = [1]


PART = vm.Description("part", fields=[vm.u8("level")])


class Line:
    """As a device's output line: one attribute stands for it."""

    live_attributes = ("level",)

    def __init__(self) -> None:
        self.level = 0


class Machine:
    def __init__(self) -> None:
        self.a = 1
        self.data = bytearray(b"ab")
        self.words = [1, 2]
        self.items: deque[int] = deque([3])
        self.part = Part()
        self.points = [Plain(x=1)]
        self.tick = Tick(5)
        self.irq = Line()
        self.cache: dict[str, int] = {"sum": 3}
        self.seen = {1}
        self.numbers = array("H", [1])
        self.hook: Any = None

    def snapshot(self) -> object:
        return (
            [plain(value) for name, value in vars(self).items() if name not in ("part", "hook")],
            [getattr(self.part, name, "unset") for name in Part.__slots__],
            list(self.part.log),
            self.irq.level,
            dict(self.cache),
            set(self.seen),
        )

    def identities(self) -> list[int]:
        return [id(value) for name, value in vars(self).items() if name != "hook"]


def description(**rest: Any) -> vm.Description:
    return vm.Description(
        "dev",
        fields=[
            vm.u8("a"),
            vm.buffer("data", 2),
            vm.array("words", vm.u8, 2),
            vm.queue("items", vm.u8, maximum=4),
            vm.struct("part", PART),
            vm.struct_array("points", POINT, 1),
            vm.timer("tick"),
        ],
        **rest,
    )


DATA = bytes.fromhex("09090807060000000205040302ffffffffffffffff")


def meddle(machine: Machine, version: int) -> None:
    """Change everything that a hook can reach."""
    machine.a = 77
    machine.data += b"more"
    machine.words.clear()
    machine.items.append(9)
    machine.part.cache = 9
    machine.part.log.append(2)
    machine.part.unset = 1
    machine.points[0].x = 9
    machine.points.append(Plain(x=3))
    machine.irq.level = 1
    machine.cache["sum"] = 4
    machine.seen.add(2)
    machine.numbers.append(7)
    machine.new = 1  # type: ignore[attr-defined]
    del machine.hook


def test_the_bytes_that_the_refusals_are_about_do_load() -> None:
    machine = Machine()

    description().load(machine, DATA)

    assert (machine.a, machine.data, machine.words) == (9, bytearray(b"\x09\x08"), [7, 6])
    assert (list(machine.items), machine.part.level, machine.points[0].x) == ([5, 4], 3, 2)
    assert machine.tick.deadline is None


@pytest.mark.parametrize("version", [None, 1], ids=["compiled", "walked"])
@pytest.mark.parametrize("error", [ValueError("no"), StreamError("x", 0, "no"), RuntimeError("no")])
def test_a_hook_that_raises_takes_everything_back(error: Exception, version: int | None) -> None:
    def refuse(machine: Machine, version: int) -> None:
        meddle(machine, version)
        raise error

    machine = Machine()
    before, identities = machine.snapshot(), machine.identities()
    state = description(version=2, minimum_version=1, post_load=refuse)

    with pytest.raises(
        RuntimeError if isinstance(error, RuntimeError) else StreamError, match="no"
    ):
        state.load(machine, DATA, version)

    assert machine.snapshot() == before
    assert machine.identities() == identities
    assert "new" not in vars(machine)
    assert "hook" in vars(machine)


def test_a_refusal_says_whose_it_is() -> None:
    def refuse(machine: Machine, version: int) -> None:
        raise ValueError("divider is 0")

    with pytest.raises(StreamError) as caught:
        description(post_load=refuse).load(Machine(), DATA)

    assert str(caught.value) == f"dev at byte {len(DATA)}: was refused: divider is 0"
    assert isinstance(caught.value.__cause__, ValueError)


@pytest.mark.parametrize("version", [None, 1], ids=["compiled", "walked"])
def test_a_validation_that_does_not_hold_takes_everything_back(version: int | None) -> None:
    state = description(
        version=2,
        minimum_version=1,
        post_load=meddle,
        validate=[vm.Validate("a is small", lambda machine: machine.a < 50)],
    )
    machine = Machine()
    before = machine.snapshot()

    with pytest.raises(StreamError) as caught:
        state.load(machine, DATA, version)

    assert str(caught.value) == f"dev at byte {len(DATA)}: does not hold after load: a is small"
    assert machine.snapshot() == before


def test_an_accessor_that_raises_takes_everything_back() -> None:
    def write(machine: Machine, value: int) -> None:
        machine.words[0] = value
        raise ValueError("read-only")

    state = vm.Description(
        "dev",
        fields=[vm.u8("a"), vm.u8("wire", read=lambda machine: 0, write=write)],
    )
    machine = Machine()
    before = machine.snapshot()

    with pytest.raises(StreamError, match="read-only"):
        state.load(machine, b"\x09\x08")

    assert machine.snapshot() == before


def test_a_property_that_raises_takes_everything_back() -> None:
    class Guarded(Machine):
        @property
        def b(self) -> int:
            return 0

        @b.setter
        def b(self, value: int) -> None:
            raise KeyError(value)

    state = vm.Description("dev", fields=[vm.u8("a"), vm.u8("b")])
    machine = Guarded()

    with pytest.raises(KeyError):
        state.load(machine, b"\x09\x08")

    assert machine.a == 1


def test_hooks_run_from_the_inside_out_and_get_their_own_version() -> None:
    calls: list[tuple[str, int]] = []

    def note(name: str) -> Any:
        return lambda obj, version: calls.append((name, version))

    inner = vm.Description("in", version=4, fields=[vm.u8("x")], post_load=note("inner"))
    state = vm.Description(
        "dev",
        version=3,
        minimum_version=2,
        fields=[vm.struct("part", inner), vm.struct_array("parts", inner, 2)],
        subsections=[
            vm.Description(
                "dev/s", version=7, fields=[vm.u8("y")], post_load=note("s"), needed=lambda o: o.y
            )
        ],
        post_load=note("dev"),
    )
    obj = Plain(part=Plain(x=1), parts=[Plain(x=1), Plain(x=2)], y=1)
    data = state.save(obj)
    expected = [("inner", 4)] * 3 + [("s", 7)]

    state.load(obj, data)
    assert calls == [*expected, ("dev", 3)]

    calls.clear()
    state.load(obj, data, 2)
    assert calls == [*expected, ("dev", 2)]

    calls.clear()
    state.load(obj, data[:3])
    assert calls == [("inner", 4)] * 3 + [("dev", 3)]


def test_a_container_that_cannot_be_filled_is_the_authors_mistake() -> None:
    state = vm.Description("dev", fields=[vm.buffer("data", 1)])

    with pytest.raises(
        DescriptionError, match=r"Plain.data: holds NoneType, which cannot be filled"
    ):
        state.load(Plain(data=None), b"\1")


def test_immutable_containers_are_replaced() -> None:
    state = vm.Description("dev", fields=[vm.buffer("data", 1), vm.array("words", vm.u8, 2)])
    obj = Plain(data=b"a", words=(1, 2))

    state.load(obj, b"\5\6\7")

    assert (obj.data, obj.words) == (b"\5", (6, 7))


def test_objects_with_slots_load_and_save() -> None:
    part, state = Part(), vm.Description("dev", fields=[vm.u8("level")])

    state.load(part, b"\7")

    assert part.level == 7
    assert state.save(part) == b"\7"


def test_broken_names_the_first_rule_that_does_not_hold() -> None:
    inner = vm.Description(
        "in", fields=[vm.u8("x")], validate=[vm.Validate("x is even", lambda o: o.x % 2 == 0)]
    )
    state = vm.Description(
        "dev",
        fields=[vm.struct("part", inner), vm.queue("q", inner, maximum=2, factory=Plain)],
        subsections=[
            vm.Description(
                "dev/s",
                fields=[vm.u8("y")],
                validate=[vm.Validate("y is not 9", lambda o: o.y != 9)],
                needed=lambda o: o.y > 0,
            )
        ],
        validate=[vm.Validate("x is not 3", lambda o: o.part.x != 3)],
    )

    def broken(x: int, y: int, *queued: int) -> str | None:
        return state.broken(Plain(part=Plain(x=x), q=[Plain(x=item) for item in queued], y=y))

    assert broken(0, 0, 2) is None
    assert broken(3, 9) == "x is not 3"
    assert broken(1, 9) == "x is even"
    assert broken(0, 0, 2, 1) == "x is even"
    assert broken(0, 9) == "y is not 9"


def test_code_for_one_choice_of_subsections_is_as_careful(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compile_load, "_WORTH", 1)
    hooks: list[Any] = []

    def change(machine: Machine, version: int) -> None:
        machine.a = 77
        machine.data += b"more"
        machine.part.log.append(2)
        machine.tick.deadline = 6
        machine.irq.level = 1
        machine.cache["sum"] = 4

    state = vm.Description(
        "dev",
        fields=[vm.u8("a"), vm.struct("part", PART), vm.buffer("data", 2)],
        subsections=[
            vm.Description("dev/t", fields=[vm.timer("tick")], needed=lambda o: True),
            vm.Description("dev/u", fields=[vm.u8("unused")], needed=lambda o: False),
        ],
        post_load=lambda machine, version: [hook(machine, version) for hook in hooks],
        validate=[vm.Validate("a is small", lambda machine: machine.a < 50)],
    )
    section, machine = vm.Section(state), Machine()
    data = section.save(machine)
    section.load(machine, data)  # the next one has code of its own
    before = machine.snapshot()
    hooks.append(change)

    with pytest.raises(StreamError) as caught:
        section.load(machine, data)

    assert str(caught.value).endswith("does not hold after load: a is small")
    assert (caught.value.path, caught.value.offset) == ("dev/0", len(data) - 5)
    assert machine.snapshot() == before
    hooks.clear()
    section.load(machine, data)
