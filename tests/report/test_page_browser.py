"""The page in a real browser: it opens from a file, asks for nothing, and does what its controls say."""

import re

import pytest
from browsing import HOSTILE, curves, until


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
    page.locator("#image-controls select").first.select_option("sweep")
    assert page.locator("#image-plot .legendtext").all_text_contents() == ["<b>red</b>", "blue"]
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
    assert lines.last.locator("td").first.text_content() == "129"
    page.locator("#table-results th").first.get_by_role("button").click()
    told = [int(text) for text in page.locator("#table-results tbody td:first-child").all_text_contents()]
    assert told == list(range(-20, 80))
    bars = page.evaluate("document.getElementById('ledger-plot')._fullData[0].x.length")
    assert bars == 40
    assert "110 of 150 points are left out" in page.locator("#ledger-note").text_content()


def test_a_long_curve_has_a_band_for_its_bars(opened):
    line, band = curves(opened("many.html"))
    assert len(line["x"]) == 150
    assert len(band["x"]) == 300
    assert not line["bars"]


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
    colour = "document.getElementById('curve-plot')._fullLayout.paper_bgcolor"
    until(page, f"{colour} === '#ffffff'")
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


def test_error_rates_have_intervals_theory_and_either_rate(opened):
    page = opened("ber.html")
    assert page.locator("section:visible").evaluate_all("all => all.map(each => each.id)") == [
        "errors",
        "again",
    ]
    awgn, fading, unseen = curves(page, "error-plot")
    assert (awgn["x"], awgn["y"]) == ([0, 5], [0.3, 0.01])
    assert (fading["x"], fading["y"]) == ([0, 10], [0.4, 0.05])
    assert (unseen["x"], unseen["y"]) == ([20], [pytest.approx(1 - 0.025**1e-3, rel=1e-6)])
    assert fading["bars"] == [pytest.approx(0.1028, abs=1e-4), pytest.approx(0.0154, abs=1e-4)]
    page.locator("#error-controls select").first.select_option("ber")
    theory = [curve for curve in curves(page, "error-plot") if curve["theory"]]
    assert [curve["colour"] for curve in theory] == [awgn["colour"], fading["colour"]]
    at = dict(zip(theory[1]["x"], theory[1]["y"], strict=True))
    snr = min(at, key=lambda x: abs(x - 10))
    g = 10 ** (snr / 10)
    assert at[snr] == pytest.approx((1 - (g / (1 + g)) ** 0.5) / 2, rel=1e-5)  # Proakis (14.3-7)
    page.uncheck("#error-theory")
    assert not any(curve["theory"] for curve in curves(page, "error-plot"))
    assert "linksim ber --code=uncoded:k=100" in page.locator("#again").text_content()
