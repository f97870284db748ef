"""Figures and strips of runs written by hand: the lines that they draw, and files that open."""

import math
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from written_runs import HEIGHT, WIDTH, plain, trial, write_run
from written_studies import write_study

from linksim import disk, results
from linksim.errors import LinksimError
from linksim.report import panels, plots, write_report
from linksim.report.curves import Series, axis_over, read_series, variable
from linksim.report.lines import picture_lines, tells_mse
from linksim.report.panels import ticks
from linksim.report.plots import MSE, PSNR, QUANTITIES, plot_runs, write_figures
from linksim.report.strip import MOST_IMAGES, MOST_POINTS, TILE, strip_rows, write_strip
from linksim.report.style import COLUMN_DPI, COLUMN_RC, DPI, figure
from linksim.report.table import read_summary

MCS = "links.air.streams.essential.mcs"


def small(home: Path, name: str, points: list[dict], psnr_db: float = 30.0) -> Path:
    """A run of one trial a point; a score grows by 1 dB a point."""
    rows = [trial(i, values, 0, 0, psnr_db + i) for i, values in enumerate(points)]
    return write_run(home / name, points, rows)


def drawn_lines(folder: Path, quantity=PSNR) -> dict[tuple[str, str], tuple[list, list]]:
    """(label, kind) -> x and y of every line that the figure draws."""
    series = read_series(folder)
    axis = axis_over([series], variable([series]))
    lines = plots._lines([series], quantity, axis, tuple(quantity.columns))
    return {(line.label, line.kind): (line.curve.x.tolist(), line.curve.y.tolist()) for line in lines}


def test_a_run_with_outages_has_lines_of_all_of_those_delivered_and_of_the_eavesdropper(lossy):
    assert drawn_lines(lossy) == {
        ("", "all trials"): ([0, 10], [16, 30]),
        ("", "delivered"): ([0, 10], [22, 30]),
        ("", "eavesdropper"): ([0, 10], [8, 9]),
    }


def test_a_run_without_outages_has_one_line(tmp_path):
    folder = small(tmp_path, "fine", [{"snr_db": 10.0}, {"snr_db": 0.0}])
    assert drawn_lines(folder) == {("", "all trials"): ([0, 10], [31, 30])}


def test_every_setting_of_the_other_fields_has_its_line(tmp_path):
    grid = [{MCS: mcs, "snr_db": snr} for mcs in ("bpsk-1/2", "qpsk-1/2") for snr in (0.0, 5.0)]
    assert drawn_lines(small(tmp_path, "grid", grid)) == {
        ("mcs bpsk-1/2", "all trials"): ([0, 5], [30, 31]),
        ("mcs qpsk-1/2", "all trials"): ([0, 5], [32, 33]),
    }


def test_fractions_lie_at_their_values_and_names_side_by_side(tmp_path):
    ratios = [{"links.air.bandwidth_ratio": value} for value in ("1/4", "1/8")]
    assert drawn_lines(small(tmp_path, "ratio", ratios))["", "all trials"] == ([0.125, 0.25], [31, 30])
    names = [{MCS: value} for value in ("qpsk-1/2", "bpsk-1/2")]
    assert drawn_lines(small(tmp_path, "names", names))["", "all trials"] == ([0, 1], [30, 31])


@pytest.mark.parametrize(
    "points",
    [[{}], [{"snr_db": 3.0}], [{MCS: "bpsk-1/2"}, {MCS: '{"amc": "hda", "csit": true}'}]],
    ids=["no sweep", "one point", "names"],
)
def test_a_report_is_whole_whatever_was_swept(tmp_path, points):
    folder = small(tmp_path, "run", points)
    written = write_report(folder)
    names = ["psnr.png", "psnr.pdf", "outage.png", "outage.pdf", "strip.png", "summary.csv", "summary.md"]
    assert [path.name for path in written] == names
    assert all(path.stat().st_size > 200 for path in written)


def test_figures_are_of_the_size_that_a_page_wants(lossy):
    quantities = [each for each in QUANTITIES if each is not MSE]
    assert {path.stem for path in write_figures(lossy)} == {quantity.name for quantity in quantities}
    for quantity in quantities:
        with Image.open(lossy / "figures" / f"{quantity.name}.png") as picture:
            assert picture.size == (1050, round(plots.HEIGHT * COLUMN_DPI))  # 3.5 in at 300 dpi
            assert len(picture.convert("RGB").getcolors(1 << 20)) > 20
        printed = (lossy / "figures" / f"{quantity.name}.pdf").read_bytes()
        assert printed.startswith(b"%PDF")
        assert b"/MediaBox [ 0 0 252 " in printed  # points: 3.5 in
        assert b"/CIDFontType2" in printed or b"/TrueType" in printed
        assert b"/Type3" not in printed


@pytest.mark.parametrize(
    ("psnrs", "channels", "drawn"),
    [
        ((20.0, 30.0), 3, False),
        ((20.0, math.inf), 3, True),
        ((20.0, 30.0), 1, True),
        ((math.inf,) * 2, 3, False),
    ],
)
def test_the_mean_squared_error_is_drawn_where_psnr_does_not_tell_all(tmp_path, psnrs, channels, drawn):
    points = [{"snr_db": 0.0}, {"snr_db": 10.0}]
    rows = [
        trial(i, point, 0, 0, psnr, channels=channels, mse=10 ** (-psnr / 10))
        for i, (point, psnr) in enumerate(zip(points, psnrs, strict=True))
    ]
    folder = write_run(tmp_path / "run", points, rows)
    assert ("mse" in {path.stem for path in write_figures(folder)}) == drawn
    if drawn:
        (curve,) = drawn_lines(folder, MSE).values()
        assert curve == ([0, 10], pytest.approx([10 ** (-psnr / 10) for psnr in psnrs]))
    told = [tells_mse(read_summary(folder)), "MSE" in picture_lines(read_summary(folder), ["snr_db"]).head]
    assert told == [drawn or math.inf in psnrs] * 2


@pytest.mark.parametrize("least", [1e-7, 0.012])
def test_decades_are_told_without_mathematics(least):
    with matplotlib.rc_context(COLUMN_RC):
        drawn = figure(3.5, 2.5)
        axes = drawn.subplots()
        axes.plot([0, 1], [least, 0.05])
        panels.decades(axes)
        drawn.canvas.draw()
        every = [*axes.get_yticklabels(), *axes.get_yticklabels(minor=True)]
    told = [label.get_text() for label in every if label.get_text()]
    assert len(told) >= 3
    assert all(float(text.replace("\N{MINUS SIGN}", "-")) > 0 for text in told)


def test_a_strip_of_grey_pictures_is_grey(tmp_path):
    folder = small(tmp_path, "grey", [{"snr_db": 0.0}])
    gallery = results.Gallery(folder=folder)
    for path, level in ((gallery.original("photo0"), 0), (gallery.received("photo0", f"{0:016x}"), 200)):
        disk.write(path, results.png(np.full((28, 28, 1), level, np.uint8)))
        np.testing.assert_array_equal(results.load_picture(path), np.full((28, 28, 1), level, np.uint8))
    (path,) = write_strip(folder)
    with Image.open(path) as strip:
        shown = np.asarray(strip.convert("RGB"))
    at = shown[shown.shape[0] // 2]  # a line through both pictures: black, then light grey, no colour map
    assert {tuple(at[len(at) // 4]), tuple(at[3 * len(at) // 4])} == {(0, 0, 0), (200, 200, 200)}


def test_curves_of_one_kind_are_told_apart_without_colour():
    looks = [panels.look(number, "all trials", joined=True, alone=True) for number in range(7)]
    assert len({str(look["linestyle"]) for look in looks}) == 7
    assert len({look["marker"] for look in looks}) == 7


@pytest.mark.parametrize("alone", [True, False])
def test_more_curves_than_colours_have_looks_of_their_own(alone):
    looks = [panels.look(number, "all trials", joined=True, alone=alone) for number in range(14)]
    assert len({(look["color"], str(look["linestyle"]), look["marker"]) for look in looks}) == 14
    assert len({(look["color"], look["marker"]) for look in looks}) == 14


def test_systems_of_a_study_have_lines_by_their_names(tmp_path):
    folder = write_study(tmp_path / "two", {"A": {0: 20.0, 10: 30.0}, "B + C": {0: 24.0, 10: 28.0}})
    assert drawn_lines(folder) == {
        ("A", "all trials"): ([0, 10], [21, 31]),
        ("B + C", "all trials"): ([0, 10], [25, 29]),
    }


def test_a_system_that_is_not_swept_over_the_axis_is_no_line(tmp_path):
    points = [{"k": 1, "j": None}, {"k": 2, "j": None}, {"k": None, "j": 5}]
    rows = [trial(n, values, 0, 0, 20.0 + n) for n, values in enumerate(points)]
    folder = write_run(tmp_path / "apart", points, rows)
    assert drawn_lines(folder) == {("", "all trials"): ([1, 2], [20, 21])}


def test_a_long_legend_makes_a_figure_higher_and_leaves_its_curves_their_room(tmp_path, recwarn):
    heights = []
    for n in (2, 14):
        systems = {f"a system of a rather long name, {i}": {0: 20.0 + i, 10: 30.0 + i} for i in range(n)}
        folder = write_study(tmp_path / f"of_{n}", systems, pictures=False)
        write_figures(folder)
        with Image.open(folder / "figures" / "psnr.png") as drawn:
            heights.append(drawn.height / COLUMN_DPI)
    assert heights[1] - heights[0] == pytest.approx(12 * panels.LEGEND_LINE, abs=0.02)
    assert not [warning for warning in recwarn if "constrained_layout" in str(warning.message)]


def test_a_legend_of_many_short_names_lies_within_the_figure(tmp_path):
    names = ("HEVC", "AVIF", "JPEG XL", "WebP", "JPEG 2000", "JPEG")
    systems = {name: {0: 20.0 + i, 10: 30.0 + i} for i, name in enumerate(names)}
    folder = write_study(tmp_path / "codecs", systems, pictures=False)
    write_figures(folder)
    with Image.open(folder / "figures" / "psnr.png") as drawn:
        pixels = np.asarray(drawn.convert("L"))
    legend = pixels[int(0.88 * pixels.shape[0]) :]
    assert legend[:, [0, 1, -2, -1]].min() == 255


def test_the_strip_of_a_study_shows_every_system(tmp_path):
    curves = {name: {snr: 20.0 for snr in range(9)} for name in ("A", "B")}
    heads = [tile.head for tile in strip_rows(write_study(tmp_path / "two", curves))[0]]
    assert heads == ["original", *(f"{name}\nSNR {snr} dB" for name in ("A", "B") for snr in (0, 4, 8))]


@pytest.mark.parametrize(("suffix", "magic"), [("png", b"\x89PNG"), ("pdf", b"%PDF"), ("SVG", b"<?xml")])
def test_runs_are_plotted_together_in_the_format_of_the_ending(lossy, tmp_path, suffix, magic):
    other = small(tmp_path, "other", [{"snr_db": 5.0, MCS: "bpsk-1/2"}])
    out = tmp_path / "deep" / f"both.{suffix}"
    assert plot_runs([lossy, other], out) == out
    assert out.read_bytes().startswith(magic)


def test_names_that_runs_do_not_share_lie_at_places_of_their_own(tmp_path):
    first = read_series(small(tmp_path, "a", [{MCS: "bpsk-1/2"}, {MCS: "qpsk-1/2"}]))
    second = read_series(small(tmp_path, "b", [{MCS: "16qam-1/2"}, {MCS: "bpsk-1/2"}]))
    axis = axis_over([first, second], variable([first, second]))
    assert axis.places == {"bpsk-1/2": 0, "qpsk-1/2": 1, "16qam-1/2": 2}


@pytest.mark.parametrize(
    ("field", "values", "scale"),
    [
        ("csi.count", [1, 2, 4, 8, 16, 32, 64, 128], "log"),
        ("block_loss", [0, 3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1], "symlog"),
        ("bandwidth_ratio", ["1/12", "1/6", "1/4"], "linear"),
        ("steps", list(range(1, 41)), "linear"),
        ("offset", [-1, 0, 1, 100], "linear"),
        ("clip_db", [0.1, 0.2, 10, 40], "linear"),
    ],
)
def test_an_axis_of_growing_steps_is_drawn_over_decades_with_every_value_a_tick(field, values, scale):
    series = Series(name="run", table=pd.DataFrame({field: values}), fields=(field,))
    drawn = figure(3, 2)
    axes = drawn.subplots()
    axis = axis_over([series], field)
    axes.plot(axis.of(values), axis.of(values))
    ticks(axes, axis)
    assert axes.get_xscale() == scale
    if scale != "linear":
        assert [label.get_text() for label in axes.get_xticklabels()] == [f"{value:g}" for value in values]
        left = axes.transData.transform([(x, 0) for x in axis.of(values)])[:, 0]
        assert np.diff(left).min() > np.diff(left).max() / 4


def test_what_cannot_be_plotted_is_one_line(lossy, tmp_path):
    out = tmp_path / "figure.png"
    with pytest.raises(LinksimError, match=r"--out: must end in \.png, \.pdf, \.svg, got .*bmp"):
        plot_runs([lossy], tmp_path / "figure.bmp")
    with pytest.raises(LinksimError, match="must be the folder of a run"):
        plot_runs([lossy, tmp_path / "nowhere"], out)
    names = small(tmp_path, "names", [{MCS: "bpsk-1/2"}])
    with pytest.raises(LinksimError, match=f"must be swept over the same field, got '{MCS} and snr_db'"):
        plot_runs([lossy, names], out)
    assert not out.exists()


def test_the_strip_shows_the_original_every_point_and_the_eavesdropper(lossy):
    rows = strip_rows(lossy)
    assert [tile.head for tile in rows[0]] == ["original", "SNR 0 dB", "SNR 10 dB", "eavesdropper\nSNR 10 dB"]
    told = [[tile.words for tile in row] for row in rows]
    assert told == [["photo0", "20.0 dB", "30.0 dB", "9.0 dB"], ["photo1", "24.0 dB", "30.0 dB", "9.0 dB"]]
    for tile, level in zip(rows[0], (255, 0, 10, 128), strict=True):
        np.testing.assert_array_equal(tile.picture, plain(level))


def test_the_strip_shows_an_eavesdropper_where_there_is_one(tmp_path):
    points = [{"snr_db": 0.0}, {"snr_db": 10.0}]
    rows = [
        trial(n, values, 0, 0, 30.0, eve_psnr_db=heard)
        for n, (values, heard) in enumerate(zip(points, (9.0, float("nan")), strict=True))
    ]
    folder = write_run(tmp_path / "mixed", points, rows)
    disk.write(
        results.Gallery(folder=folder).eavesdropped("photo0", rows[0]["point"]), results.png(plain(128))
    )
    (row,) = strip_rows(folder)
    assert [tile.head for tile in row][2:] == ["SNR 10 dB", "eavesdropper\nSNR 0 dB"]


def test_names_are_drawn_as_they_are_and_never_read_as_formulas(tmp_path):
    rows = [trial(0, {"codec.card": "$x_{$"}, 0, 0, 12.0, image="a$\\b_{$c")]
    assert write_report(write_run(tmp_path / "money", [{"codec.card": "$x_{$"}], rows))


def test_an_outage_is_told_under_its_picture(tmp_path):
    rows = [trial(0, {}, 0, 0, 12.34, outage=True)]
    assert strip_rows(write_run(tmp_path / "lost", [{}], rows))[0][1].words == "12.3 dB, outage"


def test_the_strip_keeps_the_shape_of_its_pictures(lossy):
    (path,) = write_strip(lossy)
    with Image.open(path) as picture:
        grey = np.asarray(picture.convert("RGB"))
    columns = np.flatnonzero((grey == 128).all(axis=2).sum(axis=0) > 50)
    rows = np.flatnonzero((grey[:, columns[len(columns) // 2]] == 128).all(axis=1))
    # The eavesdropper's grey, twice in its column; an edge may fall within a pixel.
    assert len(columns) == pytest.approx(TILE * DPI, abs=2)
    assert len(rows) == pytest.approx(2 * TILE * DPI * HEIGHT / WIDTH, abs=4)


def test_a_long_sweep_and_many_images_are_thinned_evenly(tmp_path):
    points = [{"snr_db": float(snr)} for snr in range(11)]
    rows = [trial(i, values, image, 0, 30.0) for i, values in enumerate(points) for image in range(7)]
    strip = strip_rows(write_run(tmp_path / "long", points, rows))
    assert len(strip) == MOST_IMAGES
    assert [row[0].words for row in strip] == ["photo0", "photo2", "photo4", "photo6"]
    assert [tile.head for tile in strip[0][1:]] == [f"SNR {n} dB" for n in range(0, 11, 2)]
    assert len(strip[0]) == 1 + MOST_POINTS
