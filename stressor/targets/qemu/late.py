"""A QEMU target that starts no machine before something is asked of it that only a machine can tell."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Final

from stressor.errors import NotInstalledError
from stressor.loop.operations import OperationType
from stressor.loop.target import Target, TargetType
from stressor.loop.trace import Operation, ResetMode
from stressor.targets.qemu.specification import name_of, parse_specification

if TYPE_CHECKING:
    from stressor.targets.qemu.model import QemuModel

__all__ = ["RESET_MODES", "LateModel", "needing_monitor"]

RESET_MODES: Final = (ResetMode.IN_PLACE, ResetMode.FRESH, ResetMode.DONOR)


class LateModel:
    """A `TargetType`. What it finds out it keeps, also when it is closed: that ends processes only.

    Name, reset modes, kinds of damage and whether it walks are known without a machine. All else raises
    what `qemu_model` does.
    """

    prefix: Final = ""
    walks: Final = False
    damages: Final[tuple[str, ...]] = ()
    reset_modes: Final = RESET_MODES

    def __init__(self, specification: str) -> None:
        self.specification: Final = specification
        self._parsed: Final = parse_specification(specification)
        self.name: Final = name_of(self._parsed)
        self.device: Final = self._parsed.device

    @cached_property
    def _model(self) -> QemuModel:
        with needing_monitor(self.specification):
            from stressor.targets.qemu.model import qemu_model

        return qemu_model(self.specification)

    @property
    def notes(self) -> tuple[str, ...]:
        return self._model.notes

    @property
    def operations(self) -> tuple[OperationType, ...]:
        return self._model.operations

    @property
    def opening(self) -> tuple[Operation, ...]:
        return self._model.opening

    @property
    def fields(self) -> tuple[str, ...]:
        return self._model.fields

    @property
    def invariants(self) -> bool:
        return self._model.invariants

    def parts(self, operation: Operation) -> Sequence[Operation]:
        return self._model.parts(operation)

    def excluding(self, attributes: Collection[str]) -> TargetType:
        return self._model.excluding(attributes)

    def reusing(self) -> TargetType | None:
        return self._model.reusing()

    def lockstep(self, count: int) -> None:
        """Processes are driven one at a time."""

    def open(self) -> Target:
        return self._model.open()

    def close(self) -> None:
        model = self.__dict__.get("_model")
        if model is not None:
            model.close()


@contextmanager
def needing_monitor(specification: str) -> Iterator[None]:
    """Turn the lack of the package that speaks with QEMU's monitor into a NotInstalledError."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "qemu":
            raise
        raise NotInstalledError(
            f"{specification}: needs the package qemu.qmp; install qemu.qmp (the extra `qemu`)"
        ) from error
