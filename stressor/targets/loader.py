"""What the command line takes, as models: files, folders, `FILE::Class`, `package.module:Class`."""

from __future__ import annotations

import difflib
import hashlib
import importlib
import importlib.util
import linecache
import os
import re
import sys
import traceback
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from stressor.device import Device
from stressor.errors import NoDeviceError, TargetError, UsageError
from stressor.loop.runs_itself import RunsItself
from stressor.loop.target import TargetType
from stressor.machine import Machine
from stressor.targets.adapter import Adapter
from stressor.targets.model import Model, model_of
from stressor.targets.qemu.late import needing_monitor
from stressor.targets.qemu.live.specification import is_live
from stressor.vmstate import Description

__all__ = ["execute_file", "find_models", "model_for"]

_MODULE = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


def find_models(specifications: Sequence[str], root: Path | None = None) -> list[TargetType | RunsItself]:
    """Return the models that `specifications` name, in their order, each once.

    A file's devices are the classes that it defines below `Device` with a state description, and
    its module-level `adapt(...)`, in definition order; names that begin with `_` are left out. Of a
    folder all files are taken, sorted, but those that begin with `_` or `test_`; folders in it are
    not. Paths are relative to `root` (default: the working directory), which is importable
    meanwhile. Each call executes the files anew.

    Raises UsageError for what is not there or cannot be loaded and for two targets of one name,
    NoDeviceError for a file or folder without a device, TargetError for one that cannot be made.
    """
    root = (root or Path.cwd()).resolve()
    modules: dict[Path, ModuleType] = {}
    models: dict[str, TargetType | RunsItself] = {}
    for specification in specifications:
        for model in _models(specification, root, modules):
            other = models.setdefault(model.name, model)
            if other.specification != model.specification:
                raise UsageError(
                    f"{other.specification} and {model.specification} are both called {model.name}; "
                    "rename one, or run them one at a time"
                )
    return list(models.values())


def model_for(target: object, root: Path) -> TargetType:
    """Return the model of a device class, of the result of `adapt`, or of what the command line takes.

    The class is taken as it is, and its file is not executed anew; the model's specification is how the
    command line reaches it. Raises as `find_models`.
    """
    if isinstance(target, str):
        models = find_models([target], root)
        if len(models) != 1:
            names = ", ".join(model.name for model in models)
            raise UsageError(f"{target} has {len(models)} devices ({names}); name one of them")
        if isinstance(models[0], RunsItself):
            raise UsageError(f"{target} runs by itself and is no test; use `stressor run {target}`")
        return models[0]
    cls = target.cls if isinstance(target, Adapter) else target
    if not isinstance(cls, type):
        raise UsageError(f"{target!r:.60} is no device; give a class, adapt(...), or a path as text")
    module = sys.modules[cls.__module__]
    file = Path(module.__file__ or cls.__module__)
    name = _named_as(module, target) or cls.__qualname__
    specification = f"{_shown(file, None, root)}::{name}"
    return _model(target, specification, file.stem, module)


def _named_as(module: ModuleType, target: object) -> str | None:
    return next((name for name, member in vars(module).items() if member is target), None)


def _models(
    specification: str, root: Path, modules: dict[Path, ModuleType]
) -> Iterator[TargetType | RunsItself]:
    if specification.startswith("qemu:"):
        yield from _qemu_models(specification)
        return
    if _MODULE.fullmatch(specification) and not (root / specification).exists():
        module_name, _, name = specification.partition(":")
        module = _imported(module_name, specification, root)
        member = _member(module, name, specification)
        yield _model(member, specification, module_name.rpartition(".")[2], module)
        return
    path_text, colons, name = specification.partition("::")
    path = root / path_text
    if not path.exists():
        raise UsageError(f"no such file or folder: {path_text}{_meant(path.name, _nearby(path))}")
    files = _files(path) if path.is_dir() else [path]
    if colons and path.is_dir():
        raise UsageError(f"{specification}: {path_text} is a folder; name the file that has {name}")
    found = False
    for file in files:
        module = modules.get(file) or modules.setdefault(file, execute_file(file, root))
        given = path_text if file == path else (Path(path_text) / file.name).as_posix()
        shown = _shown(file, given, root)
        members = {name: _member(module, name, shown)} if colons else _devices(module)
        for member_name, member in members.items():
            found = True
            yield _model(member, f"{shown}::{member_name}", file.stem, module)
    if not found:
        raise NoDeviceError(
            f"no device in {path_text}; a device is a subclass of stressor.device.Device with a "
            "state description, or the result of stressor.adapt"
        )


def _qemu_models(specification: str) -> Sequence[TargetType | RunsItself]:
    with needing_monitor(specification):
        from stressor.targets.qemu.live.model import LiveModel
        from stressor.targets.qemu.model import qemu_model
        from stressor.targets.qemu.specification import parse_specification
        from stressor.targets.qemu.sweep import sweep
    if is_live(specification):
        return [LiveModel(specification)]
    if parse_specification(specification).sweeps:
        return sweep(specification)
    return [qemu_model(specification)]


def _files(folder: Path) -> list[Path]:
    return sorted(
        file
        for file in folder.glob("*.py")
        if file.is_file() and not file.name.startswith(("_", "test_"))
    )


def _devices(module: ModuleType) -> dict[str, object]:
    found: dict[int, tuple[str, object]] = {}
    for name, member in vars(module).items():
        if not name.startswith("_") and _is_device(member, module):
            found.setdefault(id(member), (name, member))
    return dict(found.values())


def _is_device(member: object, module: ModuleType) -> bool:
    if isinstance(member, Adapter):
        return True
    return (
        isinstance(member, type)
        and issubclass(member, Device)
        and member.__module__ == module.__name__
        and (isinstance(getattr(member, "state", None), Description) or _is_machine(member))
    )


def _is_machine(cls: type) -> bool:
    return issubclass(cls, Machine) and any(cls.sections())


def _member(module: ModuleType, name: str, where: str) -> object:
    member = getattr(module, name, None)
    if isinstance(member, Adapter) or (isinstance(member, type) and issubclass(member, Device)):
        return member
    if member is not None:
        raise UsageError(
            f"{name} in {where} is no device; derive it from stressor.device.Device, or wrap it with "
            "stressor.adapt"
        )
    devices = list(_devices(module))
    known = f"; there are {', '.join(devices)}" if devices else ""
    raise UsageError(f"no {name} in {where}{_meant(name, devices) or known}")


def _model(member: object, specification: str, stem: str, module: ModuleType) -> Model:
    try:
        if isinstance(member, Adapter):
            return member.model(specification, _name(stem, member.name))
        assert isinstance(member, type)
        return model_of(member, specification, _name(stem, member.__name__))
    except UsageError as error:
        raise UsageError(f"{specification}: {error}") from error
    except (Exception, SystemExit) as error:
        place = _place(error, Path(module.__file__ or ""), specification.partition(":")[0])
        raise TargetError(
            f"{place or specification + ': '}a new device cannot be made: "
            f"{type(error).__name__}: {error}; correct it, or leave it out"
        ) from error


def _name(stem: str, name: str) -> str:
    return stem if name.lower() == stem.lower() else f"{stem}.{name}"


def _imported(module_name: str, specification: str, root: Path) -> ModuleType:
    with _importable(root):
        try:
            return importlib.import_module(module_name)
        except ModuleNotFoundError as error:
            if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
                raise _unloadable(module_name, error) from error
            raise UsageError(
                f"{specification}: no module named {error.name}; install it, or give a file's path"
            ) from error
        except (Exception, SystemExit) as error:
            raise _unloadable(module_name, error) from error


def execute_file(file: Path, root: Path) -> ModuleType:
    """Execute a file under a module name of its own, which dataclasses and tracebacks need.

    What `root` holds can be imported meanwhile. Raises UsageError when it cannot be loaded.
    """
    shown = _shown(file, None, root)
    digest = hashlib.sha256(file.resolve().as_posix().encode("utf-8", "replace")).hexdigest()[:8]
    name = f"stressed_{re.sub(r'[^A-Za-z0-9_]', '_', file.stem)}_{digest}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise UsageError(f"{shown} is no Python file; give a file that ends in .py, or a folder")
    linecache.checkcache(str(file))
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    with _importable(root, *_folders(file, root)):
        try:
            spec.loader.exec_module(module)
        except (Exception, SystemExit) as error:
            del sys.modules[name]
            raise _unloadable(shown, error, file) from error
    return module


def _folders(file: Path, root: Path) -> list[Path]:
    """Return the folders that a file may import from, beside `root`."""
    folder = file.resolve().parent
    folders = [] if folder.is_relative_to(root) else [folder.parent]
    # In a package one imports from the root; its own folder would only hide what lies there: a
    # package tests/devices beats a plain folder devices wherever it stands in the path.
    return folders if (folder / "__init__.py").exists() else [folder, *folders]


@contextmanager
def _importable(root: Path, *others: Path) -> Iterator[None]:
    # The file's own folders come last, so that a device file called random.py hides nothing.
    before = list(sys.path)
    sys.path[:] = [str(root), *before, *map(str, others)]
    try:
        yield
    finally:
        sys.path[:] = before


def _unloadable(shown: str, error: BaseException, file: Path | None = None) -> UsageError:
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    return UsageError(
        f"{_place(error, file, shown) or shown + ': '}cannot be loaded: {type(error).__name__}: {text}; "
        "correct it, or leave it out"
    )


def _place(error: BaseException, file: Path | None = None, shown: str = "") -> str:
    """Return `file:line: ` of what went wrong: in `file` when that had a part in it."""
    if isinstance(error, SyntaxError) and error.filename:
        name, line = error.filename, error.lineno
    else:
        frames = list(traceback.extract_tb(error.__traceback__))
        own = [frame for frame in frames if file is not None and frame.filename == str(file)]
        frames = own or [frame for frame in frames if os.path.exists(frame.filename)]
        if not frames or (file is not None and not own):
            return ""
        name, line = frames[-1].filename, frames[-1].lineno
    if file is not None and name == str(file):
        return f"{shown}:{line}: "
    return f"{_shown(Path(name), None, Path.cwd())}:{line}: "


def _shown(file: Path, given: str | None, root: Path) -> str:
    """Return a path as reports print it: relative where it can be, else as it was given."""
    resolved = file.resolve()
    if resolved.is_relative_to(root):
        return resolved.relative_to(root).as_posix()
    return given or file.as_posix()


def _nearby(path: Path) -> list[str]:
    try:
        beside = [entry.name for entry in path.parent.iterdir()]
    except OSError:
        return []
    return [name for name in sorted(beside) if not name.startswith(".")]


def _meant(word: str, names: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, list(names), n=3, cutoff=0.6)
    return f"; did you mean {' or '.join(close)}?" if close else ""
