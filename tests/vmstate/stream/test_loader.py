"""Sections of a stream loaded into devices; what is not known is refused, unless it is optional."""

from __future__ import annotations

import io

import pytest

import stressor.vmstate as vm
from stressor.errors import StreamError
from stressor.vmstate.stream import Loaded, Stream, StreamWriter, load_stream
from tests.vmstate.generated import Plain
from tests.vmstate.stream.samples import read

LAMP = vm.Section(vm.Description("lamp", fields=[vm.u8("level")]))
FAN = vm.Section(vm.Description("fan", fields=[vm.u16("speed")]))


def saved(*, optional: bool, twice: bool = False) -> Stream:
    """A lamp, a fan, and a lamp again."""
    out = io.BytesIO()
    writer = StreamWriter(out)
    writer.add(LAMP, Plain(level=5))
    writer.add(FAN, Plain(speed=600), optional=optional)
    if twice:
        writer.add(LAMP, Plain(level=6))
    writer.finish()
    return read(out.getvalue())


def test_each_section_is_loaded_into_its_object() -> None:
    lamp, fan = Plain(level=0), Plain(speed=0)

    done = load_stream(saved(optional=False), [(FAN, fan), (LAMP, lamp)])

    assert (lamp.level, fan.speed) == (5, 600)
    assert done == Loaded(loaded=("lamp/0", "fan/0"), skipped=(), absent=())


def test_an_unknown_section_is_refused_and_nothing_is_loaded() -> None:
    lamp = Plain(level=0)

    with pytest.raises(StreamError, match=r"fan/0 .* its writer did not mark it optional"):
        load_stream(saved(optional=False), [(LAMP, lamp)])
    assert lamp.level == 0


def test_an_unknown_section_that_is_optional_is_skipped_and_said() -> None:
    lamp = Plain(level=0)

    done = load_stream(saved(optional=True), [(LAMP, lamp)])

    assert lamp.level == 5
    assert done.skipped == ("fan/0",)


def test_an_optional_section_that_is_known_is_loaded() -> None:
    lamp, fan = Plain(level=0), Plain(speed=0)

    done = load_stream(saved(optional=True), [(LAMP, lamp), (FAN, fan)])

    assert (fan.speed, done.skipped) == (600, ())


def test_a_known_section_that_did_not_travel_is_said() -> None:
    other = vm.Section(FAN.description, instance=1)

    done = load_stream(saved(optional=True), [(LAMP, Plain(level=0)), (other, Plain(speed=0))])

    assert done.absent == ("fan/1",)


def test_two_sections_of_one_name_go_to_two_objects_in_order() -> None:
    one, two = Plain(level=0), Plain(level=0)

    done = load_stream(saved(optional=True, twice=True), [(LAMP, one), (LAMP, two)])

    assert (one.level, two.level) == (5, 6)
    assert done.loaded == ("lamp/0", "lamp/0#2")


def test_the_second_of_a_name_is_not_known_when_only_one_is() -> None:
    with pytest.raises(StreamError, match=r"lamp/0#2 .* is not known here"):
        load_stream(saved(optional=True, twice=True), [(LAMP, Plain(level=0))])


def test_bytes_that_a_known_section_refuses_are_told_by_path_and_place() -> None:
    wide = vm.Section(vm.Description("lamp", fields=[vm.u32("level")]))
    stream = saved(optional=True)

    with pytest.raises(StreamError, match=rf"lamp/0\.level at byte {stream.sections[0].body}: "):
        load_stream(stream, [(wide, Plain(level=0))])
