"""A section: one device instance in a QEMU stream.

Header `04`, section id, name, instance, version; the body; footer `7e`, section id.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Hashable
from functools import cached_property
from typing import Any, Final

from stressor.errors import DescriptionError, StreamError
from stressor.vmstate.compile_load import Frame, compile_load
from stressor.vmstate.compile_save import compile_pack, compile_save
from stressor.vmstate.description import Description
from stressor.vmstate.load import check_version, load_body, name_body
from stressor.vmstate.wire import NamedField

__all__ = ["Section"]

FULL: Final = 4
FOOTER: Final = 0x7E
_COLD: Final = 8
"""Loads that walk over the description, before it is worth a millisecond or two to compile one."""


class Section:
    """The state of one instance of a description, framed. Raises DescriptionError for what cannot be."""

    def __init__(self, description: Description, instance: int = 0, section_id: int = 0) -> None:
        if description.needed is not None:
            raise DescriptionError(
                description.name,
                "",
                "is a section and has needed=",
                "only subsections have it; remove it",
            )
        for what, value in (("instance", instance), ("section_id", section_id)):
            if not isinstance(value, int) or not 0 <= value < 1 << 32:
                raise DescriptionError(
                    description.name, "", f"has {what} {value!r}", "give 0 or more"
                )
        self.description: Final = description
        self.instance: Final = instance
        self.section_id: Final = section_id
        self.prefix: Final = f"{description.name}/{instance}."
        name = description.name.encode()
        identity = (
            struct.pack(">BIB", FULL, section_id, len(name)) + name + struct.pack(">I", instance)
        )
        self.identity: Final = identity
        self._header: Final = identity + struct.pack(">I", description.version)
        self.footer: Final = struct.pack(">BI", FOOTER, section_id)
        self._size: Final = len(self._header)
        self._loads = 0
        self._loaders: Final[dict[tuple[type, bool], Callable[[Any, bytes], None]]] = {}

    def __repr__(self) -> str:
        return f"<Section {self.prefix[:-1]}>"

    def save(self, obj: Any) -> bytes:
        """Return the framed bytes. Raises StateError as `Description.save`."""
        return self._save(obj)

    def pack(self, obj: Any) -> tuple[bytes, Hashable]:
        """Return the framed bytes and their layout."""
        return self._pack(obj)

    def load(self, obj: Any, data: bytes) -> None:
        """Load what `save` gave, all or nothing. Raises StreamError."""
        load = self._loaders.get((obj.__class__, True))
        if load is None:
            self._loads += 1
            load = self._slowly if self._loads <= _COLD else self.loader(obj)
        load(obj, data)

    def loader(self, sample: Any, *, undo: bool = True) -> Callable[[Any, bytes], None]:
        """Return `load` for objects of sample's class.

        Without `undo` it takes half the time, and an object whose hooks or rules refuse the bytes
        is in no defined state then.
        """
        key = (sample.__class__, undo)
        load = self._loaders.get(key)
        if load is None:
            load = self._slowly
            if load == self._walk:
                frame = Frame(self._header, self.footer, self.prefix[:-1], self._walk)
                load = compile_load(self.description, sample, frame, undo=undo)
            self._loaders[key] = load
        return load

    @property
    def packer(self) -> Callable[[Any], tuple[bytes, Hashable]]:
        """What `pack` calls."""
        return self._pack

    @cached_property
    def _save(self) -> Callable[[Any], bytes]:
        return compile_save(self.description, self._header, self.footer)

    @cached_property
    def _pack(self) -> Callable[[Any], tuple[bytes, Hashable]]:
        return compile_pack(self.description, self._header, self.footer)

    @property
    def _slowly(self) -> Callable[[Any, bytes], None]:
        """What needs no code of its own."""
        return self._walk if type(self.description).load is Description.load else self._load_by_itself

    def _load_by_itself(self, obj: Any, data: bytes) -> None:
        """Load by a description that has a `load` of its own, which is not to be passed by."""
        body, version = self._open(data)
        self.description.load(obj, body, version)

    def _walk(self, obj: Any, data: bytes) -> None:
        body, version = self._open(data)
        load_body(self.description, obj, body, version, self.prefix, self._size)

    def fields_of(self, data: bytes, *, whole: bool = False, obj: Any = None) -> list[NamedField]:
        """Name every byte, header and footer included; with `whole` a buffer is one piece, called as its first
        byte. What does not travel, and decides what does, is taken from `obj`. Raises StreamError."""
        body, version = self._open(data)
        here, size = self.prefix[:-1], self._size
        return [
            NamedField(f"{here}(header)", "header", 0, size, bytes(data[:size])),
            *name_body(self.description, body, version, self.prefix, size, obj, whole=whole),
            NamedField(f"{here}(footer)", "footer", len(data) - 5, 5, bytes(data[-5:])),
        ]

    def _open(self, data: bytes) -> tuple[bytes, int]:
        """Return the body and its version; refuse a frame that is not this section's."""
        here, size = self.prefix[:-1], self._size
        data = bytes(data)
        if not data.startswith(self.identity) or len(data) < size:
            offset, problem = self._explain(data)
            raise StreamError(here, offset, problem)
        (version,) = struct.unpack_from(">I", data, size - 4)
        check_version(self.description, version, here, size - 4)
        if len(data) < size + 5 or not data.endswith(self.footer):
            raise StreamError(
                here,
                max(size, len(data) - 5),
                f"does not end in the footer {self.footer.hex(' ')}",
            )
        return data[size:-5], version

    def _explain(self, data: bytes) -> tuple[int, str]:
        """Return where and how a header differs from this section's."""
        name = self.description.name.encode()
        if not data or data[0] != FULL:
            found = f"{data[0]:#04x}" if data else "nothing"
            return 0, f"a section begins with 0x04, and this with {found}"
        if len(data) < self._size:
            return len(data), f"its header needs {self._size} bytes: truncated"
        if data[1:5] != self.identity[1:5]:
            return (
                1,
                f"has section id {int.from_bytes(data[1:5])}, and {self.section_id} was expected",
            )
        found_name = data[6 : 6 + data[5]]
        if found_name != name:
            text = found_name.decode("utf-8", "backslashreplace")
            return 5, f"is the section {text!r}, and {self.description.name!r} was expected"
        offset = 6 + len(name)
        instance = int.from_bytes(data[offset : offset + 4])
        return offset, f"is instance {instance}, and {self.instance} was expected"
