"""Whole dumps: which device is which, and what a struct's subsections belong to."""

from __future__ import annotations

from stressor.vmstate.check import Comparison, Direction, Kind, Severity, check_dumps
from stressor.vmstate.dump import Dump
from tests.vmstate.check.dumps import described, device, dump, field

A, B = field("ier"), field("lcr", 1)
UART = described(A, name="serial")


def found(comparison: Comparison) -> list[tuple[Kind, str]]:
    return [(each.kind, each.full_path) for each in comparison.differences]


def test_a_device_that_went_breaks_the_way_there() -> None:
    comparison = check_dumps(dump(UART, described(A, name="rtc")), dump(UART))

    (gone,) = comparison.differences
    assert (gone.kind, gone.section) == (Kind.MISSING_SECTION, "rtc")
    assert (gone.forward.severity, gone.backward.severity) == (Severity.BREAKS, Severity.FINE)
    assert comparison.sections == 1


def test_a_device_that_came_may_break_the_way_back() -> None:
    (came,) = check_dumps(dump(UART), dump(UART, described(A, name="rtc"))).differences

    assert (came.kind, came.section) == (Kind.NEW_SECTION, "rtc")
    assert (came.forward.severity, came.backward.severity) == (Severity.FINE, Severity.MAYBE)


def test_a_renamed_device_is_known_by_its_description_and_compared() -> None:
    comparison = check_dumps(dump(old_uart=UART), dump(new_uart=described(A, B, name="serial")))

    assert found(comparison) == [(Kind.RENAMED, "old_uart"), (Kind.ADDED, "old_uart/lcr")]
    assert comparison.sections == 1


def test_of_several_renamed_devices_the_most_alike_are_paired() -> None:
    comparison = check_dumps(
        dump(uart_two=UART, uart_one=UART), dump(x_uart_one=UART, x_uart_two=UART)
    )

    assert [
        (each.old and each.old.name, each.new and each.new.name) for each in comparison.differences
    ] == [
        ("uart_two", "x_uart_two"),
        ("uart_one", "x_uart_one"),
    ]


def test_a_description_that_others_use_makes_no_kin() -> None:
    comparison = check_dumps(dump(arm7=UART, arm9=UART), dump(arm7=UART, arm11=UART))

    assert found(comparison) == [(Kind.MISSING_SECTION, "arm9"), (Kind.NEW_SECTION, "arm11")]


def test_a_device_that_no_longer_has_a_description_is_missing() -> None:
    bare = device(UART, "serial")
    bare = type(bare)(name="serial", version=1, minimum_version=1)

    assert found(check_dumps(dump(UART), Dump("", {"serial": bare}))) == [
        (Kind.MISSING_SECTION, "serial")
    ]


def test_versions_that_only_the_device_has_are_compared_too() -> None:
    raised = device(UART, "serial")
    raised = type(raised)(name="serial", version=2, minimum_version=2, description=UART)

    assert found(check_dumps(dump(UART), Dump("", {"serial": raised}))) == [
        (Kind.VERSION, "serial"),
        (Kind.MINIMUM_VERSION, "serial"),
    ]


def test_subsections_of_a_last_struct_may_stand_outside() -> None:
    fifo = described(B, name="serial/fifo")
    inner = described(A, name="serial", subsections=(fifo,))
    old = described(field("state", 99, inner=inner), name="serial")
    new = described(A, name="serial", subsections=(fifo,))

    assert found(check_dumps(dump(old), dump(new))) == []


def test_subsections_are_compared_in_any_order() -> None:
    one, two = described(A, name="serial/one"), described(B, name="serial/two")
    old, new = (described(A, name="serial", subsections=pair) for pair in ((one, two), (two, one)))

    assert found(check_dumps(dump(old), dump(new))) == []


def test_subsections_of_subsections_are_compared() -> None:
    old, new = (
        described(
            A, name="serial", subsections=(described(A, name="serial/one", subsections=inner),)
        )
        for inner in ((), (described(B, name="serial/one/two"),))
    )

    assert found(check_dumps(dump(old), dump(new))) == [
        (Kind.NEW_SUBSECTION, "serial/(serial/one).(serial/one/two)")
    ]


def test_severities_are_counted_by_direction() -> None:
    comparison = check_dumps(dump(UART, described(A, name="rtc")), dump(UART))

    assert comparison.count(Direction.FORWARD, Severity.BREAKS) == 1
    assert comparison.count(Direction.BACKWARD, Severity.BREAKS) == 0
