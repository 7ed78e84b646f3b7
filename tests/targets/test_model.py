"""What a class offers by itself: kinds of operation, labels, and errors that say the cure."""

from __future__ import annotations

import io
import re
from types import SimpleNamespace

import pytest

import stressor.vmstate as vm
from stressor import adapt
from stressor.device import Device, Line, Region, operation
from stressor.errors import DescriptionError
from stressor.loop.operations import kind_of
from stressor.loop.trace import Cycle, Operation, ResetMode
from stressor.targets.model import Model, model_of
from tests.search.small_devices import Counter


def counter() -> Model:
    return model_of(Counter, "small_devices.py::Counter", "counter")


def labels(model: Model) -> list[str]:
    return [kind.label for kind in model.operations]


def test_registers_lines_time_and_memory_are_operations_by_themselves() -> None:
    assert labels(counter()) == [
        "read count", "read total", "write count", "write total", "set enable", "store ram",
        "advance", "expire", "copy",
    ]  # fmt: skip


@pytest.mark.parametrize(("given", "instead"), [(5, "just(5)"), (int, "from_type(int)")])
def test_an_argument_that_is_given_no_strategy_is_named_with_the_cure(given: object, instead: str) -> None:
    class Sloppy(Counter):
        @operation(times=given)
        def tick(self, times: int) -> None: ...

    message = rf"^Sloppy\.tick: its argument times is given {re.escape(repr(given))}, which is no Hypothesis strategy; write times=st\."
    with pytest.raises(DescriptionError, match=message + re.escape(instead)):
        model_of(Sloppy, "", "sloppy")
    with pytest.raises(DescriptionError, match=r"^Sloppy\.tick: its argument times is given"):
        adapt(Sloppy, save="reset", load="reset", reset="reset", operations={"tick": {"times": given}}).model("", "sloppy")


def test_an_operation_is_known_by_its_kind() -> None:
    kind = kind_of(counter().operations, Operation("io.write", (1, 1, 7)))
    assert kind is not None
    assert kind.label == "write total"


def test_an_operation_that_the_class_does_not_have_is_of_no_kind() -> None:
    assert kind_of(counter().operations, Operation("io.write", (9, 1, 7))) is None


def test_a_named_register_is_not_taken_for_one_of_the_others() -> None:
    class Sparse(Counter):
        wide = Region(size=8, widths=(1, 2), registers={4: "mode"})

        @wide.on_read
        def read_wide(self, offset: int, width: int) -> int:
            return 0

    kind = kind_of(model_of(Sparse, "", "sparse").operations, Operation("wide.read", (4, 2)))
    assert kind is not None
    assert kind.label == "read wide.mode (16 bits)"


def test_a_large_region_is_one_kind_a_direction() -> None:
    class Large(Counter):
        wide = Region(size=0x1000, widths=(4,))

        @wide.on_read
        def read_wide(self, offset: int, width: int) -> int:
            return 0

    assert "read wide.wide" in labels(model_of(Large, "", "large"))


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"state": None}, r"Broken\.state: there is no state description; set it to"),
        ({"reset": Device.reset}, r"Broken\.reset: there is no reset\(\); define"),
        ({"extra": Region(size=4)}, r"Broken\.extra: the region has no handlers; decorate"),
        ({"__init__": lambda self, irq: None}, r"Broken\.__init__: it cannot be made without arguments"),
        (
            {"state": vm.Description("counter", fields=[vm.u8("cuont")])},
            r"cuont.*count",
        ),
    ],
    ids=["no-state", "no-reset", "no-handlers", "arguments", "unknown-attribute"],
)
def test_a_class_that_cannot_be_right_is_an_error_with_the_cure(attributes: dict[str, object], message: str) -> None:
    broken = type("Broken", (Counter,), attributes)
    with pytest.raises(DescriptionError, match=message):
        model_of(broken, "", "broken")


def test_a_cycle_leaves_the_board_as_it_was() -> None:
    target = counter().open()
    target.execute([Operation("io.write", (0, 1, 250)), Operation("clock.advance", (500,))])
    target.execute([Operation("ram.store", (0, b"\x07" * 16))])
    snapshot = target.save()
    target.reset(Cycle(ResetMode.FRESH), snapshot)
    assert target.load(snapshot) == []
    assert (target.device.clock.now, target.device.bell.level) == (500, 1)
    assert target.device.ram.read(0, 2) == b"\x07\x07"


def test_a_line_toggled_by_a_load_comes_out() -> None:
    class Noisy(Counter):
        state = vm.Description(
            "counter", fields=Counter.state.fields, post_load=lambda device, version: device.bell.set(1)
        )

    target = model_of(Noisy, "", "noisy").open()
    assert target.load(target.save()) == [("line", "bell", 1)]


def test_a_refused_load_leaves_lines_alone() -> None:
    target = counter().open()
    snapshot = target.save()
    target.execute([Operation("io.write", (0, 1, 250))])
    before = target.examine()
    with pytest.raises(Exception, match=r"truncated|footer"):
        target.offer(snapshot._replace(data=snapshot.data[:-1]))
    assert target.examine() == before


def test_an_input_line_calls_its_method_and_an_output_does_not_echo() -> None:
    class Listening(Counter):
        heard: list[int] = []
        pin = Line(input=True)

        @pin.on_change
        def pinned(self, level: int) -> None:
            self.heard.append(level)

    device = Listening()
    device.lines["pin"].set(True)
    device.lines["pin"].set(1)
    assert device.heard == [1]
    assert device.outputs == []


def test_a_rule_about_the_elements_of_an_array_is_an_invariant() -> None:
    element = vm.Description("element", fields=[vm.u8("x")], validate=[vm.Validate("small", "x < 9")])

    class Rows(Device):
        state = vm.Description("rows", fields=[vm.struct_array("rows", element, 2)])

        def __init__(self) -> None:
            self.rows = [SimpleNamespace(x=0), SimpleNamespace(x=0)]

        def reset(self) -> None:
            for row in self.rows:
                row.x = 0

    model = model_of(Rows, "rows", "rows")
    target = model.open()
    target.device.rows[1].x = 9

    assert (model.invariants, target.broken()) == (True, "small")


def test_what_cannot_be_looked_into_is_a_note() -> None:
    class Filed(Counter):
        def __init__(self) -> None:
            super().__init__()
            self.log = io.BytesIO()

    assert model_of(Counter, "counter", "counter").notes == ()
    assert model_of(Filed, "filed", "filed").notes == (
        "log is a BytesIO, which cannot be looked into: what it alone holds is not compared",
    )
