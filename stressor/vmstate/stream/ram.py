"""Guest memory in a stream: passed over page by page, each header looked at, none kept.

A record is eight bytes, the address and flags in its low bits, and what these announce. Runs of
like records (memory is saved in order) are checked many at a time: their headers lie at equal
distances, so a slice with that step holds one byte of each.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from stressor.vmstate.stream.parts import RamBlock
from stressor.vmstate.stream.source import Source

__all__ = ["Pages", "RamReader"]

ZERO: Final = 0x02
MEMORY_SIZE: Final = 0x04
PAGE: Final = 0x08
END_OF_SECTION: Final = 0x10
CONTINUE: Final = 0x20
XBZRLE: Final = 0x40
HOOK: Final = 0x80
COMPRESSED: Final = 0x100
MULTIFD_FLUSH: Final = 0x200

PAGE_SIZES: Final = tuple(1 << bits for bits in range(10, 17))
"""What a page may be when nothing says how large it is; 64 KB is the largest of any target."""

MOST_BLOCKS: Final = 1 << 16
_FLAGS: Final = 0x3FF
_HEADER: Final = 8
_STREAK: Final = 8
"""So many records in order are read one by one before the next ones are checked together."""

_unpack_header = struct.Struct(">Q").unpack_from


@dataclass(slots=True)
class Pages:
    """What one section of memory held."""

    blocks: tuple[RamBlock, ...] = ()
    full: int = 0
    zero: int = 0
    packed: int = 0


class RamReader:
    """Reads the sections of guest memory of one stream, in order.

    `page_size` is 0 when nothing says it; the first full page then tells it.
    """

    def __init__(self, page_size: int, capabilities: tuple[str, ...]) -> None:
        self.page_size = page_size
        self._shared = "x-ignore-shared" in capabilities
        self._lengths: dict[str, int] = {}
        self._length = -1
        self._source: Source

    def read(self, source: Source) -> Pages:
        """Pass over one section's body, its end mark included.

        Raises StreamError for what cannot be, and for memory that travels by another channel.
        """
        self._source, pages = source, Pages()
        before, step, streak = -1, 0, 0
        while True:
            word = self._header()
            flags, address = word & _FLAGS, word & ~_FLAGS
            kind = flags & ~CONTINUE
            if kind in (ZERO, PAGE):
                if flags & CONTINUE:
                    self._check(address)
                    source.index += _HEADER
                else:
                    source.index += _HEADER
                    self._block(address)
                if kind == PAGE:
                    self._full_page()
                    pages.full += 1
                else:
                    source.skip(1, "ram/0")
                    pages.zero += 1
                streak = streak + 1 if word - before == step and flags & CONTINUE else 0
                step, before = word - before, word
                if streak >= _STREAK and step > 0:
                    many = self._run(word, step, kind)
                    if kind == PAGE:
                        pages.full += many
                    else:
                        pages.zero += many
                    before += many * step
                    streak = 0 if many == 0 else streak
            elif flags == END_OF_SECTION:
                source.index += _HEADER
                return pages
            else:
                self._rare(word, flags, pages)
                before = -1

    def _header(self) -> int:
        source = self._source
        if source.end - source.index < _HEADER and not source.fill(_HEADER):
            raise source.refuse("ram/0", "a header of a page needs 8 bytes: truncated")
        word: int = _unpack_header(source.buffer, source.index)[0]
        return word

    def _run(self, word: int, step: int, kind: int) -> int:
        """Pass over the records that go on from `word` by `step` and are in the buffer whole."""
        source = self._source
        size = self.page_size if kind == PAGE else 1
        if step < _FLAGS or (kind == PAGE and step != size):
            return 0
        stride = _HEADER + size
        space = self._length - (word & ~_FLAGS) - step
        count = min((source.end - source.index) // stride, space // step)
        if count < 2:
            return 0
        begin, end = source.index, source.index + stride * count
        found = bytearray(_HEADER * count)
        for place in range(_HEADER):
            found[place::_HEADER] = source.buffer[begin + place : end : stride]
        wanted = struct.pack(f">{count}Q", *range(word + step, word + step * count + 1, step))
        good = count if found == wanted else _alike(found, wanted) // _HEADER
        source.index += stride * good
        return good

    def _check(self, address: int) -> None:
        if not 0 <= address < self._length:
            problem = "goes on in a block, and no block was named"
            if self._length >= 0:
                problem = f"the page {address:#x} lies behind its block's end, {self._length:#x}"
            raise self._source.refuse("ram/0", problem)

    def _block(self, address: int) -> None:
        name = self._source.text("ram/0")
        if name not in self._lengths:
            raise self._source.refuse("ram/0", f"there is no block {name[:64]!r} of memory")
        self._length = self._lengths[name]
        self._check(address)

    def _full_page(self) -> None:
        if not self.page_size:
            self.page_size = self._guess()
        source = self._source
        if source.end - source.index >= self.page_size:
            source.index += self.page_size
        else:
            source.skip(self.page_size, "ram/0")

    def _rare(self, word: int, flags: int, pages: Pages) -> None:
        """Take a record of another kind."""
        source, kind = self._source, flags & ~CONTINUE
        if kind == MEMORY_SIZE:
            if self._lengths:
                raise source.refuse("ram/0", "lists the blocks of memory again")
            source.index += _HEADER
            pages.blocks = self._list(word & ~_FLAGS)
        elif kind == MULTIFD_FLUSH:
            source.index += _HEADER
        elif kind in (XBZRLE, COMPRESSED):
            source.index += _HEADER
            if not flags & CONTINUE:
                self._block(word & ~_FLAGS)
            if kind == XBZRLE:
                source.skip(1, "ram/0")
                size = source.number(2, "ram/0")
            else:
                size = source.number(4, "ram/0")
            source.skip(size, "ram/0")
            pages.packed += 1
        elif kind & HOOK:
            raise source.refuse("ram/0", "memory travels by RDMA, not in the stream; use another way")
        else:
            raise source.refuse("ram/0", f"{flags:#x} is no kind of page")

    def _list(self, total: int) -> tuple[RamBlock, ...]:
        """Take the list of blocks, whose lengths add up to `total`."""
        source, blocks = self._source, []
        while total > 0:
            name, length = source.text("ram/0"), source.number(8, "ram/0")
            if self._shared:
                source.skip(8, "ram/0")
            if length > total or len(blocks) == MOST_BLOCKS:
                raise source.refuse(
                    "ram/0", f"the blocks are {length:#x} bytes and more, not {total:#x}", 8
                )
            total -= length
            blocks.append(RamBlock(name, length))
            self._lengths[name] = length
        return tuple(blocks)

    def _guess(self) -> int:
        """Return the size of the page that is next, from where the next header can lie.

        Raises StreamError when nothing fits.
        """
        source = self._source
        most = PAGE_SIZES[-1]
        source.fill(4 * (most + _HEADER))
        fits = {size: self._headers_after(size) for size in PAGE_SIZES}
        best = max(fits, key=lambda size: (fits[size], -size))
        if not fits[best]:
            raise source.refuse("ram/0", "nothing says how large a page is; save to a file instead")
        return best

    def _headers_after(self, size: int) -> int:
        """Return how many headers in a row make sense, at most 4, if a page had `size` bytes."""
        source, place = self._source, self._source.index + size
        for count in range(4):
            if place + _HEADER > source.end:
                return count
            (word,) = _unpack_header(source.buffer, place)
            flags, address = word & _FLAGS, word & ~_FLAGS
            if word == END_OF_SECTION:
                return 4
            if flags not in (ZERO | CONTINUE, PAGE | CONTINUE):
                return count + (flags in (ZERO, PAGE, END_OF_SECTION) and address < 1 << 48)
            if address >= self._length or address % size:
                return count
            place += _HEADER + (size if flags & PAGE else 1)
        return 4


def _alike(found: bytearray, wanted: bytes) -> int:
    """Return the length of the beginning that both share."""
    low, high = 0, len(wanted)
    while low < high:
        middle = (low + high + 1) // 2
        if found[low:middle] == wanted[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
