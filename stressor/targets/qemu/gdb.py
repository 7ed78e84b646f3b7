"""The few commands of the gdb remote protocol that a processor is started and stopped with.

Source: the GDB manual, appendix E "Remote Serial Protocol": a packet is `$text#sum`. Of QEMU's stub:
a packet that follows stands for the acknowledgement of the answer before, and any byte that comes
while the machine runs stops it. So nothing is ever acknowledged.
"""

from __future__ import annotations

import re
import select
import socket
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

__all__ = ["Gdb", "GdbError", "GdbSilent", "Register"]

_PACKET: Final = re.compile(rb"\$([^#]*)#[0-9a-f]{2}")
_INCLUDED: Final = re.compile(r'<xi:include href="([^"]+)"')
_REGISTER: Final = re.compile(r"<reg\s[^>]*>")
_ATTRIBUTE: Final = re.compile(r'(\w+)="([^"]*)"')
_LONGEST: Final = 1 << 20
_PIECE: Final = 0x800
_INTERRUPT: Final = b"\x03"


class GdbError(Exception):
    """The stub closed the connection, did not answer in time, or not as it should."""


class GdbSilent(GdbError):
    """There was no answer in time."""


class Register(NamedTuple):
    """Where the stub keeps a register: its number, and its size in bytes."""

    number: int
    size: int


class Gdb:
    """One connection over one end of a socket pair. `seconds` bounds the wait for any answer."""

    def __init__(self, end: socket.socket, seconds: float) -> None:
        self._socket: Final = end
        self._socket.settimeout(seconds)
        self.seconds: Final = seconds
        self._pending = b""
        self._registers: dict[str, Register] | None = None

    @property
    def registers(self) -> Mapping[str, Register]:
        """The first processor's registers by name; before they were asked for, the stub gives none."""
        if self._registers is None:
            self._registers = {}
            for name in _INCLUDED.findall(self._description("target.xml")):
                self._learn(self._description(name))
        return self._registers

    def exchange(self, read: Sequence[str], write: Mapping[str, int]) -> list[int]:
        """Return some registers' values, and then write others. Raises GdbError."""
        reads = [f"p{self._register(name).number:x}" for name in read]
        self._send([*reads, *self._writes(write)])
        answers = [self._answer() for _ in read]
        for _ in write:
            self._agreed()
        try:
            return [int.from_bytes(bytes.fromhex(answer), "little") for answer in answers]
        except ValueError as error:
            raise GdbError(f"QEMU's gdb stub answered {answers!r:.80}") from error

    def start(self, write: Mapping[str, int]) -> None:
        """Write registers of the first processor, and let it run; the others stand still."""
        self._send([*self._writes(write), "vCont;c:1"])
        for _ in write:
            self._agreed()

    def resume(self) -> None:
        """Let the first processor run on."""
        self._send(["vCont;c:1"])

    def run_for_nothing(self) -> None:
        """Start the machine and stop it at once: what waits for it to run is done, and no processor
        executes an instruction, as QEMU takes in both before it does anything else. Raises GdbError."""
        self._send(["vCont;c:1"], _INTERRUPT)
        self._stopped()

    def stop(self, after: float) -> None:
        """Stop the machine after so many seconds, if it runs until then. Raises GdbError."""
        if not self._pending:
            select.select([self._socket], [], [], after)
        self._transmit(_INTERRUPT)
        self._stopped()

    def _stopped(self) -> None:
        answer = self._answer()
        if not answer.startswith(("T", "S")):
            raise GdbError(f"QEMU's gdb stub answered {answer[:80]!r}")

    def close(self) -> None:
        """Close the connection; never raises."""
        self._socket.close()

    def _writes(self, values: Mapping[str, int]) -> Iterable[str]:
        for name, value in values.items():
            register = self._register(name)
            yield f"P{register.number:x}={value.to_bytes(register.size, 'little').hex()}"

    def _register(self, name: str) -> Register:
        try:
            return self.registers[name]
        except KeyError as error:
            raise GdbError(f"the processor has no register {name}") from error

    def _learn(self, description: str) -> None:
        """Add the registers of one feature: numbered on, where the description gives no number."""
        registers = self._registers
        assert registers is not None
        number = max((register.number for register in registers.values()), default=-1) + 1
        for line in _REGISTER.findall(description):
            given = dict(_ATTRIBUTE.findall(line))
            number = int(given.get("regnum", number))
            registers.setdefault(given["name"], Register(number, int(given["bitsize"]) // 8))
            number += 1

    def _description(self, name: str) -> str:
        text = ""
        while True:
            self._send([f"qXfer:features:read:{name}:{len(text):x},{_PIECE:x}"])
            answer = self._answer()
            if answer[:1] not in ("m", "l") or len(text) > _LONGEST:
                raise GdbError(f"QEMU's gdb stub does not describe the processor: {answer[:80]!r}")
            text += answer[1:]
            if answer[0] == "l":
                return text

    def _send(self, packets: Sequence[str], behind: bytes = b"") -> None:
        data = b""
        for packet in packets:
            encoded = packet.encode("ascii")
            data += b"$%b#%02x" % (encoded, sum(encoded) & 0xFF)
        self._transmit(data + behind)

    def _transmit(self, data: bytes) -> None:
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise self._broken(error) from error

    def _agreed(self) -> None:
        answer = self._answer()
        if answer != "OK":
            raise GdbError(f"QEMU's gdb stub answered {answer[:80]!r}")

    def _answer(self) -> str:
        while not (packet := _PACKET.search(self._pending)):
            try:
                data = self._socket.recv(1 << 16)
            except OSError as error:
                raise self._broken(error) from error
            if not data:
                raise GdbError("QEMU closed the connection")
            self._pending += data
            if len(self._pending) > _LONGEST:
                raise GdbError(f"an answer of more than {_LONGEST} bytes")
        self._pending = self._pending[packet.end() :]
        return packet[1].decode("latin-1")

    def _broken(self, error: OSError) -> GdbError:
        if isinstance(error, TimeoutError):
            return GdbSilent(f"no answer from the gdb stub within {self.seconds:g} s")
        return GdbError("QEMU closed the connection")
