"""Stresses a plain class that has its own save, load and reset, and inherits nothing of ours."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from stressor.device import Clock, Outputs
from stressor.errors import DescriptionError, StreamError
from stressor.loop.operations import OperationType
from stressor.loop.target import NOT_REPEATING, FieldInfo, SavedField
from stressor.targets.in_process import Board
from stressor.targets.model import Model
from stressor.targets.operations import strategies_of
from stressor.vmstate.live import LiveState, without_indexes

__all__ = ["Adapter", "adapt"]

Call = str | Callable[..., Any]


@dataclass(frozen=True)
class Adapter:
    """A plain class and how to drive it; made by `adapt`, found by `stressor run` in a module."""

    cls: Callable[[], Any]
    save: Call
    load: Call
    reset: Call
    operations: Mapping[str, Mapping[str, object]]
    unsaved: Mapping[str, str]
    outputs: Call | None
    name: str

    def model(self, specification: str, name: str) -> Model:
        """Return what can be stressed. Raises DescriptionError for a method that is not there, or an argument without a
        strategy."""
        binding = _PlainBinding(self)
        kinds = tuple(
            OperationType(method, method, (), strategies_of(self.name, method, arguments))
            for method, arguments in self.operations.items()
        )
        return Model(name, specification, kinds, binding)


def adapt(
    cls: Callable[[], Any],
    *,
    save: Call,
    load: Call,
    reset: Call,
    operations: Mapping[str, Mapping[str, object]],
    unsaved: Mapping[str, str] | None = None,
    outputs: Call | None = None,
    name: str | None = None,
) -> Adapter:
    """Adapt a plain class; assign the result to a name in a module, and `stressor run` finds it.

    `cls()` makes a device. `save`, `load` and `reset` are names of methods, or functions of the
    device: save returns bytes or plain data, load takes it back and raises ValueError to refuse it
    (or returns a new device), reset does what power-on does. `operations` gives for each method
    that is an input the Hypothesis strategy of each argument. `unsaved` gives a reason for each
    attribute that deliberately does not travel, by its path in reports (`registers['CTRL'].mask`
    stands for all of `registers[].mask`). `outputs`, if given, returns what came out of the
    device since it was last asked.
    """
    known = name or str(getattr(cls, "__name__", "device"))
    reasons = {without_indexes(attribute): reason for attribute, reason in (unsaved or {}).items()}
    return Adapter(cls, save, load, reset, operations, reasons, outputs, known)


class _PlainBinding:
    """Only bytes can be damaged: other data is handed over as a copy."""

    def __init__(self, adapter: Adapter) -> None:
        self._adapter = adapter
        self.prefix = f"{adapter.name.lower()}/0."
        self.live = LiveState(adapter.unsaved)
        self.invariants = False
        sample = self.create()
        for what, call in (("save", adapter.save), ("load", adapter.load), ("reset", adapter.reset)):
            self._check(sample, what, call)
        for method in adapter.operations:
            self._check(sample, "operations", method)
        self.cls = type(sample)
        self.calls = tuple(
            getattr(self.cls, call, None) if isinstance(call, str) else call
            for call in (adapter.save, adapter.load, adapter.reset)
        )
        self.damages: tuple[str, ...] = ()
        self._carried: frozenset[str] = frozenset()
        saved = self._call(adapter.save, sample)
        if isinstance(saved, bytes | bytearray):
            self.damages = ("truncate", "extend", "flip", "swap")
        else:
            self._carried = frozenset(map(without_indexes, _named(saved)))
        self.fields = tuple(dict.fromkeys(map(without_indexes, self.live.attributes(sample, unsaved=False))))

    def _check(self, sample: object, what: str, call: Call) -> None:
        if isinstance(call, str) and not callable(getattr(sample, call, None)):
            raise DescriptionError(
                self._adapter.name, what, f"{type(sample).__name__} has no method {call}()",
                f"name the method that is its {what}, or give a function of the device",
            )

    @staticmethod
    def _call(call: Call, device: Any, *arguments: object) -> Any:
        return getattr(device, call)(*arguments) if isinstance(call, str) else call(device, *arguments)

    def excluding(self, attributes: Collection[str]) -> _PlainBinding:
        other = copy.copy(self)
        unsaved = {**self._adapter.unsaved, **dict.fromkeys(attributes, NOT_REPEATING)}
        other._adapter = replace(self._adapter, unsaved=unsaved)
        other.live = LiveState(unsaved)
        return other

    def create(self) -> Any:
        return self._adapter.cls()

    @property
    def functions(self) -> dict[str, Callable[..., object]]:
        return {name: self._function(name) for name in self._adapter.operations}

    def _function(self, name: str) -> Callable[..., object]:
        ask = self._adapter.outputs

        def call(device: Any, *arguments: object) -> object:
            return getattr(device, name)(*arguments)

        def call_and_ask(device: Any, *arguments: object) -> object:
            answer = getattr(device, name)(*arguments)
            return answer, copy.deepcopy(self._call(ask, device)) if ask is not None else None

        return call if ask is None else call_and_ask

    def board(self, device: Any) -> Board:
        return Outputs(), Clock(), (), (), ()

    def reset(self, device: Any) -> None:
        self._call(self._adapter.reset, device)

    def save(self, device: Any) -> tuple[bytes, Hashable, object]:
        state = self._call(self._adapter.save, device)
        if isinstance(state, bytes | bytearray):
            return bytes(state), len(state), None
        state = copy.deepcopy(state)  # a state that shares a list with the device would restore itself
        lines = [f"{path} = {value!r}\n" for path, value in _named(state).items()]
        data = "".join(lines).encode()
        return data, tuple(map(len, lines)), (state,)

    packer = save

    def load(self, device: Any, data: bytes, beside: object) -> Any:
        state = copy.deepcopy(beside[0]) if isinstance(beside, tuple) else data
        try:
            loaded = self._call(self._adapter.load, device, state)
        except ValueError as error:
            raise StreamError(f"{self.prefix}state", 0, str(error) or "refused") from error
        return device if loaded is None or not isinstance(loaded, type(device)) else loaded

    offer = load

    def broken(self, device: Any) -> str | None:
        return None

    def field(self, attribute: str) -> FieldInfo:
        base = without_indexes(attribute)
        for name, reason in self._adapter.unsaved.items():
            if base == name or base.startswith((name + ".", name + "[")):
                return FieldInfo(None, reason, None, 0)
        return FieldInfo(attribute if base in self._carried else None, None, None, 0, converted=True)

    def saved_fields(self, data: bytes, *, whole: bool = False) -> Sequence[SavedField]:
        found = []
        offset = 0
        for line in data.splitlines(keepends=True):
            match = re.match(rb"([^\n]+?) = (.*)\n", line)
            if match is None:
                return ()
            path = self.prefix + match[1].decode(errors="replace")
            found.append(SavedField(path, "value", offset, len(line), match[2].decode(errors="replace")))
            offset += len(line)
        return found

    def absent(self, data: bytes, layout: Hashable) -> frozenset[str]:
        return frozenset()


class _Holder:
    def __init__(self, state: object) -> None:
        self.state = state


def _named(state: object) -> dict[str, object]:
    """Return every value in plain saved data by its path; `["count"]` is shown as `count`."""
    values = LiveState().attributes(_Holder(state))
    return {_name(path): value for path, value in values.items()}


@lru_cache(maxsize=1 << 16)
def _name(path: str) -> str:
    return re.sub(r"\['([^']*)'\]", r".\1", path.removeprefix("state")).lstrip(".") or "state"
