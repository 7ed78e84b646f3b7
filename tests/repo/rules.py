"""The house rules, each a pure function from a source file to what is wrong in it.

A violation is one line, `file:line: what is wrong; the cure`. A rule returns an empty list for a
file that it does not concern.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath

__all__ = [
    "Source",
    "document_the_public",
    "export_what_exists",
    "generate_code_in_vmstate_only",
    "import_downwards",
    "keep_files_short",
    "name_no_machine",
    "print_in_reports_only",
    "stay_deterministic",
    "use_hypothesis_in_one_file",
]

LAYERS = {
    "errors": 0,
    "vmstate": 1,
    "loop": 2,
    "device": 3,
    "machine": 4,
    "search": 4,
    "findings": 5,
    "targets": 6,
    "config": 6,
    "audit": 7,
    "soak": 8,
    "report": 9,
    "cli": 10,
    "plugin": 10,
    "__main__": 11,
}
"""The rooms of `stressor`, from the ground up: a room imports itself and what is below it."""

LONGEST = {"stressor": 400, "devices": 520}
HYPOTHESIS_FILE = "stressor/search/hypothesis_engine.py"
STATE_MACHINE = "stressor/plugin/state_machine.py"
"""What it makes is a state machine of Hypothesis', and names its decorators."""
DRIVERS = "stressor/targets/qemu/drivers/"
"""Drivers are what an author writes, so they name strategies as a device does."""
PRINTING = ("stressor/cli/", "stressor/report/")
DETERMINISTIC = ("stressor/vmstate/", "stressor/loop/", "stressor/search/")
WATCHES = ("stressor/search/run.py", "stressor/search/campaign.py", "watchdog.py")
"""Files that may look at the monotonic clock: a run limited by time, and the watchdog."""

_MACHINE_PATH = re.compile(r"(?<![\w.$}{*])/(?:home|root|tmp|Users|work|opt|mnt|srv)/[\w.]")
_UNSAFE_MODULES = {"pickle", "cPickle", "_pickle", "shelve", "dill", "cloudpickle", "joblib"}
_CODE_MAKERS = {"eval", "exec", "compile"}
_UNREPEATABLE = {
    "datetime": None,
    "secrets": None,
    "uuid": None,
    "time": {"monotonic", "monotonic_ns"},
    "random": {"Random"},
}
"""Modules that a deterministic room may not use, but for the names given, of which those of `time`
are for `WATCHES` only."""


@dataclass(frozen=True)
class Source:
    """A file of the project: its path from the project's folder, with slashes, and its text."""

    path: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, self.path)

    @property
    def module(self) -> str:
        """The dotted name that the file is imported under."""
        parts = PurePosixPath(self.path).with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    def at(self, node: ast.AST | int, problem: str) -> str:
        """Return one violation."""
        line = node if isinstance(node, int) else getattr(node, "lineno", 1)
        return f"{self.path}:{line}: {problem}"

    def imports(self) -> Iterator[tuple[ast.stmt, str, str | None]]:
        """Yield (statement, module, name) of each import, also inside functions.

        `name` is what is taken from the module, None for a plain `import module`.
        """
        package = self.module.split(".")
        if not self.path.endswith("__init__.py"):
            package = package[:-1]
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield node, alias.name, None
            elif isinstance(node, ast.ImportFrom):
                base = package[: len(package) - node.level + 1] if node.level else []
                module = ".".join([*base, *([node.module] if node.module else [])])
                for alias in node.names:
                    yield node, module, alias.name


def import_downwards(source: Source) -> list[str]:
    """Within `stressor`, a module imports only its own room and the rooms below it."""
    parts = source.module.split(".")
    if parts[0] != "stressor" or len(parts) == 1:
        return []
    room = parts[1]
    if room not in LAYERS:
        return [source.at(1, f"{room} is no room of stressor; give it a place in LAYERS")]
    found = []
    for statement, module, name in source.imports():
        target = _room(module, name)
        if target is not None and target != room and LAYERS.get(target, 99) >= LAYERS[room]:
            found.append(source.at(statement, f"{room} imports {target}, which is not below it"))
    return found


def _room(module: str, name: str | None) -> str | None:
    parts = module.split(".")
    if parts[0] != "stressor":
        return None
    if len(parts) > 1:
        return parts[1]
    return name if name in LAYERS else None


def export_what_exists(source: Source) -> list[str]:
    """A public module of `stressor` has an `__all__` of names that it defines, each once."""
    if not _is_public(source):
        return []
    exported = _exported(source)
    if exported is None:
        return [source.at(1, "no __all__; list the public names, the most important first")]
    defined = set(_defined(source.tree))
    found = [
        source.at(1, f"__all__ names {name}, which is not there") for name in exported if name not in defined
    ]
    if len(set(exported)) != len(exported):
        found.append(source.at(1, "__all__ names something twice"))
    return found


def document_the_public(source: Source) -> list[str]:
    """Every module, and every public function and class at its top level, has a docstring."""
    if not source.path.startswith(("stressor/", "devices/", "benchmarks/")):
        return []
    found = []
    if source.text.strip() and ast.get_docstring(source.tree) is None:
        found.append(source.at(1, "the module has no docstring"))
    for node in source.tree.body:
        if not isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        overload = any("overload" in ast.unparse(decorator) for decorator in node.decorator_list)
        if not (node.name.startswith("_") or overload or ast.get_docstring(node)):
            found.append(source.at(node, f"{node.name} has no docstring; state its contract"))
    return found


def keep_files_short(source: Source) -> list[str]:
    """A module has one noun, and so a bounded number of lines."""
    longest = LONGEST.get(source.path.split("/")[0])
    length = source.text.count("\n")
    if longest is None or not source.path.endswith(".py") or length <= longest:
        return []
    return [source.at(length, f"{length} lines; a module has at most {longest}: split it by noun")]


def name_no_machine(source: Source) -> list[str]:
    """No file names a folder of the machine that it was written on."""
    return [
        source.at(number, f"names a folder of one machine: {match.group()}; use a relative path")
        for number, line in enumerate(source.text.splitlines(), 1)
        for match in _MACHINE_PATH.finditer(line)
    ]


def use_hypothesis_in_one_file(source: Source) -> list[str]:
    """Within `stressor` one file imports Hypothesis, and a state machine, and drivers; they use public names only."""
    if not source.path.startswith("stressor/"):
        return []
    found = []
    for statement, module, name in source.imports():
        if module.split(".")[0] != "hypothesis":
            continue
        if source.path not in (HYPOTHESIS_FILE, STATE_MACHINE) and not source.path.startswith(DRIVERS):
            found.append(source.at(statement, f"imports hypothesis; only {HYPOTHESIS_FILE} may"))
        public = {
            "hypothesis", "hypothesis.strategies", "hypothesis.errors", "hypothesis.database", "hypothesis.stateful",
        }  # fmt: skip
        if module not in public or (name or "").startswith("_"):
            found.append(source.at(statement, f"{module} {name or ''} is not public in Hypothesis"))
    names = {"hypothesis"} | {
        alias.asname or alias.name
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
        if (getattr(node, "module", None) or alias.name).split(".")[0] == "hypothesis"
    }
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute):
            dotted = ast.unparse(node).split(".")
            if dotted[0] in names and (node.attr.startswith("_") or "internal" in dotted):
                found.append(source.at(node, f"{'.'.join(dotted)} is not public in Hypothesis"))
    return found


def generate_code_in_vmstate_only(source: Source) -> list[str]:
    """No pickle anywhere; code is compiled at run time in `vmstate` only, and never unmarshalled."""
    if not source.path.startswith(("stressor/", "devices/")):
        return []
    found = []
    for statement, module, name in source.imports():
        if module.split(".")[0] in _UNSAFE_MODULES:
            found.append(source.at(statement, f"imports {module}, which runs what it reads"))
        if module == "marshal" and (
            source.path != "stressor/vmstate/learn.py" or name not in (None, "dumps")
        ):
            found.append(source.at(statement, "imports marshal; only vmstate/learn.py may, for dumps"))
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        if called in ("marshal.loads", "marshal.load"):
            found.append(source.at(node, f"{called} crashes on hostile input"))
        if called in _CODE_MAKERS and not source.path.startswith("stressor/vmstate/"):
            found.append(source.at(node, f"{called}() outside vmstate, where code is generated"))
    return found


def print_in_reports_only(source: Source) -> list[str]:
    """The engine yields events; only `report` and `cli` write to the terminal."""
    if not source.path.startswith("stressor/") or source.path.startswith(PRINTING):
        return []
    return [
        source.at(node, "prints; yield an event, or return the text")
        for node in ast.walk(source.tree)
        if (isinstance(node, ast.Name) and node.id == "print")
        or (isinstance(node, ast.Attribute) and ast.unparse(node) in ("sys.stdout", "sys.stderr"))
    ]


def stay_deterministic(source: Source) -> list[str]:
    """What decides something uses no wall clock, no global random numbers and no hash order."""
    if not source.path.startswith(DETERMINISTIC):
        return []
    found = []
    modules = {
        alias.asname or alias.name: alias.name
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Import)
        for alias in node.names
        if alias.name in _UNREPEATABLE
    }
    for statement, module, name in source.imports():
        if module in _UNREPEATABLE and name is not None and not _repeatable(source, module, name):
            found.append(source.at(statement, f"takes {name} from {module}; a run repeats by its seed"))
        if module in _UNREPEATABLE and name is None and _UNREPEATABLE[module] is None:
            found.append(source.at(statement, f"imports {module}; a run repeats by its seed"))
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            module = modules.get(node.value.id, "")
            if module and not _repeatable(source, module, node.attr):
                found.append(source.at(node, f"uses {module}.{node.attr}; a run repeats by its seed"))
            if ast.unparse(node) == "os.urandom":
                found.append(source.at(node, "uses os.urandom; a run repeats by its seed"))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "hash":
            found.append(source.at(node, "uses hash(), which differs from run to run; use hashlib"))
    return found


def _repeatable(source: Source, module: str, name: str) -> bool:
    allowed = _UNREPEATABLE[module] or set()
    return name in allowed and (module != "time" or source.path.endswith(WATCHES))


def _is_public(source: Source) -> bool:
    parts = source.module.split(".")
    return (
        parts[0] == "stressor"
        and bool(source.text.strip())
        and not any(part.startswith("_") for part in parts)
    )


def _exported(source: Source) -> list[str] | None:
    for node in source.tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            value = ast.literal_eval(node.value)
            return list(value)
    return None


def _defined(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name
            if node.name == "__getattr__":  # what it gives when asked is named in it
                constants = (part for part in ast.walk(node) if isinstance(part, ast.Constant))
                yield from (part.value for part in constants if isinstance(part.value, str))
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from ((alias.asname or alias.name).split(".")[0] for alias in node.names)
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                yield from (name.id for name in ast.walk(target) if isinstance(name, ast.Name))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id
