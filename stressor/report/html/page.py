"""The page of a soak: one HTML file that holds all it needs, for a phone as for a desk, by day and by night.

It reads without its script, which filters and copies. Its own style and script are named by their hashes and
nothing else may be loaded or run; whatever came from a target is escaped by the template.
"""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from pathlib import Path
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from stressor import __version__
from stressor.report.html import pictures
from stressor.report.html.view import Operations, findings_of, nights_of, targets_of
from stressor.report.soak_verdict import (
    ORDER,
    coverage,
    level_of,
    ran,
    sorted_findings,
    unrest,
    verdict,
    when,
)
from stressor.report.text import clean
from stressor.soak.history import History

__all__ = ["render_page"]

_FOLDER: Final = Path(__file__).parent


def render_page(history: History, operations: Operations = lambda finding: ()) -> str:
    """Return the page as text, to be written in UTF-8; equal histories give equal pages.

    Text that UTF-8 cannot hold is escaped. `operations` name the steps of a finding's trace.
    """
    environment = Environment(
        loader=PackageLoader("stressor.report.html", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style, script = _own("page.css"), _own("page.js")
    findings = sorted_findings(history)
    counts = Counter(one.status for one in findings)
    whole, short = findings_of(history, findings, operations)
    return environment.get_template("page.html").render(
        policy=_policy(style, script),
        style=style,
        script=script,
        version=__version__,
        level=str(level_of(history)),
        verdict=verdict(history),
        ran=ran(history.sessions) if history.sessions else "",
        last=when(history.sessions[-1].began) if history.sessions else "",
        coverage=coverage(history) if history.targets else "",
        unrest=list(unrest(history)),
        statuses=[(str(status), counts[status]) for status in ORDER if counts[status]],
        findings=whole,
        short=short,
        names=sorted({clean(one.finding.target) for one in findings}),
        targets=targets_of(history),
        chart=pictures.nights(history.sessions),
        nights=nights_of(history),
    )


def _own(name: str) -> Markup:
    return Markup((_FOLDER / name).read_text(encoding="utf-8"))


def _policy(style: str, script: str) -> str:
    """Return what a browser may do for the page: what is in it, and no more."""
    hashes = [
        base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (style, script)
    ]
    return (
        f"default-src 'none'; style-src 'sha256-{hashes[0]}'; script-src 'sha256-{hashes[1]}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
