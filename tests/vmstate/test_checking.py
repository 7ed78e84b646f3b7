"""The checks that a description yields: all pass where all is right, and a fault fails its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import stressor.vmstate as vm
from stressor.errors import DescriptionError, StreamError
from stressor.vmstate.checking import description_checks, description_tests
from tests.vmstate.generated import Plain, Tick

Load = Callable[[vm.Description, Any, bytes, "int | None"], None]
POINT = vm.Description("point", fields=[vm.u8("x"), vm.f64("y")])
LINKS = vm.Description("link", fields=[vm.u8("x")])


class Faulty(vm.Description):
    """A description whose `load` and `save` are given; by default they are its own."""

    faulty_load: Load | None = None
    faulty_save: Callable[[vm.Description, Any], bytes] | None = None

    def load(self, obj: Any, data: bytes, version: int | None = None) -> None:
        if self.faulty_load is None:
            super().load(obj, data, version)
        else:
            self.faulty_load(self, obj, data, version)

    def save(self, obj: Any) -> bytes:
        return super().save(obj) if self.faulty_save is None else self.faulty_save(self, obj)


def description(**faults: Any) -> vm.Description:
    accessors = faults.pop("accessors", {})
    rest = {"load": None, "save": None, "pre_save": None} | faults

    class Given(Faulty):
        faulty_load = rest["load"] and staticmethod(rest["load"])
        faulty_save = rest["save"] and staticmethod(rest["save"])

    return Given(
        "dev",
        version=2,
        minimum_version=1,
        fields=[
            vm.u16("wide"),
            vm.u8("late", since=2),
            vm.boolean("on"),
            vm.u8("halved", **accessors),
            vm.buffer("data", 2),
            vm.u8("n"),
            vm.variable_array("words", vm.u16, length="n", maximum=3),
            vm.equal("size", vm.u8),
            vm.bounded("level", vm.i8, maximum=9),
            vm.bitmap("mask", 5),
            vm.timer("tick"),
            vm.queue("sent", vm.u8, maximum=3),
            vm.linked_queue("links", LINKS, maximum=2, factory=lambda: Plain(x=0)),
            vm.tree("tree", LINKS, maximum=2, factory=lambda: Plain(x=0)),
            vm.array("some", vm.u8, 2, null=True),
            vm.array("rows", vm.u8, (1, 2)),
            vm.array("ticks", vm.timer, 2),
            vm.struct("point", POINT),
            vm.struct_array("points", POINT, 2, start=1),
            vm.struct("missing", POINT, when="missing is not None"),
        ],
        subsections=[
            vm.Description("dev/more", fields=[vm.u8("more"), vm.u8("less")], needed="more > 3")
        ],
        validate=[vm.Validate("less is more", "less <= more")],
        pre_save=rest["pre_save"],
    )


def device() -> Plain:
    return Plain(
        wide=0,
        late=0,
        on=False,
        halved=0,
        data=bytearray(2),
        n=2,
        words=[0, 0],
        size=6,
        level=0,
        mask=0,
        tick=Tick(None),
        sent=[],
        links=[],
        tree={},
        some=[None, 0],
        rows=[[0, 0]],
        ticks=[Tick(None), Tick(5)],
        point=Plain(x=0, y=0.0),
        points=[Plain(x=0, y=0.0) for _ in range(3)],
        missing=None,
        more=0,
        less=0,
    )


def failing(what: vm.Description) -> set[str]:
    found = set()
    for check in description_checks(what, device):
        try:
            check()
        except AssertionError:
            found.add(check.id)
    return found


def test_what_is_right_passes() -> None:
    assert failing(description()) == set()


def test_each_check_has_a_name_of_its_own() -> None:
    names = [check.id for check in description_checks(description(), device)]

    assert len(set(names)) == len(names)
    assert names[:3] == [
        "dev: saved twice alike",
        "dev: bytes too many refused",
        "dev: newer version refused",
    ]
    assert {
        "dev.wide: bytes",
        "dev.wide: round trip",
        "dev.wide: truncated",
        "dev.late: kept from version 1",
        "dev.on: neither true nor false refused",
        "dev.size: another value refused",
        "dev.level: above its bound refused",
        "dev.level: negative refused",
        "dev.mask: a bit too many refused",
        "dev.sent: more than its maximum refused",
        "dev.links: neither element nor end refused",
        "dev.tree: more than its maximum refused",
        "dev.some: another marker refused",
        "dev.points[1].x: bytes",
        "dev.less: round trip",
    } <= {*names}
    assert not {"dev.n: bytes", "dev.size: bytes"} & {*names}


def load(self: vm.Description, obj: Any, data: bytes, version: int | None) -> None:
    vm.Description.load(self, obj, data, version)


def after(change: Callable[[Plain], None]) -> Load:
    def changing(self: vm.Description, obj: Any, data: bytes, version: int | None) -> None:
        load(self, obj, data, version)
        change(obj)

    return changing


def forgiving(accept: Callable[[StreamError, int | None], bool]) -> Load:
    """Return a load that takes what it should refuse."""

    def forgive(self: vm.Description, obj: Any, data: bytes, version: int | None) -> None:
        try:
            load(self, obj, data, version)
        except StreamError as error:
            if not accept(error, version):
                raise

    return forgive


def half_done(self: vm.Description, obj: Any, data: bytes, version: int | None) -> None:
    """A load that has begun when it finds out that the bytes end."""
    try:
        load(self, obj, data, version)
    except StreamError as error:
        if error.path == "rows":
            obj.wide = 77
        raise


def zero_late(self: vm.Description, obj: Any, data: bytes, version: int | None) -> None:
    load(self, obj, data, version)
    if version == 1:
        obj.late = 0


def refused(path: str, problem: str) -> Load:
    return forgiving(lambda error, version: error.path == path and problem in error.problem)


FAULTS: dict[str, tuple[dict[str, Any], set[str]]] = {
    "an accessor that reads another field": (
        {"accessors": {"read": lambda o: o.wide & 0xFF, "write": lambda o, v: setattr(o, "halved", v)}},
        {"dev.wide: bytes", "dev.halved: bytes"},
    ),
    "an accessor that drops bits at load": (
        {"accessors": {"read": lambda o: o.halved, "write": lambda o, v: setattr(o, "halved", v & 0x7F)}},
        set(),  # its own write is what moves it, so only what write can give is tried
    ),
    "a load that forgets a field": (
        {"load": after(lambda o: setattr(o, "wide", 0))},
        {"dev.wide: round trip"},
    ),
    "a load that forgets the high half": (
        {"load": after(lambda o: setattr(o, "wide", o.wide & 0xFF))},
        {"dev.wide: round trip"},
    ),
    "a load that forgets an optional section's field": (
        {"load": after(lambda o: setattr(o, "less", 0))},
        {"dev.less: round trip"},
    ),
    "a load that forgets the last byte of a buffer": (
        {"load": after(lambda o: o.data.__setitem__(1, 0))},
        {"dev.data: round trip"},
    ),
    "a load that forgets a part": (
        {"load": after(lambda o: setattr(o.point, "y", 0.0))},
        {"dev.point.y: round trip"},
    ),
    "a load that forgets a queue": (
        {"load": after(lambda o: o.sent.clear())},
        {"dev.sent: round trip"},
    ),
    "a load that forgets a timer in a row": (
        {"load": after(lambda o: setattr(o.ticks[1], "deadline", 5))},
        {"dev.ticks: round trip"},
    ),
    "a save that changes what it saves": (
        {"pre_save": lambda o: setattr(o, "late", (o.late + 1) & 0xFF)},
        {"dev: saved twice alike", "dev.late: kept from version 1"},
    ),
    "an older stream that clears the new field": (
        {"load": zero_late},
        {"dev.late: kept from version 1"},
    ),
    "a newer stream that is taken": (
        {"load": forgiving(lambda error, version: version == 3)},
        {"dev: newer version refused"},
    ),
    "a stream that is too old and taken": (
        {"load": forgiving(lambda error, version: version == 0)},
        {"dev: older version refused"},
    ),
    "bytes too many that are taken": (
        {"load": forgiving(lambda error, version: "too many" in error.problem)},
        {"dev: bytes too many refused"},
    ),
    "a truncation that is taken": (
        {"load": refused("tick", "truncated")},
        {"dev.tick: truncated"},
    ),
    "a refused load that leaves traces": ({"load": half_done}, {"dev.rows: truncated"}),
    "a boolean of 2 that is taken": (
        {"load": refused("on", "neither")},
        {"dev.on: neither true nor false refused"},
    ),
    "another size that is taken": (
        {"load": refused("size", "must be")},
        {"dev.size: another value refused"},
    ),
    "a level above its bound that is taken": (
        {"load": refused("level", "is 10")},
        {"dev.level: above its bound refused"},
    ),
    "a negative level that is taken": (
        {"load": refused("level", "is -1")},
        {"dev.level: negative refused"},
    ),
    "a bit too many that is taken": (
        {"load": refused("mask", "has bit")},
        {"dev.mask: a bit too many refused"},
    ),
    "a queue that is too long and taken": (
        {"load": refused("sent.count", "elements")},
        {"dev.sent: more than its maximum refused"},
    ),
    "a marker that is none and taken": (
        {"load": refused("some[0]", "is not 0x30")},
        {"dev.some: another marker refused"},
    ),
    "a link that is none and taken": (
        {"load": refused("links.more[0]", "neither")},
        {"dev.links: neither element nor end refused"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_fails_its_own_checks_and_no_other(fault: str) -> None:
    changes, expected = FAULTS[fault]

    assert failing(description(**changes)) == expected


def swapped(self: vm.Description, obj: Any) -> bytes:
    data = vm.Description.save(self, obj)
    return data[1:2] + data[:1] + data[2:]


def test_bytes_that_are_not_as_declared_are_seen() -> None:
    assert "dev.wide: bytes" in failing(description(save=swapped))


def test_a_field_that_never_travels_says_what_to_do() -> None:
    stubborn = vm.Description("dev", fields=[vm.u8("a", when=lambda o: False)])

    checks = {check.id: check for check in description_checks(stubborn, lambda: Plain(a=0))}

    with pytest.raises(AssertionError, match="give a factory of objects in which it has"):
        checks["dev.a: round trip"]()


def test_a_value_that_a_hook_works_out_again_is_looked_for() -> None:
    def derive(obj: Any, version: int) -> None:
        obj.sum = obj.a + obj.b

    summed = vm.Description(
        "dev", fields=[vm.u8("a"), vm.u8("b"), vm.u16("sum")], post_load=derive
    )

    for check in description_checks(summed, lambda: Plain(a=0, b=0, sum=0)):
        check()


def test_a_hook_that_forgets_is_seen() -> None:
    def forget(obj: Any, version: int) -> None:
        obj.a = 0

    forgetful = vm.Description("dev", fields=[vm.u8("a"), vm.u8("b")], post_load=forget)

    failed = []
    for check in description_checks(forgetful, lambda: Plain(a=0, b=0)):
        try:
            check()
        except AssertionError as error:
            failed.append((check.id, str(error).partition(":")[0]))

    assert failed == [
        ("dev.a: round trip", "a has no other value that travels and is accepted")
    ]


class Machine:
    state = vm.Description("machine", fields=[vm.u8("a")])

    def __init__(self) -> None:
        self.a = 0


class TestOfADescription(description_tests(Machine.state)):  # type: ignore[misc]
    pass


class TestOfAClass(description_tests(Machine)):  # type: ignore[misc]
    pass


class TestOfAFactory(description_tests(POINT, lambda: Plain(x=0, y=0.0))):  # type: ignore[misc]
    pass


def test_a_description_of_no_class_needs_a_factory() -> None:
    with pytest.raises(DescriptionError, match="belongs to no class; give factory="):
        description_tests(POINT)
    with pytest.raises(DescriptionError, match="has no description in 3; give one, or a class"):
        description_tests(3)


def test_pytest_shows_each_check_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        "import stressor.vmstate as vm\n"
        "from stressor.vmstate.checking import description_tests\n"
        "class Machine:\n"
        "    state = vm.Description('machine', fields=[vm.u8('a')], post_load=lambda o, v: o.__init__())\n"
        "    def __init__(self):\n"
        "        self.a = 0\n"
        "class TestFields(description_tests(Machine.state)):\n"
        "    pass\n"
    )

    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_it.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )

    assert "FAILED test_it.py::TestFields::test_field[machine.a: round trip]" in result.stdout
    assert "1 failed, 6 passed" in result.stdout


def test_pytest_is_not_imported() -> None:
    code = "import sys, stressor.vmstate.checking; print('pytest' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"


def test_a_part_may_end_where_its_subsection_would_begin() -> None:
    more = vm.Description("part/more", fields=[vm.u8("y")], needed="y != 0")
    part = vm.Description("part", fields=[vm.u8("x")], subsections=[more])
    queued = vm.Description(
        "dev", fields=[vm.queue("parts", part, maximum=2, factory=lambda: Plain(x=0, y=0))]
    )

    for check in description_checks(queued, lambda: Plain(parts=[Plain(x=1, y=2)])):
        check()


def test_only_what_travels_of_a_longer_list_is_moved() -> None:
    fixed = vm.Description(
        "dev",
        fields=[
            vm.u8("n"),
            vm.variable_buffer("data", length="n", maximum=3, fixed=True),
            vm.variable_array("words", vm.u16, length="n", maximum=3, fixed=True),
        ],
    )

    def make() -> Plain:
        return Plain(n=1, data=bytearray(3), words=[0, 0, 0])

    names = [check.id for check in description_checks(fixed, make)]
    for check in description_checks(fixed, make):
        check()

    assert {"dev.data: round trip", "dev.words: round trip"} <= {*names}
