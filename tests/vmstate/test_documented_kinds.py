"""docs/field-kinds.md has a line for each macro of QEMU, and for each constructor of ours."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import stressor.vmstate as vm

HERE = Path(__file__).parent
MACROS = (HERE / "data" / "qemu-macros.txt").read_text().split()
PAGE = (HERE.parents[1] / "docs" / "field-kinds.md").read_text()
NO_FIELDS = {"Description", "Field", "NamedField", "ScalarType", "Section", "Validate"}


def is_documented(macro: str, page: str) -> bool:
    """Return whether a page names a macro, or the one that it is a `_V` or `_TEST` form of."""
    name = macro.removeprefix("VMSTATE_")
    plain = name.removesuffix("_V").removesuffix("_TEST")
    return re.search(rf"`(VMSTATE_)?({name}|{plain})`", page) is not None


def test_every_macro_has_its_line() -> None:
    assert len(MACROS) > 200
    assert [macro for macro in MACROS if not is_documented(macro, PAGE)] == []


def test_a_macro_without_a_line_is_found() -> None:
    assert not is_documented("VMSTATE_GTREE_V", PAGE.replace("VMSTATE_GTREE_V", ""))


@pytest.mark.parametrize("name", sorted(set(vm.__all__) - NO_FIELDS))
def test_every_constructor_is_in_the_table(name: str) -> None:
    assert re.search(rf"(\bvm\.|`){name}\b", PAGE)


def test_the_page_names_no_constructor_that_is_not_there() -> None:
    named = {*re.findall(r"\bvm\.([a-z]\w+)\(", PAGE)}

    assert {name for name in named if not hasattr(vm, name)} == set()
