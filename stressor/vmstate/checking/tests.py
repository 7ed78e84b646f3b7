"""The checks of a description as a class that pytest collects, without importing pytest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stressor.errors import DescriptionError
from stressor.vmstate.checking.fields import FieldCheck, description_checks
from stressor.vmstate.description import Description

__all__ = ["description_tests"]


def description_tests(target: Any, factory: Callable[[], Any] | None = None) -> type:
    """Return a class whose subclass, in a test module, has a test for each check.

    `target` is a description, or a class that has one as `state`. Without `factory` objects are made
    by calling that class, or the one in whose body the description stands. Raises DescriptionError.
    """
    found = target if isinstance(target, Description) else getattr(target, "state", None)
    if not isinstance(found, Description):
        raise DescriptionError(
            "vm", "", f"has no description in {target!r:.60}", "give one, or a class with a state"
        )
    maker = factory or (target if isinstance(target, type) else found.owner)
    if maker is None:
        raise DescriptionError(
            found.name, "", "belongs to no class", "give factory=, which makes an object"
        )
    description: Description = found
    make: Callable[[], Any] = maker

    class DescriptionTests:
        """A test for each check of one description."""

        def pytest_generate_tests(self, metafunc: Any) -> None:
            checks = description_checks(description, make)
            metafunc.parametrize("check", checks, ids=[check.id for check in checks])

        def test_field(self, check: FieldCheck) -> None:
            check()

    return DescriptionTests
