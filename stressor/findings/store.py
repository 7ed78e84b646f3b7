"""A folder of findings, one file each, named by its id."""

from __future__ import annotations

import contextlib
import difflib
import os
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from stressor.errors import RecordError, UsageError
from stressor.findings.record import encode, read
from stressor.loop.finding import Finding

__all__ = ["DEFAULT_FOLDER", "Store", "write_atomically"]

DEFAULT_FOLDER = Path(".stressor/findings")
_SUFFIX = ".json"


class Store:
    """The findings in one folder. The folder need not exist before the first is written.

    `others` are folders in which `find` looks as well.
    """

    def __init__(self, folder: Path = DEFAULT_FOLDER, others: Sequence[Path] = ()) -> None:
        self.folder: Final = folder
        self._others: Final = others

    def write(self, finding: Finding) -> Path:
        """Store a finding and return its file.

        One that is stored already is kept unless the new trace is shorter. A stored file that
        cannot be read is moved aside, never overwritten. The file appears whole or not at all: raises
        RecordError when it cannot be written, and what was there before is intact.
        """
        file = self.folder / (finding.id + _SUFFIX)
        try:
            if file.exists() and not self._is_better(finding, file):
                return file
            write_atomically(file, encode(finding))
        except OSError as error:
            raise RecordError(
                str(file),
                f"the finding cannot be written: {error.strerror or error}",
                "make room, or choose another folder with --findings",
            ) from error
        return file

    def paths(self) -> list[Path]:
        """Return the files of all findings, by id."""
        return sorted(self.folder.glob("F-*" + _SUFFIX))

    def all(self) -> list[Finding]:
        """Return all findings, by id. Raises RecordError for the first that cannot be read."""
        return [read(file) for file in self.paths()]

    def find(self, prefix: str) -> Path:
        """Return the file of the one finding whose id starts with `prefix` ("F-" may be left out).

        Raises UsageError when there is none, or more than one.
        """
        wanted = "F-" + prefix.strip().lower().removeprefix("f-")
        elsewhere = [file for folder in self._others for file in Store(folder).paths()]
        files = {file.stem: file for file in reversed([*self.paths(), *elsewhere])}
        identities = sorted(files)
        matches = [identity for identity in identities if identity.startswith(wanted)]
        if wanted in matches or len(matches) == 1:
            return files[wanted if wanted in matches else matches[0]]
        if not identities:
            raise UsageError(f"no finding {prefix}: there is none in {self.folder}; see --findings")
        if matches:
            raise UsageError(
                f"{prefix} is ambiguous: {_listing(matches)}; give more of the id's digits"
            )
        close = difflib.get_close_matches(wanted, identities, n=3, cutoff=0.5)
        cure = f"did you mean {_listing(close)}?" if close else "`stressor list` names all findings"
        raise UsageError(f"no finding {prefix} in {self.folder}; {cure}")

    def remove(self, finding: Finding) -> None:
        """Delete a finding's file; only for one that is proven fixed."""
        (self.folder / (finding.id + _SUFFIX)).unlink(missing_ok=True)

    def _is_better(self, finding: Finding, file: Path) -> bool:
        try:
            stored = read(file)
        except RecordError:
            os.replace(file, file.with_name(file.name + ".unreadable"))
            return True
        return len(finding.trace) < len(stored.trace)


def write_atomically(file: Path, data: bytes) -> None:
    """Write a file that appears whole or not at all; its folder is made. Raises OSError, and then what was there
    before is intact. A link stays one, and what is no file (`/dev/stdout`) is written to as it is."""
    file = Path(os.path.realpath(file))
    if file.exists() and not file.is_file():
        file.write_bytes(data)
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(prefix=".writing-", dir=file.parent)
    try:
        with open(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        # mkstemp makes files private, but a finding is shared: give it the usual permissions.
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(temporary, 0o666 & ~mask)
        os.replace(temporary, file)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def _listing(identities: Iterable[str]) -> str:
    shown = list(identities)
    return ", ".join(shown[:5]) + (f" and {len(shown) - 5} more" if len(shown) > 5 else "")
