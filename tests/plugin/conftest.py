"""Projects in which the plugin is tried: a device that forgets two fields, and one that forgets none."""

from __future__ import annotations

from textwrap import dedent

import pytest

FORGETFUL = '''
import stressor.vmstate as vm
from stressor.device import Device, Line, Region


class Forgetful(Device):
    state = vm.Description("forgetful", fields=[vm.u8("kept")])
    io = Region(size=3, registers={0: "first", 1: "second", 2: "kept"})
    enable = Line(input=True)

    def __init__(self):
        self.reset()

    def reset(self):
        self.first = self.second = self.kept = 0

    @io.on_read
    def _read(self, offset, width):
        return (self.first, self.second, self.kept)[offset]

    @io.on_write
    def _write(self, offset, width, value):
        setattr(self, ("first", "second", "kept")[offset], value)
'''


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """Return a project with the two devices; Hypothesis' examples are few."""
    devices = pytester.mkdir("devices")
    (devices / "forgetful.py").write_text(FORGETFUL)
    sound = FORGETFUL.replace("Forgetful", "Sound").replace('"forgetful"', '"sound"')
    sound = sound.replace('[vm.u8("kept")]', 'map(vm.u8, ("first", "second", "kept"))')
    (devices / "sound.py").write_text(sound)
    pytester.makeini("[pytest]\naddopts = -p no:cacheprovider -p no:randomly\n")
    pytester.makeconftest(
        dedent(
            """
            from hypothesis import settings
            settings.register_profile("few", max_examples=4, deadline=None)
            settings.load_profile("few")
            """
        )
    )
    return pytester
