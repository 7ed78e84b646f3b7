"""qcow2 images with an internal snapshot, laid out by hand."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Collection

__all__ = ["image"]

DISK = 1 << 20


def image(
    *states: tuple[str, bytes],
    bits: int = 9,
    version: int = 3,
    compressed: Collection[int] = (),
    zero: Collection[int] = (),
    crypt: int = 0,
    features: int = 0,
) -> bytes:
    """Return an image with one snapshot for each (name, state).

    Clusters of the state whose number is in `compressed` are stored so; those in `zero` are marked
    as zeros, whatever the state has there.
    """
    size = 1 << bits
    clusters: list[bytes] = [b""]  # the header is written last

    def put(data: bytes) -> int:
        offset = len(clusters) * size
        padded = data + bytes(-len(data) % size)
        clusters.extend(padded[place : place + size] for place in range(0, len(padded), size))
        return offset

    entries = []
    reach = 1 << (2 * bits - 3)
    for number, (name, state) in enumerate(states, 1):
        first = bytearray(-(-DISK // reach) * 8)
        pieces = [state[place : place + size] for place in range(0, len(state), size)]
        per_table = size // 8
        for begin in range(0, len(pieces), per_table):
            second = b""
            for index, piece in enumerate(pieces[begin : begin + per_table], begin):
                if index in zero:
                    second += struct.pack(">Q", 1)
                elif index in compressed:
                    second += struct.pack(">Q", deflated(piece.ljust(size, b"\0"), put, bits))
                else:
                    second += struct.pack(">Q", put(piece) | 1 << 63)
            first += struct.pack(">Q", put(second) | 1 << 63)
        table = put(bytes(first))
        key = str(number).encode()
        entry = struct.pack(
            ">QIHHIIQII", table, len(first) // 8, len(key), len(name.encode()), 0, 0, 0, 0, 16
        )
        entry += struct.pack(">QQ", len(state), DISK) + key + name.encode()
        entries.append(entry + bytes(-len(entry) % 8))
    snapshots = put(b"".join(entries)) if entries else 0
    head = struct.pack(
        ">4sIQIIQIIQQIIQ",
        *(b"QFI\xfb", version, 0, 0, bits, DISK, crypt, 0, 0, 0, 0, len(states), snapshots),
    )
    if version == 3:
        head += struct.pack(">QQQII", features, 0, 0, 4, 104)
    clusters[0] = head.ljust(size, b"\0")
    return b"".join(clusters)


def deflated(piece: bytes, put: object, bits: int) -> int:
    """Store a cluster compressed; return its entry in the table."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -12)
    data = packer.compress(piece) + packer.flush()
    assert callable(put)
    offset: int = put(data)
    sectors = (len(data) - 1) // 512
    return 1 << 62 | sectors << (62 - (bits - 8)) | offset
