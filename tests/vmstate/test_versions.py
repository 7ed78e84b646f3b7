"""Which fields and subsections are in a stream: versions, predicates, order."""

from __future__ import annotations

import pytest

import stressor.vmstate as vm
from stressor.errors import StreamError
from tests.vmstate.generated import Plain


def device() -> vm.Description:
    return vm.Description(
        "dev",
        version=3,
        minimum_version=2,
        fields=[vm.u8("a"), vm.u8("b", since=3), vm.u8("c", since=2)],
        subsections=[
            vm.Description("dev/one", fields=[vm.u8("d")], needed=lambda o: o.d > 0),
            vm.Description(
                "dev/two",
                version=2,
                minimum_version=1,
                fields=[vm.u8("e"), vm.u8("f", since=2)],
                needed=lambda o: o.e > 0,
            ),
        ],
    )


ONE = b"\5\7dev/one\0\0\0\1"
TWO = b"\5\7dev/two\0\0\0\2"


def fresh() -> Plain:
    return Plain(a=0, b=0, c=0, d=0, e=0, f=0)


def test_an_older_version_lacks_the_fields_that_came_later() -> None:
    obj = fresh()

    device().load(obj, b"\1\2", version=2)

    assert (obj.a, obj.b, obj.c) == (1, 0, 2)


@pytest.mark.parametrize(
    ("version", "problem"),
    [
        (4, "has version 4, newer than 3, the newest known"),
        (1, "has version 1, older than 2, the oldest known"),
    ],
)
def test_other_versions_are_refused(version: int, problem: str) -> None:
    with pytest.raises(StreamError, match=problem):
        device().load(fresh(), b"\1\2\3", version=version)


def test_an_absent_subsection_leaves_its_fields() -> None:
    obj = fresh()
    obj.d = 9

    device().load(obj, b"\1\2\3")

    assert obj.d == 9


def test_subsections_load_in_any_order() -> None:
    obj = fresh()

    device().load(obj, b"\1\2\3" + TWO + b"\5\6" + ONE + b"\4")

    assert (obj.d, obj.e, obj.f) == (4, 5, 6)


def test_an_older_subsection_lacks_the_fields_that_came_later() -> None:
    obj = fresh()

    device().load(obj, b"\1\2\3" + TWO[:-1] + b"\1" + b"\5")

    assert (obj.e, obj.f) == (5, 0)


@pytest.mark.parametrize(
    ("data", "offset", "problem"),
    [
        (
            ONE + b"\4" + ONE + b"\4",
            3 + 14,
            "no subsection 'dev/one' is known, or it is here again",
        ),
        (b"\5\7dev/six\0\0\0\1", 3, "no subsection 'dev/six' is known, or it is here again"),
        (ONE[:-1] + b"\2\4", 3, "has version 2, newer than 1, the newest known"),
        (b"\5\7def/one\0\0\0\1", 3, "13 bytes too many"),
        (ONE[:-2], 3, "needs 13 bytes, and 11 are left: truncated"),
    ],
)
def test_a_wrong_subsection_is_refused(data: bytes, offset: int, problem: str) -> None:
    obj = fresh()

    with pytest.raises(StreamError) as caught:
        device().load(obj, b"\1\2\3" + data)

    assert caught.value.problem == problem
    assert caught.value.offset == offset
    assert vars(obj) == vars(fresh())


def test_a_device_without_subsections_says_which_one_it_does_not_know() -> None:
    description = vm.Description("dev", fields=[vm.u8("a")])

    with pytest.raises(StreamError, match="no subsection 'dev/new' is known"):
        description.load(Plain(a=0), b"\1" + b"\5\7dev/new\0\0\0\1")


class Gated:
    """Whether `extra` travels depends on a property of what is loaded."""

    def __init__(self) -> None:
        self.mode = 0
        self.extra = 0

    @property
    def extended(self) -> bool:
        return self.mode == 7

    def has_extra(self) -> bool:
        return self.extended


@pytest.mark.parametrize(
    "predicate", [lambda o: o.mode == 7, lambda o: o.extended, lambda o: o.has_extra()]
)
def test_a_predicate_sees_what_is_being_loaded(predicate: object) -> None:
    description = vm.Description(
        "dev",
        fields=[vm.u8("mode"), vm.u8("extra", when=predicate)],  # type: ignore[arg-type]
    )
    extended, short = Gated(), Gated()

    description.load(extended, b"\7\5")
    description.load(short, b"\6")

    assert (extended.mode, extended.extra) == (7, 5)
    assert (short.mode, short.extra) == (6, 0)
    assert description.save(extended) == b"\7\5"
    assert description.save(short) == b"\6"


def test_a_predicate_cannot_change_the_object_that_is_being_loaded() -> None:
    def meddle(obj: Gated) -> bool:
        obj.mode = 1
        return True

    description = vm.Description("dev", fields=[vm.u8("mode"), vm.u8("extra", when=meddle)])

    with pytest.raises(
        AttributeError, match="'mode' cannot be set while the object is being loaded"
    ):
        description.load(Gated(), b"\7\5")


def test_a_predicate_sees_parts_and_timers_as_loaded() -> None:
    inner = vm.Description("inner", fields=[vm.u8("size")])
    description = vm.Description(
        "dev",
        fields=[
            vm.struct("part", inner),
            vm.timer("tick"),
            vm.u8("x", when=lambda o: o.part.size == 3 and o.tick.deadline == 9),
        ],
    )
    obj = Plain(part=Plain(size=0), tick=Plain(deadline=None), x=0)

    description.load(obj, b"\3" + (9).to_bytes(8, "big") + b"\1")

    assert obj.x == 1


def test_a_length_in_the_parent_counts_in_its_subsection() -> None:
    description = vm.Description(
        "dev",
        fields=[vm.u8("n")],
        subsections=[
            vm.Description(
                "dev/data",
                fields=[vm.variable_buffer("data", length="n", maximum=4)],
                needed=lambda o: o.n > 0,
            )
        ],
    )
    obj = Plain(n=0, data=bytearray())

    description.load(obj, b"\2" + b"\5\x08dev/data\0\0\0\1" + b"ab")

    assert (obj.n, obj.data) == (2, b"ab")


def test_the_layout_tells_presence_and_lengths_apart() -> None:
    description = vm.Description(
        "dev",
        fields=[vm.queue("q", vm.u8, maximum=3)],
        subsections=[vm.Description("dev/a", fields=[vm.u8("a")], needed=lambda o: o.a > 0)],
    )

    def layout(**attributes: object) -> object:
        return description.pack(Plain(**attributes))[1]

    assert layout(q=[1], a=0) == layout(q=[2], a=0)
    assert layout(q=[1], a=0) != layout(q=[1, 2], a=0)
    assert layout(q=[1], a=0) != layout(q=[1], a=1)
    assert vm.Description("dev", fields=[vm.u8("a")]).pack(Plain(a=1)) == (b"\1", ())
