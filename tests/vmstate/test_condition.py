"""Conditions written as text: what they mean, what is refused, and that generated code takes them."""

from __future__ import annotations

import pytest

import stressor.vmstate as vm
from stressor.errors import DescriptionError, StreamError
from stressor.vmstate.condition import Condition
from tests.vmstate.generated import Plain


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("count > 0", True),
        ("count & 0x40 == 0", True),
        ("(count == 3) == (part.size != 0)", True),
        ("not count or part.size in (4, 5)", True),
        ("len(data) - 1 if count else 7", 1),
        ("timer is None", True),
        ("-count + ~part.size << 2", -32),
        ("0 < count <= 2", False),
    ],
)
def test_it_is_evaluated_on_the_objects_attributes(text: str, value: object) -> None:
    obj = Plain(count=3, part=Plain(size=4), data=b"ab", timer=None)

    assert Condition(text)(obj) == value


def test_it_says_which_attributes_it_looks_at() -> None:
    assert [*Condition("len(a.b) > c or a.b == d.e.f").paths()] == ["a.b", "c", "d.e.f"]


def test_it_is_shown_by_its_text() -> None:
    assert repr(Condition("count > 0")) == "<Condition count > 0>"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("count >", "which is no expression"),
        ("", "which is no expression"),
        ("count = 1", "which is no expression"),
        ("1 == 1", "which looks at no attribute"),
        ("print(count)", "which calls something other than len"),
        ("len(a, b)", "which calls something other than len"),
        ("a.__class__ is b", "which looks at __class__"),
        ("[x for x in a]", "in which ListComp is not for conditions"),
        ("(lambda: a)()", "which calls something other than len"),
        ("a[0]", "in which Subscript is not for conditions"),
        ("a" * 1001, "which has 1001 characters"),
    ],
)
def test_what_is_no_condition_is_refused_with_the_cure(text: str, problem: str) -> None:
    with pytest.raises(DescriptionError) as raised:
        Condition(text)
    assert raised.value.problem.endswith(problem)
    assert "write an expression over attributes" in raised.value.cure


@pytest.mark.parametrize(
    "make",
    [
        lambda: vm.u8("a", when="b >"),
        lambda: vm.Validate("a", "b >"),
        lambda: vm.Description("a", fields=[vm.u8("b")], needed="b >"),
    ],
    ids=["when", "Validate", "needed"],
)
def test_a_mistake_names_the_field_that_has_it(make: object) -> None:
    with pytest.raises(DescriptionError, match=r"^vm\.a: has the condition 'b >', which is no"):
        make()  # type: ignore[operator]


def description(needed: str = "fifo.count > 0", rule: str = "mode <= 2") -> vm.Description:
    part = vm.Description("fifo", fields=[vm.u8("count")], validate=[vm.Validate("small", "count < 9")])
    return vm.Description(
        "dev",
        fields=[vm.u8("mode"), vm.u8("extra", when="mode == 1")],
        subsections=[vm.Description("dev/fifo", fields=[vm.struct("fifo", part)], needed=needed)],
        validate=[vm.Validate("the mode is known", rule)],
    )


def device(mode: int = 1, count: int = 0) -> Plain:
    return Plain(mode=mode, extra=7, fifo=Plain(count=count))


def test_a_subsection_travels_while_its_condition_holds() -> None:
    state = description()

    assert state.save(device()) == b"\1\7"
    assert state.save(device(count=5)) == b"\1\7\5\x08dev/fifo\0\0\0\1\5"


def test_a_field_is_there_while_its_condition_holds_of_what_was_read() -> None:
    state, loaded = description(), device(mode=0)

    state.load(loaded, state.save(device(mode=1)))

    assert (loaded.mode, loaded.extra) == (1, 7)
    assert state.save(device(mode=2)) == b"\2"


def test_a_rule_that_does_not_hold_after_a_load_takes_it_back() -> None:
    state, loaded = description(), device(mode=2)

    with pytest.raises(StreamError, match="does not hold after load: the mode is known"):
        state.load(loaded, b"\3")

    assert loaded.mode == 2
    assert state.broken(device(count=9)) == "small"


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (description(needed="fifos.count > 0"), "Plain.dev/fifo: Plain has no attribute 'fifos'; did you mean 'fifo'?"),
        (description(needed="fifo.size > 0"), "Plain.dev/fifo: the Plain in fifo has no attribute 'size'; correct the condition 'fifo.size > 0'"),
        (description(rule="moda < 3"), "Plain.dev: Plain has no attribute 'moda'; did you mean 'mode'?"),
    ],
)  # fmt: skip
def test_an_attribute_that_is_not_there_is_named_with_the_cure(
    state: vm.Description, message: str
) -> None:
    with pytest.raises(DescriptionError) as raised:
        state.bind(device())
    assert str(raised.value) == message


def test_generated_code_has_it_in_line() -> None:
    asked = []

    class Watched(Condition):
        def __call__(self, obj: object) -> object:
            asked.append(obj)
            return super().__call__(obj)

    state = vm.Description(
        "dev",
        fields=[vm.u8("mode")],
        subsections=[
            vm.Description("dev/a", fields=[vm.u8("extra")], needed=Watched("mode > 0")),
        ],
    )

    assert state.save(device()) == b"\1\5\5dev/a\0\0\0\1\7"
    assert asked == []
