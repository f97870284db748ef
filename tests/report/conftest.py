"""A run for the tests of the report, and a browser with pages open."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from browsing import ARGUMENTS, BROWSER, outside, write_pages
from written_runs import trial, write_run


@pytest.fixture
def lossy(tmp_path) -> Path:
    """SNR 0 dB: 20 and 24 dB delivered, 10 dB in two outages; SNR 10 dB: 30 dB four times. Two images."""
    points = [{"snr_db": 0}, {"snr_db": 10}]
    low = [(0, 0, 20.0, False), (0, 1, 10.0, True), (1, 0, 24.0, False), (1, 1, 10.0, True)]
    rows = [
        trial(0, {"snr_db": 0.0}, image, n, psnr, outage=lost, eve_psnr_db=8.0, ms_ssim_db=4.0 + image + n)
        | ({"air.essential.mcs": "bpsk-1/2"} if (image, n) == (0, 0) else {})
        for image, n, psnr, lost in low
    ]
    rows += [
        trial(1, {"snr_db": 10.0}, image, n, 30.0, eve_psnr_db=9.0, ms_ssim_db=15.0)
        | {"air.essential.block_errors": 0}
        for image, n, *_ in low
    ]
    return write_run(tmp_path / "lossy", points, rows, eavesdropper=True)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """One Chromium for all tests; without one they are skipped, and say what is missing."""
    driving = pytest.importorskip("playwright.sync_api", reason="needs the package playwright")
    if BROWSER is None:
        pytest.skip("needs chromium, on the path or named by CHROMIUM")
    with driving.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=BROWSER, args=list(ARGUMENTS))
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def kept(browser, tmp_path_factory) -> tuple[Path, dict[Any, Any], list[str]]:
    """The folder of pages, those that are open, which tests share, and all that they complained of."""
    home = tmp_path_factory.mktemp("pages")
    write_pages(home)
    return home, {}, []


@pytest.fixture
def opened(browser, kept) -> Iterator[Callable[..., Any]]:
    """Opens a page; it must not complain, nor ask for anything but its own file."""
    home, pages, told = kept

    def go(name: str, width: int = 1200, scheme: str = "light") -> Any:
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
