"""The page of a soak, without a browser: what is in it, and that nothing gets out of its place."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import re
from html.parser import HTMLParser

import pytest

from stressor.findings.record import decode
from stressor.loop.finding import FieldChange
from stressor.report.block import failure_block
from stressor.report.html.page import render_page
from stressor.report.html.pictures import bits, cycles_over_time, field_map
from stressor.soak.history import FieldHistory, FieldState, FindingStatus, History, Moment
from tests.report.soak_sample import CLEAN, EMPTY, HISTORY, HOSTILE, with_findings

EVERY = pytest.mark.parametrize("history", [HISTORY, CLEAN, EMPTY, HOSTILE], ids=["all", "clean", "empty", "hostile"])


class Tree(HTMLParser):
    """What a page is made of: tags with their attributes, and the text of all."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def having(self, attribute: str) -> list[str]:
        return [value or "" for _, given in self.tags for name, value in given.items() if name == attribute]


def test_the_verdict_comes_first() -> None:
    text = Tree(render_page(HISTORY)).text

    assert text.index("2 new findings, 1 open") < text.index("serial/0.irq") < text.index("never drawn: 2 operations")


def test_a_finding_is_shown_as_everywhere_else() -> None:
    text = Tree(render_page(HISTORY)).text

    for one in HISTORY.findings:
        assert failure_block(one.finding) in text


def test_a_finding_can_be_saved_from_the_page() -> None:
    files = [value for value in Tree(render_page(HISTORY)).having("href") if value.startswith("data:application")]
    saved = [decode(base64.b64decode(file.partition(",")[2]), "page") for file in files]

    assert {finding.id for finding in saved} == {one.finding.id for one in HISTORY.findings}


@EVERY
def test_a_page_needs_nothing_but_itself(history: History) -> None:
    tree = Tree(render_page(history))

    assert not tree.having("src")
    assert all(re.match(r"#|data:", link) for link in tree.having("href"))
    assert not tree.having("style")
    assert not [name for _, given in tree.tags for name in given if name.startswith("on")]


@EVERY
def test_a_page_runs_its_own_script_and_no_other(history: History) -> None:
    page = render_page(history)
    (policy,) = [value for value in Tree(page).having("content") if "default-src" in value]
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)

    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert f"script-src 'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'" in policy


def test_a_hostile_name_stays_text() -> None:
    tree = Tree(render_page(HOSTILE))

    assert [tag for tag, _ in tree.tags if tag in ("img", "script")] == ["script"]
    assert "\x1b" not in tree.text
    assert "{{7*7}}" in tree.text


def test_text_that_no_file_holds_is_escaped() -> None:
    target = dataclasses.replace(CLEAN.targets[0], name="\ud800", notes=("\udfff",))

    assert "\\ud800" in render_page(dataclasses.replace(CLEAN, targets=(target,))).encode().decode()


def test_equal_histories_give_equal_pages() -> None:
    assert render_page(HISTORY) == render_page(dataclasses.replace(HISTORY))


def test_many_findings_are_all_there_the_last_ones_in_short_and_the_page_stays_small() -> None:
    history = with_findings(500)

    page = render_page(history)

    tree = Tree(page)
    kinds = {given["id"] or "": tag for tag, given in tree.tags if given.get("class") == "finding"}
    statuses = {one.finding.id: one.status for one in history.findings}
    whole = [name for name, tag in kinds.items() if tag == "details"]
    assert len(page.encode()) < 2_000_000
    assert kinds.keys() == statuses.keys()
    assert len(whole) > 20
    assert {statuses[name] for name in whole} == {FindingStatus.NEW}
    text = " ".join(tree.text.split())
    assert f"The first {len(whole)} of 500 findings are told in full, the other {500 - len(whole)} in a row each" in text


def test_few_findings_are_all_told_in_full() -> None:
    assert "in a row each" not in render_page(HISTORY)


@EVERY
def test_every_picture_says_in_words_what_it_shows(history: History) -> None:
    pictures = [given for tag, given in Tree(render_page(history)).tags if tag == "svg"]

    assert [picture["role"] for picture in pictures] == ["img"] * len(pictures)
    assert all(picture["aria-label"] for picture in pictures)


def test_every_place_in_a_page_has_one_name() -> None:
    tree = Tree(render_page(HISTORY))
    names = tree.having("id")

    assert len(set(names)) == len(names)
    assert {link[1:] for link in tree.having("href") if link.startswith("#")} <= set(names)


def test_a_target_of_which_no_field_is_named_says_so() -> None:
    target = dataclasses.replace(CLEAN.targets[0], fields=())

    assert "no field has a name" in Tree(render_page(dataclasses.replace(CLEAN, targets=(target,)))).text


def test_a_map_has_a_cell_for_each_field() -> None:
    fields = [FieldHistory(f"a.{state}", state, 3) for state in FieldState]
    tree = Tree(field_map(fields))

    assert [given["class"] for tag, given in tree.tags if tag == "rect"] == ["never", "seen", "all-bits"]
    assert "a.seen: left its reset value, first after 3 cycles" in tree.text


def test_bits_that_differ_are_marked() -> None:
    cells = [given["class"] for tag, given in Tree(bits(FieldChange("a", 0b101, 0b001, width=1)) or "").tags if tag == "rect"]

    assert cells[5] == "set differs"
    assert cells[13] == "clear differs"
    assert sum("differs" in (cell or "") for cell in cells) == 2


@pytest.mark.parametrize(
    "change",
    [FieldChange("a", "on", "off"), FieldChange("a", True, False, width=1), FieldChange("a", -1, 1, width=4), FieldChange("a", 256, 1, width=1), FieldChange("a", 1, 2)],
    ids=["text", "boolean", "negative", "too wide", "no width"],
)  # fmt: skip
def test_what_has_no_bits_has_no_picture(change: FieldChange) -> None:
    assert bits(change) is None


def test_what_was_found_lies_on_the_line() -> None:
    moments = (Moment(0.0, 0), Moment(100.0, 1_000))
    chart = cycles_over_time(moments, [], [(50.0, 500, "F-1")], [100.0])

    assert 'd="M500.0 50.0h0"' in (chart or "")


def test_without_cycles_there_is_no_line() -> None:
    assert cycles_over_time((Moment(0.0, 0), Moment(100.0, 0)), [], [], [100.0]) is None
