"""Commands on their way to QEMU: as many as possible in one go, answers in the order of what asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

__all__ = ["NOTHING", "STEP", "Answer", "Pipeline", "Run"]

Answer: TypeAlias = Callable[[Sequence[str]], list[object]]
"""Makes observations of the answers to some commands."""

Run: TypeAlias = Callable[[Sequence[str]], list[str]]
"""Sends commands and returns their answers, see `QemuProcess.run`."""

_SETTLING: Final = 4
NOTHING: Final = "endianness"
"""A question about the machine that never changes anything."""


STEP: Final = "clock_step "
"""What stands in front of the nanoseconds that pass, among the commands that were sent."""


class Pipeline:
    """Collects commands until somebody needs an answer. Raises what `run` and `step` raise.

    `observations` are complete after a `flush`.
    """

    def __init__(self, run: Run, step: Callable[[int], int] | None = None) -> None:
        self._run: Final = run
        self._step: Final = step
        self._commands: list[str] = []
        self._waiting: list[tuple[int, Answer]] = []
        self.observations: list[object] = []
        self.sent: list[str] = []
        """Every command that was sent, in order."""

    def add(self, commands: Sequence[str], answer: Answer) -> None:
        """Send `commands` some time before the next `flush` ends."""
        self._commands += commands
        self._waiting.append((len(commands), answer))

    def flush(self) -> None:
        """Send what was added, and make observations of what was answered."""
        commands, self._commands = self._commands, []
        waiting, self._waiting = self._waiting, []
        self.sent += commands
        answers = self._run(commands)
        start = 0
        for count, answer in waiting:
            self.observations += answer(answers[start : start + count])
            start += count

    def ask(self, command: str) -> str:
        """Return the answer to one command, behind everything that was added before."""
        said: list[str] = []

        def take(answers: Sequence[str]) -> list[object]:
            said.extend(answers)
            return []

        self.add((command,), take)
        self.flush()
        return said[0]

    def step(self, nanoseconds: int) -> None:
        """Let virtual time pass, behind everything that was added before."""
        self.flush()
        if self._step is not None:
            self.sent.append(f"{STEP}{self._step(nanoseconds)}")

    def settle(self) -> None:
        """Let QEMU finish what it does in the background: requests to a disk are answered in its main
        loop, which comes round at least once for each of a few questions."""
        self.flush()
        for _ in range(_SETTLING):
            self._run((NOTHING,))
