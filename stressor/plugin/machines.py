"""The QEMU targets of a session: each is learnt once in a process, and its machines end with its items."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from stressor.errors import NotInstalledError, UnsuitableError
from stressor.loop.target import TargetType
from stressor.targets.qemu.late import LateModel, needing_monitor
from stressor.targets.qemu.specification import parse_specification

__all__ = ["Machines", "machines", "skipped_where_it_cannot_be"]


class Machines:
    """Gives models of QEMU devices away that all items of a device share."""

    def __init__(self) -> None:
        self._models: dict[str, LateModel] = {}
        self._used: dict[str, TargetType] = {}

    def models(self, specification: str) -> list[LateModel]:
        """Return the model of a device, or those that fit a pattern. Raises UsageError and TargetError.

        Only a pattern starts a machine.
        """
        if parse_specification(specification).sweeps:
            with needing_monitor(specification):
                from stressor.targets.qemu.sweep import sweep

            return [self._models.setdefault(swept.specification, swept) for swept in sweep(specification)]
        if specification not in self._models:
            self._models[specification] = LateModel(specification)
        return [self._models[specification]]

    def for_tries(self, model: TargetType) -> TargetType:
        """Return a model whose devices are good for tries that are confirmed on new ones: where a new
        one is a process, those that were used before."""
        if model.specification not in self._models:
            return model
        used = self._used.get(model.specification) or model.reusing()
        if used is None:
            return model
        self._used[model.specification] = used
        return used

    def release(self, model: TargetType) -> None:
        """End the processes of a model; asked again, it starts others."""
        used = self._used.pop(model.specification, None)
        if used is not None:
            used.close()
        model.close()

    def close(self) -> None:
        """End all processes."""
        for model in self._models.values():
            self.release(model)


    def leave(self, item: pytest.Item, following: pytest.Item | None) -> None:
        """End the processes of an item's model, unless the item that follows has the same."""
        model: TargetType | None = getattr(item, "model", None)
        if model is not None and getattr(following, "model", None) is not model:
            self.release(model)


_MACHINES: pytest.StashKey[Machines] = pytest.StashKey()


def machines(config: pytest.Config) -> Machines:
    """Return those of a session; they are closed when it ends, however it does."""
    found = config.stash.get(_MACHINES, None)
    if found is None:
        found = config.stash[_MACHINES] = Machines()
        config.add_cleanup(found.close)
    return found


@contextmanager
def skipped_where_it_cannot_be() -> Iterator[None]:
    """Skip a test whose target needs what is not installed, or cannot be stressed at all."""
    try:
        yield
    except (NotInstalledError, UnsuitableError) as error:
        pytest.skip(str(error).partition("; command: ")[0])
