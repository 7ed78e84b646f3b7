"""QEMU's monitor: commands one at a time, each with a time limit.

The protocol is `qemu.qmp`'s, which is asynchronous; its event loop only runs inside `execute`, so
everybody else's code stays plain.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Collection, Coroutine
from typing import Any, Final, TypeVar

from qemu.qmp import EventListener, ExecuteError, Message, QMPClient, QMPError

__all__ = ["CommandError", "Monitor", "MonitorError", "MonitorSilent"]

T = TypeVar("T")

_TOLD: Final = ("RESET", "SHUTDOWN", "GUEST_PANICKED", "GUEST_CRASHLOADED", "WATCHDOG", "BLOCK_IO_ERROR")
"""Events that say something of the guest; the others come with every command of ours."""


class MonitorError(Exception):
    """The monitor did not answer: QEMU died, hangs, or closed it. The message says which."""


class MonitorSilent(MonitorError):
    """There was no answer in time."""


class CommandError(Exception):
    """QEMU answered a command with an error; the message is its own."""


class Monitor:
    """One connection over one end of a socket pair. `seconds` bounds every command, `starting` the
    wait for the first sign of life."""

    def __init__(self, end: socket.socket, seconds: float, starting: float) -> None:
        self.seconds: Final = seconds
        self._loop: Final = asyncio.new_event_loop()
        self._client: Final = _Client("stressor")
        self._client.events.event_filter = lambda event: False  # or it would keep each for ever
        self._events: Final = EventListener(event_filter=_of_the_guest)
        self._client.register_listener(self._events)
        try:
            self._run(self._client.connect(end), "the greeting", starting)
        except BaseException:
            self._end()
            raise

    def execute(self, command: str, **arguments: object) -> Any:
        """Return what a command returns. Raises CommandError and MonitorError.

        Underscores in names of arguments stand for hyphens, as QEMU writes them.
        """
        given = {name.replace("_", "-"): value for name, value in arguments.items()}
        return self._run(self._client.execute(command, given or None), command)

    def reset(self) -> None:
        """Reset the machine; the reset is done on return. Raises as `execute`."""
        self._run(self._reset(), "system_reset")

    async def _reset(self) -> None:
        """The event tells of the reset, the connection's end of a QEMU that died of it. Another listener,
        and a command that is sent along, would cost as much as a third of the reset itself."""
        done = self._client.was_reset = self._loop.create_future()
        await self._client.execute("system_reset")
        broke = self._loop.create_task(self._client.runstate_changed())
        try:
            await asyncio.wait((done, broke), return_when=asyncio.FIRST_COMPLETED)
        finally:
            broke.cancel()
        if not done.done():
            raise EOFError("the machine was being reset")

    def human(self, line: str) -> str:
        """Return what the human monitor prints for a line. Raises as `execute`."""
        text = str(self.execute("human-monitor-command", command_line=line))
        return text.replace("\r\n", "\n")

    def events(self) -> Collection[Message]:
        """Return what QEMU told of the guest since the last time: its own reset, its end, a panic.

        Only what was there when the last command was answered.
        """
        return self._events.clear()

    def close(self) -> None:
        """Let go of the connection; never raises, and works on one that broke as well."""
        if self._loop.is_closed():
            return
        try:
            self._run(self._client.disconnect(), "closing")
        except (MonitorError, CommandError):
            pass
        finally:
            self._end()

    def _end(self) -> None:
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()

    def _run(self, action: Coroutine[Any, Any, T], what: str, seconds: float | None = None) -> T:
        task = self._loop.create_task(action)
        seconds = seconds or self.seconds
        late = self._loop.call_later(seconds, task.cancel)  # half the cost of a `wait_for`
        try:
            return self._loop.run_until_complete(task)
        except ExecuteError as error:
            raise CommandError(str(error)) from error
        except asyncio.CancelledError as error:
            raise MonitorSilent(f"no answer to {what} within {seconds:g} s") from error
        except (QMPError, OSError, EOFError) as error:
            raise MonitorError(f"the connection broke at {what}") from error
        except BaseException:  # Ctrl-C, or the watchdog: nobody is to wait for this answer
            task.cancel()
            self._loop.run_until_complete(asyncio.wait((task,), timeout=1.0))
            raise
        finally:
            late.cancel()


class _Client(QMPClient):
    """Without its log, for which it would set out every message in lines before it is sent; `was_reset`
    is done when the machine was reset by the monitor."""

    was_reset: asyncio.Future[None] | None = None

    def _cb_outbound(self, msg: Message) -> Message:
        return msg

    def _cb_inbound(self, msg: Message) -> Message:
        done = self.was_reset
        if done is not None and msg.get("event") == "RESET" and _is_ours(msg) and not done.done():
            done.set_result(None)
        return msg


def _is_ours(event: Message) -> bool:
    """Return whether a reset is the monitor's: a register that was written can ask for one too."""
    data = event["data"]
    return isinstance(data, dict) and not data.get("guest")


def _of_the_guest(event: Message) -> bool:
    """Return whether the guest did it, and not a command of ours."""
    data: Any = event.get("data", {})
    return event.get("event") in _TOLD and data.get("guest", True) is not False
