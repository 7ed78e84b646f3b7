"""The walk of the live object: what it sees, what it tells apart, what it puts back."""

from __future__ import annotations

import ctypes
import enum
import io
import itertools
import logging
import threading
from array import array
from collections import defaultdict, deque
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

import attrs
import msgspec
import pytest

from stressor.errors import TargetError
from stressor.vmstate.live import LiveState, same, without_indexes


class Box:
    """Anything with attributes."""

    def __init__(self, **attributes: Any) -> None:
        self.__dict__.update(attributes)

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...
        def __setattr__(self, name: str, value: Any) -> None: ...


class Slotted:
    __slots__ = ("_hidden", "count")

    def __init__(self, count: int) -> None:
        self.count = count
        self._hidden = count


class Mode(enum.Enum):
    IDLE = 1
    BUSY = 2


class Wire:
    live_attributes = None

    def __init__(self) -> None:
        self.noise = 0


class Alarm:
    live_attributes = ("deadline",)

    def __init__(self, deadline: int | None) -> None:
        self.deadline = deadline
        self.owner = object()


def digests_differ(left: Any, right: Any) -> bool:
    live = LiveState()
    return live.digest(Box(value=left)) != live.digest(Box(value=right))


@pytest.mark.parametrize(
    ("left", "right"),
    [
        pytest.param(1, 2, id="integer"),
        pytest.param(1, True, id="integer-or-boolean"),
        pytest.param(1, 1.0, id="integer-or-float"),
        pytest.param(0.0, -0.0, id="sign-of-zero"),
        pytest.param(None, 0, id="none-or-zero"),
        pytest.param("a", "b", id="text"),
        pytest.param(b"ab", b"ac", id="bytes"),
        pytest.param(bytearray(b"ab"), bytearray(b"ac"), id="bytearray"),
        pytest.param([1, 2], [1, 3], id="list"),
        pytest.param([1, 2], [1, 2, 0], id="length"),
        pytest.param((1, 2), [1, 2], id="tuple-or-list"),
        pytest.param(deque([1]), deque([2]), id="deque"),
        pytest.param({"a": 1}, {"a": 2}, id="dict"),
        pytest.param({1, 2}, {1, 3}, id="set"),
        pytest.param(Mode.IDLE, Mode.BUSY, id="enum"),
        pytest.param(Box(a=1), Box(a=2), id="object"),
        pytest.param(Slotted(1), Slotted(2), id="slots"),
        pytest.param([Box(a=1)], [Box(a=2)], id="list-of-objects"),
        pytest.param({"k": Box(a=1)}, {"k": Box(a=2)}, id="dict-of-objects"),
        pytest.param([[1], [2]], [[1], [3]], id="list-of-lists"),
        pytest.param(Alarm(None), Alarm(5), id="chosen-attribute"),
        pytest.param(Box(a=1), Box(a=1, b=0), id="new-attribute"),
    ],
)
def test_digest_tells_apart(left: Any, right: Any) -> None:
    assert digests_differ(left, right)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        pytest.param({"a": 1, "b": 2}, {"b": 2, "a": 1}, id="order-of-a-dict"),
        pytest.param({3, 1, 2}, {1, 2, 3}, id="order-of-a-set"),
        pytest.param(float("nan"), float("nan"), id="nan"),
        pytest.param(Wire(), Wire(), id="wiring"),
        pytest.param(Alarm(5), Alarm(5), id="wiring-of-a-chosen-attribute"),
        pytest.param(len, len, id="function"),
        pytest.param(Box(a=Box(b=[1, {"c": 2}])), Box(a=Box(b=[1, {"c": 2}])), id="nested"),
    ],
)
def test_digest_takes_for_equal(left: Any, right: Any) -> None:
    assert not digests_differ(left, right)


def test_a_digest_follows_a_graph_that_grows() -> None:
    live = LiveState()
    box = Box(parts=[Box(a=1)], late=None)
    first = live.digest(box)
    box.parts.append(Box(a=2))
    second = live.digest(box)
    box.late = deque([1])
    third = live.digest(box)
    box.late.append(2)
    assert len({first, second, third, live.digest(box)}) == 4


def test_a_digest_comes_back_with_the_graph() -> None:
    live = LiveState()
    box = Box(parts=[Box(a=1)])
    first = live.digest(box)
    box.parts.append(Box(a=2))
    live.digest(box)
    box.parts.pop()
    assert live.digest(box) == first


def test_cycles_in_the_graph_end() -> None:
    box = Box(a=1)
    box.self = box
    box.child = Box(parent=box)
    assert LiveState().attributes(box) == {"a": 1, "self": "<the device>", "child.parent": "<the device>"}


def test_an_alias_that_becomes_a_copy_is_seen() -> None:
    shared = Box(a=1)
    live = LiveState()
    assert live.digest(Box(x=shared, y=shared)) != live.digest(Box(x=shared, y=Box(a=1)))


def test_unsaved_attributes_are_left_out_of_digests_but_not_of_attributes() -> None:
    live = LiveState({"cache"})
    assert live.digest(Box(a=1, cache=1)) == live.digest(Box(a=1, cache=2))
    assert live.attributes(Box(a=1, cache=2)) == {"a": 1, "cache": 2}


def test_paths_name_items_and_members() -> None:
    box = Box(fifo=Box(data=bytearray(b"A")), table={"x": [7]}, alarm=Alarm(None))
    assert LiveState().attributes(box) == {"fifo.data[0]": 0x41, "table['x'][0]": 7, "alarm": None}


def test_scribbling_changes_every_value_that_has_another() -> None:
    box = Box(a=1, b=True, c=bytearray(b"xy"), d=deque([1, 2]), e=Box(f=3), g=Alarm(None), h=1.5)
    before = LiveState().attributes(box)
    LiveState().scribble(box)
    after = LiveState().attributes(box)
    assert [path for path in before if same(before[path], after[path])] == []


def test_scribbling_spares_what_it_is_told_to() -> None:
    box = Box(a=1, b=Box(c=1), d=1)
    LiveState({"d"}).scribble(box, frozenset({"b"}))
    assert (box.a, box.b.c, box.d) == (0xFE, 1, 1)


def test_what_scribbling_spares_may_be_something_else_each_time() -> None:
    live = LiveState()
    for keep in ({"a"}, {"b"}, set(), {"b.c"}, {"a", "b.c"}, {"b", "b.c"}, {"f[]"}, {"a"}):
        box = Box(a=1, b=Box(c=1, d=1), e=bytearray(b"x"), f=[Box(g=1)])
        before = live.attributes(box)

        live.scribble(box, frozenset(keep))

        spared = {path for path, value in live.attributes(box).items() if value == before[path]}
        expected = {"a": {"a"}, "b": {"b.c", "b.d"}, "b.c": {"b.c"}, "f[]": {"f[0].g"}}
        assert spared == set().union(*(expected[name] for name in keep)), keep


@pytest.mark.parametrize(
    "value",
    [5, True, bytearray(b"abc"), [1, 2, 3], deque([1, 2]), Alarm(9), Alarm(None)],
    ids=["int", "bool", "bytearray", "list", "deque", "armed", "idle"],
)
def test_kept_attributes_are_put_back(value: Any) -> None:
    box, live = Box(value=value, other=1), LiveState()
    before = live.attributes(box)
    name = next(without_indexes(path) for path in before if path != "other")
    kept = live.keep(box, {name})
    live.scribble(box, frozenset({"other"}))
    live.put_back(box, kept, {name})
    assert live.attributes(box) == before


def test_a_container_gets_its_length_back() -> None:
    box, live = Box(items=[1, 2, 3]), LiveState()
    before = live.attributes(box)
    box.items.clear()
    live.assign(box, before, {"items[]"})
    assert box.items == [1, 2, 3]


def test_one_value_is_what_all_attributes_have_at_its_path() -> None:
    box = Box(
        a=1, part=Box(b=[2, Box(c=3)], d={"x y": 4, 5: Box(e=6)}), data=bytearray(b"\7\x08"), kind=Box
    )
    live = LiveState()
    everything = live.attributes(box)

    assert {path: live.value(box, path) for path in everything} == everything
    assert "part.d['x y']" in everything
    assert [live.value(box, path) for path in ("b", "part.b[7]", "part.d['z']", "a.b")] == [None] * 4


def test_what_is_no_longer_there_is_left_out() -> None:
    box, live = Box(fifo=Box(count=3), mode=7), LiveState()
    before = live.attributes(box)
    box.fifo = None
    del box.mode

    live.assign(box, before, {"fifo.count", "mode"})

    assert vars(box) == {"fifo": None}


def test_what_had_parts_and_is_a_number_now_is_left_alone() -> None:
    box, live = Box(fifo=Box(count=3)), LiveState()
    before = live.attributes(box)
    box.fifo = 5

    live.assign(box, before, {"fifo"})

    assert box.fifo == 5


def test_a_digest_does_not_depend_on_what_was_learnt_before() -> None:
    one = Box(a=1, b=2, parts={3: Box(c=4), 5: Box(c=6)})
    other = Box(parts={5: Box(c=6), 3: Box(c=4)}, b=2, a=1)

    assert LiveState().digest(one) == LiveState().digest(other)


def test_an_object_at_two_places_is_told_from_two_that_are_equal() -> None:
    part = Box(a=1)
    shared, parted, changed = Box(x=part, y=part), Box(x=Box(a=1), y=Box(a=1)), Box(x=Box(a=1), y=Box(a=2))
    live = LiveState()
    live.digest(shared)

    digests = [live.digest(box) for box in (parted, changed, shared)]

    assert len({*digests}) == 3
    assert digests == [live.digest(box) for box in (parted, changed, shared)]


def test_whether_two_equal_tuples_are_one_makes_no_difference() -> None:
    pair = (1, 2)
    one, other = Box(x=pair, y=pair), Box(x=tuple(iter(pair)), y=tuple(iter(pair)))

    assert LiveState().digest(one) == LiveState().digest(other)
    assert LiveState().attributes(one) == LiveState().attributes(other)


def test_what_a_dict_does_not_have_is_not_made_by_looking() -> None:
    live, boxes = LiveState(), [Box(a=defaultdict(list, {key: [1]})) for key in ("x", "y")]

    assert len({live.digest(box) for box in boxes}) == 2
    assert live.value(boxes[1], "a['x'][0]") is None
    assert boxes[1].a == {"y": [1]}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({1: Box(a=1)}, {2: Box(a=1)}),
        (Box(a=1), Alarm(1)),
        (Box(a=1), Box(b=1)),
        ([Box(a=1), Box(b=2)], [Box(a=1, b=2)]),
    ],
)
def test_what_differs_in_keys_classes_or_names_alone_differs(one: Any, other: Any) -> None:
    live = LiveState()

    assert live.digest(Box(part=one)) != live.digest(Box(part=other))


@pytest.mark.parametrize("early", [None, [], {}, [None]])
def test_where_there_was_nothing_there_may_be_a_dict_later(early: Any) -> None:
    ones, others = ([part] if isinstance(early, list) else part for part in ({"x": [1], "y": [2]}, {"y": [2], "x": [1]}))
    live = LiveState()
    live.digest(Box(a=early))

    assert live.digest(Box(a=ones)) == LiveState().digest(Box(a=others))


class Register(int):
    """A number with a class of its own, which has attributes as well."""


def test_a_number_of_a_class_of_its_own_counts() -> None:
    live = LiveState()

    assert live.digest(Box(a=Register(1))) != live.digest(Box(a=Register(2)))


@pytest.mark.parametrize(
    ("former", "now"),
    [
        (Mode.BUSY, Mode.IDLE),
        ({1, 2}, {3}),
        (Decimal(3), Decimal(0)),
        (Register(3), Register(0)),
        (array("H", [1, 2]), array("H", [0, 0])),
        ((1, 2), (0, 0)),
        ({"x": 1, "y": 2}, {"z": 3}),
        (Mode.BUSY, 5),
    ],
)  # fmt: skip
def test_what_is_not_walked_into_is_put_back_as_what_it_was(former: Any, now: Any) -> None:
    live, name = LiveState(), "a[]" if isinstance(former, tuple | dict) else "a"
    before, kept = live.attributes(Box(a=former)), live.keep(Box(a=former), {name})
    assigned, put = Box(a=now), Box(a=copy(now))

    live.assign(assigned, before, {name})
    live.put_back(put, kept, {name})

    assert [assigned.a, put.a] == [former, former]
    assert type(assigned.a) is type(former)
    assert assigned.a is not former or not isinstance(former, set | array | dict)


@dataclass(frozen=True)
class Setting:
    speed: int


def test_a_value_that_others_may_have_too_is_never_changed_itself() -> None:
    fast, slow = Setting(2), Setting(1)
    live, box = LiveState(), Box(a=slow)
    before = live.attributes(Box(a=fast))

    live.scribble(box)
    live.assign(box, before, {"a"})

    assert (box.a, slow, fast) == (Setting(2), Setting(1), Setting(2))


def test_objects_too_deep_to_walk_say_what_to_do() -> None:
    box = Box(next=None)
    for _ in range(2000):
        box = Box(next=box)

    with pytest.raises(TargetError, match=r"Box: its objects hang one below another, hundreds deep .* list or a deque"):
        LiveState().digest(box)


class Bits(ctypes.Structure):
    _fields_ = (("low", ctypes.c_uint8),)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Bits(1), Bits(2)),
        (array("H", range(500)), array("H", [*range(499), 0])),
        (itertools.count(1), itertools.count(2)),
    ],
)
def test_what_has_its_state_in_no_attribute_counts_as_far_as_it_shows(one: object, other: object) -> None:
    live = LiveState()

    assert live.digest(Box(a=one)) != live.digest(Box(a=other))


def test_what_cannot_be_looked_into_is_named() -> None:
    box = Box(file=io.BytesIO(), part=Box(steps=[(step for step in "ab")]), lock=None, marker=object(), cache=io.StringIO(), wire=Wire())

    assert LiveState({"cache"}).opaque(box) == [("file", "BytesIO"), ("part.steps[0]", "generator")]


class Small(int):
    """A number that wraps."""


class Command(NamedTuple):
    code: int
    mode: Mode


@attrs.frozen
class Slot:
    number: int


class Record(msgspec.Struct, frozen=True):
    number: int


@dataclass(frozen=True)
class Packet:
    data: bytes = field(repr=False)
    mode: Mode = Mode.IDLE


@pytest.mark.parametrize(
    "make",
    [
        lambda: Small(700),
        lambda: Setting(700),
        lambda: Slot(700),
        lambda: Record(700),
        lambda: Packet(bytes(2), Mode.BUSY),
        lambda: frozenset({700}),
        lambda: Decimal(700),
        lambda: Command(700, Mode.BUSY),
    ],
    ids=["int", "dataclass", "attrs", "msgspec", "nested", "frozenset", "decimal", "namedtuple"],
)
def test_whether_two_equal_values_are_one_makes_no_difference(make: Callable[[], object]) -> None:
    value = make()
    one, other = Box(x=value, y=value), Box(x=make(), y=make())

    assert LiveState().digest(one) == LiveState().digest(other)
    assert LiveState().attributes(one) == LiveState().attributes(other)


class Counters(msgspec.Struct):
    number: int


def test_a_struct_of_another_library_is_walked() -> None:
    assert LiveState().attributes(Box(a=Counters(3))) == {"a.number": 3}


def test_a_field_that_is_not_shown_counts() -> None:
    assert digests_differ(Packet(b"a"), Packet(b"b"))


def test_lists_and_dicts_of_values_are_learnt_once_for_all_lengths() -> None:
    live = LiveState()
    for count in range(20):
        live.digest(Box(heap=[(number, Setting(number)) for number in range(count)], modes={Mode.BUSY: count}))

    assert len(live._digests) == 1 + len(["no item yet"])


def test_a_dict_by_enumeration_is_named_by_its_members_and_put_back() -> None:
    live, box = LiveState(), Box(registers={Mode.IDLE: 1, Mode.BUSY: Setting(2)})
    before = live.attributes(box)
    box.registers[Mode.IDLE], box.registers[Mode.BUSY] = 7, Setting(8)

    live.assign(box, before, {"registers[]"})

    assert [*before] == ["registers[Mode.IDLE]", "registers[Mode.BUSY]"]
    assert live.value(box, "registers[Mode.IDLE]") == 1
    assert box.registers == {Mode.IDLE: 1, Mode.BUSY: Setting(2)}


def test_loggers_and_locks_are_the_whole_programs() -> None:
    box, live = Box(log=logging.getLogger("device"), lock=threading.RLock(), a=1), LiveState()

    live.scribble(box)

    assert live.attributes(box) == {"a": 0xFE}
    assert logging.getLogger("device").level == logging.NOTSET


def windowed(start: int = 2, make: Callable[[bytes], Any] = bytearray) -> Box:
    box = Box(ram=make(bytes(8)))
    box.__dict__ = {"bank": memoryview(box.ram)[start : start + 2], **vars(box)}
    return box


@pytest.mark.parametrize("make", [bytearray, lambda data: array("H", data)], ids=["bytearray", "array"])
def test_a_view_is_of_what_it_shows(make: Callable[[bytes], Any]) -> None:
    live, box, other = LiveState(), windowed(make=make), windowed(make=make)
    size = memoryview(box.ram).itemsize
    before = live.attributes(box)
    parted = Box(bank=memoryview(box.ram[:2]), ram=box.ram)

    assert before["bank"] == f"<ram[{2 * size}:{4 * size}]>"
    assert live.digest(box) == live.digest(other)
    assert len({live.digest(each) for each in (box, parted, windowed(4, make))}) == 3

    live.assign(parted, before, {"bank", "bank[]"})
    parted.bank[0] = 9
    assert (parted.ram[2], box.ram[2]) == (9, 9)


def test_what_a_view_shows_is_scribbled_once() -> None:
    box = windowed()
    LiveState().scribble(box)
    assert box.ram == bytearray(b"\xff" * 8)


def test_a_view_of_something_else_is_walked_itself() -> None:
    box, live = Box(ram=memoryview(array("H", [1, 2]))), LiveState()
    before = live.attributes(box)
    live.scribble(box)

    assert before == {"ram[0]": 1, "ram[1]": 2}
    assert [*box.ram] == [0xFFFE, 0xFFFD]


def test_an_array_is_walked_item_by_item_and_put_back_below_a_view() -> None:
    live, box = LiveState(), Box(ram=array("H", [1, 2]))
    view = memoryview(box.ram)
    before, kept = live.attributes(box), live.keep(box, {"ram[]"})
    live.scribble(box)
    scribbled = [*view]
    live.put_back(box, kept, {"ram[]"})

    assert before == {"ram[0]": 1, "ram[1]": 2}
    assert (scribbled, [*view]) == ([0xFFFE, 0xFFFD], [1, 2])


def test_what_is_in_a_tuple_in_a_list_is_put_back() -> None:
    live, box = LiveState(), Box(heap=[(1, Command(2, Mode.BUSY))])
    before = live.attributes(box)
    box.heap[0] = (1, Command(3, Mode.IDLE))

    live.assign(box, before, {without_indexes(path) for path in before})

    assert box.heap == [(1, Command(2, Mode.BUSY))]
    assert type(box.heap[0][1]) is Command


def test_one_object_at_two_places_is_put_back_as_that() -> None:
    live, box = LiveState(), Box(channels=[Box(a=1), Box(a=2)], current=None)
    box.current = box.channels[1]
    before = live.attributes(box)
    box.current = Box(a=2)

    live.assign(box, before, {"current"})

    assert box.current is box.channels[1]
