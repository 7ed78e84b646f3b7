"""What an author gets wrong in a description is said when it is built, with the cure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import stressor.vmstate as vm
from stressor.errors import DescriptionError

A: Any = vm  # calls that a type checker would refuse, as authors without one write them


def dev(*fields: Any, **rest: Any) -> vm.Description:
    return vm.Description("dev", fields=fields, **rest)


def sub(name: str, *fields: vm.Field, **rest: Any) -> vm.Description:
    return vm.Description(name, fields=fields, needed=lambda o: True, **rest)


def always(obj: object) -> bool:
    return True


POINT = vm.Description("point", fields=[vm.u8("x")])

RULED = vm.Description("ruled", fields=[vm.u8("x")], validate=[vm.Validate("x", "x > 0")])

MISTAKES: dict[str, tuple[Callable[[], object], str]] = {
    "name": (lambda: vm.u8("2nd"), "vm.2nd: is not a name; use a to z, digits and _, a letter first; attribute= takes any"),
    "attribute": (lambda: vm.u8("a", attribute="b.c"), "vm.a: 'b.c' is not an attribute; give attribute= one name; use vm.struct for an attribute of an attribute"),
    "keyword": (lambda: vm.u8("class"), "vm.class: 'class' is not an attribute; give attribute= one name; use vm.struct for an attribute of an attribute"),
    "since": (lambda: vm.u8("a", since=-1), "vm.a: has since=-1; give the first version that has the field"),
    "when": (lambda: A.u8("a", when=True), "vm.a: has when=True; give a function"),
    "write alone": (lambda: vm.u8("a", write=lambda o, v: None), "vm.a: has write= but no read=; give read= as well"),
    "read alone": (lambda: vm.u8("a", read=lambda o: 0), "vm.a: has read= but no write=; give write= as well"),
    "size": (lambda: vm.buffer("a", 0), "vm.a: has size 0; give a size of at least 1"),
    "count": (lambda: vm.array("a", vm.u8, -1), "vm.a: has count -1; give a count of at least 1"),
    "bits": (lambda: vm.bitmap("a", 0), "vm.a: has bits 0; give a bits of at least 1"),
    "padding": (lambda: vm.unused(0), "vm.unused: has size 0; give a size of at least 1"),
    "maximum": (lambda: vm.variable_buffer("a", length="n", maximum=0), "vm.a: has maximum 0; give a maximum of at least 1"),
    "length": (lambda: A.variable_buffer("a", length=4, maximum=4), "vm.a: has length=4; name the attribute that holds the length"),
    "own length": (lambda: vm.variable_buffer("a", length="a", maximum=4), "vm.a: is its own length; name the attribute that holds the length"),
    "element": (lambda: A.array("a", POINT, 2), f"vm.a: has elements {POINT!r}; use a scalar such as vm.u8, or vm.struct_array for objects"),
    "struct": (lambda: A.struct("a", vm.u8), f"vm.a: has {vm.u8!r} for a description; give a vm.Description"),
    "struct of a subsection": (lambda: vm.struct("a", sub("x")), "vm.a: embeds 'x', which has needed=; only subsections have it; use when= on the field"),
    "no factory": (lambda: vm.queue("a", POINT, maximum=2), "vm.a: is a queue of objects and has no factory=; give one, such as the class"),
    "needless factory": (lambda: vm.queue("a", vm.u8, maximum=2, factory=list), "vm.a: is a queue of numbers and has factory=; leave it out"),
    "growing array": (lambda: vm.variable_struct_array("a", POINT, length="n", maximum=2), "vm.a: can grow at load and has no factory=; give one, or fixed=True"),
    "equal": (lambda: A.equal("a", 4), "vm.a: has 4 for a type; use a scalar such as vm.u32"),
    "bare type": (lambda: dev(vm.u8), "dev: has the bare type vm.u8 for a field; call it: vm.u8(name)"),
    "bare description": (lambda: dev(POINT), "dev.point: is a description among the fields; wrap it in vm.struct, or move it to subsections"),
    "not a field": (lambda: dev("a"), "dev: has 'a' for a field; use the constructors, such as vm.u8(name)"),
    "no name": (lambda: vm.Description(""), ": '' is not a name; give the section's name, such as 'serial'"),
    "long name": (lambda: vm.Description("d" * 256), f"{'d' * 256}: has a name of more than 255 bytes; shorten it"),
    "version": (lambda: dev(version=-1), "dev: has version=-1; give a number from 0 up"),
    "minimum": (lambda: dev(minimum_version=2), "dev: has minimum_version=2 above version=1; the minimum is the oldest version that still loads"),
    "future field": (lambda: dev(vm.u8("a", since=2)), "dev.a: is there since version 2, and the description has version 1; raise the description's version, or lower since="),
    "same attribute": (lambda: dev(vm.u8("a"), vm.u8("b", attribute="a")), "dev.b: carries the attribute 'a', as 'a' does; remove one, or give read= and write="),
    "late length": (lambda: dev(vm.variable_buffer("a", length="n", maximum=2), vm.u8("n")), "dev.a: stands before its length 'n'; move 'n' in front of it"),
    "length in a subsection": (lambda: dev(vm.variable_buffer("a", length="n", maximum=2), subsections=[sub("dev/n", vm.u8("n"))]), "dev.a: stands before its length 'n'; move 'n' in front of it"),
    "odd length": (lambda: dev(vm.boolean("n"), vm.variable_buffer("a", length="n", maximum=2)), "dev.a: has the length 'n', which is not an integer; name an integer field or attribute"),
    "subsection without needed": (lambda: dev(subsections=[vm.Description("dev/a")]), "dev.dev/a: is a subsection without needed=; say when it travels: needed=lambda device: ..."),
    "subsection's prefix": (lambda: dev(subsections=[sub("other/a")]), "dev.other/a: is a subsection with a name of its own; begin it with 'dev/'"),
    "subsection twice": (lambda: dev(subsections=[sub("dev/a"), sub("dev/a")]), "dev.dev/a: is there twice; give each subsection its own name"),
    "subsection's prefix is another": (lambda: dev(subsections=[sub("dev/a"), sub("dev/ab")]), "dev.dev/ab: would be taken for a subsection of 'dev/a', which stands before it; rename one, or put the longer name first"),
    "embedded one takes subsections": (lambda: dev(vm.struct("p", vm.Description("de", fields=[vm.u8("x")], subsections=[sub("de/x")])), subsections=[sub("dev/a")]), "dev.dev/a: would be taken for a subsection of the embedded 'de'; rename 'de'"),
    "only subsections": (lambda: dev(vm.struct("p", vm.Description("part", subsections=[sub("part/x")]))), "dev.part: has subsections and no field that is always there, so two in a row run together; give it such a field in front"),
    "not a subsection": (lambda: dev(subsections=["dev/a"]), "dev: has 'dev/a' for a subsection; give a vm.Description"),
    "not a rule": (lambda: dev(validate=[always]), f"dev: has {always!r} for a validation; use vm.Validate('what holds', lambda device: ...)"),
    "not a hook": (lambda: dev(post_load=3), "dev: has post_load=3; give a function"),
    "no reason": (lambda: dev(unsaved={"cache": " "}), "dev.cache: is unsaved without a reason; say in a few words why"),
    "unsaved and described": (lambda: dev(vm.u8("a"), unsaved={"a": "why"}), "dev.a: is described and named in unsaved; remove it from one of them"),
    "unsaved and described buffer": (lambda: dev(vm.array("a", vm.u8, 2), unsaved={"a": "why"}), "dev.a: is described and named in unsaved; remove it from one of them"),
    "bounded type": (lambda: A.bounded("a", vm.f64), f"vm.a: has {vm.f64!r} for a type; use an integer such as vm.i32"),
    "bound": (lambda: vm.bounded("a", vm.i32, maximum=-1), "vm.a: has maximum=-1; give a number from 0 up, or an attribute"),
    "bound's name": (lambda: vm.bounded("a", vm.i32, maximum="b.c"), "vm.a: has maximum='b.c'; name the attribute that has the bound"),
    "odd bound": (lambda: dev(vm.boolean("n"), vm.bounded("a", vm.i32, maximum="n")), "dev.a: has the maximum 'n', which is not an integer; name an integer field or attribute"),
    "start": (lambda: vm.buffer("a", 2, start=-1), "vm.a: has start=-1; give the first index that travels"),
    "start of rows": (lambda: vm.array("a", vm.u8, (2, 2), start=1), "vm.a: has rows and start=; declare the rows that travel as one array each"),
    "three dimensions": (lambda: A.array("a", vm.u8, (2, 2, 2)), "vm.a: has count (2, 2, 2); give a number, or (rows, columns)"),
    "no columns": (lambda: vm.array("a", vm.u8, (2, 0)), "vm.a: has count 0; give a count of at least 1"),
    "null": (lambda: A.array("a", vm.u8, 2, null=1), "vm.a: has null=1; give True or False"),
    "null that grows": (lambda: vm.variable_array("a", vm.u8, length="n", maximum=2, null=True), "vm.a: has null elements, which no load can make; give fixed=True"),
    "objects that grow, or null": (lambda: vm.variable_struct_array("a", POINT, length="n", maximum=2, null=True, factory=list), "vm.a: has null elements, which no load can make; give fixed=True"),
    "timers that grow": (lambda: vm.variable_array("a", vm.timer, length="n", maximum=2), "vm.a: has timers, which no load can make; give fixed=True"),
    "queue of timers": (lambda: A.queue("a", vm.timer, maximum=2), "vm.a: is a queue of timers, which no load can make; use vm.array"),
    "multiply": (lambda: vm.variable_buffer("a", length="n", maximum=2, multiply=0), "vm.a: has multiply 0; give a multiply of at least 1"),
    "struct's version": (lambda: A.struct("a", POINT, version="1"), "vm.a: has version '1'; give a version of the description"),
    "version that the struct has not": (lambda: vm.struct("a", POINT, version=2), "vm.a: has version 2 of 'point', which has 1 to 1; give one of those"),
    "temporary without factory": (lambda: A.temporary("a", POINT, factory=None), "vm.a: has no factory=; give a function of the object that makes it"),
    "temporary's factory": (lambda: A.temporary("a", POINT, factory=3), "vm.a: has factory=3; give a function"),
    "temporary with rules": (lambda: dev(vm.temporary("a", vm.Description("p", fields=[vm.struct("q", RULED)]), factory=list)), "dev.a: has the rules of 'ruled', and is gone when rules are checked; let its post_load raise ValueError instead"),
    "tree without factory": (lambda: A.tree("a", POINT, maximum=2, factory=None), "vm.a: is a tree of objects and has no factory=; give one, such as the class"),
    "key with a buffer": (lambda: vm.tree("a", POINT, maximum=2, factory=list, key=vm.Description("k", fields=[vm.buffer("b", 2)])), "vm.a: has the key 'k', in which 'b' is no plain number; describe a key with numbers such as vm.u64(name) only"),
    "key with a condition": (lambda: vm.tree("a", POINT, maximum=2, factory=list, key=vm.Description("k", fields=[vm.u8("b", when="c")])), "vm.a: has the key 'k', in which 'b' is no plain number; describe a key with numbers such as vm.u64(name) only"),
    "key with rules": (lambda: vm.tree("a", POINT, maximum=2, factory=list, key=RULED), "vm.a: has the key 'ruled', which has more or less than fields; describe a key with numbers such as vm.u64(name) only"),
    "padding's maximum": (lambda: vm.unused(2, maximum=3), "vm.unused: has maximum= and no length=; leave it out"),
    "padding's length": (lambda: A.unused(2, length="n"), "vm.unused: has maximum None; give a maximum of at least 1"),
    "parts that overlap": (lambda: dev(vm.buffer("a", 2, start=0), vm.buffer("b", 2, start=1, attribute="a")), "dev.b: carries a part of 'a' that 'a' carries as well; correct start= of one of them"),
    "part and whole": (lambda: dev(vm.buffer("a", 4), vm.buffer("b", 2, start=0, attribute="a")), "dev.b: carries the attribute 'a', as 'a' does; remove one, or give read= and write="),
    "late length of a bitmap": (lambda: dev(vm.variable_bitmap("a", length="n", maximum=2), vm.u8("n")), "dev.a: stands before its length 'n'; move 'n' in front of it"),
    "whole with needed": (lambda: vm.Section(sub("dev")), "dev: is a section and has needed=; only subsections have it; remove it"),
    "instance": (lambda: vm.Section(dev(), instance=-1), "dev: has instance -1; give 0 or more"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_named_with_its_cure(mistake: str) -> None:
    build, message = MISTAKES[mistake]

    with pytest.raises(DescriptionError) as caught:
        build()

    assert str(caught.value) == message


def test_a_subsections_name_goes_on_from_its_parents_with_or_without_a_slash() -> None:
    assert [part.name for part in dev(subsections=[sub("dev_a"), sub("dev/b")]).subsections] == ["dev_a", "dev/b"]


def test_a_name_that_is_there_twice_says_where_both_are() -> None:
    first, second = vm.u8("a"), vm.u16("a")

    with pytest.raises(DescriptionError) as caught:
        dev(first, subsections=[sub("dev/x", second)])

    assert caught.value.problem.startswith("is declared twice (tests/vmstate/test_checks.py:")
    assert caught.value.field == "a"


def test_halves_of_one_attribute_may_travel_apart() -> None:
    description = dev(
        vm.u8("low", attribute="a", read=lambda o: o.a & 15, write=lambda o, v: None),
        vm.u8("high", attribute="a", read=lambda o: o.a >> 4, write=lambda o, v: None),
    )

    assert description.attributes == {"a": "low"}


def test_an_attribute_may_be_saved_and_also_be_checked() -> None:
    assert dev(vm.equal("size", vm.u8), vm.u8("a", attribute="size")).fields
