"""Fields that hold nothing of their own, properties and what `pre_save` fills: what is lost behind them is known
to be saved, and they themselves are no state."""

from __future__ import annotations

import enum
from typing import Any

import pytest
from hypothesis import strategies as st

import stressor.vmstate as vm
from stressor.device import Device, operation
from stressor.vmstate.behind import Backing, Behind, backing
from tests.search.test_campaign import events, findings, summary


class Colour(enum.Enum):
    RED = 0
    BLUE = 1


class Channel:
    def __init__(self) -> None:
        self._level = 0

    level = property(lambda self: self._level, lambda self, value: setattr(self, "_level", value))


class Proxy(Device):
    """Keeps nothing under the names that are described."""

    state = vm.Description(
        "proxy",
        fields=[
            vm.u8("control"),
            vm.u8("low"),
            vm.u8("high"),
            vm.u8("first"),
            vm.u8("second"),
            vm.struct("channel", vm.Description("channel", fields=[vm.u8("level")])),
            vm.u8("colour", read=lambda proxy: proxy._colour.value, write=lambda proxy, value: proxy.paint(value)),
        ],
        subsections=[
            vm.Description("proxy/mode", fields=[vm.u8("mode")], needed=lambda proxy: proxy.control > 0),
        ],
        post_load=lambda proxy, version: proxy.loaded(),
    )

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self._control = self._mode = self._word = 0
        self._registers = [0, 0]
        self._colour = Colour.RED
        self.channel = Channel()

    def loaded(self) -> None:
        """Nothing is left to do."""

    def paint(self, value: int) -> None:
        self._colour = Colour(value)

    control = property(lambda self: self._control, lambda self, value: setattr(self, "_control", value))
    mode = property(lambda self: self._mode, lambda self, value: setattr(self, "_mode", value))
    low = property(lambda self: self._word & 0xFF, lambda self, value: self._put(0xFF00, value))
    high = property(lambda self: self._word >> 8 & 0xFF, lambda self, value: self._put(0xFF, value << 8))
    first = property(lambda self: self._registers[0], lambda self, value: self._registers.__setitem__(0, value))
    second = property(lambda self: self._registers[1], lambda self, value: self._registers.__setitem__(1, value))

    def _put(self, kept: int, value: int) -> None:
        self._word = self._word & kept | value

    @operation(control=st.integers(0, 255), mode=st.integers(0, 255))
    def set_up(self, control: int, mode: int) -> None:
        self._control, self._mode = control, mode if control else 0

    @operation(word=st.integers(0, 0xFFFF), second=st.integers(0, 255))
    def fill(self, word: int, second: int) -> None:
        self._word, self._registers[1] = word, second

    @operation(value=st.integers(0, 1), level=st.integers(0, 255))
    def change(self, value: int, level: int) -> None:
        self.paint(value)
        self.channel._level = level


class Losing(Proxy):
    """Loses as it loads what its `lost` says."""

    lost: Any = staticmethod(lambda proxy: None)

    def loaded(self) -> None:
        self.lost(self)


class Idiom(Device):
    """Has attributes for the way, as QEMU's serial port has `fcr_vmstate`; correct."""

    state = vm.Description(
        "idiom",
        fields=[vm.u8("enabled"), vm.u8("fcr_vmstate")],
        subsections=[
            vm.Description(
                "idiom/mode",
                fields=[vm.u8("mode_vmstate")],
                needed=lambda idiom: idiom.enabled > 0,
                pre_save=lambda idiom: setattr(idiom, "mode_vmstate", idiom.mode),
                post_load=lambda idiom, version: setattr(idiom, "mode", idiom.mode_vmstate),
            )
        ],
        pre_save=lambda idiom: setattr(idiom, "fcr_vmstate", idiom.fcr),
        post_load=lambda idiom, version: idiom.loaded(),
    )

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.enabled = self.mode = self.mode_vmstate = self.fcr = self.fcr_vmstate = 0

    def loaded(self) -> None:
        self.fcr = self.fcr_vmstate

    @operation(enabled=st.integers(0, 255), mode=st.integers(0, 255), fcr=st.integers(0, 255))
    def set_up(self, enabled: int, mode: int, fcr: int) -> None:
        self.enabled, self.mode, self.fcr = enabled, mode if enabled else 0, fcr

    @operation()
    def read(self) -> tuple[int, int, int]:
        return self.enabled, self.mode, self.fcr


class Forgets(Idiom):
    """Does not bring home what was loaded."""

    def loaded(self) -> None:
        pass


class Uses(Idiom):
    """Reads what is only good for the way."""

    @operation()
    def peek(self) -> int:
        return self.fcr_vmstate


class Spins(Idiom):
    """Would save for ever in a state that it never has."""

    state = vm.Description("spins", fields=[vm.u8("enabled")], pre_save=lambda spins: spins.spin())

    def spin(self) -> None:
        while self.fcr & 1:
            self.mode = 0


def losing(lost: Any) -> type[Device]:
    return type("Losing", (Losing,), {"lost": staticmethod(lost), "__module__": __name__})


def test_what_stands_behind_each_field_is_found_out() -> None:
    assert backing(Proxy.state, Proxy(), frozenset()).behind == {
        "_control": Behind("control", alone=True),
        "_mode": Behind("mode", alone=True),
        "_word": Behind("low", alone=False),
        "_registers[0]": Behind("first", alone=True),
        "_registers[1]": Behind("second", alone=True),
        "channel._level": Behind("channel.level", alone=True),
        "_colour": Behind("colour", alone=False),
    }


def test_a_property_that_raises_hides_no_other() -> None:
    class Partly(Proxy):
        low = property(lambda self: 1 // 0, lambda self, value: None)

    found = backing(Partly.state, Partly(), frozenset()).behind

    assert (found["_control"], found["_word"]) == (Behind("control", alone=True), Behind("high", alone=False))


def test_a_correct_device_of_properties_passes_also_where_a_subsection_of_them_does_not_travel() -> None:
    assert findings(events(Proxy, cycles=1_500)) == []


@pytest.mark.parametrize(
    ("lost", "path"),
    [
        (lambda proxy: setattr(proxy, "_control", 0), "proxy/0.control"),
        (lambda proxy: proxy._registers.__setitem__(1, 0), "proxy/0.second"),
        (lambda proxy: setattr(proxy.channel, "_level", 0), "proxy/0.channel.level"),
        (lambda proxy: setattr(proxy, "_word", proxy._word & 0xFF), "proxy/0._word"),
        (lambda proxy: proxy.paint(0), "proxy/0._colour"),
    ],
)
def test_what_is_lost_behind_a_property_was_saved_but_not_loaded(lost: Any, path: str) -> None:
    assert summary(findings(events(losing(lost), cycles=1_500))) == {("load-restores", "saved but not loaded", path)}


def test_what_is_filled_for_the_way_is_no_state() -> None:
    assert backing(Idiom.state, Idiom(), frozenset()) == Backing(
        {"mode": Behind("mode_vmstate", alone=False), "fcr": Behind("fcr_vmstate", alone=False)},
        frozenset({"fcr_vmstate", "mode_vmstate"}),
    )
    assert findings(events(Idiom, cycles=1_500)) == []


def test_what_is_not_brought_home_was_saved_but_not_loaded() -> None:
    assert summary(findings(events(Forgets))) == {("load-restores", "saved but not loaded", "idiom/0.fcr")}


def test_what_is_filled_for_the_way_and_looked_at_all_the_same_shows() -> None:
    assert summary(findings(events(Uses))) == {("resumes-alike", "output only", "idiom/0.peek")}


def test_a_state_that_never_is_may_take_for_ever_to_save() -> None:
    assert backing(Spins.state, Spins(), frozenset()) == Backing({}, frozenset())
