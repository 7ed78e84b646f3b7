"""A pattern such as `qemu:*` as many targets, each found out about when its turn comes.

On a machine whose PCI devices can be reached these are the devices that fit. On another one they are
the whole board, and then families of its regions, which alone are what `region=` chooses. A family is what has one name but for
the number behind it: the regions of four pl011 are one family, and one target.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Final

from stressor.errors import NoDeviceError, TargetError, UnsuitableError
from stressor.targets.qemu.board import board_of
from stressor.targets.qemu.discovery import DeviceRefused, Layout, NoRegisters, discover, machine_of
from stressor.targets.qemu.late import LateModel
from stressor.targets.qemu.model import QemuModel, qemu_model
from stressor.targets.qemu.regions import Region
from stressor.targets.qemu.specification import PREFIX, QemuSpecification, parse_specification

__all__ = ["SweptModel", "families", "sweep"]

_PCI: Final = "PCI"


class SweptModel(LateModel):
    """One target of a sweep.

    Closed, it forgets what it found out, so that a sweep holds one target's processes at a time.
    Whatever keeps it from being stressed is an UnsuitableError.
    """

    def layout(self) -> Layout:
        """Return how it is started and where its registers are, without learning them."""
        with _fitting():
            return discover(self._parsed)

    @cached_property
    def _model(self) -> QemuModel:
        with _fitting():
            model = qemu_model(self.specification)
        if self._parsed.device is None and not model.opening:
            model.close()
            raise UnsuitableError("no registers", f"{self.specification}: no register ever answers")
        return model

    def close(self) -> None:
        super().close()
        self.__dict__.pop("_model", None)


def sweep(text: str) -> list[SweptModel]:
    """Return the targets of a specification whose device is a pattern.

    Starts the bare machine once. Raises NoDeviceError when nothing fits, and what a machine that
    does not start raises.
    """
    found = [SweptModel(specification) for specification in _expanded(parse_specification(text))]
    if not found:
        raise NoDeviceError(f"{text}: nothing fits; see `stressor list qemu` and info mtree")
    return found


def families(regions: Sequence[Region]) -> Iterator[str]:
    """Yield a pattern for each family of regions, by address."""
    names = [region.name.partition("#")[0] for region in regions]
    yield from dict.fromkeys(map(_family, names))


def _family(name: str) -> str:
    literal = re.sub(r"[*?\[]", r"[\g<0>]", name)
    # commas and dashes between blanks mean something in a specification
    literal = re.sub(r",|(?<= )-(?=- )", "?", literal)
    return re.sub(r"\.\d+$", ".*", literal)


def _expanded(specification: QemuSpecification) -> Iterator[str]:
    binary, machine = machine_of(specification)
    pattern = specification.device or "*"
    front, ours, behind = specification.text.partition(" -- ")
    options = front.removeprefix(PREFIX).split(",")[1:]
    board = board_of(binary, machine, specification.memory, specification.arguments, wired=False)
    if board.reaches_pci and not specification.regions:
        for name, bus in binary.devices:
            if bus == _PCI and fnmatchcase(name, pattern):
                yield PREFIX + ",".join([name, *options]) + ours + behind
        return
    kept = [option for option in options if not option.startswith("region=")]
    if "machine" not in {option.partition("=")[0] for option in kept}:
        kept.insert(0, f"machine={machine}")
    if pattern == "*" and not specification.regions:
        yield PREFIX + ",".join(kept) + ours + behind  # what changes before any operation is its own
    wired = board_of(binary, machine, specification.memory, specification.arguments, wired=True)
    for family in families(wired.regions):
        name = family.removesuffix(".*")
        if fnmatchcase(name, pattern) and any(
            fnmatchcase(name, region) for region in specification.regions or ("*",)
        ):
            yield PREFIX + ",".join([*kept, f"region={family}"]) + ours + behind


@contextmanager
def _fitting() -> Iterator[None]:
    """Turn whatever keeps a target from being stressed into an UnsuitableError."""
    try:
        yield
    except UnsuitableError:
        raise
    except NoRegisters as error:
        raise UnsuitableError("no registers", str(error)) from error
    except DeviceRefused as error:
        raise UnsuitableError("does not start", error.words) from error
    except TargetError as error:
        said = str(error).partition("; command: ")[0]
        raise UnsuitableError("does not start", said.partition("its last words: ")[2] or said) from error
