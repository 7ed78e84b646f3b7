"""The page of what sweeps found, made from their event streams."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from benchmarks.qemu_results import MARK, main, markdown, notes_in, read_sweep
from stressor.report.jsonl import JsonLines
from tests.report.script import MANY


def lines_of_events(count: int | None = None) -> list[str]:
    stream = io.BytesIO()
    out = JsonLines(stream)
    for event in MANY[:count]:
        out.handle(event)
    return stream.getvalue().decode().splitlines()


def test_each_target_is_a_row_or_listed_with_what_kept_it() -> None:
    page = "\n".join(markdown([read_sweep(lines_of_events())], version="7.2.22", notes={}))

    assert "QEMU 7.2.22; seed 1; 5 findings in 14 targets." in page
    assert "\n## pc (14 targets, 61 s)\n" in page
    assert "\n| device-a | 10 | 1000.0 | 21 | 16/25 | 2 |\n" in page
    assert "\nNot migratable: device-k.\n" in page
    assert "\nBroke: device-m.\n" in page


def test_findings_stand_under_their_kind_with_what_was_noted_of_them() -> None:
    sweep = read_sweep(lines_of_events())
    first = sweep.findings[0]["id"]
    notes = notes_in(f"{first}: The mask is in no field;\nreal.\n\nF-00000000, F-00000001: Both.")
    page = "\n".join(markdown([sweep], version="7.2.22", notes=notes))

    assert f"**`0000:00:02.0/device-a/0.mask`**: never saved. In device-a ({first}).\nThe mask is" in page
    assert page.index("## Found by save/load (1)") < page.index("## Rejected its own state (1)")
    assert "## Crashed or hung from operations alone (1)" in page
    assert notes["F-00000001"] == "Both."


def test_a_stream_that_ends_early_is_taken_as_far_as_it_goes() -> None:
    page = "\n".join(markdown([read_sweep(lines_of_events(5))], version="7.2.22", notes={}))

    assert "## pc (4 targets, not to its end)" in page
    assert "Not finished: device-a, device-b, device-c, device-d." in page


def test_a_note_about_nothing_is_told() -> None:
    with pytest.raises(ValueError, match="begins with the id of a finding"):
        notes_in("The mask is lost.")


def test_what_people_wrote_above_the_mark_stays(tmp_path: Path) -> None:
    stream, page = tmp_path / "pc.jsonl", tmp_path / "results.md"
    stream.write_text("\n".join(lines_of_events()))
    page.write_text(f"# By hand\n\n{MARK}\nold")

    for _ in range(2):
        assert main(["--qemu", "7.2.22", "--page", str(page), str(stream)]) == 0

    text = page.read_text()
    assert text.startswith(f"# By hand\n\n{MARK}\n\nQEMU 7.2.22; seed 1;")
    assert "old" not in text
    assert text.count("## pc (14 targets") == 1
