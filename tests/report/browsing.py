"""A real browser for the tests of pages, and how they ask it."""

import os
import shutil
from pathlib import Path
from typing import Any

from written_studies import scenario, write_curve, write_study

from linksim.report.page import write_page

BROWSER = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
ARGUMENTS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
HOSTILE = "</script><img src=x onerror=window.hacked=1>"
SNRS = (0, 10, 20)


def write_pages(home: Path) -> None:
    """study: two systems, hostile names; point: one; none: no trial; many: 150 points; ber: two curves."""
    curves = {"first": dict(zip(SNRS, (20.0, 30.0, 35.0), strict=True)), HOSTILE: dict.fromkeys(SNRS, 9.5)}
    trees = {name: scenario(SNRS, mcs="bpsk-1/2") for name in curves}
    hostile = ("<b>red</b>", "blue")
    study = write_study(home / "runs" / "study", curves, hostile, scenarios=trees, eve_psnr_db=7.25)
    write_page([study], home / "study.html")
    write_page([write_study(home / "runs" / "point", {"a": {3: 20.0}}, per_image=8)], home / "point.html")
    write_page([write_study(home / "runs" / "none", {"a": {3: 20.0}}, done=0)], home / "none.html")
    many = write_study(
        home / "runs" / "many", {"a": {n - 20: n / 10 for n in range(150)}}, ("x",), pictures=False
    )
    write_page([many], home / "many.html")
    write_curve(home / "ber" / "rayleigh", "rayleigh", {0.0: (100, 40), 10.0: (1000, 50), 20.0: (1000, 0)})
    write_curve(home / "ber" / "awgn", "awgn", {0.0: (100, 30), 5.0: (1000, 10)})
    write_page([home / "ber"], home / "ber.html")


def outside(url: str) -> bool:
    """Whether a request leaves the page's own file."""
    return not url.startswith(("file:", "data:", "blob:"))


def until(page: Any, true: str) -> None:
    """Wait for what the page's policy, which allows no eval, lets no one wait for inside it."""
    for _ in range(200):
        if page.evaluate(true):
            return
        page.wait_for_timeout(25)
    raise AssertionError(f"never: {true}")


def curves(page: Any, plot: str = "curve-plot") -> list[dict]:
    """What plotly draws: name, x, y, what is hidden, the upper bars, hover texts."""
    return page.evaluate(
        """plot => document.getElementById(plot)._fullData.map(t => ({
            name: t.name, x: [...t.x], y: [...t.y], shown: t.visible, theory: t.meta === 'theory',
            colour: (t.line || t.marker).color, text: t.text,
            bars: t.error_y && t.error_y.visible && [...t.error_y.array]}))""",
        plot,
    )
