from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from stressor.errors import NoDeviceError, TargetError, UsageError
from stressor.targets.loader import find_models

DEVICE = """
import stressor.vmstate as vm
from stressor.device import Device, Region

class {name}(Device):
    state = vm.Description("{name}", fields=[vm.u8("value")])
    io = Region(size=1)
    def __init__(self):
        self.reset()
    def reset(self):
        self.value = 0
    @io.on_read
    def _read(self, offset, width):
        return self.value
    @io.on_write
    def _write(self, offset, width, value):
        self.value = value
"""
ADAPTED = """
import hypothesis.strategies as st
from stressor.targets.adapter import adapt

class Plain:
    def __init__(self): self.value = 0
    def reset(self): self.value = 0
    def save(self): return {"value": self.value}
    def load(self, state): self.value = state["value"]
    def put(self, value): self.value = value

plain = adapt(Plain, save="save", load="load", reset="reset", operations={"put": {"value": st.integers()}})
"""


def write(file: Path, *names: str, more: str = "") -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(DEVICE.format(name=name) for name in names) + more, encoding="utf-8")
    return file


def found(root: Path, *specifications: str) -> list[tuple[str, str]]:
    return [(model.name, model.specification) for model in find_models(specifications, root)]


def test_a_file_gives_its_devices_in_the_order_of_their_definition(tmp_path: Path) -> None:
    write(tmp_path / "timer.py", "Zeta", "Timer", "_Hidden")

    assert found(tmp_path, "timer.py") == [
        ("timer.Zeta", "timer.py::Zeta"),
        ("timer", "timer.py::Timer"),
    ]


def test_a_folder_gives_its_files_sorted_but_for_private_and_test_files(tmp_path: Path) -> None:
    for name in ("b", "a", "_c", "test_d", "below/e"):
        write(tmp_path / "devices" / f"{name}.py", "Device1")
    (tmp_path / "devices" / "notes.txt").touch()

    assert [name for name, _ in found(tmp_path, "devices")] == ["a.Device1", "b.Device1"]


def test_one_class_of_a_file(tmp_path: Path) -> None:
    write(tmp_path / "timer.py", "One", "Two")

    assert found(tmp_path, "./timer.py::Two") == [("timer.Two", "timer.py::Two")]


def test_a_class_of_a_module(tmp_path: Path) -> None:
    write(tmp_path / "loaded_package" / "clock.py", "Clock", "Other")

    assert found(tmp_path, "loaded_package.clock:Clock") == [
        ("clock", "loaded_package.clock:Clock")
    ]


def test_a_target_that_is_named_twice_runs_once(tmp_path: Path) -> None:
    write(tmp_path / "devices" / "timer.py", "Timer", "Other")

    assert len(found(tmp_path, "devices", "devices/timer.py", "devices/timer.py::Other")) == 2


def test_a_path_outside_of_the_root_stays_as_it_was_given(tmp_path: Path) -> None:
    write(tmp_path / "devices" / "timer.py", "Timer")
    (tmp_path / "work").mkdir()

    assert found(tmp_path / "work", "../devices") == [("timer", "../devices/timer.py::Timer")]


def test_devices_from_elsewhere_are_not_taken_twice(tmp_path: Path) -> None:
    write(tmp_path / "first.py", "First")
    write(tmp_path / "second.py", "Second", more="from first import First\nAgain = Second\n")

    assert found(tmp_path, ".") == [
        ("first", "first.py::First"),
        ("second", "second.py::Second"),
    ]


def test_an_adapted_class_is_a_target(tmp_path: Path) -> None:
    (tmp_path / "legacy.py").write_text(ADAPTED, encoding="utf-8")

    assert found(tmp_path, "legacy.py") == [("legacy.Plain", "legacy.py::plain")]
    assert found(tmp_path, "legacy.py::plain") == [("legacy.Plain", "legacy.py::plain")]


def test_a_file_may_import_its_neighbours_and_dataclasses(tmp_path: Path) -> None:
    (tmp_path / "loader_neighbour.py").write_text("VALUE = 3\n")
    more = (
        "from __future__ import annotations\nimport loader_neighbour, dataclasses\n"
        "@dataclasses.dataclass\nclass Part:\n    x: int = loader_neighbour.VALUE\n"
    )
    file = write(tmp_path / "timer.py", "Timer")
    file.write_text(more + file.read_text())

    assert [name for name, _ in found(tmp_path, "timer.py")] == ["timer"]


def test_a_package_beside_the_file_hides_no_folder_of_the_root(tmp_path: Path) -> None:
    write(tmp_path / "loader_parts" / "part.py", "Part")
    write(tmp_path / "tests" / "loader_parts" / "__init__.py")
    (tmp_path / "tests" / "__init__.py").touch()
    write(tmp_path / "tests" / "timer.py", "Timer", more="from loader_parts.part import Part\n")
    write(tmp_path / "tests" / "deeper" / "clock.py", "Clock", more="import loader_parts.part\n")
    (tmp_path / "tests" / "deeper" / "__init__.py").touch()

    assert len(found(tmp_path, "tests/timer.py", "tests/deeper")) == 2


def test_a_file_elsewhere_may_import_from_beside_its_folder(tmp_path: Path) -> None:
    write(tmp_path / "there" / "loader_kit" / "base.py", "Base")
    more = "from loader_kit.base import Base\n"
    write(tmp_path / "there" / "loader_kit" / "timer.py", "Timer", more=more)
    (tmp_path / "here").mkdir()

    assert len(found(tmp_path / "here", "../there/loader_kit/timer.py")) == 1


def test_loading_leaves_the_import_path_alone(tmp_path: Path) -> None:
    before = list(sys.path)

    find_models([write(tmp_path / "timer.py", "Timer").name], tmp_path)

    assert sys.path == before


def test_a_changed_file_is_loaded_anew(tmp_path: Path) -> None:
    write(tmp_path / "timer.py", "Timer")
    find_models(["timer.py"], tmp_path)
    write(tmp_path / "timer.py", "Timer", "Another")

    assert len(find_models(["timer.py"], tmp_path)) == 2


def test_an_unknown_path_suggests_a_close_one(tmp_path: Path) -> None:
    write(tmp_path / "devices" / "timer.py", "Timer")

    with pytest.raises(
        UsageError, match=r"no such file or folder: devices/timr.py; did you mean timer.py\?"
    ):
        find_models(["devices/timr.py"], tmp_path)


def test_an_unknown_class_suggests_a_close_one(tmp_path: Path) -> None:
    write(tmp_path / "timer.py", "Timer", "Other")

    with pytest.raises(UsageError, match=r"no Timr in timer.py; did you mean Timer\?"):
        find_models(["timer.py::Timr"], tmp_path)
    with pytest.raises(UsageError, match=r"no Xyzzy in timer.py; there are Timer, Other"):
        find_models(["timer.py::Xyzzy"], tmp_path)


def test_a_class_that_is_no_device_is_said_to_be_none(tmp_path: Path) -> None:
    write(tmp_path / "timer.py", "Timer")

    with pytest.raises(UsageError, match=r"Region in timer.py is no device; derive it"):
        find_models(["timer.py::Region"], tmp_path)


def test_a_class_of_a_folder_makes_no_sense(tmp_path: Path) -> None:
    (tmp_path / "devices").mkdir()

    with pytest.raises(UsageError, match="devices is a folder; name the file that has Timer"):
        find_models(["devices::Timer"], tmp_path)


def test_an_unknown_module_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match=r"a_package.timer:Timer: no module named a_package; install it"
    ):
        find_models(["a_package.timer:Timer"], tmp_path)


@pytest.mark.parametrize(
    "text", ["", "import stressor.device\n", "from stressor.device import Device\n"]
)
def test_a_file_without_a_device_is_an_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "empty.py").write_text(text)

    with pytest.raises(NoDeviceError, match=r"no device in empty.py; a device is a subclass of"):
        find_models(["empty.py"], tmp_path)


def test_a_folder_without_a_device_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "devices").mkdir()

    with pytest.raises(NoDeviceError, match="no device in devices"):
        find_models(["devices"], tmp_path)


def test_two_targets_of_one_name_are_an_error(tmp_path: Path) -> None:
    write(tmp_path / "a" / "timer.py", "Timer")
    write(tmp_path / "b" / "timer.py", "Timer")

    with pytest.raises(
        UsageError, match=r"a/timer.py::Timer and b/timer.py::Timer are both called timer; rename"
    ):
        find_models(["a", "b"], tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "x = 1\ndef f(:\n",
            r"broken.py:2: cannot be loaded: SyntaxError: invalid syntax; correct it",
        ),
        (
            "\n\nimport not_installed\n",
            r"broken.py:3: cannot be loaded: ModuleNotFoundError: No module",
        ),
        (
            "def f():\n    1 / 0\nf()\n",
            r"broken.py:2: cannot be loaded: ZeroDivisionError: division by",
        ),
        ("raise SystemExit(0)\n", r"broken.py:1: cannot be loaded: SystemExit: 0"),
    ],
)
def test_a_file_that_cannot_be_loaded_names_its_line(
    tmp_path: Path, text: str, message: str
) -> None:
    (tmp_path / "broken.py").write_text(text)

    with pytest.raises(UsageError, match=message):
        find_models(["broken.py"], tmp_path)


def test_a_file_that_is_no_python_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "readme.txt").touch()

    with pytest.raises(UsageError, match=r"readme.txt is no Python file"):
        find_models(["readme.txt"], tmp_path)


def test_a_class_without_reset_is_named_with_its_file(tmp_path: Path) -> None:
    file = write(tmp_path / "timer.py", "Timer")
    file.write_text(
        file.read_text().replace("def reset", "def other").replace("self.reset()", "pass")
    )

    with pytest.raises(
        UsageError, match=r"timer.py::Timer: Timer.reset: there is no reset\(\); define"
    ):
        find_models(["timer.py"], tmp_path)


def test_a_device_that_cannot_be_made_names_the_line(tmp_path: Path) -> None:
    file = write(tmp_path / "timer.py", "Timer")
    file.write_text(file.read_text().replace("self.reset()", "1 / 0"))

    with pytest.raises(
        TargetError, match=r"timer.py:9: a new device cannot be made: ZeroDivisionError"
    ):
        find_models(["timer.py"], tmp_path)


@pytest.mark.skipif(os.name != "posix", reason="needs a file name with a line break")
def test_any_file_name_will_do(tmp_path: Path) -> None:
    write(tmp_path / "a b-c\n.py", "Timer")

    assert [name for name, _ in found(tmp_path, ".")] == ["a b-c\n.Timer"]
