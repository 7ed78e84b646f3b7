"""A device that raises when it is written 255, with text that a terminal would obey."""

from __future__ import annotations

import pytest

from tests.plugin.conftest import FORGETFUL

__all__ = ["add_crashing"]


def add_crashing(project: pytest.Pytester) -> None:
    """Add `devices/crashing.py` to a project."""
    text = FORGETFUL.replace("Forgetful", "Crashing").replace('"forgetful"', '"crashing"')
    text = text.replace('[vm.u8("kept")]', 'map(vm.u8, ("first", "second", "kept"))')
    text = text.replace("        setattr(", "        self._check(value)\n        setattr(")
    text += '''
    def _check(self, value):
        limit = 254
        if value > limit:
            raise ValueError("too much: \\x1b[31m \\x00")
'''
    (project.path / "devices" / "crashing.py").write_text(text)
