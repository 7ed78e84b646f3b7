"""Tests of a description, made from itself: what its author would otherwise write field by field.

    class TestFields(description_tests(UART16550.state)):
        pass

`description_checks` gives the same as a list of named callables, for any other test runner.
"""

from __future__ import annotations

from stressor.vmstate.checking.fields import FieldCheck, description_checks
from stressor.vmstate.checking.tests import description_tests

__all__ = ["FieldCheck", "description_checks", "description_tests"]
