"""What a page holds, before any browser: numbers, bounds, files to run again, names that are only text."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from written_runs import SAMPLES
from written_studies import scenario, write_study

from linksim.document import parse
from linksim.errors import LinksimError
from linksim.report.page import unfinished, write_page
from linksim.report.page_data import embedded, runs_data
from linksim.report.page_pictures import pictures_data
from linksim.report.page_reproduce import files
from linksim.report.page_sources import read_runs
from linksim.report.page_theory import run_bounds
from linksim.scenario import build, resolved
from linksim.study import plan_of

HOSTILE = "</script><img src=x onerror=window.hacked=1>"
TWO = {"first": {0: 20.0, 10: 30.0}, "second": {0: 24.0, 10: 28.0}}


def page_data(path: Path) -> dict:
    (found,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', path.read_text(), re.S)
    return json.loads(found)


def test_the_page_holds_the_numbers_of_the_table(tmp_path):
    data = page_data(write_page([write_study(tmp_path / "two", TWO)], tmp_path / "page.html"))
    assert [system["label"] for system in data["systems"]] == ["first", "second"]
    point = data["points"][2]
    assert (point["system"], point["setting"], point["trials"], point["planned"]) == (1, "SNR 0 dB", 4, 4)
    assert point["metrics"]["psnr_db"][0] == np.mean([24, 25, 25, 26])
    assert point["metrics"]["outage_rate"] == [0, 0, pytest.approx(1 - 0.025 ** (1 / 4)), 4, 0]
    assert point["metrics"]["air.picture.bler"] == [0.1, None, None, 40, 4]
    assert point["images"] == [24.5, 25.5]
    spent = dict(zip(data["spent"], point["uses"], strict=True))
    per_sample = {"data": 400, "parity": 700, "CRC": 8, "pilots": 60, "padding": 12, "fill": 0}
    assert spent["side information"] == pytest.approx((10 + 6 + 4) / SAMPLES, rel=1e-6)
    for name, uses in per_sample.items():
        assert spent[name] == pytest.approx(uses / SAMPLES, rel=1e-6)
    assert sum(spent.values()) == pytest.approx(1200 / SAMPLES, rel=1e-6)


def test_pages_ask_for_nothing_from_a_network(tmp_path):
    text = write_page([write_study(tmp_path / "two", TWO)], tmp_path / "page.html").read_text()
    own = text[: text.index("<script>")]
    assert "default-src 'none'" in own
    assert not re.search(r"""(src|href)\s*=\s*["']?(https?:)?//""", own)
    assert "http" not in re.sub(r"http-equiv", "", own)


def test_systems_of_several_runs_are_told_apart(tmp_path):
    one = write_study(tmp_path / "one", {"a": {0: 20.0}})
    two, same = write_study(tmp_path / "two", TWO), write_study(tmp_path / "x" / "two", TWO)
    labels = [system.label for run in read_runs([one, two, same]) for system in run.systems]
    assert labels == ["one", f"{two}: first", f"{two}: second", f"{same}: first", f"{same}: second"]
    numbers = [system.number for run in read_runs([one, two, same]) for system in run.systems]
    assert numbers == list(range(5))


def test_what_is_no_run_is_one_line(tmp_path):
    with pytest.raises(LinksimError, match=r"nowhere: must be the folder of a run.*check the path"):
        write_page([tmp_path / "nowhere"], tmp_path / "page.html")
    with pytest.raises(LinksimError, match=r"--out: must end in \.html, got .*page\.pdf"):
        write_page([write_study(tmp_path / "one", TWO)], tmp_path / "page.pdf")
    with pytest.raises(LinksimError, match=r"--pictures: must be >= 0 megabytes"):
        write_page([tmp_path / "one"], tmp_path / "page.html", pictures_mb=float("nan"))


@pytest.mark.parametrize(("done", "told"), [(0, "0 of 16"), (3, "12 of 16"), (4, None)])
def test_a_run_says_how_far_it_is(tmp_path, done, told):
    folder = write_study(tmp_path / "run", TWO, done=done)
    lines = unfinished(read_runs([folder]))
    text = write_page([folder], tmp_path / "page.html").read_text()
    assert len(lines) == (told is not None)
    assert told is None or f"{told} trials are there" in lines[0]
    assert ("trials are there" in text) == (told is not None)


@pytest.mark.parametrize("name", [HOSTILE, "a & b \u2028 <!-- <script>", "$x ${y} `z`"])
def test_names_are_text_wherever_they_stand(tmp_path, name):
    folder = write_study(tmp_path / "run", {name: {0: 20.0}, "b": {0: 21.0}}, images=("red",), pictures=False)
    page = write_page([folder], tmp_path / "page.html")
    text = page.read_text()
    assert "<img src=x" not in text
    assert text.count("<script") - text.count('"<script') == 3 or text.count("<script>\n") == 2
    assert page_data(page)["systems"][0]["label"] == name


def test_json_in_a_page_reads_back_and_opens_no_tag():
    tree = {HOSTILE: ["<!--", "\u2028\u2029", "&lt;", 'quote " \\'], "x": [1.5, None, True]}
    assert json.loads(embedded(tree)) == tree
    assert not set("<>&\u2028\u2029") & set(embedded(tree))


def bounds(tmp_path: Path, changes: dict | None = None, **parts) -> dict[str, dict]:
    """metric -> bound of a run of one system over -5 to 25 dB."""
    snrs = [-5.0, 10.0, 25.0]
    tree = scenario(snrs, **parts)
    folder = write_study(
        tmp_path / "run", {"a": dict.fromkeys(snrs, 20.0)}, scenarios={"": tree}, **(changes or {})
    )
    (run,) = read_runs([folder])
    return {bound["metric"]: bound for bound in run_bounds(run)}


def test_the_bound_of_one_scheme_over_rayleigh_fading_is_its_closed_form(tmp_path):
    found = bounds(tmp_path, mcs="bpsk-1/2")
    assert set(found) == {"outage_rate", "air.picture.bler"}
    needed = 10**-0.2823  # BPSK carries half a bit there: 0.187 dB of Eb/N0, from tables
    for bound in found.values():
        x, y = np.array(bound["x"]), np.array(bound["y"])
        np.testing.assert_allclose(y, -np.expm1(-needed / 10 ** (x / 10)), rtol=1e-3)


def test_the_bound_of_a_rule_is_that_of_its_most_robust_scheme(tmp_path):
    fixed = bounds(tmp_path / "fixed", mcs="bpsk-1/2")["outage_rate"]
    blind = bounds(tmp_path / "blind", mcs="{amc: hda}")
    seeing = bounds(tmp_path / "seeing", mcs="{amc: hda, csit: true}")
    assert blind["outage_rate"]["y"] == seeing["outage_rate"]["y"] == fixed["y"]
    assert blind["air.picture.bler"]["y"] == fixed["y"]
    assert (
        "air.picture.bler" not in seeing
    )  # bad fades send fewer blocks: the share of wrong ones may be less


def test_no_bound_is_drawn_where_none_is_known(tmp_path):
    assert bounds(tmp_path / "pilots", csi="{kind: pilots, count: 16}") == {}
    assert bounds(tmp_path / "blocks", channel="{kind: rayleigh, block: 64}") == {}
    assert bounds(tmp_path / "jakes", channel="{kind: jakes, doppler: 1e-4}") == {}
    shown = bounds(tmp_path / "shown", changes={"air.picture.ok": False})
    assert set(shown) == {
        "air.picture.bler"
    }  # a lost payload that is no outage: nothing binds the outage rate


def test_without_fading_the_bound_is_an_snr(tmp_path):
    found = bounds(tmp_path, channel="{kind: awgn}", mcs="bpsk-1/2")
    assert found["outage_rate"]["limit_db"] == pytest.approx(-2.823, abs=1e-3)
    assert "y" not in found["outage_rate"]


def test_the_page_holds_files_that_run_it_again(tmp_path):
    alone = write_study(tmp_path / "alone", {"a": {0: 20.0, 5: 21.0}})
    (name, text), *rest = files(read_runs([alone])[0]).items()
    assert (name, rest) == ("alone.yaml", [])
    tree = read_runs([alone])[0].manifest["scenarios"][""]
    assert resolved(build(parse(text, name))) == tree
    trees = {"A + B": scenario([0]), "A & B": scenario([0], mcs="bpsk-1/2")}
    study = write_study(tmp_path / "both", {"A + B": {0: 20.0}, "A & B": {0: 21.0}}, scenarios=trees)
    home = tmp_path / "again"
    home.mkdir()
    for name, text in files(read_runs([study])[0]).items():
        assert "&" not in name
        (home / name).write_text(text)
    plan = plan_of(home / "both.yaml")
    assert {system: resolved(each) for system, each in plan.scenarios.items()} == trees


def test_pictures_fit_their_budget_and_are_spread_evenly(tmp_path):
    curve = {float(snr): 20.0 for snr in range(9)}
    folder = write_study(tmp_path / "many", {"a": curve}, images=[f"i{n}" for n in range(5)])
    runs = read_runs([folder])
    everything = pictures_data(runs, 10)
    assert len(everything["shots"]) == 5 * 9
    assert "in this page" not in everything["note"]
    size = sum(len(shot["src"]) + len(shot["eve"]) for shot in everything["shots"])
    few = pictures_data(runs, size / 4e6)
    points = {int(shot["point"], 16) for shot in few["shots"]}
    assert 8 < len(few["shots"]) < 16
    assert {0, 8} < points
    assert {image["name"] for image in few["images"]} > {"i0", "i4"}
    assert f"{len(few['shots'])} of 45 pictures are in this page" in few["note"]
    assert "--pictures" in few["note"]
    assert pictures_data(runs, 0)["shots"] == []


def test_infinite_and_missing_numbers_are_no_numbers_of_the_page(tmp_path):
    folder = write_study(tmp_path / "exact", {"a": {0: np.inf, 5: 20.0}}, ms_ssim_db=None, outage=True)
    points = runs_data(read_runs([folder]))["points"]
    assert "psnr_db" not in points[0]["metrics"]
    assert "ms_ssim_db" not in points[1]["metrics"]
    assert "psnr_delivered_db" not in points[1]["metrics"]
    assert points[0]["images"] == [None, None]


def test_hundreds_of_points_make_a_page(tmp_path):
    curve = {float(n): 20.0 + n / 100 for n in range(600)}
    folder = write_study(tmp_path / "huge", {"a": curve}, images=("red",), per_image=1, pictures=False)
    page = write_page([folder], tmp_path / "page.html")
    assert len(page_data(page)["points"]) == 600
    assert page.stat().st_size < 7e6
    assert '<section id="pictures" aria-labelledby="h-pictures" hidden>' in page.read_text()


def test_images_are_told_apart_by_their_error_where_pictures_are_grey(tmp_path):
    told = {}
    for name, more in (("colour", {}), ("grey", {"mse": 0.01, "channels": 1})):
        folder = write_study(tmp_path / name, {"A": {0: 20.0}}, pictures=False, **more)
        tree = runs_data(read_runs([folder]))
        told[name] = tree["image_metric"]["key"], tree["points"][0]["images"]
    assert told == {"colour": ("psnr_db", [20.5, 21.5]), "grey": ("mse", [0.01, 0.01])}
