"""The page in a real browser: it opens from a file, asks for nothing, and does what its controls say."""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from written_studies import scenario, write_study

from linksim.report.page import write_page

BROWSER = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
ARGUMENTS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
HOSTILE = "</script><img src=x onerror=window.hacked=1>"
SNRS = (0, 10, 20)

try:
    from playwright.sync_api import Browser, Page, sync_playwright
except ImportError:  # pragma: no cover
    sync_playwright = None

pytestmark = [
    pytest.mark.skipif(sync_playwright is None, reason="needs the package playwright"),
    pytest.mark.skipif(BROWSER is None, reason="needs chromium, on the path or named by CHROMIUM"),
]


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=BROWSER, args=list(ARGUMENTS))
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    """Pages of two systems with hostile names, of a point alone, of a run without a trial, of many points."""
    home = tmp_path_factory.mktemp("pages")
    curves = {"first": dict(zip(SNRS, (20.0, 30.0, 35.0), strict=True)), HOSTILE: dict.fromkeys(SNRS, 9.5)}
    trees = {name: scenario(SNRS, mcs="bpsk-1/2") for name in curves}
    hostile = ("<b>red</b>", "blue")
    study = write_study(home / "runs" / "study", curves, hostile, scenarios=trees, eve_psnr_db=7.25)
    write_page([study], home / "study.html")
    write_page([write_study(home / "runs" / "point", {"a": {3: 20.0}}, per_image=8)], home / "point.html")
    write_page([write_study(home / "runs" / "none", {"a": {3: 20.0}}, done=0)], home / "none.html")
    many = write_study(home / "runs" / "many", {"a": {n: n / 10 for n in range(150)}}, ("x",), pictures=False)
    write_page([many], home / "many.html")
    return home


@pytest.fixture(scope="module")
def kept(browser, home) -> "Iterator[tuple[dict, list[str]]]":
    """Pages that are open, which tests share, and all that they complained of or asked for."""
    pages, told = {}, []
    yield pages, told
    for page in pages.values():
        page.close()


@pytest.fixture
def opened(browser, home, kept) -> "Iterator[Callable[..., Page]]":
    """Opens a page of `home`; it must not complain, nor ask for anything but its own file."""
    pages, told = kept

    def go(name: str, width: int = 1200, scheme: str = "light") -> "Page":
        if (name, width, scheme) not in pages:
            size = {"width": width, "height": 900}
            page = browser.new_page(viewport=size, color_scheme=scheme)
            page.set_default_timeout(15_000)
            page.on("console", lambda message: told.append(message.text))
            page.on("pageerror", lambda error: told.append(str(error)))
            page.on("request", lambda request: told.append(request.url) if outside(request.url) else None)
            page.goto((home / name).as_uri())
            pages[name, width, scheme] = page
        return pages[name, width, scheme]

    yield go
    assert told == []


def outside(url: str) -> bool:
    return not url.startswith(("file:", "data:", "blob:"))


def until(page: "Page", true: str) -> None:
    """Wait for what the page's policy, which allows no eval, lets no one wait for inside it."""
    for _ in range(200):
        if page.evaluate(true):
            return
        page.wait_for_timeout(25)
    raise AssertionError(f"never: {true}")


def curves(page: "Page") -> list[dict]:
    """What plotly draws: name, x, y, what is hidden, the upper bars, hover texts."""
    return page.evaluate(
        """() => document.getElementById('curve-plot')._fullData.map(t => ({
            name: t.name, x: [...t.x], y: [...t.y], shown: t.visible, theory: t.meta === 'theory',
            colour: (t.line || t.marker).color, text: t.text,
            bars: t.error_y && t.error_y.visible && [...t.error_y.array]}))"""
    )


def test_a_page_opens_and_draws_every_system_with_its_interval(opened):
    page = opened("point.html")
    page.select_option("#metric", "psnr_db")
    (only,) = curves(page)
    assert (only["x"], only["y"]) == ([3], [24])
    assert 0 < only["bars"][0] < 4
    assert re.fullmatch(r"point<br>SNR 3 dB<br>PSNR 24.00 dB<br>95 %: .* to .*<br>16 trials", only["text"][0])
    assert page.locator("#curve-plot .points path").count() == 1


def test_names_do_nothing_in_the_page(opened):
    page = opened("study.html")
    page.wait_for_timeout(100)
    assert page.evaluate("window.hacked") is None
    assert page.locator("img[src='x']").count() == 0
    legend = page.locator("#curve-plot .legendtext").all_text_contents()
    assert legend == ["first", HOSTILE]
    assert HOSTILE in page.locator("#table-results td").all_text_contents()
    assert page.locator("#compare-left option").all_text_contents()[:3] == ["original", "first", HOSTILE]


def test_a_click_on_the_legend_hides_the_curve(opened):
    page = opened("study.html")
    page.select_option("#metric", "psnr_db")
    assert [curve["shown"] for curve in curves(page)] == [True, True]
    page.locator("#curve-plot .legendtoggle").first.click()
    until(page, "document.getElementById('curve-plot')._fullData[0].visible === 'legendonly'")
    assert page.locator("#curve-plot .scatterlayer .trace").count() == 1
    page.locator("#curve-plot .legendtoggle").first.click()
    until(page, "document.getElementById('curve-plot')._fullData[0].visible === true")


def test_the_metric_and_its_bounds_are_chosen(opened):
    page = opened("study.html")
    page.select_option("#metric", "psnr_db")
    assert page.locator("#theory").count() == 0
    before = [curve["colour"] for curve in curves(page)]
    page.select_option("#metric", "air.picture.bler")
    assert [(curve["y"], curve["theory"]) for curve in curves(page)] == [([0.1] * 3, False)] * 2
    assert [curve["colour"] for curve in curves(page)] == before
    assert page.evaluate("document.getElementById('curve-plot')._fullLayout.yaxis.type") == "log"
    page.check("#theory")
    bounds = [curve for curve in curves(page) if curve["theory"]]
    assert [bound["colour"] for bound in bounds] == before
    assert all(0 < y < 0.5 for y in bounds[0]["y"])
    assert "bpsk-1/2" in page.locator("#curve-note").text_content()
    page.uncheck("#theory")
    assert not any(curve["theory"] for curve in curves(page))


def test_a_rate_of_zero_is_shown_as_its_upper_limit(opened):
    page = opened("point.html")
    page.select_option("#metric", "outage_rate")
    (limit,) = curves(page)
    assert limit["y"] == [pytest.approx(1 - 0.025 ** (1 / 16), rel=1e-6)]
    assert "0 of 16 trials" in limit["text"][0]
    page.get_by_label("log scale").uncheck()
    assert curves(page)[0]["y"] == [0]


def split(page: "Page") -> float:
    """Where the divider stands, a part of the frame's width."""
    frame, edge = (page.locator(name).bounding_box() for name in (".stage", ".stage .edge"))
    return (edge["x"] + edge["width"] / 2 - frame["x"]) / frame["width"]


def test_the_slider_moves_the_divider_by_drag_key_and_range(opened):
    page = opened("study.html")
    stage = page.locator(".stage")
    stage.scroll_into_view_if_needed()
    before = page.evaluate("getComputedStyle(document.querySelector('.stage .over')).clipPath")
    frame = stage.bounding_box()
    middle = frame["y"] + frame["height"] / 2
    page.mouse.move(frame["x"] + frame["width"] / 2, middle)
    page.mouse.down()
    page.mouse.move(frame["x"] + frame["width"] / 4, middle, steps=3)
    page.mouse.up()
    assert split(page) == pytest.approx(0.25, abs=0.01)
    assert page.evaluate("getComputedStyle(document.querySelector('.stage .over')).clipPath") != before
    stage.focus()
    page.keyboard.press("ArrowRight")
    assert split(page) == pytest.approx(0.27, abs=0.01)
    page.locator("#split").focus()
    page.keyboard.press("End")
    assert split(page) == pytest.approx(1, abs=0.01)


def test_both_pictures_zoom_together(opened):
    page = opened("study.html")
    page.locator(".zoom").get_by_role("button", name="zoom in").click()
    scales = "[...document.querySelectorAll('.stage img')].map(i => i.style.transform)"
    one, two = page.evaluate(scales)
    assert one == two
    assert "scale(2)" in one
    stage = page.locator(".stage")
    stage.focus()
    frame = stage.bounding_box()
    page.mouse.move(frame["x"] + 20, frame["y"] + 20)
    page.mouse.wheel(0, -100)
    until(page, "document.querySelector('.stage img').style.transform.includes('scale(2.5)')")
    page.keyboard.press("0")
    assert "scale(1)" in page.evaluate(scales)[1]


def test_pictures_are_chosen_by_image_system_and_point_and_told_with_their_psnr(opened):
    page = opened("study.html")
    page.select_option("#compare-image", label="blue")
    page.select_option("#compare-left", label="original")
    page.select_option("#compare-right", label="first")
    page.select_option("#compare-right-at", label="SNR 20 dB")
    told = page.locator(".captions div").all_text_contents()
    assert told[0] == "originalblue"
    assert told[1].startswith("firstSNR 20 dB, 36.00 dB, MS-SSIM 12.00 dB, qpsk-1/2, fade \u22123.0 dB")
    page.select_option("#compare-right", label="eavesdropper of first")
    assert "SNR 20 dB, 7.25 dB" in page.locator(".captions div").nth(1).text_content()
    grey = "(async () => { const i = document.querySelector('.stage img'); await i.decode();"
    grey += "const c = document.createElement('canvas').getContext('2d'); c.drawImage(i, 0, 0);"
    grey += "return [...c.getImageData(5, 5, 1, 1).data] })()"
    assert page.evaluate(grey) == pytest.approx([128, 128, 128, 255], abs=2)


def test_a_table_sorts_numbers_as_numbers_both_ways(opened):
    page = opened("study.html")
    column = "[...document.querySelectorAll('#table-results tbody tr')].map(r => r.cells[3].textContent)"
    head = page.locator("#table-results th").nth(3)
    head.get_by_role("button").click()
    assert head.get_attribute("aria-sort") == "ascending"
    up = [float(text.split()[0]) for text in page.evaluate(column)]
    assert up == sorted(up) == [10.5, 10.5, 10.5, 21, 31, 36]
    head.get_by_role("button").press("Enter")
    down = [float(text.split()[0]) for text in page.evaluate(column)]
    assert down == up[::-1]


def test_a_long_table_is_turned_page_by_page(opened):
    page = opened("many.html")
    lines = page.locator("#table-results tbody tr")
    assert lines.count() == 100
    page.get_by_role("button", name="Next").first.click()
    assert lines.count() == 50
    assert lines.last.locator("td").first.text_content() == "149"
    page.locator("#table-results th").nth(2).get_by_role("button").click()
    assert lines.first.locator("td").first.text_content() == "0"
    bars = page.evaluate("document.getElementById('ledger-plot')._fullData[0].x.length")
    assert bars == 40
    assert "110 of 150 points are left out" in page.locator("#ledger-note").text_content()


def test_the_ledger_adds_up_to_the_uses(opened):
    page = opened("point.html")
    sums = page.evaluate("document.getElementById('ledger-plot')._fullData.reduce((s, t) => s + t.x[0], 0)")
    assert sums == pytest.approx(1200 / 7200, rel=1e-6)
    names = page.evaluate("document.getElementById('ledger-plot')._fullData.map(t => t.name)")
    assert names == ["data", "parity", "CRC", "pilots", "padding", "side information"]


def test_light_and_dark_follow_the_reader_and_the_button(opened):
    paper = "getComputedStyle(document.body).backgroundColor"
    plot = "document.getElementById('curve-plot')._fullLayout.paper_bgcolor"
    page = opened("point.html", scheme="dark")
    assert page.evaluate(paper) == "rgb(18, 22, 27)"
    assert page.evaluate(plot) == "#12161b"
    page.get_by_role("button", name="light colours").click()
    assert page.evaluate(paper) == "rgb(255, 255, 255)"
    assert page.evaluate(plot) == "#ffffff"


def test_a_page_prints_in_light_and_without_controls(opened):
    page = opened("study.html", scheme="dark")
    printed = page.pdf(format="A4", print_background=True)
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) >= 2
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("document.getElementById('curve-plot')._fullLayout.paper_bgcolor") == "#ffffff"
    assert page.locator("nav, #theme, #curve-controls, .zoom").evaluate_all(
        "all => all.every(each => getComputedStyle(each).display === 'none')"
    )


def test_nothing_is_wider_than_a_phone(opened):
    page = opened("study.html", width=390)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_run_without_a_trial_says_so_and_tells_how_to_run_it(opened):
    page = opened("none.html")
    assert (
        "0 of 4 trials are there (0%), 1 of 1 points have none yet" in page.locator(".status").text_content()
    )
    assert page.locator("section:visible").count() == 1
    assert "linksim run none.yaml" in page.locator("#again").text_content()


def test_files_are_copied_and_saved(opened):
    page = opened("study.html")
    page.locator("[data-copy]").first.click()
    assert page.locator("[data-copy]").first.text_content() == "Copied"
    with page.expect_download() as waiting:
        page.locator("[data-save]").first.click()
    assert waiting.value.suggested_filename == "study.yaml"
    assert waiting.value.path().read_text().startswith("name: study\nscenarios:\n")


def test_every_control_has_a_name(opened):
    page = opened("study.html")
    nameless = page.evaluate(
        """() => [...document.querySelectorAll('button, select, input, [tabindex="0"]')].filter(each =>
            !(each.getAttribute('aria-label') || each.textContent.trim() || each.closest('label'))).length"""
    )
    assert nameless == 0
    assert page.locator("html").get_attribute("lang") == "en"
