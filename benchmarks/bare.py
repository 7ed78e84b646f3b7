"""QEMU without a harness: a process and two sockets, for what ours is held against."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from stressor.targets.qemu.discovery import Layout
from stressor.targets.qemu.process import always
from stressor.targets.qemu.storage import Storage

__all__ = ["BareQemu"]

_SECONDS = 60.0


class BareQemu(AbstractContextManager["BareQemu"]):
    """A QEMU with a layout's command line. `image` is where its snapshots go, if it is to have any."""

    def __init__(self, layout: Layout, image: Path | None = None, more: Sequence[str] = ()) -> None:
        drive = []
        if image is not None:
            self.storage = Storage(image)
            drive = ["-drive", f"if=none,file={image},format=qcow2,cache=unsafe"]
        self._monitor, monitor = socket.socketpair()
        self._qtest, qtest = socket.socketpair()
        with monitor, qtest:
            self._process = subprocess.Popen(
                [
                    layout.binary.path, *always(layout.binary, layout.arguments), "-m", layout.memory, *drive, *layout.arguments, *more,
                    "-chardev", f"socket,id=monitor,fd={monitor.fileno()}",
                    "-mon", "chardev=monitor,mode=control",
                    "-chardev", f"socket,id=qtest,fd={qtest.fileno()}",
                    "-object", "qtest,id=tests,chardev=qtest,log=/dev/null",
                ],
                stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                pass_fds=(monitor.fileno(), qtest.fileno()),
            )  # fmt: skip
        self._monitor.settimeout(_SECONDS)
        self._qtest.settimeout(_SECONDS)
        self._answers = self._monitor.makefile("rb")
        self._answers.readline()
        self.execute("qmp_capabilities")

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        self._answers.close()
        self._monitor.close()
        self._qtest.close()

    def execute(self, command: str, **arguments: object) -> Any:
        """Return what a QMP command returns. Raises RuntimeError when it is refused."""
        (answer,) = self.send([{"execute": command, "arguments": arguments}])
        return answer["return"]

    def human(self, line: str) -> None:
        """Run a line of the human monitor. Raises RuntimeError when it prints something."""
        said = self.execute("human-monitor-command", **{"command-line": line})
        if said:
            raise RuntimeError(f"{line}: {said}")

    def send(self, messages: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Send messages in one go, and return their answers; events are passed over."""
        self._monitor.sendall(b"".join(json.dumps(message).encode() + b"\n" for message in messages))
        answers: list[dict[str, Any]] = []
        while len(answers) < len(messages):
            answer = json.loads(self._answers.readline())
            if "error" in answer:
                raise RuntimeError(f"{messages}: {answer['error']}")
            if "event" not in answer:
                answers.append(answer)
        return answers

    def ask(self, line: str) -> bytes:
        """Return the answer to one line of qtest."""
        self._qtest.sendall(line.encode() + b"\n")
        return self._qtest.recv(4096)
