"""The state of an object in other forms than QEMU's bytes, from the same description.

    text = Json(UART16550.state).save(uart)
    Json(UART16550.state).load(uart, text)

A format of one's own is a `Format` with a `Writer` and a `Reader`; see docs/field-kinds.md.
"""

from __future__ import annotations

from stressor.vmstate.formats.binary import Binary
from stressor.vmstate.formats.format import Format
from stressor.vmstate.formats.json import Json
from stressor.vmstate.formats.named_hex import NamedHex
from stressor.vmstate.visitor import Reader, Writer

__all__ = ["Binary", "Format", "Json", "NamedHex", "Reader", "Writer"]
