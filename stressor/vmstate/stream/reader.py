"""Reading a stream, front to back, into its parts."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from io import BytesIO
from typing import Final

from stressor.errors import StreamError
from stressor.vmstate.stream.configuration import read_configuration
from stressor.vmstate.stream.description import (
    Device,
    StreamDescription,
    body_size,
    find_description,
    find_descriptions,
    parse_description,
)
from stressor.vmstate.stream.parts import (
    Command,
    Configuration,
    DescriptionPart,
    DeviceSection,
    EndMark,
    Header,
    Part,
    RamSection,
    Tag,
    Trailing,
)
from stressor.vmstate.stream.ram import PAGE_SIZES, RamReader
from stressor.vmstate.stream.source import BUFFER, Source
from stressor.vmstate.stream.whole import Stream

__all__ = ["MAGIC", "VERSION", "StreamReader"]

MAGIC: Final = b"QEVM"
VERSION: Final = 3
MOST_DEVICE_BYTES: Final = 256 << 20
"""What is kept of a stream that is read from a pipe, guest memory apart."""

RAM: Final = "ram"
RAM_VERSION: Final = 4
PACKAGED: Final = 5


@dataclass
class _Begun:
    """A section that has begun."""

    name: str
    instance: int
    version: int
    occurrence: int


class StreamReader:
    """Reads one stream from `source`, once.

    `found` is the offset and the text of its description when that was found before. When not,
    everything from the first device on is kept until the end has been seen.
    """

    def __init__(self, source: Source, found: tuple[int, bytes] | None = None) -> None:
        self._source = source
        self._described: StreamDescription | None = None
        self._text = b""
        self._searched = found is not None
        self._parts: list[Part] = []
        self._notes: list[str] = []
        self._begun: dict[int, _Begun] = {}
        self._seen: dict[tuple[str, int], int] = {}
        self._devices: dict[tuple[str, int], list[Device]] = {}
        self._configuration: Configuration | None = None
        self._footers: bool | None = None
        self._ram: RamReader | None = None
        if found is not None:
            self._describe(*found)

    def read(self, name: str) -> Stream:
        """Return the stream. Raises StreamError for what is none, or is cut off."""
        self._header()
        while self._part():
            pass
        self._end()
        return Stream(name, tuple(self._parts), self._final_page_size(), tuple(self._notes))

    def _final_page_size(self) -> int:
        """Return the size that was used, or else said; refuse a stream that contradicts a guess."""
        said, used = self._page_size(), 0 if self._ram is None else self._ram.page_size
        if said and used and said != used:
            raise self._source.refuse(
                "ram/0", f"pages of {used} bytes were read, and {said} are described; use a file"
            )
        return used or said

    def _describe(self, offset: int, text: bytes) -> None:
        self._described = parse_description(text, offset + 5)
        self._text = text
        for device in self._described.devices:
            self._devices.setdefault((device.name, device.instance_id), []).append(device)
        for devices in self._devices.values():
            devices.reverse()

    def _header(self) -> None:
        source = self._source
        magic = source.peek(4)
        if magic != MAGIC:
            found = magic.hex(" ") or "nothing"
            raise source.refuse("stream", f"begins with {found}, and a stream with QEVM")
        source.skip(4, "stream")
        version = source.number(4, "stream")
        if version != VERSION:
            raise source.refuse("stream", f"has format version {version}; only 3 is known", 4)
        self._parts.append(Header(0, 8, version))

    def _part(self) -> bool:
        """Take one part; return whether it was not the end mark."""
        source = self._source
        tag = source.peek(1)
        if not tag:
            raise source.refuse("stream", "ends without an end mark: truncated")
        match tag[0]:
            case Tag.CONFIGURATION:
                self._configure()
            case Tag.START | Tag.PART | Tag.END | Tag.FULL:
                self._section(Tag(tag[0]))
            case Tag.COMMAND:
                self._command()
            case Tag.EOF:
                source.skip(1, "stream")
                self._parts.append(EndMark(source.position - 1, 1))
                return False
            case _:
                raise source.refuse("stream", f"{tag[0]:#04x} begins no part of a stream")
        return True

    def _configure(self) -> None:
        if len(self._parts) != 1:
            raise self._source.refuse("configuration", "is not at the beginning of the stream")
        described = None if self._described is None else self._described.configuration
        self._configuration = read_configuration(self._source, described)
        self._parts.append(self._configuration)

    def _command(self) -> None:
        source, begin = self._source, self._source.position
        source.skip(1, "command")
        number, length = source.number(2, "command"), source.number(2, "command")
        data = source.take(length, "command")
        if number == PACKAGED and length == 4:
            inside = int.from_bytes(data)
            source.skip(inside, "command")
            self._notes.append(f"{inside} bytes of a packaged command were passed over")
        self._parts.append(Command(begin, source.position - begin, number, data))

    def _section(self, tag: Tag) -> None:
        source, begin = self._source, self._source.position
        source.skip(1, "section")
        section_id = source.number(4, "section")
        if tag in (Tag.START, Tag.FULL):
            name = source.text("section")
            instance, version = source.number(4, name), source.number(4, name)
            occurrence = self._seen.get((name, instance), 0)
            self._seen[name, instance] = occurrence + 1
            self._begun[section_id] = _Begun(name, instance, version, occurrence)
            if occurrence:
                self._notes.append(f"section {name}/{instance} is there again, at byte {begin}")
        elif section_id not in self._begun:
            raise source.refuse("section", f"id {section_id} goes on, and has not begun", 4)
        begun = self._begun[section_id]
        if begun.name == RAM and tag != Tag.FULL:
            self._memory(begin, tag, section_id, begun)
        else:
            self._device(begin, tag, section_id, begun)

    def _memory(self, begin: int, tag: Tag, section_id: int, begun: _Begun) -> None:
        source = self._source
        if begun.version != RAM_VERSION:
            raise source.refuse("ram/0", f"has version {begun.version}; only 4 is known", 4)
        if self._ram is None:
            capabilities = () if self._configuration is None else self._configuration.capabilities
            if "mapped-ram" in capabilities:
                raise source.refuse(
                    "ram/0", "memory is mapped into the file; save it without mapped-ram"
                )
            self._ram = RamReader(self._page_size(), capabilities)
        pages = self._ram.read(source)
        footer = self._footer(section_id, "ram/0")
        self._parts.append(
            RamSection(
                begin,
                source.position - begin,
                tag,
                section_id,
                begun.name,
                begun.instance,
                begun.version,
                begun.occurrence,
                footer,
                pages.blocks,
                pages.full,
                pages.zero,
                pages.packed,
            )
        )

    def _page_size(self) -> int:
        size = 0 if self._described is None else self._described.page_size
        bits = (
            None if self._configuration is None else self._configuration.value("target_page_bits")
        )
        if isinstance(bits, int):
            size = 1 << bits
        if size and size not in PAGE_SIZES:
            raise self._source.refuse("ram/0", f"a page of {size} bytes cannot be")
        return size

    def _device(self, begin: int, tag: Tag, section_id: int, begun: _Begun) -> None:
        if not self._searched:
            self._keep()
        source = self._source
        label = f"{begun.name}/{begun.instance}"
        described = self._devices.get((begun.name, begun.instance))
        device = described.pop() if described and tag == Tag.FULL else None
        if device is None:
            data = self._up_to_footer(section_id, label)
        else:
            size = body_size(device)
            if size > MOST_DEVICE_BYTES:
                raise source.refuse(label, f"is described with {size} bytes, more than can be")
            data = source.take(size, label)
        footer = self._footer(section_id, label)
        self._parts.append(
            DeviceSection(
                begin,
                source.position - begin,
                tag,
                section_id,
                begun.name,
                begun.instance,
                begun.version,
                begun.occurrence,
                footer,
                data,
                device,
            )
        )

    def _keep(self) -> None:
        """Keep the rest of the stream in memory, and look for its description there."""
        begin = self._source.position
        rest = self._source.rest(MOST_DEVICE_BYTES)
        if rest is None:
            raise StreamError(
                "stream",
                begin,
                f"more than {MOST_DEVICE_BYTES >> 20} MB of devices in a pipe; save it to a file",
            )
        self._source = Source(BytesIO(rest), base=begin, size=max(len(rest), BUFFER))
        self._searched = True
        found = find_description(rest)
        if found is not None:
            self._describe(begin + found[0], found[1])
            return
        for start, text in find_descriptions(rest):
            try:
                self._describe(begin + start, text)
            except StreamError:
                continue
            return

    def _up_to_footer(self, section_id: int, label: str) -> bytes:
        """Take a body of unknown length: up to the next footer that something sensible follows."""
        source = self._source
        if source.end - source.index < len(source.buffer) // 2:
            source.fill(len(source.buffer))
        footer = struct.pack(">BI", Tag.FOOTER, section_id)
        place = source.buffer.find(footer, source.index, source.end)
        while place >= 0 and not self._follows(place + len(footer)):
            place = source.buffer.find(footer, place + 1, source.end)
        if place < 0:
            why = "" if self._described is not None else ": the stream has no description either, as of machine types before 2.3"
            raise source.refuse(label, f"nothing says how long it is, and it has no footer{why}")
        if self._described is not None:
            self._notes.append(f"section {label} is not described; its footer ends it")
        return source.take(place - source.index, label)

    def _follows(self, place: int) -> bool:
        """Return whether a part can begin at `place` of the buffer."""
        source = self._source
        head = bytes(source.buffer[place : min(place + 6, source.end)])
        match head[:1]:
            case b"\0":
                return len(head) == 1 or head[1] == Tag.VMDESCRIPTION
            case b"\1" | b"\4":
                size = head[5] if len(head) == 6 else 0
                name = source.buffer[place + 6 : min(place + 6 + size, source.end)]
                return 0 < size == len(name) and name.isascii() and name.decode().isprintable()
            case b"\2" | b"\3":
                return int.from_bytes(head[1:5]) in self._begun
            case _:
                return False

    def _footer(self, section_id: int, label: str) -> bool:
        """Take the footer; return whether there is one. Machines older than 2.4 write none."""
        source = self._source
        there = source.peek(1) == bytes((Tag.FOOTER,)) and self._footers is not False
        if there:
            found = int.from_bytes(source.take(5, label)[1:])
            if found != section_id:
                raise source.refuse(label, f"its footer is that of section {found}", 5)
        elif self._footers:
            raise source.refuse(label, "has no footer where it ends")
        self._footers = there
        return there

    def _end(self) -> None:
        """Take the description and what is behind it."""
        source, begin = self._source, self._source.position
        if source.peek(1) == bytes((Tag.VMDESCRIPTION,)):
            source.skip(1, "description")
            length = source.number(4, "description")
            text = source.take(length, "description")
            if self._described is None:
                described = parse_description(text, begin + 5)
            elif text == self._text:
                described = self._described
            else:
                raise source.refuse("description", "is another one than was found before", length)
            self._parts.append(DescriptionPart(begin, source.position - begin, text, described))
        else:
            self._notes.append("the stream does not describe itself: devices are not taken apart")
        for device in (device for devices in self._devices.values() for device in devices):
            self._notes.append(
                f"section {device.name}/{device.instance_id} is described, and is not here"
            )
        begin = source.position
        while source.fill(1):
            source.index = source.end
        if source.position > begin:
            self._parts.append(Trailing(begin, source.position - begin))
            self._notes.append(f"{source.position - begin} bytes stand behind the end")
