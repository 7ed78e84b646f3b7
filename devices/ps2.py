"""A keyboard and a mouse with PS/2 plugs.

Sources: IBM, "Personal System/2 Hardware Interface Technical Reference", October 1990, the sections on the
keyboard and on the auxiliary device; Adam Chapweske, "The PS/2 Keyboard Interface" and "The PS/2 Mouse
Interface", 2003 (for short, the notes); and of scan codes, Microsoft, "Keyboard Scan Code Specification",
revision 1.3a, March 2000. The saved states are QEMU's `ps2kbd` section, version 3, and its `ps2mouse` section,
version 2, byte for byte.

Those have no room for time and for keys that are held, so this is left out: keys do not repeat (and the types
that single keys have in set 3 cannot be changed), the mouse reports as soon as it is moved, whatever its
sample rate is, and Print Screen and Pause send the same codes whatever is held beside them.
"""

from __future__ import annotations

from typing import Final

import hypothesis.strategies as st

import stressor.vmstate as vm
from stressor.device import Device, Line, operation

__all__ = ["PS2Keyboard", "PS2Mouse", "Queue"]

RING: Final = 256
ROOM: Final = 16
"""Bytes that wait at most; the replies of the keyboard come on top."""
ALONE: Final = -1
"""What a command is while none waits for its argument, and the end of the replies while there are none."""

ACKNOWLEDGE, RESEND_REQUEST, SELF_TEST_PASSED = 0xFA, 0xFE, 0xAA
# Commands that both know, and the keyboard's
RESET, RESEND, SET_DEFAULTS, DISABLE, ENABLE, SET_RATE, READ_IDENTITY = (
    0xFF, 0xFE, 0xF6, 0xF5, 0xF4, 0xF3, 0xF2,
)  # fmt: skip
SET_LAMPS, ECHO, SELECT_SET, ALL_KEYS, KEY_MAKES = 0xED, 0xEE, 0xF0, 0xFA, 0xFC
KEYBOARD_IDENTITY: Final = (0xAB, 0x83)
RELEASED, EXTENDED = 0xF0, 0xE0
# The mouse's
SCALE_1, SCALE_2, SET_RESOLUTION, READ_STATUS, STREAM, READ_DATA, UNWRAP, WRAP, REMOTE = (
    0xE6, 0xE7, 0xE8, 0xE9, 0xEA, 0xEB, 0xEC, 0xEE, 0xF0,
)  # fmt: skip
REMOTE_MODE, ENABLED, SCALED = 0x40, 0x20, 0x10  # its status
ALWAYS, X_NEGATIVE, Y_NEGATIVE = 0x08, 0x10, 0x20  # first byte of a report
PLAIN, WITH_WHEEL, WITH_FIVE_BUTTONS = 0, 3, 4  # what it says it is
KNOCKS: Final = {(0, 200): 1, (1, 100): 2, (1, 200): 3}
"""Which rates in a row, at last 80, make an IntelliMouse of it: 200 and 100, or 200 twice."""
RATES: Final = (10, 20, 40, 60, 80, 100, 200)
MOST: Final = 0x7FFF_FFFF

TRANSLATION: Final = bytes.fromhex(
    "ff43413f3d3b3c58 644442403e0f2959 65382a701d10025a 66712c1f1e11035b 672e2d201205045c 68392f211413065d"
    "693130232215075e 6a7232241608095f 6b332517180b0a60 6c34352627190c61 6d7328741a0d626e 3a361c1b752b6376"
    "55567778797a0e7b 7c4f7d4b477e7f6f 5253504c4d480145 574e514a37494654"
) + bytes({0x83: 0x41, 0x84: 0x54}.get(code, code) for code in range(0x80, 0x100))
"""What the controller makes of codes of set 2: those of set 1 (Microsoft, appendix A)."""


def _codes(table: str) -> dict[str, tuple[bytes, int]]:
    """Read a table of keys, each with its make codes of set 2 and of set 3 (when it has another one there)."""
    keys = {}
    for entry in table.split():
        name, second, *third = entry.split(":")
        codes = bytes.fromhex(second)
        keys[name] = codes, int(third[0], 16) if third else codes[-1]
    return keys


KEYS: Final = _codes("""
esc:76:08 f1:05:07 f2:06:0f f3:04:17 f4:0c:1f f5:03:27 f6:0b:2f f7:83:37 f8:0a:3f f9:01:47 f10:09:4f f11:78:56
f12:07:5e print:e012e07c:57 scroll_lock:7e:5f pause:e11477e1f014f077:62 grave_accent:0e 1:16 2:1e 3:26 4:25 5:2e
6:36 7:3d 8:3e 9:46 0:45 minus:4e equal:55 backspace:66 tab:0d q:15 w:1d e:24 r:2d t:2c y:35 u:3c i:43 o:44 p:4d
bracket_left:54 bracket_right:5b backslash:5d:5c caps_lock:58:14 a:1c s:1b d:23 f:2b g:34 h:33 j:3b k:42 l:4b
semicolon:4c apostrophe:52 ret:5a shift:12 less:61:13 z:1a x:22 c:21 v:2a b:32 n:31 m:3a comma:41 dot:49 slash:4a
shift_r:59 ctrl:14:11 meta_l:e01f:8b alt:11:19 spc:29 alt_r:e011:39 meta_r:e027:8c compose:e02f:8d ctrl_r:e014:58
insert:e070:67 delete:e071:64 home:e06c:6e end:e069:65 pgup:e07d:6f pgdn:e07a:6d up:e075:63 left:e06b:61
down:e072:60 right:e074:6a num_lock:77:76 kp_divide:e04a:4a kp_multiply:7c:7e kp_subtract:7b:84 kp_7:6c kp_8:75
kp_9:7d kp_add:79:7c kp_4:6b kp_5:73 kp_6:74 kp_1:69 kp_2:72 kp_3:7a kp_enter:e05a:79 kp_0:70 kp_decimal:71
""")
"""The keys of an American keyboard, and the one that European ones have beside their left shift key."""


def _broken(codes: bytes) -> bytes:
    """Return the break codes of set 2: what was made last is broken first; Pause says nothing."""
    if codes[0] == 0xE1:
        return b""
    if codes[0] != EXTENDED:
        return bytes([RELEASED, *codes])
    return b"".join(bytes([EXTENDED, RELEASED, codes[at]]) for at in range(len(codes) - 1, 0, -2))


def _of_set_1(codes: bytes) -> bytes:
    """Return what codes of set 2 are in set 1, where a break code is the make code with bit 7."""
    made, high = bytearray(), 0
    for code in codes:
        if code == RELEASED:
            high = 0x80
        else:
            made.append(TRANSLATION[code] | high)
            high = 0
    return bytes(made)


class Queue:
    """A ring of 256 bytes: `count` of them from `head` on, up to `tail`."""

    __slots__ = ("count", "data", "head", "tail")

    def __init__(self) -> None:
        self.data = bytearray(RING)
        self.clear()

    def clear(self) -> None:
        """Forget what waits; the bytes stay where they are."""
        self.head = self.tail = self.count = 0

    def push(self, byte: int) -> None:
        """Append a byte, which is lost when there is no room."""
        if self.count < ROOM:
            self.data[self.tail] = byte
            self.tail = (self.tail + 1) % RING
            self.count += 1

    def pop(self) -> int:
        """Take out the oldest byte; when there is none, return the last one again."""
        if not self.count:
            return self.last
        byte = self.data[self.head]
        self.head = (self.head + 1) % RING
        self.count -= 1
        return byte

    def put_before(self, replies: bytes) -> None:
        """Have some bytes be the next ones, whatever waits."""
        for byte in reversed(replies):
            self.head = (self.head - 1) % RING
            self.data[self.head] = byte
            self.count += 1

    @property
    def last(self) -> int:
        """The byte that was taken out last."""
        return self.data[self.head - 1]


QUEUE = vm.Description(
    "PS2 queue",
    fields=[vm.i32("rptr", attribute="head"), vm.i32("wptr", attribute="tail"), vm.i32("count"), vm.buffer("data", RING)],
    validate=[
        vm.Validate("a queue is within its ring", f"0 <= head < {RING} and 0 <= tail < {RING} and 0 <= count < {RING}"),
        vm.Validate("it ends where its bytes do", f"(head + count - tail) % {RING} == 0"),
    ],
)  # fmt: skip


class PS2Keyboard(Device):
    """A keyboard of 102 keys. It translates what it sends where the controller would, as that has no state for it."""

    state = vm.Description(
        "ps2kbd",
        version=3,
        minimum_version=2,
        fields=[
            vm.i32("write_cmd", attribute="command"),
            vm.struct("queue", QUEUE),
            vm.i32("scan_enabled", attribute="scanning"),
            vm.i32("translate", attribute="translated"),
            vm.i32("scancode_set", attribute="set", since=3),
        ],
        subsections=[
            vm.Description(
                "ps2kbd/ledstate",
                version=3,
                minimum_version=2,
                needed="lamps != 0",
                fields=[vm.i32("ledstate", attribute="lamps")],
            ),
            vm.Description(
                "ps2kbd/need_high_bit",
                needed="release_follows != 0",
                fields=[vm.boolean("need_high_bit", attribute="release_follows")],
            ),
            vm.Description(
                "ps2kbd/command_reply_queue",
                version=0,
                minimum_version=0,
                needed=f"replies_end != {ALONE}",
                fields=[vm.i32("cwptr", attribute="replies_end")],
            ),
        ],
        validate=[
            vm.Validate("there are three sets of scan codes", "1 <= set <= 3"),
            vm.Validate("replies end within the ring", f"{ALONE} <= replies_end < {RING}"),
        ],
        post_load=lambda keyboard, version: keyboard._update(),
    )

    translating = Line(input=True)
    """Whether the controller's command byte wants codes of set 2 translated to set 1."""
    ready = Line()
    """Whether there is a byte for the controller."""

    def __init__(self) -> None:
        self.queue = Queue()
        self.reset()

    def reset(self) -> None:
        """Power-on; the self-test has passed, and its code been taken."""
        self.translated = self.translating.level
        self.command = ALONE
        self.release_follows = False
        self.replies_end = ALONE
        self.queue.clear()
        self.queue.data[:] = bytes(RING)
        self._set_defaults()
        self._update()

    def _set_defaults(self) -> None:
        self.scanning = 1
        self.set = 2
        self.lamps = 0

    def _update(self) -> None:
        self.ready.set(self.queue.count > 0)

    @translating.on_change
    def _translating(self, level: int) -> None:
        self.translated = level

    @operation(key=st.sampled_from(sorted(KEYS)))
    def press(self, key: str) -> None:
        """Press a key; the names are those of QEMU's key codes."""
        self._scan(key, down=True)

    @operation(key=st.sampled_from(sorted(KEYS)))
    def release(self, key: str) -> None:
        """Let a key go."""
        self._scan(key, down=False)

    def _scan(self, key: str, *, down: bool) -> None:
        if not self.scanning:
            return
        second, third = KEYS[key]
        if self.set == 3:
            codes = bytes([third] if down else [RELEASED, third])
        else:
            codes = second if down else _broken(second)
            if self.set == 1:
                codes = _of_set_1(codes)
        for code in codes:
            self._send(code)
        self._update()

    def _send(self, code: int) -> None:
        if not self.translated:
            self.queue.push(code)
        elif code == RELEASED:
            self.release_follows = True
        else:
            self.queue.push(TRANSLATION[code] | 0x80 * self.release_follows)
            self.release_follows = False

    @operation
    def read(self) -> int:
        """The controller takes a byte."""
        byte = self.queue.pop()
        if self.queue.head == self.replies_end:
            self.replies_end = ALONE
        self.ready.set(0)  # each byte is announced anew: the mouse may be next
        self._update()
        return byte

    def _reply(self, *replies: int) -> None:
        """Answer a command: before keys that wait, and in place of answers that were not taken."""
        queue = self.queue
        if self.replies_end != ALONE:
            queue.count -= (self.replies_end - queue.head) % RING
            queue.head = self.replies_end
        self.replies_end = queue.head
        translated = bytes(TRANSLATION[reply] for reply in replies) if self.translated else bytes(replies)
        queue.put_before(translated)
        self._update()

    @operation(byte=st.sampled_from((*range(4), 7, *range(0xED, 0x100), SET_LAMPS, SELECT_SET, 0x80)))
    def write(self, byte: int) -> None:
        """The controller sends a command, or the argument of one."""
        command, self.command = self.command, ALONE
        if command != ALONE:
            self._argument(command, byte)
        elif byte == ECHO:
            self._reply(ECHO)
        elif byte == READ_IDENTITY:
            self._reply(ACKNOWLEDGE, *KEYBOARD_IDENTITY)
        elif byte == RESEND:
            self._reply(self.queue.last)
        elif byte == RESET:
            self._clear()
            self._set_defaults()
            self._reply(ACKNOWLEDGE, SELF_TEST_PASSED)
        elif byte in (SET_LAMPS, SELECT_SET, SET_RATE, KEY_MAKES):
            self.command = byte
            self._reply(ACKNOWLEDGE)
        elif byte in (ENABLE, DISABLE, SET_DEFAULTS):
            self._enable(byte)
            self._reply(ACKNOWLEDGE)
        else:
            self._reply(ACKNOWLEDGE if byte == ALL_KEYS else RESEND_REQUEST)

    def _argument(self, command: int, byte: int) -> None:
        if command == SELECT_SET and byte > 3:
            self._reply(RESEND_REQUEST)
        elif command == SELECT_SET and byte == 0:
            self._reply(ACKNOWLEDGE, self.set)
        else:
            if command == SELECT_SET:
                self.set = byte
            elif command == SET_LAMPS:
                self.lamps = byte
            self._reply(ACKNOWLEDGE)

    def _enable(self, command: int) -> None:
        """Do what enable, disable and set defaults do: "the keyboard clears its output buffer"."""
        self._clear()
        if command != ENABLE:
            self._set_defaults()
        self.scanning = int(command != DISABLE)

    def _clear(self) -> None:
        self.queue.clear()
        self.replies_end = ALONE


class PS2Mouse(Device):
    """A mouse of two buttons or three, which becomes an IntelliMouse for who knows how to ask."""

    state = vm.Description(
        "ps2mouse",
        version=2,
        fields=[
            vm.i32("write_cmd", attribute="command"),
            vm.struct("queue", QUEUE),
            vm.u8("mouse_status", attribute="status"),
            vm.u8("mouse_resolution", attribute="resolution"),
            vm.u8("mouse_sample_rate", attribute="sample_rate"),
            vm.u8("mouse_wrap", attribute="wrapping"),
            vm.u8("mouse_type", attribute="kind"),
            vm.u8("mouse_detect_state", attribute="knocks"),
            vm.i32("mouse_dx", attribute="x"),
            vm.i32("mouse_dy", attribute="y"),
            vm.i32("mouse_dz", attribute="z"),
            vm.u8("mouse_buttons", attribute="buttons"),
        ],
        validate=[vm.Validate("there are three ways to have begun", "knocks < 4")],
        post_load=lambda mouse, version: mouse._update(),
    )

    ready = Line()
    """Whether there is a byte for the controller."""

    def __init__(self) -> None:
        self.queue = Queue()
        self.reset()

    def reset(self) -> None:
        """Power-on; the self-test has passed, and its code been taken."""
        self.command = ALONE
        self.wrapping = 0
        self.knocks = 0
        self.x = self.y = self.z = 0
        self.buttons = 0
        self.kind = PLAIN
        self._set_defaults()
        self.queue.clear()
        self.queue.data[:] = bytes(RING)
        self._update()

    def _set_defaults(self) -> None:
        self.sample_rate = 100
        self.resolution = 2  # 4 counts a millimetre
        self.status = 0

    def _update(self) -> None:
        self.ready.set(self.queue.count > 0)

    @operation(right=st.integers(-300, 300), up=st.integers(-300, 300), wheel=st.integers(-10, 10))
    def move(self, right: int, up: int, wheel: int) -> None:
        """Move the mouse, and turn its wheel towards the user."""
        if self.status & ENABLED:
            self.x = _within(self.x + right, MOST)
            self.y = _within(self.y + up, MOST)
            self.z = _within(self.z + wheel, MOST)
            self._moved()

    @operation(button=st.integers(0, 4), down=st.booleans())
    def click(self, button: int, down: bool) -> None:
        """Press a button or let it go: left, right, middle, and those at the sides."""
        if self.status & ENABLED:
            bit = 1 << button
            self.buttons = self.buttons | bit if down else self.buttons & ~bit
            self._moved()

    def _moved(self) -> None:
        """Report at once in stream mode, as often as it takes and there is room."""
        if not self.status & REMOTE_MODE:
            while self._report() and (self.x or self.y or self.z):
                pass
        self._update()

    def _report(self) -> bool:
        """Queue a report of what has come together; False when there is no room for it."""
        if self.queue.count + 3 + (self.kind in (WITH_WHEEL, WITH_FIVE_BUTTONS)) > ROOM:
            return False
        x, y, z = _within(self.x, 127), _within(self.y, 127), self.z
        first = ALWAYS | self.buttons & 7 | X_NEGATIVE * (x < 0) | Y_NEGATIVE * (y < 0)
        for byte in (first, x & 0xFF, y & 0xFF):
            self.queue.push(byte)
        if self.kind == WITH_WHEEL:
            z = _within(z, 127)
            self.queue.push(z & 0xFF)
        elif self.kind == WITH_FIVE_BUTTONS:
            z = _within(z, 7)
            self.queue.push(z & 0x0F | (self.buttons & 0x18) << 1)
        self.x, self.y, self.z = self.x - x, self.y - y, self.z - z
        return True

    @operation
    def read(self) -> int:
        """The controller takes a byte."""
        byte = self.queue.pop()
        self.ready.set(0)  # each byte is announced anew: the keyboard may be next
        self._update()
        return byte

    def _reply(self, *replies: int) -> None:
        """Answer a command, behind what waits; an answer that has no room is lost as a whole."""
        if self.queue.count + len(replies) <= ROOM:
            for reply in replies:
                self.queue.push(reply)
        self._update()

    @operation(byte=st.sampled_from((*range(4), *RATES, *range(0xE6, 0x100), SET_RESOLUTION, WRAP, 0x55)))
    def write(self, byte: int) -> None:
        """The controller sends a command, or the argument of one."""
        command, self.command = self.command, ALONE
        if command != ALONE:
            self._argument(command, byte)
        elif self.wrapping and byte not in (UNWRAP, RESET):
            self._reply(byte)
        elif byte == RESEND:
            self._reply(self.queue.last)
        elif byte in (SET_RATE, SET_RESOLUTION):
            self.command = byte
            self._reply(ACKNOWLEDGE)
        elif byte == READ_IDENTITY:
            self._reply(ACKNOWLEDGE, self.kind)
        elif byte == READ_STATUS:
            self._reply(ACKNOWLEDGE, self._status(), self.resolution, self.sample_rate)
        elif byte == READ_DATA:
            self._reply(ACKNOWLEDGE)
            self._report()
            self._update()
        elif byte == RESET:
            self._reset_by_command()
        elif self._change_mode(byte):
            self._reply(ACKNOWLEDGE)
        else:
            self._reply(RESEND_REQUEST)

    @operation(rates=st.sampled_from(((200, 100, 80), (200, 200, 80), (100, 40), (200,))))
    def knock(self, rates: tuple[int, ...]) -> None:
        """The controller sets some rates in a row, as a driver does that looks for an IntelliMouse."""
        for rate in rates:
            self.write(SET_RATE)
            self.write(rate)

    def _status(self) -> int:
        """Return the first byte of a status report: left is bit 2 there, and right is bit 0."""
        left, right, middle = (self.buttons >> button & 1 for button in range(3))
        return self.status | left << 2 | middle << 1 | right

    def _reset_by_command(self) -> None:
        self._set_defaults()
        self.wrapping = 0
        self.kind = PLAIN
        self.queue.clear()
        self._reply(ACKNOWLEDGE, SELF_TEST_PASSED, PLAIN)

    def _change_mode(self, command: int) -> bool:
        """Do what a command without argument and data does; False when there is no such command."""
        if command in (SCALE_1, SCALE_2):
            self.status = self.status & ~SCALED | SCALED * (command == SCALE_2)
        elif command in (STREAM, REMOTE):
            self.status = self.status & ~REMOTE_MODE | REMOTE_MODE * (command == REMOTE)
        elif command in (ENABLE, DISABLE):
            self.status = self.status & ~ENABLED | ENABLED * (command == ENABLE)
        elif command == SET_DEFAULTS:
            self._set_defaults()
        elif command == WRAP or (command == UNWRAP and self.wrapping):
            self.wrapping = int(command == WRAP)
        else:
            return False
        return True

    def _argument(self, command: int, byte: int) -> None:
        if byte not in (RATES if command == SET_RATE else range(4)):
            self._reply(RESEND_REQUEST)
            return
        if command == SET_RATE:
            self.sample_rate = byte
            if byte == 80 and self.knocks > 1:
                self.kind = WITH_WHEEL if self.knocks == 2 else WITH_FIVE_BUTTONS
            self.knocks = KNOCKS.get((self.knocks, byte), 0)
        else:
            self.resolution = byte
        self._reply(ACKNOWLEDGE)


def _within(value: int, most: int) -> int:
    return max(-most, min(value, most))
