"""What real QEMU binaries save: a stream and an internal snapshot of each machine, unstarted."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ["MACHINES", "Saved", "missing", "save"]

X86, ARM = "qemu-system-x86_64", "qemu-system-arm"

MACHINES: dict[str, tuple[str, ...]] = {
    "pc": (X86, "-m", "1"),
    "q35": (X86, "-m", "1"),
    "microvm": (X86, "-m", "1"),
    "virt": (ARM, "-m", "1"),
    "vexpress-a9": (ARM, "-m", "1"),
    "versatilepb": (ARM, "-m", "1"),
    "raspi2b": (ARM,),
    "mps2-an385": (ARM,),
    "sabrelite": (ARM, "-m", "1"),
    "palmetto-bmc": (ARM,),
}

_SECONDS = 30


class Saved(NamedTuple):
    """The two files that hold one machine's state."""

    stream: Path
    image: Path


def missing(machine: str) -> str | None:
    """Return why a machine cannot be saved here, None when it can."""
    for binary in (MACHINES[machine][0], "qemu-img"):
        if shutil.which(binary) is None:
            return f"{binary} is not installed"
    return None


def save(machine: str, folder: Path) -> Saved:
    """Start a machine stopped, save it both ways, and end it. Raises RuntimeError on failure."""
    folder.mkdir(parents=True, exist_ok=True)
    stream, image = folder / "guest.mig", folder / "disk.qcow2"
    subprocess.run(
        ["qemu-img", "create", "-q", "-f", "qcow2", image, "64M"], check=True, timeout=_SECONDS
    )
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "qmp"))
        listener.listen(1)
        listener.settimeout(_SECONDS)
        binary, *arguments = MACHINES[machine]
        command = [binary, "-M", machine, *arguments, "-accel", "tcg", "-S", "-display", "none"]
        command += ["-nodefaults", "-audiodev", "none,id=none", "-qmp", f"unix:{folder / 'qmp'}"]
        command += ["-rtc", "base=2020-01-01,clock=vm"]  # or the host's clock is saved
        command += ["-drive", f"if=none,id=disk,format=qcow2,cache=unsafe,file={image}"]
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            connection, _ = listener.accept()
            connection.settimeout(_SECONDS)
            with connection, connection.makefile("rw") as channel:
                _save(channel, stream)
        finally:
            process.kill()
            process.wait()
    return Saved(stream, image)


def _save(channel: Any, stream: Path) -> None:
    channel.readline()
    _ask(channel, "qmp_capabilities")
    said = _ask(channel, "human-monitor-command", **{"command-line": "savevm snap"})
    if said:
        raise RuntimeError(said)
    _ask(channel, "migrate", uri=f"exec:cat > {stream}")
    status = None
    while status != "completed":
        status = _ask(channel, "query-migrate").get("status")
        if status == "failed":
            raise RuntimeError("the migration failed")


def _ask(channel: Any, command: str, **arguments: object) -> Any:
    channel.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
    channel.flush()
    while True:
        line = channel.readline()
        if not line:
            raise RuntimeError(f"QEMU ended at {command}")
        answer = json.loads(line)
        if "error" in answer:
            raise RuntimeError(f"{command}: {answer['error']['desc']}")
        if "return" in answer:
            return answer["return"]
