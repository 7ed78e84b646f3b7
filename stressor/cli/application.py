"""The command `stressor`: its verbs, and how it ends."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from io import TextIOWrapper

import click

from stressor import __version__
from stressor.cli.common import Session, print_error
from stressor.cli.exit_code import ExitCode
from stressor.errors import NoDeviceError, RecordError, StressorError, UnsuitableError, UsageError

__all__ = ["main"]


_VERBS = {
    "run": "run",
    "audit": "audit",
    "soak": "soak",
    "replay": "replay",
    "show": "show",
    "promote": "promote",
    "findings": "findings",
    "report": "report",
    "list": "list_all",
    "inspect": "inspect",
    "describe": "describe",
    "check": "check",
    "doctor": "doctor",
    "config": "config",
}
"""Each verb is a module of `stressor.cli`, and the name of its command there."""


class _Verbs(click.Group):
    """Imports the module of the verb that is called, and no other: the half of the time to start."""

    def list_commands(self, context: click.Context) -> list[str]:
        return [*_VERBS]

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in _VERBS:
            return None
        verb: click.Command = getattr(import_module(f"stressor.cli.{name}"), _VERBS[name])
        return verb


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80})
@click.version_option(__version__, prog_name="stressor", message="%(prog)s %(version)s")
def stressor() -> None:
    """Stress-test the saved state of device models: stop, save, reset, load, resume."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code, see `ExitCode`. Errors are one line on stderr."""
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115 - one that is closed: there is nobody to tell
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a report in any encoding beats none
    session = Session()
    try:
        # Not through click's own main(): that ends with 1, which means findings, on a closed pipe.
        words = list(sys.argv[1:] if arguments is None else arguments)
        if words[:1] == ["run"] and "--" in words:
            session.behind = words[words.index("--") + 1 :]
            words = words[: words.index("--")]
        with stressor.make_context("stressor", words, obj=session) as context:
            code = stressor.invoke(context)
        sys.stdout.flush()
        return int(code or 0)
    except click.exceptions.Exit as end:  # --help and --version
        return end.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return ExitCode.USAGE
    except click.ClickException as error:
        where = getattr(error, "ctx", None)
        hint = f"; see {where.command_path} --help" if where is not None else ""
        print_error(error.format_message().rstrip(".") + hint)
        return ExitCode.USAGE
    except (KeyboardInterrupt, click.Abort):
        print_error("aborted")
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        # Whoever read the output went away; the flush at exit must not complain about it again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.INTERRUPTED
    except StressorError as error:
        print_error(error, verbose=session.verbose)
        return _code_of(error)
    except SystemExit as error:
        print_error(f"a device called sys.exit({error.code!r}), and nothing was left to be told; correct it, or leave it out")
        return ExitCode.BROKEN
    except OSError as error:
        if error.filename is not None or error.errno not in (errno.ENOSPC, errno.EIO, errno.EFBIG):
            return _fault(error, session)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        print_error(f"standard output: {error.strerror}; make room, or send it elsewhere")
        return ExitCode.BROKEN
    except Exception as error:
        return _fault(error, session)


def _fault(error: Exception, session: Session) -> ExitCode:
    print_error(error, verbose=session.verbose)
    if not session.verbose:
        sys.stderr.write(f"this is a fault of Stressor ({type(error).__name__}); -v prints where\n")
    return ExitCode.BROKEN


def _code_of(error: StressorError) -> ExitCode:
    if isinstance(error, NoDeviceError | UnsuitableError):
        return ExitCode.NOTHING_RAN
    return ExitCode.USAGE if isinstance(error, UsageError | RecordError) else ExitCode.BROKEN
