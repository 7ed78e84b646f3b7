"""What a device's state is: declared once; saved, loaded, named and checked from that.

    state = vm.Description("serial", version=3, fields=[vm.u8("ier"), vm.buffer("data", 16)])

The wire format is QEMU's VMState, byte for byte.
"""

from __future__ import annotations

from stressor.vmstate.containers import (
    array,
    linked_queue,
    queue,
    struct_array,
    tree,
    variable_array,
    variable_struct_array,
)
from stressor.vmstate.description import Description, Validate
from stressor.vmstate.fields import (
    bitmap,
    boolean,
    bounded,
    buffer,
    equal,
    f64,
    i8,
    i16,
    i32,
    i64,
    struct,
    temporary,
    timer,
    u8,
    u16,
    u32,
    u64,
    unused,
    variable_bitmap,
    variable_buffer,
)
from stressor.vmstate.kinds import Field, ScalarType
from stressor.vmstate.section import Section
from stressor.vmstate.wire import NamedField

__all__ = [
    "Description",
    "Field",
    "NamedField",
    "ScalarType",
    "Section",
    "Validate",
    "array",
    "bitmap",
    "boolean",
    "bounded",
    "buffer",
    "equal",
    "f64",
    "i8",
    "i16",
    "i32",
    "i64",
    "linked_queue",
    "queue",
    "struct",
    "struct_array",
    "temporary",
    "timer",
    "tree",
    "u8",
    "u16",
    "u32",
    "u64",
    "unused",
    "variable_array",
    "variable_bitmap",
    "variable_buffer",
    "variable_struct_array",
]
