"""Reading bytes by generated code: the run of pieces that one `struct.Struct` takes."""

from __future__ import annotations

from stressor.vmstate.source import Module, Source

__all__ = ["Reading"]


class Reading:
    """Writes code that takes apart the bytes `d` from a position on.

    Where it is, is known while writing as long as sizes are; only then a local `p` says it.
    """

    def __init__(self, module: Module, position: str) -> None:
        self._module = module
        self.read = Source()
        self.locals: list[str] = []
        self._base, self._delta = position, 0
        self._formats: list[str] = []
        self._targets: list[str] = []
        self._checks: list[str] = []
        self._size = 0
        self._starred = False

    def _local(self, stem: str = "x") -> str:
        name = self._module.local(stem)
        self.locals.append(name)
        return name

    def _take(self, format: str, size: int, target: str | None = None, check: str = "") -> None:
        """Read `format` (`size` bytes) with the next struct; `check` must hold afterwards."""
        if target is not None and target.startswith("*"):
            if self._starred:
                self._flush()
            self._starred = True
        self._formats.append(format)
        self._size += size
        if target is not None:
            self._targets.append(target)
        if check:
            self._checks.append(check)

    def _flush(self) -> None:
        if not self._formats:
            return
        unpack = self._module.struct("".join(self._formats), "unpack_from")
        targets = "".join(f"{target}, " for target in self._targets) or "[] "
        self.read.line(f"{targets}= {unpack}(d, {self._position})")
        for check in self._checks:
            self._demand(check)
        self._delta += self._size
        self._formats, self._targets, self._checks = [], [], []
        self._size, self._starred = 0, False

    @property
    def _position(self) -> str:
        if self._base == "0":
            return str(self._delta)
        return f"{self._base} + {self._delta}" if self._delta else self._base

    def settle(self) -> None:
        """Read what is pending, and have the position in `p`."""
        self._flush()
        if self._position != "p":
            self.read.line(f"p = {self._position}")
            self._base, self._delta = "p", 0

    def _demand(self, condition: str) -> None:
        self.read.line(f"if not ({condition}): raise Refused")

    def _let(self, expression: str, stem: str = "x") -> str:
        name = self._local(stem)
        self.read.line(f"{name} = {expression}")
        return name
