from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from stressor.errors import DumpError, UsageError
from stressor.vmstate.check import check_dumps
from stressor.vmstate.dump import Dump, parse_dump, read_dump
from stressor.vmstate.dump.read import DEEPEST, LARGEST_FILE

UART: dict[str, Any] = {
    "vmschkmachine": {"Name": "pc"},
    "uart": {
        "Name": "uart",
        "version_id": 3,
        "minimum_version_id": 2,
        "Description": {
            "name": "serial",
            "version_id": 3,
            "minimum_version_id": 2,
            "Fields": [
                {"field": "ier", "version_id": 2, "field_exists": True, "num": 4, "size": 2},
                {
                    "field": "state",
                    "version_id": 0,
                    "field_exists": False,
                    "size": 9,
                    "Description": {
                        "name": "state",
                        "version_id": 1,
                        "minimum_version_id": 1,
                        "Fields": [
                            {"field": "x", "version_id": 0, "field_exists": False, "size": 1}
                        ],
                    },
                },
            ],
            "Subsections": [{"name": "serial/a", "version_id": 1, "minimum_version_id": 1}],
        },
    },
}


def encoded(value: object) -> bytes:
    return json.dumps(value).encode()


def changed(change: Callable[[Any], object]) -> bytes:
    """The dump, with its device changed in place."""
    copy = json.loads(json.dumps(UART))
    change(copy["uart"])
    return encoded(copy)


def nested(levels: int) -> bytes:
    versions = '"version_id":1,"minimum_version_id":1'
    text = f'{{"name":"a",{versions}}}'
    for _ in range(levels):
        text = f'{{"name":"a",{versions},"Subsections":[{text}]}}'
    return f'{{"a":{{"Name":"a",{versions},"Description":{text}}}}}'.encode()


def test_a_dump_is_read() -> None:
    dump = parse_dump(encoded(UART))

    assert dump.machine == "pc"
    description = dump.devices["uart"].description
    assert description is not None
    ier, state = description.fields
    assert (description.name, description.version, description.minimum_version) == ("serial", 3, 2)
    assert (ier.name, ier.version, ier.conditional, ier.count, ier.size) == ("ier", 2, True, 4, 2)
    assert state.description is not None
    assert [field.name for field in state.description.fields] == ["x"]
    assert [subsection.name for subsection in description.subsections] == ["serial/a"]


def test_keys_of_a_newer_qemu_are_left_alone() -> None:
    data = changed(lambda uart: uart["Description"]["Fields"][0].update(flags=["array"], new=None))

    assert parse_dump(data) == parse_dump(encoded(UART))


def test_a_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "dump.json"
    file.write_bytes(encoded(UART))

    assert read_dump(file) == parse_dump(encoded(UART))


def test_a_file_that_is_not_there_is_a_mistake_of_the_user(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no such file: .*gone\.json"):
        read_dump(tmp_path / "gone.json")


def test_a_folder_is_no_dump(tmp_path: Path) -> None:
    with pytest.raises(DumpError, match="cannot be read"):
        read_dump(tmp_path)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "dump: is empty"),
        (b"\n ", "dump: is empty"),
        (b"{", "is no JSON: input data was truncated"),
        (b"[]", "is no dump: expected `object`, got `array`"),
        (b"\xff", "is no JSON"),
        (b'{"a": "\\ud800"}', "is no JSON"),
        (b'{"a": 1}', "dump at a: expected `object`, got `int`"),
        (b'{"vmschkmachine": {"Name": 3}}', "dump at vmschkmachine.Name: expected `str`"),
        (b"[" * 100_000, "is no dump: expected `object`, got `array`"),
        (b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested deeper"),
        (nested(DEEPEST + 1), "dump at a: is nested deeper than 50 levels"),
        (nested(5_000), "nested deeper"),
        (encoded(UART)[:-1] + b',"uart":' + encoded(UART["uart"]) + b"}", "key 'uart' twice"),
        (encoded(UART) + b"x", "is no JSON"),
    ],
)
def test_what_is_no_dump_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(DumpError, match=message):
        parse_dump(data)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda uart: uart.pop("Name"), "dump at uart: object missing required field `Name`"),
        (
            lambda uart: uart["Description"]["Fields"][1].pop("size"),
            r"dump at uart.Description.Fields\[1\]: object missing required field `size`",
        ),
        (
            lambda uart: uart["Description"]["Fields"][0].update(size=-1),
            r"dump at uart.Description.Fields\[0\].size: expected `int` >= 0",
        ),
        (
            lambda uart: uart["Description"]["Fields"][0].update(size=1 << 60),
            r"Fields\[0\].size: expected `int` <= ",
        ),
        (
            lambda uart: uart["Description"]["Fields"][0].update(size=10**400),
            r"Fields\[0\].size",
        ),
        (
            lambda uart: uart["Description"]["Fields"][0].update(version_id=1.5),
            r"Fields\[0\].version_id: expected `int`, got `float`",
        ),
        (
            lambda uart: uart["Description"]["Fields"][0].update(field_exists="no"),
            r"Fields\[0\].field_exists: expected `bool`, got `str`",
        ),
    ],
)
def test_damage_is_named_with_its_place_and_the_cure(
    change: Callable[[Any], object], message: str
) -> None:
    with pytest.raises(DumpError, match=f"{message}.*; write it again: qemu-system"):
        parse_dump(changed(change))


def test_what_is_too_large_is_refused() -> None:
    with pytest.raises(DumpError, match="larger than 64 MB"):
        parse_dump(b" " * (LARGEST_FILE + 1))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["name", "field", "size", "Fields", "Description"]), inner
        )
    ),
    max_leaves=8,
)


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) below a value."""
    found: list[tuple[Any, Any]] = []
    keys = value.keys() if isinstance(value, dict) else range(len(value))
    for key in list(keys):
        found.append((value, key))
        if isinstance(value[key], dict | list):
            found += places(value[key])
    return found


def read_or_refused(data: bytes) -> Dump:
    """A dump; one without devices when it is refused. Any other error passes."""
    try:
        return parse_dump(data)
    except DumpError:
        return Dump("", {})


@settings(max_examples=300)
@given(st.data())
def test_a_mutated_dump_is_checked_or_refused(data: st.DataObject) -> None:
    mutated = json.loads(json.dumps(UART))
    for _ in range(data.draw(st.integers(1, 3))):
        container, key = data.draw(st.sampled_from(places(mutated)))
        if data.draw(st.booleans()):
            container[key] = data.draw(json_values)
        else:
            del container[key]
        if not places(mutated):
            break

    dump = read_or_refused(encoded(mutated))
    whole = parse_dump(encoded(UART))

    assert isinstance(check_dumps(dump, whole).differences, tuple)
    assert isinstance(check_dumps(whole, dump).differences, tuple)


@settings(max_examples=300)
@given(st.data())
def test_mutated_bytes_are_checked_or_refused(data: st.DataObject) -> None:
    mutated = bytearray(encoded(UART))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(mutated) - 1))
        mutated[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))

    dump = read_or_refused(bytes(mutated))

    assert check_dumps(dump, dump).differences == ()


def test_a_dump_of_nothing_is_none() -> None:
    with pytest.raises(DumpError, match="dump: holds no device; write it again"):
        parse_dump(b"{}")
