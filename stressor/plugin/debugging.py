"""Debuggers: `--pdb` stops where a device diverged, `--trace` before it is driven, `q` ends it all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, NoReturn

import pytest

__all__ = ["DEBUGGING", "Debugging", "State", "diverges_here", "explores_here"]

_COLUMN: Final = 40
"""The widest that names of fields are put in a column."""


class State(dict[str, object]):
    """What a device was at one moment: values by the field's name. Prints as one field a line."""

    def __repr__(self) -> str:
        width = min(_COLUMN, max(map(len, self), default=0))
        return "\n".join(f"{name:<{width}}  {_shown(value)}" for name, value in self.items()) or "no fields"


def _shown(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and value > 9:
        return f"{value} ({value:#x})"
    return repr(value)


def diverges_here(
    device: object, before: State, after: State, changed: State, finding: str, failure: BaseException
) -> NoReturn:
    """Fail a stress test. A debugger stops here:

    device    is live, as the step left it at which it diverged; of QEMU it is what drives the process
    before    is its state before that, or that of a twin which was never interrupted
    after     is its state now
    changed   are the fields that differ: (before, after)
    """
    raise failure


def explores_here(device: str, oracle: str, explore: Callable[[], object]) -> None:
    """Explore. With `--trace` a debugger stops here, before the device is driven: set breakpoints."""
    pytest.set_trace()
    explore()


class _Left(BaseException):
    """Somebody quit a debugger that stopped within a device. No `Exception`, as those are findings."""


class Debugging:
    """Lets `q` in a debugger that stopped in a device end the session, as it does in any other test."""

    def __init__(self) -> None:
        self._driving = False

    @contextmanager
    def driving(self) -> Iterator[None]:
        """Know that devices are driven while the block runs."""
        self._driving = True
        try:
            yield
        except _Left:
            pytest.exit("Quitting debugger")
        finally:
            self._driving = False

    def pytest_enter_pdb(self, pdb: Any) -> None:
        """Have quitting pass through a device, where what pytest raises would be a crash of it."""
        if self._driving:
            pdb.do_quit = pdb.do_q = pdb.do_exit = pdb.do_EOF = _leave


DEBUGGING: pytest.StashKey[Debugging] = pytest.StashKey()
"""The session's."""


def _leave(_argument: str) -> NoReturn:
    raise _Left
