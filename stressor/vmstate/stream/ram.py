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
        while True:
            self._in_order(pages)
            word = self._header()
            flags = word & _FLAGS
            kind = flags & ~CONTINUE
            source.index += _HEADER
            if kind in (ZERO, PAGE):
                self._page(word, pages)
            elif flags == END_OF_SECTION:
                return pages
            else:
                self._rare(word, pages)

    def _in_order(self, pages: Pages) -> None:
        """Pass over pages that go on in the same block and lie in the buffer whole.

        Most of a stream is passed here, so that it works on locals.
        """
        source = self._source
        buffer, index, end = source.buffer, source.index, source.end
        limit, stride = self._length, _HEADER + self.page_size
        before = step = streak = 0
        while end - index > _HEADER:
            word: int = _unpack_header(buffer, index)[0]
            flags = word & _FLAGS
            if word - flags >= limit:
                break
            if flags == ZERO | CONTINUE:
                index += _HEADER + 1
                pages.zero += 1
            elif flags == PAGE | CONTINUE and _HEADER < stride <= end - index:
                index += stride
                pages.full += 1
            else:
                break
            if word - before != step:
                step, streak = word - before, 0
            elif streak < _STREAK:
                streak += 1
            else:
                source.index = index
                word = self._run(word, step, pages)
                index, streak = source.index, 0
            before = word
        source.index = index

    def _header(self) -> int:
        source = self._source
        if source.end - source.index < _HEADER and not source.fill(_HEADER):
            raise source.refuse("ram/0", "a header of a page needs 8 bytes: truncated")
        word: int = _unpack_header(source.buffer, source.index)[0]
        return word

    def _run(self, word: int, step: int, pages: Pages) -> int:
        """Pass over the records that go on from `word` by `step`; return the last one's word."""
        source = self._source
        zero = bool(word & ZERO)
        stride = _HEADER + (1 if zero else self.page_size)
        space = self._length - (word & ~_FLAGS) - 1
        if step <= _FLAGS:
            return word
        count = min((source.end - source.index) // stride, space // step)
        begin, end = source.index, source.index + stride * count
        found = bytearray(_HEADER * count)
        for place in range(_HEADER):
            found[place::_HEADER] = source.buffer[begin + place : end : stride]
        wanted = struct.pack(f">{count}Q", *range(word + step, word + step * count + 1, step))
        good = count if found == wanted else _alike(found, wanted) // _HEADER
        source.index += stride * good
        if zero:
            pages.zero += good
        else:
            pages.full += good
        return word + step * good

    def _page(self, word: int, pages: Pages) -> None:
        """Take what follows the header of a page, its name and its bytes."""
        source = self._source
        self._place(word)
        if word & ZERO:
            source.skip(1, "ram/0")
            pages.zero += 1
        else:
            if not self.page_size:
                self.page_size = self._guess()
            source.skip(self.page_size, "ram/0")
            pages.full += 1

    def _place(self, word: int) -> None:
        """Take the block's name, unless the page goes on in the last; the page must lie in it."""
        source = self._source
        if not word & CONTINUE:
            name = source.text("ram/0")
            if name not in self._lengths:
                raise source.refuse("ram/0", f"there is no block {name[:64]!r} of memory")
            self._length = self._lengths[name]
        address = word & ~_FLAGS
        if self._length < 0:
            raise source.refuse("ram/0", "goes on in a block, and no block was named", _HEADER)
        if address >= self._length:
            raise source.refuse(
                "ram/0", f"the page {address:#x} lies behind its block's end, {self._length:#x}"
            )

    def _rare(self, word: int, pages: Pages) -> None:
        """Take what follows the header of another kind."""
        source, flags = self._source, word & _FLAGS
        kind = flags & ~CONTINUE
        if kind == MEMORY_SIZE:
            if self._lengths:
                raise source.refuse("ram/0", "lists the blocks of memory again", _HEADER)
            pages.blocks = self._list(word & ~_FLAGS)
        elif kind in (XBZRLE, COMPRESSED):
            self._place(word)
            if kind == XBZRLE:
                source.skip(1, "ram/0")
                size = source.number(2, "ram/0")
            else:
                size = source.number(4, "ram/0")
            source.skip(size, "ram/0")
            pages.packed += 1
        elif kind & HOOK:
            raise source.refuse("ram/0", "memory travels by RDMA; migrate another way", _HEADER)
        elif kind != MULTIFD_FLUSH:
            raise source.refuse("ram/0", f"{flags:#x} is no kind of page", _HEADER)

    def _list(self, total: int) -> tuple[RamBlock, ...]:
        """Take the list of blocks, whose lengths add up to `total`."""
        source = self._source
        blocks: list[RamBlock] = []
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
