"""The `serial` section that a real QEMU writes, after some writes to the registers of its first port."""

from __future__ import annotations

import json
import re
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

__all__ = ["BINARY", "QemuSerial", "serial_section"]

BINARY = "qemu-system-x86_64"
PORT = 0x3F8
_HEADER = re.compile(rb"\x04(.{4})\x06serial\0\0\0\0\0\0\0\x03", re.DOTALL)


def serial_section(stream: bytes) -> bytes:
    """Cut the section of the first port, header and footer included, out of a migration stream."""
    header = _HEADER.search(stream)
    if header is None:
        raise ValueError("the stream has no serial/0 section of version 3")
    footer = b"\x7e" + header[1]
    return stream[header.start() : stream.index(footer, header.end()) + len(footer)]


class QemuSerial:
    """A stopped PC with one serial port, driven through qtest; use it as a context manager."""

    def __init__(self, folder: Path, *, serial: str = "null", incoming: bytes | None = None) -> None:
        """Start it in `folder`, its port at the character device `serial`; with `incoming`, from a
        whole migration stream."""
        folder.mkdir(exist_ok=True)
        self._folder = folder
        sockets = {}
        arguments = [BINARY, "-M", "pc", "-accel", "tcg", "-S", "-display", "none", "-nodefaults"]
        arguments += ["-m", "1", "-serial", serial, "-qtest-log", "/dev/null"]
        if incoming is not None:
            (folder / "incoming").write_bytes(incoming)
            arguments += ["-incoming", f"exec:cat {folder / 'incoming'}"]
        for name in ("qmp", "qtest"):
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(str(folder / name))
            listener.listen(1)
            listener.settimeout(20)
            sockets[name] = listener
            arguments += [f"-{name}", f"unix:{folder / name}"]
        self._process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL)
        try:
            self._qmp, self._qtest = (self._accept(listener) for listener in sockets.values())
            self._qmp.readline()
            self.command("qmp_capabilities")
            if incoming is not None:
                self._wait("completed")
        except BaseException:
            self.close()
            raise
        finally:
            for listener in sockets.values():
                listener.close()

    @staticmethod
    def _accept(listener: socket.socket) -> Any:
        connection, _ = listener.accept()
        connection.settimeout(20)
        with connection:
            return connection.makefile("rw", newline="\n")

    def __enter__(self) -> QemuSerial:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        for name in ("_qmp", "_qtest"):
            if hasattr(self, name):
                getattr(self, name).close()

    def command(self, name: str, **arguments: object) -> Any:
        """Run one QMP command and return its answer. Raises RuntimeError when QEMU refuses it."""
        message = {"execute": name, "arguments": arguments}
        self._qmp.write(json.dumps(message) + "\n")
        self._qmp.flush()
        while True:
            answer = json.loads(self._qmp.readline())
            if "error" in answer:
                raise RuntimeError(f"{name}: {answer['error']['desc']}")
            if "return" in answer:
                return answer["return"]

    def _ask(self, line: str) -> str:
        self._qtest.write(line + "\n")
        self._qtest.flush()
        while True:
            answer: str = self._qtest.readline()
            if not answer.startswith("IRQ"):
                return answer

    def write(self, registers: Sequence[tuple[int, int]]) -> None:
        """Write `(offset, value)` pairs to the port."""
        for offset, value in registers:
            self._ask(f"outb {PORT + offset:#x} {value:#x}")

    def read(self, offset: int) -> int:
        return int(self._ask(f"inb {PORT + offset:#x}").split()[1], 16)

    def save(self) -> bytes:
        """Return the whole migration stream. A stopped machine migrates only once."""
        file = self._folder / "stream"
        self.command("migrate", uri=f"exec:cat > {file}")
        self._wait("completed")
        return file.read_bytes()

    def _wait(self, wanted: str) -> None:
        status = None
        for _ in range(100_000):
            status = self.command("query-migrate").get("status")
            if status == wanted:
                return
            if status == "failed":
                break
        raise RuntimeError(f"QEMU could not migrate: {status}")
