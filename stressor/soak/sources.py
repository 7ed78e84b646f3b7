"""The code of a target on its way to another machine, and the check that what is there is the same.

A target that is reached by a file travels as text, with the project's modules that it imports. One that is
reached by import (`package.module:Class`) is imported over there, and has to be the same, byte for byte; so
has Stressor.
"""

from __future__ import annotations

import atexit
import hashlib
import importlib.util
import shutil
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Final

from stressor.errors import TargetError, UsageError
from stressor.soak.job import Sources
from stressor.targets.qemu.storage import new_folder

__all__ = ["check_imported", "clear", "gathered", "unpacked"]

_LARGEST: Final = 8 << 20
_OWN: Final = Path(__file__).resolve().parents[1]
_FOLDERS: Final[dict[str, Path]] = {}
_QEMU: Final = "qemu:"


def gathered(specification: str, root: Path) -> Sources:
    """Return the code of a target that was just loaded in this process.

    Raises UsageError when it is too much to send along with each job.
    """
    root = root.resolve()
    given, colons, _ = specification.partition("::")
    own = (root / given).resolve() if colons else None
    files: dict[str, str] = {}
    imported: dict[str, str] = {}
    for name, file in _project(root):
        if file == own or not name.startswith("stressed_"):
            files[file.relative_to(root).as_posix()] = file.read_text(encoding="utf-8")
    if own is not None and not own.is_relative_to(root):
        raise UsageError(f"{given} is outside {root.name}, from where code is sent; run `stressor soak` above it")
    if not colons and not specification.startswith(_QEMU):
        module = specification.partition(":")[0]
        imported[module] = _of_module(module) or ""
    if own is None:
        files = {}
    if sum(map(len, files.values())) > _LARGEST:
        raise UsageError(
            f"{specification} comes with more than {_LARGEST >> 20} MB of code; install it on the workers, and "
            "give package.module:Class"
        )
    return Sources(files, imported, _stressor())


def _project(root: Path) -> Iterator[tuple[str, Path]]:
    """Yield the modules of this process that lie in the project, and in no environment inside of it."""
    for name, module in sorted(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if not isinstance(file, str) or not file.endswith(".py"):
            continue
        path = Path(file).resolve()
        if path.is_relative_to(root) and not path.is_relative_to(_OWN) and "site-packages" not in path.parts:
            yield name, path


def check_imported(sources: Sources | None, worker: str) -> None:
    """Raise TargetError when this machine has another Stressor, or another version of what is imported."""
    if sources is None:
        return
    if sources.stressor != _stressor():
        raise TargetError(f"{worker} has another Stressor; install the same version there")
    for module, wanted in sources.imported.items():
        found = _of_module(module)
        if found != wanted:
            what = "does not have" if found is None else "has another"
            raise TargetError(f"{worker} {what} {module}; install the same version there")


def unpacked(sources: Sources | None) -> Path | None:
    """Return the folder that holds the files of `sources`; None when there are none.

    Each is made once in a process, and goes with it. Raises TargetError for a file outside of it.
    """
    if sources is None or not sources.files:
        return None
    digest = hashlib.sha256(repr(sorted(sources.files.items())).encode()).hexdigest()
    folder = _FOLDERS.get(digest)
    if folder is None:
        for name in map(PurePosixPath, sources.files):
            if name.is_absolute() or ".." in name.parts:
                raise TargetError(f"{name} points out of the folder of a job; it is refused")
        folder = _FOLDERS[digest] = new_folder().resolve()
        for path, text in sources.files.items():
            file = folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
    return folder


@atexit.register
def clear() -> None:
    """Remove the folders that `unpacked` made."""
    while _FOLDERS:
        shutil.rmtree(_FOLDERS.popitem()[1], ignore_errors=True)


def _of_module(name: str) -> str | None:
    try:
        found = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return None
    if found is None or found.origin is None or not Path(found.origin).is_file():
        return None
    return hashlib.sha256(Path(found.origin).read_bytes()).hexdigest()


@cache
def _stressor() -> str:
    """Return the digest of this Stressor's code."""
    digest = hashlib.sha256()
    for file in sorted(_OWN.rglob("*.py")):
        digest.update(file.relative_to(_OWN).as_posix().encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()
