"""State as JSON: names as keys, bytes as hex, subsections by name; for people and other programs.

    {"(name)": "serial", "(version)": 3, "divider": 12, ...,
     "(subsections)": {"serial/recv_fifo": {"(version)": 1,
                                            "recv_fifo": {"data": "4100...", "head": 0, "num": 1}}}}

A key in parentheses is no field. Arrays and queues are lists; what does not begin at index 0 (a part
of an array, a tree) is an object with its indexes as keys. Padding is left out.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from math import isfinite
from typing import Any, Final, TypeAlias

import msgspec

from stressor.vmstate.description import Description
from stressor.vmstate.formats.format import Format
from stressor.vmstate.visitor import Reader, Writer, short

__all__ = ["Json"]

_TOKEN: Final = re.compile(r"\.?([^.\[\]]+)|\[([^\]]*)\]")
_NAME, _VERSION, _SUBSECTIONS = "(name)", "(version)", "(subsections)"
_TAKEN: Final = object()  # stands where a value of a list was read

Document: TypeAlias = "str | bytes | Mapping[str, Any]"


class Json(Format[str]):
    """A description's states as JSON: `save` gives text, `load` takes text, or the data of it."""

    def load(self, obj: Any, document: Document) -> None:
        self.load_from(obj, self.reader(document))

    def writer(self) -> Writer:
        return _JsonWriter(self.description)

    def reader(self, document: Document) -> Reader:
        return _JsonReader(self.description, document)


class _Items(dict[str, Any]):
    """Elements by index, as text; a list in the document when they are 0, 1, 2 and so on."""


class _JsonWriter(Writer):
    def __init__(self, description: Description) -> None:
        root = {_NAME: description.name, _VERSION: description.version}
        self._scopes: list[tuple[str, dict[str, Any]]] = [("", root)]

    def write(self, path: str, kind: str, size: int, value: Any) -> None:
        if kind == "buffer":
            value = value.hex()
        elif kind == "bitmap":
            value = f"{value:#x}"
        elif kind == "f64" and not isfinite(value):
            value = struct.pack(">d", value).hex()
        *before, last = self._tokens(path)
        self._node(before, last)[_key(last)] = value

    def count(self, path: str, count: int) -> None:
        items = self._node(self._tokens(path), "[]")
        for index in range(count):
            items[str(index)] = {}

    def more(self, path: str, index: int, more: bool) -> None:
        items = self._node(self._tokens(path), "[]")
        if more:
            items.setdefault(str(index), {})

    def subsection(self, path: str, description: Description) -> None:
        owner = self._node(self._tokens(path), "")
        inner = {_VERSION: description.version}
        owner.setdefault(_SUBSECTIONS, {})[description.name] = inner
        self._scopes.append((path, inner))

    def leave(self, path: str, description: Description) -> None:
        self._scopes.pop()

    def finish(self) -> str:
        data = msgspec.json.encode(_with_lists(self._scopes[0][1]))
        return msgspec.json.format(data, indent=2).decode() + "\n"

    def _tokens(self, path: str) -> list[str]:
        return _tokens(path, self._scopes[-1][0])

    def _node(self, tokens: list[str], following: str) -> dict[str, Any]:
        """Return the node at `tokens`, made as what follows it needs it."""
        node = self._scopes[-1][1]
        for token, after in zip(tokens, [*tokens[1:], following], strict=False):
            held = node.get(_key(token))
            if not held and not isinstance(held, _Items):
                held = node[_key(token)] = _Items() if after.startswith("[") else {}
            node = held
        return node


class _JsonReader(Reader):
    """Takes values out of the data; what is left in the end was not asked for."""

    def __init__(self, description: Description, document: Document) -> None:
        self._whole = description.name
        root = self._decoded(document)
        name = root.pop(_NAME, description.name)
        if name != description.name:
            raise self.refuse(
                self._whole, f"is the state of {short(name)}, and not of {description.name!r}"
            )
        self.version = self._version(root, self._whole) if _VERSION in root else None
        self._scopes: list[tuple[str, Any]] = [("", root)]

    def _decoded(self, document: Document) -> dict[str, Any]:
        try:
            root: Any
            if isinstance(document, Mapping):
                root = _copied(document)
            else:
                root = msgspec.json.decode(document)
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            raise self.refuse(self._whole, f"is no JSON: {error}") from error
        if not isinstance(root, dict):
            raise self.refuse(self._whole, "is no JSON object")
        return root

    def read(self, path: str, kind: str, size: int) -> Any:
        *before, last = _tokens(path, self._scopes[-1][0])
        value = self._take(self._node(before), last)
        if value is _TAKEN:
            raise self.refuse(path, "is missing")
        try:
            if kind == "buffer":
                return bytes.fromhex(value)
            if kind == "bitmap":
                return int(value, 16)
            if kind == "f64" and isinstance(value, str):
                return struct.unpack(">d", bytes.fromhex(value))[0]
        except (TypeError, ValueError, struct.error):
            raise self.refuse(path, f"is {short(value)}, and must be hex digits") from None
        return value

    def count(self, path: str, maximum: int) -> int:
        count = self._length(path)
        if count > maximum:
            raise self.refuse(path, f"{count} elements, and there may be at most {maximum}")
        return count

    def more(self, path: str, index: int) -> bool:
        return index < self._length(path)

    def subsection(self, path: str, parent: str) -> tuple[str, int] | None:
        node = self._node(_tokens(path, self._scopes[-1][0]))
        inner = node.get(_SUBSECTIONS) if isinstance(node, dict) else None
        if not inner:
            return None
        if not isinstance(inner, dict):
            raise self.refuse(f"{path}{_SUBSECTIONS}", "is no JSON object")
        name = next(iter(inner))
        body, where = inner.pop(name), f"{path}({name})"
        if not isinstance(body, dict):
            raise self.refuse(where, "is no JSON object")
        version = self._version(body, where)
        self._scopes.append((path, body))
        return name, version

    def leave(self, path: str, name: str) -> None:
        self._refuse_rest(self._scopes.pop()[1], path, f"{path}({name})")

    def finished(self, path: str, whole: str, parent: str) -> None:
        self._refuse_rest(self._scopes[0][1], path, whole)

    def _version(self, node: dict[str, Any], where: str) -> int:
        version = node.pop(_VERSION, None)
        if not isinstance(version, int) or isinstance(version, bool):
            raise self.refuse(where, f"has {_VERSION} {short(version)}, and must have a number")
        return version

    def _node(self, tokens: list[str]) -> Any:
        """Return what is at `tokens`, None when it is missing; nothing is taken."""
        node = self._scopes[-1][1]
        for token in tokens:
            if isinstance(node, list):
                index = _index(token, node)
                node = None if index is None else node[index]
            else:
                node = node.get(_key(token)) if isinstance(node, dict) else None
        return node

    def _take(self, node: Any, token: str) -> Any:
        if isinstance(node, list):
            index = _index(token, node)
            if index is None:
                return _TAKEN
            value, node[index] = node[index], _TAKEN
            return value
        return node.pop(_key(token), _TAKEN) if isinstance(node, dict) else _TAKEN

    def _length(self, path: str) -> int:
        node = self._node(_tokens(path, self._scopes[-1][0]))
        if not isinstance(node, list):
            raise self.refuse(path, "is missing" if node is None else "is no JSON list")
        return len(node)

    def _refuse_rest(self, node: Any, path: str, whole: str) -> None:
        rest = _first_left(node)
        if rest is not None:
            raise self.refuse(path + rest if rest else whole, "is not known, or is here again")


def _copied(node: Any) -> Any:
    """Return data of our own, to take values out of; what occurs twice in it is there twice."""
    if isinstance(node, Mapping):
        return {key: _copied(value) for key, value in node.items()}
    if isinstance(node, list | tuple):
        return [*map(_copied, node)]
    return node


def _tokens(path: str, prefix: str) -> list[str]:
    """Return the names and the indexes, in brackets, that a path has behind a prefix."""
    found = _TOKEN.finditer(path.removeprefix(prefix))
    return [match[1] if match[1] is not None else match[0] for match in found]


def _key(token: str) -> str:
    return token[1:-1] if token.startswith("[") else token


def _index(token: str, items: list[Any]) -> int | None:
    """Return the index that a token is in a list, None for none."""
    text = token[1:-1]
    if not token.startswith("[") or not text.isdecimal() or int(text) >= len(items):
        return None
    return int(text)


def _with_lists(node: Any) -> Any:
    if not isinstance(node, dict):
        return node
    inner = {key: _with_lists(value) for key, value in node.items()}
    if isinstance(node, _Items) and [*inner] == [str(index) for index in range(len(inner))]:
        return [*inner.values()]
    return inner


def _first_left(root: Any) -> str | None:
    """Return the path of the first value that is left, None when all were taken."""
    nodes = [("", root)]
    while nodes:
        path, node = nodes.pop()
        dot = "." if path else ""
        if isinstance(node, dict):
            inner = [(f"{path}{dot}{key:.60}", value) for key, value in node.items()]
        elif isinstance(node, list):
            inner = [(f"{path}[{index}]", value) for index, value in enumerate(node)]
        elif node is not _TAKEN:
            return path
        else:
            continue
        nodes += reversed(inner)
    return None
