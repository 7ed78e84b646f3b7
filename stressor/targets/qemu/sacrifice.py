"""A machine that is given damaged state to load, and ended afterwards."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from stressor.errors import StreamError
from stressor.loop.target import DiedOfDamageError
from stressor.loop.watchdog import Hung
from stressor.targets.qemu.clock import ClockLost
from stressor.targets.qemu.damage import Damaged
from stressor.targets.qemu.machine import Machine
from stressor.targets.qemu.pipeline import STEP
from stressor.targets.qemu.process import QemuDied

__all__ = ["Sacrifice"]


class Sacrifice:
    """Loads damaged state into a machine that waits for one; what it accepts is then driven on.

    QEMU may refuse, which ends the machine, or accept: a field may well have another value. When it ends
    by a signal, or hangs, another machine loads `whole`, the state as it was, and is driven like that:
    if that one goes the same way the damage is not to blame, and nothing is said. Otherwise raises
    DiedOfDamageError; TargetError when somebody else ended it. The machine is gone then.
    """

    def __init__(self, take: Callable[[], Machine], whole: bytes, damaged: Damaged) -> None:
        self._take: Final = take
        self._whole: Final = whole
        self._change: Final = damaged.change
        self._followed: Final[list[str]] = []
        self._machine: Machine | None = take()
        self._do("was loaded", lambda machine: _load(machine, damaged.stream))

    @property
    def lives(self) -> bool:
        """Whether it was accepted, and has not ended since."""
        return self._machine is not None

    def follow(self, commands: Sequence[str]) -> None:
        """Send what was sent to the machine that was loaded as it should be. Raises as the constructor."""
        self._followed.extend(commands)
        self._do("was driven on", lambda machine: _drive(machine, commands))

    def close(self) -> None:
        """End the machine; never raises, and may be called again."""
        if self._machine is not None:
            self._machine.process.close()
            self._machine = None

    def _do(self, when: str, action: Callable[[Machine], None]) -> None:
        if self._machine is None:
            return
        try:
            action(self._machine)
        except (StreamError, ClockLost):  # refused; or the processor is reset, and nobody knows the time
            self.close()
        except (QemuDied, Hung) as gone:
            self.close()
            hung = isinstance(gone, Hung)
            # other ends are its way to refuse, or a register powered the machine off
            if (hung or (isinstance(gone, QemuDied) and gone.code < 0)) and not self._goes_anyway():
                said = f"when it {when}: {type(gone).__name__}: {gone}"
                raise DiedOfDamageError(self._change, said, hung=hung) from gone
        except BaseException:
            self.close()
            raise

    def _goes_anyway(self) -> bool:
        machine = self._take()
        try:
            _load(machine, self._whole)
            _drive(machine, self._followed)
        except (StreamError, ClockLost):
            return False
        except (QemuDied, Hung):
            return True
        finally:
            machine.process.close()
        return False


def _load(machine: Machine, stream: bytes) -> None:
    machine.load_whole(stream)
    machine.process.resume()


def _drive(machine: Machine, commands: Sequence[str]) -> None:
    together: list[str] = []
    for command in commands:
        if command.startswith(STEP):
            machine.process.run(together)
            together = []
            machine.step(int(command.removeprefix(STEP)))
        else:
            together.append(command)
    machine.process.run(together)
