"""QEMU's own format, walked piece by piece: the bytes of `Description.save`."""

from __future__ import annotations

from stressor.vmstate.formats.format import Format
from stressor.vmstate.visitor import Reader, Writer
from stressor.vmstate.wire import WireReader, WireWriter

__all__ = ["Binary"]


class Binary(Format[bytes]):
    """A body in QEMU's format; it has no version in it, so it is of the newest."""

    def writer(self) -> Writer:
        return WireWriter()

    def reader(self, document: bytes) -> Reader:
        return WireReader(bytes(document))
