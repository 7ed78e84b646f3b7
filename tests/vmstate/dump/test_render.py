from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given

import stressor.vmstate as vm
from stressor.vmstate.check import check_dumps
from stressor.vmstate.dump import Dump, dump_of, encode_dump, parse_dump
from tests.vmstate.generated import Plain, described

ITEM = vm.Description("item", version=2, fields=[vm.u8("x"), vm.u32("y")])
COUNT = vm.u8("n")


def plain(description: vm.Description) -> dict[str, Any]:
    """The description of a device as JSON says it."""
    found = json.loads(encode_dump(Dump("", {"device": dump_of(description, "device")})))
    device: dict[str, Any] = found["device"]
    return device


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        (vm.u16("a", since=2), {"version_id": 2, "size": 2, "type": "u16"}),
        (vm.boolean("a"), {"size": 1, "type": "boolean"}),
        (vm.f64("a"), {"size": 8, "type": "f64"}),
        (vm.u8("a", when=lambda _: True), {"field_exists": True, "size": 1, "type": "u8"}),
        (vm.equal("a", vm.u32), {"size": 4, "type": "u32"}),
        (vm.buffer("a", 16), {"size": 16, "type": "buffer"}),
        (vm.variable_buffer("a", length="n", maximum=9), {"size": 0, "type": "variable buffer"}),
        (vm.array("a", vm.i16, 5), {"num": 5, "size": 2, "type": "array of i16"}),
        (
            vm.variable_array("a", vm.u8, length="n", maximum=9),
            {"size": 1, "type": "variable array of u8"},
        ),
        (vm.bitmap("a", 65), {"size": 16, "type": "bitmap"}),
        (vm.timer("a"), {"size": 8, "type": "timer"}),
        (vm.queue("a", vm.u8, maximum=9), {"size": 1, "type": "queue of u8"}),
        (vm.linked_queue("a", vm.u8, maximum=9), {"size": 1, "type": "linked queue of u8"}),
        (vm.unused(7), {"field": "unused", "size": 7}),
        (
            vm.unused(7, length="n", maximum=9),
            {"field": "unused", "size": 0, "type": "variable padding"},
        ),
        (vm.variable_bitmap("a", length="n", maximum=65), {"size": 0, "type": "variable bitmap"}),
        (vm.array("a", vm.timer, 3), {"num": 3, "size": 8, "type": "array of timer"}),
        (
            vm.array("a", vm.u8, 3, null=True),
            {"size": 1, "type": "variable array with nulls of u8"},
        ),
    ],
    ids=lambda value: value.name if isinstance(value, vm.Field) else "",
)
def test_a_field_has_qemus_keys(field: vm.Field, expected: dict[str, object]) -> None:
    description = vm.Description("device", version=3, fields=[COUNT, field])

    _, found = plain(description)["Description"]["Fields"]

    assert found == {"field": "a", "version_id": 0, "field_exists": False, **expected}


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        (vm.struct("a", ITEM), {"size": 5}),
        (vm.struct_array("a", ITEM, 3), {"num": 3, "size": 5, "type": "array"}),
        (
            vm.variable_struct_array("a", ITEM, length="n", maximum=9, factory=Plain),
            {"size": 5, "type": "variable array"},
        ),
        (vm.queue("a", ITEM, maximum=9, factory=Plain), {"size": 5, "type": "queue"}),
        (vm.temporary("a", ITEM, factory=lambda _: Plain()), {"size": 5}),
        (vm.tree("a", ITEM, maximum=9, factory=Plain), {"size": 5, "type": "variable tree"}),
    ],
)
def test_a_field_of_objects_has_their_description(
    field: vm.Field, expected: dict[str, object]
) -> None:
    description = vm.Description("device", fields=[COUNT, field])

    _, found = plain(description)["Description"]["Fields"]
    inner = found.pop("Description")

    assert found == {"field": "a", "version_id": 0, "field_exists": False, **expected}
    assert (inner["name"], inner["version_id"], inner["minimum_version_id"]) == ("item", 2, 2)
    assert [each["field"] for each in inner["Fields"]] == ["x", "y"]


def test_a_struct_whose_length_only_the_device_knows_has_no_size() -> None:
    inner = vm.Description(
        "inner", fields=[COUNT, vm.variable_array("v", vm.u8, length="n", maximum=9)]
    )

    (found,) = plain(vm.Description("device", fields=[vm.struct("a", inner)]))["Description"][
        "Fields"
    ]

    assert found["size"] == 0


def test_a_device_has_qemus_keys() -> None:
    description = vm.Description(
        "serial",
        version=3,
        minimum_version=2,
        fields=[vm.u8("a")],
        subsections=[vm.Description("serial/b", fields=[vm.u8("b")], needed=lambda _: True)],
        validate=[vm.Validate("a is even", lambda obj: obj.a % 2 == 0)],
    )

    device = plain(description)

    assert list(device) == ["Name", "version_id", "minimum_version_id", "Description"]
    assert (device["Name"], device["version_id"], device["minimum_version_id"]) == ("device", 3, 2)
    state = device["Description"]
    assert list(state) == ["name", "version_id", "minimum_version_id", "Fields", "Subsections"]
    assert [each["name"] for each in state["Subsections"]] == ["serial/b"]
    assert len(state["Fields"]) == 1


def test_a_machine_is_written_as_qemu_does() -> None:
    dump = Dump("pc", {"item": dump_of(ITEM)})

    data = encode_dump(dump)

    assert json.loads(data)["vmschkmachine"] == {"Name": "pc"}
    assert parse_dump(data) == dump


@given(described())
def test_every_description_comes_back_as_it_was(drawn: tuple[vm.Description, Plain]) -> None:
    dump = Dump("", {"device": dump_of(drawn[0], "device")})

    again = parse_dump(encode_dump(dump))

    assert again == dump
    assert check_dumps(dump, again).differences == ()
