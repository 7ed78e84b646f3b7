"""Every setting there is: what it is called, how its value is read, and its default."""

from __future__ import annotations

import difflib
import os
import re
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from stressor.errors import UsageError
from stressor.loop.finding import Oracle
from stressor.loop.trace import ResetMode

__all__ = ["BY_NAME", "KEYS", "PREFIX", "Key", "meant", "parse_duration"]

PREFIX: Final = "STRESSOR_"
"""What the variables begin with."""

_SINGULAR: Final = {"oracles": "oracle", "reset-modes": "reset-mode"}


class _NoSuchWordError(ValueError):
    """A word that is none of those to choose from; the message names it."""


@dataclass(frozen=True, slots=True)
class Key:
    """One setting: `parse` makes its value from plain data (text, numbers, lists of text).

    `parse` raises ValueError that says what it should be.
    """

    name: str
    help: str
    parse: Callable[[object], Any]
    default: Callable[[], Any]

    def option(self, dashes: str = "--") -> str:
        """Return how it is given as an option, which `dashes` begin: lists are given one at a time."""
        return {"targets": "TARGETS"}.get(self.name, dashes + _SINGULAR.get(self.name, self.name))

    def parsed(self, value: object, where: str) -> Any:
        """Return the value that somebody gave at a place. Raises UsageError that says what it should be."""
        try:
            return self.parse(value)
        except _NoSuchWordError as error:
            raise UsageError(f"{where}: {error}") from None
        except ValueError as error:
            raise UsageError(f"{where}: {error}, not {value!r}") from None

    @property
    def variable(self) -> str:
        """The variable that gives it."""
        return PREFIX + self.name.upper().replace("-", "_")


def meant(word: str, names: Iterable[str]) -> str:
    """Return `, did you mean 'NAME'?` with the nearest of `names`; "" when none is near."""
    close = difflib.get_close_matches(word, list(names), n=1, cutoff=0.7)
    return f", did you mean {close[0]!r}?" if close else ""


_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def parse_duration(value: object) -> float:
    """Return seconds: from a number, or from text such as `500ms`, `30s`, `1.5m`, `2h`.

    Raises ValueError for anything else, and for what is not above zero.
    """
    problem = "a duration is a number and a unit, such as 500ms, 30s, 5m, 2h"
    if isinstance(value, str):
        match = re.fullmatch(r"\s*(\d+(?:\.\d+)?|\.\d+)\s*(ms|s|m|h)?\s*", value)
        if match is None:
            raise ValueError(problem)
        amount = float(match[1]) * _UNITS[match[2] or "s"]
    elif isinstance(value, int | float) and not isinstance(value, bool):
        amount = float(value)
    else:
        raise ValueError(problem)
    if not 0 < amount < float("inf"):
        raise ValueError("a duration is above zero")
    return amount


def _whole_number(text: str, smallest: int, largest: int) -> Callable[[object], int]:
    def parse(value: object) -> int:
        if isinstance(value, str):
            try:
                value = int(value.replace(",", "").replace("_", ""), 0)
            except ValueError:
                value = None
        if (
            isinstance(value, bool)
            or not isinstance(value, int)
            or not smallest <= value <= largest
        ):
            raise ValueError(text)
        return value

    return parse


def _percent(value: object) -> float:
    if isinstance(value, str):
        match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*%?\s*", value)
        value = float(match[1]) if match else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 100:
        raise ValueError("a share of the fields is a number of percent above 0, up to 100")
    return float(value)


def _words(value: object, what: str) -> list[str]:
    if isinstance(value, str):
        value = [word.strip() for word in value.split(",") if word.strip()]
    if (
        not isinstance(value, list | tuple)
        or not value
        or not all(isinstance(word, str) and word.strip() for word in value)
    ):
        raise ValueError(f"it is a list of {what}, at least one")
    return list(dict.fromkeys(value))


def _choices(kind: type[Oracle] | type[ResetMode], what: str) -> Callable[[object], list[Any]]:
    names = [str(member) for member in kind]

    def parse(value: object) -> list[Any]:
        words = _words(value, what)
        for word in words:
            if word not in names:
                raise _NoSuchWordError(
                    f"there is no {word!r}{meant(word, names)} ({what}: {', '.join(names)})"
                )
        return [kind(word) for word in words]

    return parse


def _folder(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("it is the path of a folder, or left out for the default one")
    return value


def _file(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("it is the path of a file, or left out for the default one")
    return value


def _name(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("it is the name of a profile")
    return value


KEYS: Final = (
    Key("profile", "which settings of pyproject.toml count", _name, lambda: "default"),
    Key("targets", "what to stress", lambda value: _words(value, "targets"), lambda: ["devices"]),
    Key(
        "seed",
        "what everything drawn derives from",
        _whole_number("a seed is a whole number from 0 up to 2**64 - 1", 0, 2**64 - 1),
        lambda: secrets.randbits(32),
    ),
    Key(
        "cycles",
        "cycles a target",
        _whole_number("the number of cycles is a whole number from 1", 1, 2**48),
        lambda: 5000,
    ),
    Key("for", "time for the whole run, instead of cycles", parse_duration, lambda: None),
    Key("oracles", "what must hold", _choices(Oracle, "oracles"), lambda: list(Oracle)),
    Key(
        "reset-modes",
        "what stands between save and load",
        _choices(ResetMode, "reset modes"),
        lambda: list(ResetMode),
    ),
    Key(
        "findings", "the folder of findings", _folder, lambda: os.path.join(".stressor", "findings")
    ),
    Key(
        "require-coverage",
        "percent of each target's fields that a run has to exercise",
        _percent,
        lambda: None,
    ),
    Key("journal", "the file that a soak writes", _file, lambda: os.path.join(".stressor", "journal.sqlite")),
    Key("known", "the file of findings that are accepted", _file, lambda: "known.toml"),
    Key(
        "jobs",
        "how many jobs a soak runs at a time; without it, as many as there are cores",
        _whole_number("the number of jobs is a whole number from 1", 1, 1024),
        lambda: None,
    ),
    Key("batch-timeout", "how long one batch of operations may take", parse_duration, lambda: 5.0),
)
"""Every setting there is."""

BY_NAME: Final = {key.name: key for key in KEYS}
"""The settings by their names."""
