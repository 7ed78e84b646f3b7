"""A strict reader of JUnit XML: the elements and attributes of Jenkins' schema for xUnit reports, and no others."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

__all__ = ["strict"]

_TIME = re.compile(r"\d{0,9}(\.\d{0,3})?")
_RESULT = {"type", "message"}
_ATTRIBUTES: dict[str, tuple[set[str], set[str]]] = {
    "testsuites": (set(), {"name", "time", "tests", "failures", "errors"}),
    "testsuite": (
        {"name", "tests", "failures", "errors"},
        {"group", "time", "skipped", "timestamp", "hostname", "id", "package", "file", "log", "url", "version"},
    ),
    "testcase": ({"name"}, {"time", "classname", "group"}),
    "failure": (set(), _RESULT),
    "errors": (set(), _RESULT),
    "skipped": (set(), _RESULT),
    "properties": (set(), set()),
    "property": ({"name", "value"}, set()),
    "system-out": (set(), set()),
    "system-err": (set(), set()),
}
"""Of each element, the attributes that it must have, and those that it may have."""

_INSIDE = {
    "testsuites": {"testsuite"},
    "testsuite": {"testsuite", "properties", "testcase", "system-out", "system-err"},
    "testcase": {"skipped", "errors", "failure", "system-out", "system-err"},
    "properties": {"property"},
}


def strict(file: Path) -> ElementTree.Element:
    """Return the root of a report. Raises AssertionError or ParseError for one that the schema refuses."""
    root = ElementTree.fromstring(file.read_bytes())
    assert root.tag in ("testsuites", "testsuite")
    _check(root)
    return root


def _check(element: ElementTree.Element) -> None:
    must, may = _ATTRIBUTES[element.tag]
    given = set(element.attrib)
    assert must <= given <= must | may, f"{element.tag} has {sorted(given)}"
    assert _TIME.fullmatch(element.get("time", "")), element.get("time")
    for child in element:
        assert child.tag in _INSIDE.get(element.tag, set()), f"{child.tag} in {element.tag}"
        _check(child)
