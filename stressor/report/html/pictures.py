"""The pictures of the page: inline SVG, each with what it shows in words.

Charts are stretched to the width there is, so their strokes do not scale and their labels are text beside
them; maps and strips are cells of a fixed size. Colours are the style sheet's. Everything is escaped here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final

from markupsafe import Markup

from stressor.loop.finding import Divergence, FieldChange, Value
from stressor.report.text import clean, counted, seconds, short
from stressor.soak.history import FieldHistory, FieldState, FindingHistory, Moment, SoakSession

__all__ = ["Dot", "bits", "cycles_over_time", "field_map", "life", "nights", "parts", "share"]

_CELL: Final = 14
"""A cell of a map and the gap behind it."""
_COLUMNS: Final = 24
_WIDE: Final = 1000
_HIGH: Final = 100
_PARTS: Final = 72
_BYTES: Final = 64
_BITS: Final = 32
_LIFE: Final = 30
_NIGHTS: Final = 60

_STATES: Final = {
    FieldState.NEVER: "never left its reset value",
    FieldState.SEEN: "left its reset value",
    FieldState.ALL_BITS: "every bit at 0 and at 1",
}

Dot = tuple[float, int, str]
"""Seconds of soak time, cycles, and the id of what was found then."""


def field_map(fields: Sequence[FieldHistory]) -> Markup:
    """Return a cell for each field, by what was seen of it."""
    counts = {state: sum(field.state is state for field in fields) for state in FieldState}
    said = ", ".join(f"{count} {_STATES[state]}" for state, count in counts.items() if count)
    cells = (
        (str(field.state), f"{clean(field.path)}: {_STATES[field.state]}{_after(field)}") for field in fields
    )
    return _cells(cells, _COLUMNS, f"{counted(len(fields), 'field')}: {said}")


def _after(field: FieldHistory) -> str:
    return "" if field.after is None else f", first after {counted(field.after, 'cycle')}"


def share(fields: Sequence[FieldHistory]) -> Markup:
    """Return one bar: which share of the fields is in which state."""
    total = len(fields) or 1
    body = Markup()
    left = 0.0
    for state in (FieldState.ALL_BITS, FieldState.SEEN, FieldState.NEVER):
        width = 100 * sum(field.state is state for field in fields) / total
        body += Markup('<rect class="{}" x="{:.2f}" y="0" width="{:.2f}" height="8"/>').format(state, left, width)
        left += width
    seen = sum(field.state is not FieldState.NEVER for field in fields)
    return _svg("share", 100, 8, f"{seen} of {counted(len(fields), 'field')} left the reset value", body, stretched=True)


def parts(divergence: Divergence) -> Markup | None:
    """Return a cell for each field that was compared, those that diverged in front; None where one alone was."""
    total = 1 + len(divergence.also) + divergence.equal
    if total == 1:
        return None
    said = f"{counted(1 + len(divergence.also), 'field')} diverged, {divergence.equal} equal"
    cells = [("first", f"{clean(divergence.first.path)}: the first that diverged")]
    cells += [("also", f"{clean(change.path)}: diverged too") for change in divergence.also]
    cells += [("equal", "")] * min(divergence.equal, _PARTS)
    return _cells(cells[:_PARTS], _COLUMNS, said)


def bits(change: FieldChange) -> Markup | None:
    """Return the bits, or the bytes, of a value before and after, one above the other; None where it has none."""
    rows = _rows(change)
    if rows is None:
        return None
    before, after = rows
    body = Markup()
    for row, cells in enumerate(rows):
        for index, cell in enumerate(cells):
            kind = ("set" if cell else "clear") + (" differs" if before[index] != after[index] else "")
            line, column = divmod(index, _BITS)
            x, y = column * 9 + 4 * (column // 8) + 1, line * 42 + row * 16 + 2
            body += Markup('<rect class="{}" x="{}" y="{}" width="7" height="12"/>').format(kind, x, y)
    differing = sum(one != other for one, other in zip(before, after, strict=True))
    noun = "byte" if isinstance(change.before, bytes) else "bit"
    columns = min(len(before), _BITS)
    said = f"{differing} of {counted(len(before), noun)} differ: before above, after below"
    return _svg("bits", columns * 9 + 4 * (columns // 8), 42 * -(-len(before) // _BITS) - 10, said, body)


def _rows(change: FieldChange) -> tuple[Sequence[int], Sequence[int]] | None:
    before, after = change.before, change.after
    if isinstance(before, bytes) and isinstance(after, bytes):
        size = min(max(len(before), len(after)), _BYTES)
        return [*before[:size].ljust(size, b"\0")], [*after[:size].ljust(size, b"\0")]
    if _is_number(before, change.width) and _is_number(after, change.width):
        places = range(8 * change.width - 1, -1, -1)
        return [int(before) >> place & 1 for place in places], [int(after) >> place & 1 for place in places]  # type: ignore[arg-type]
    return None


def _is_number(value: Value, width: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < width <= 8 and 0 <= value < 1 << 8 * width


def life(finding: FindingHistory, sessions: Sequence[SoakSession]) -> Markup:
    """Return a cell for each of the last sessions: whether the finding was there."""
    there = range(finding.first_session, finding.last_session + 1)
    cells = (
        ("there" if one.number in there else "absent", "") for one in sessions[-_LIFE:]
    )
    said = f"session {finding.first_session}"
    if len(there) > 1:
        said = f"sessions {finding.first_session} to {finding.last_session}"
    return _cells(cells, _LIFE, f"seen in {said}", size=8)


def cycles_over_time(moments: Sequence[Moment], fields: Sequence[FieldHistory], dots: Sequence[Dot], ends: Sequence[float]) -> Markup | None:
    """Return cycles over soak time as a line with what was found on it, and the share of fields seen as another;
    `ends` are the moments at which sessions ended. None without moments."""
    if len(moments) < 2 or not ends or not moments[-1].cycles:
        return None
    width = _WIDE / max(ends[-1], moments[-1].at)
    height = _HIGH / moments[-1].cycles
    line = " ".join(f"{one.at * width:.1f},{_HIGH - one.cycles * height:.1f}" for one in moments)
    body = Markup()
    for end in ends[:-1]:
        body += Markup('<path class="end" d="M{:.1f} 0V{}"/>').format(end * width, _HIGH)
    left, right = moments[0].at * width, moments[-1].at * width
    body += Markup('<path class="area" d="M{:.1f},{} L{} L{:.1f},{}Z"/>').format(left, _HIGH, line, right, _HIGH)
    body += Markup('<polyline class="line" points="{}"/>').format(line)
    if growth := _growth(moments, fields):
        steps = "".join(f"H{at * width:.1f}V{_HIGH - seen * _HIGH:.1f}" for at, seen in growth)
        body += Markup('<path class="growth" d="M{:.1f} {}{}H{:.1f}"/>').format(left, _HIGH, steps, right)
    for at, cycles, name in dots:
        place = (min(at * width, _WIDE), max(0.0, _HIGH - cycles * height))
        body += Markup('<a href="#{}"><path class="dot" d="M{:.1f} {:.1f}h0"><title>{} after {}, {} cycles</title></path></a>').format(
            name, *place, name, seconds(at), short(cycles)
        )
    found = f"; {counted(len(dots), 'finding')} on the way" if dots else ""
    said = f"{short(moments[-1].cycles)} cycles in {seconds(moments[-1].at)} of soak time{found}"
    return _svg("chart", _WIDE, _HIGH, said, body, stretched=True)


def _growth(moments: Sequence[Moment], fields: Sequence[FieldHistory]) -> list[tuple[float, float]]:
    """Return (soak time, share of the fields seen until then) of each field that was seen."""
    found = []
    for count, after in enumerate(sorted(field.after for field in fields if field.after is not None), 1):
        at = moments[-1].at
        for one, other in pairwise(moments):
            if after <= other.cycles:
                span = max(1, other.cycles - one.cycles)
                at = one.at + (other.at - one.at) * max(0, after - one.cycles) / span
                break
        found.append((at, count / len(fields)))
    return found


def nights(sessions: Sequence[SoakSession]) -> Markup:
    """Return a bar of cycles for each of the last sessions."""
    shown = sessions[-_NIGHTS:]
    most = max(1, *(one.cycles for one in shown)) if shown else 1
    width = _WIDE / max(12, len(shown))
    body = Markup()
    for index, one in enumerate(shown):
        height = _HIGH * one.cycles / most
        body += Markup('<rect class="night" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"><title>session {}: {} cycles in {}</title></rect>').format(
            index * width, _HIGH - height, width * 0.8, height, one.number, short(one.cycles), seconds(one.seconds)
        )
    return _svg("chart", _WIDE, _HIGH, f"cycles of the last {counted(len(shown), 'session')}", body, stretched=True)


def _cells(cells: Iterable[tuple[str, str]], columns: int, said: str, size: int = _CELL - 3) -> Markup:
    body = Markup()
    count = -1
    for count, (kind, title) in enumerate(cells):
        row, column = divmod(count, columns)
        x, y = column * (size + 3) + 1, row * (size + 3) + 1
        named = Markup("<title>{}</title>").format(title) if title else Markup()
        body += Markup('<rect class="{}" x="{}" y="{}" width="{}" height="{}">{}</rect>').format(kind, x, y, size - 1, size - 1, named)
    count += 1
    return _svg("cells", min(count, columns) * (size + 3), -(-count // columns) * (size + 3), said, body)


def _svg(kind: str, width: float, height: float, said: str, body: Markup, *, stretched: bool = False) -> Markup:
    size = Markup('preserveAspectRatio="none"') if stretched else Markup('width="{}" height="{}"').format(width, height)
    return Markup('<svg class="{}" role="img" aria-label="{}" viewBox="0 0 {} {}" {}>{}</svg>').format(
        kind, said, width, height, size, body
    )
