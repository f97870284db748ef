"""Pictures in the page, in a real browser: divider, zoom, choice, and what is told of each."""

import pytest
from browsing import until


def split(page) -> float:
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
