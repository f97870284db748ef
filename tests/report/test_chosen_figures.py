"""Figures of columns or pictures that the reader chose: their lines and tiles, and what cannot be drawn."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from written_runs import point_id, trial, write_run

from linksim import disk, manifest, results
from linksim.errors import LinksimError
from linksim.gathered import gather
from linksim.report import grid, xy
from linksim.report.asked import Asked, Plot
from linksim.report.main import plot_asked, write_main

RANK, USES = "codec.rank", "links.sr.bandwidth_ratio"


def digits(home: Path, name: str, points: list[dict], images: int = 1, **rows) -> Path:
    """A run of grey pictures of 4 x 4 pixels; eta and MSE are told by the point's rank, uses and SNR."""
    told = []
    for n, values in enumerate(points):
        rank, uses, snr = (values.get(key, 0) or 0 for key in (RANK, USES, "snr_db"))
        mse = 10 ** (-2 - rank - uses - snr / 10)
        own = {"mse": mse, "channels": 1, "codec.eta": 0.1 * uses + 0.2 * rank, "codec.bits": 64 * rank}
        told += [trial(n, values, image, 0, -10 * math.log10(mse), **own | rows) for image in range(images)]
    folder = write_run(home / name, points, told)
    gallery = results.Gallery(folder=folder)
    for row in told:
        disk.write(gallery.original(row["image"]), results.png(ramp(0)))
        disk.write(gallery.received(row["image"], row["point"]), results.png(ramp(int(row["point"], 16))))
    return folder


def ramp(first: int) -> np.ndarray:
    return (np.arange(16, dtype=np.uint8).reshape(4, 4, 1) * 10 + first).astype(np.uint8)


def lines(folders: list[Path], x: str | None, metric: str = "mse", by=(), at=()) -> dict[str, tuple]:
    """Label -> x and y of every line."""
    gathered = gather(folders).at(at)
    along = xy._along(x, gathered)
    axis, groups = xy._groups(gathered, along, list(by))
    (told,) = xy.chosen([metric], gathered.rows)
    drawn = xy._lines(groups, axis, told)
    return {line.label: (line.curve.x.tolist(), line.curve.y.tolist()) for line in drawn}


def systems(home: Path) -> Path:
    """SC is swept over its uses, HSC over its rank, both over two SNRs."""
    points = [{"system": "SC", USES: uses, "snr_db": snr} for snr in (0, 10) for uses in (1, 2, 4)]
    points += [{"system": "HSC", RANK: rank, "snr_db": snr} for snr in (0, 10) for rank in (2, 1)]
    folder = digits(home, "both", points)
    tree = json.loads((folder / manifest.MANIFEST).read_text())
    for point in tree["points"]:
        point["system"] = point["values"]["system"]
    (folder / manifest.MANIFEST).write_text(json.dumps(tree))
    return folder


def test_a_measured_column_is_an_axis_and_what_moves_it_runs_along_the_line(tmp_path):
    found = lines([systems(tmp_path)], "eta")
    assert list(found) == ["SC, SNR 0 dB", "SC, SNR 10 dB", "HSC, SNR 0 dB", "HSC, SNR 10 dB"]
    assert found["SC, SNR 0 dB"] == (pytest.approx([0.1, 0.2, 0.4]), pytest.approx([1e-3, 1e-4, 1e-6]))
    assert found["HSC, SNR 10 dB"] == (pytest.approx([0.2, 0.4]), pytest.approx([1e-4, 1e-5]))


def test_points_may_be_chosen_and_what_tells_lines_apart_too(tmp_path):
    folder = systems(tmp_path)
    assert list(lines([folder], "eta", at=["snr_db=10", "rank=2.0"])) == ["SC", "HSC"]
    assert list(lines([folder], "eta", at=["system=SC"])) == ["SNR 0 dB", "SNR 10 dB"]
    assert len(lines([folder], "eta", at=["system=SC"], by=["snr_db"])) == 2
    grid = [{RANK: rank, USES: uses} for rank in (0, 1) for uses in (1, 2, 4)]
    folder = digits(tmp_path, "grid", grid)
    assert list(lines([folder], "eta")) == ["rank 0", "rank 1"]  # uses move eta by 0.3, ranks by 0.2
    assert list(lines([folder], "eta", by=[RANK])) == ["rank 0", "rank 1"]
    assert list(lines([folder], "eta", by=[USES])) == [f"bandwidth_ratio {n}" for n in (1, 2, 4)]


def test_fields_of_a_zip_run_along_together(tmp_path):
    folder = digits(tmp_path, "zip", [{RANK: n, USES: 2 * n} for n in (1, 2, 3)])
    assert lines([folder], "eta")[""] == (pytest.approx([0.4, 0.8, 1.2]), pytest.approx([1e-5, 1e-8, 1e-11]))


def test_any_swept_field_is_an_axis_and_any_column_of_numbers_is_drawn(tmp_path):
    folder = systems(tmp_path)
    assert lines([folder], "rank", "bits", at=["snr_db=0"]) == {"": ([1, 2], [64, 128])}
    assert lines([folder], None, "codec.eta", at=["rank=1", "bandwidth_ratio=1"]) == {
        "SC": ([0, 10], pytest.approx([0.1, 0.1])),
        "HSC": ([0, 10], pytest.approx([0.2, 0.2])),
    }


def test_what_goes_in_step_with_the_axis_tells_no_lines_and_pictures_apart(tmp_path):
    folder = digits(tmp_path, "zipped", [{RANK: rank, USES: uses} for rank, uses in ((1, 3), (2, 4))])
    assert lines([folder], "rank") == {"": ([1.0, 2.0], pytest.approx([1e-6, 1e-8]))}
    heads, rows = grid.grid_rows([folder], gather([folder]), Asked(pictures=True, by=("rank",)))
    assert heads == ["original", "rank 1", "rank 2"]
    assert len(rows) == 1
    assert None not in rows[0].tiles


def test_by_tells_lines_apart_and_means_the_rest(tmp_path):
    found = lines([systems(tmp_path)], "rank", by=["system"])
    assert found == {"": ([1.0, 2.0], pytest.approx([(1e-3 + 1e-4) / 2, (1e-4 + 1e-5) / 2]))}
    gathered = gather([systems(tmp_path / "again")])
    _, groups = xy._groups(gathered, xy._along("rank", gathered), ["system"])
    (metric,) = xy.chosen(["mse"], gathered.rows)
    assert {len(point.rows) for point in groups[0].points} == {2}  # one trial, at two SNRs
    told = [point.estimate(metric) for point in groups[0].points]
    assert all(np.isnan(low) or low == value for value, low, _ in told)  # the SNRs of one trial count once


def test_several_runs_are_lines_by_their_names(tmp_path):
    one, two = (digits(tmp_path, name, [{RANK: n} for n in (1, 2)]) for name in ("one", "two"))
    assert list(lines([one, two], "codec.eta")) == ["one", "two"]


def test_curves_are_files_and_an_error_of_nought_stands_at_the_foot(tmp_path):
    folder = digits(tmp_path, "run", [{RANK: n} for n in (1, 2)])
    lossless = digits(tmp_path, "lossless", [{RANK: n} for n in (1, 2)], mse=0.0)
    sizes = []
    for n, runs in enumerate(([folder], [folder, lossless])):
        out = tmp_path / f"{n}.png"
        assert plot_asked(runs, out, Asked(x="codec.eta", y=("mse", "bits"))) == out
        with Image.open(out) as picture:
            sizes.append(picture.size)
            assert picture.size[0] == 1050  # 3.5 in at 300 dpi
    assert sizes[1][1] > sizes[0][1]  # a legend


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"x": "etta"}, "--x: must be a swept field, or a column, got 'etta'; did you mean 'eta'?"),
        ({"y": ("mze",)}, "--y: must be a metric, got 'mze'; did you mean 'mse'"),
        ({"y": ("ms_ssim",)}, "--y: was not measured here, got 'ms_ssim'; there is psnr"),
        ({"by": ("tank",)}, "--by: must be one of the swept fields, got 'tank'; did you mean 'rank'"),
        ({"at": ("rank",)}, "--at: must be FIELD=VALUE, got 'rank'; as snr_db=10"),
        ({"at": ("rank=7",)}, "--at: codec.rank must be a value that was run, got '7'; it may be 1, 2"),
        ({"pictures": True, "x": "eta"}, "--x: is of curves, not of pictures"),
        ({"images": ("photo0",)}, "--image: is of pictures, got 'photo0'; add --pictures"),
        (
            {"pictures": True, "images": ("photo9",)},
            "--image: must be one of the first 100 images of the run",
        ),
        ({"pictures": True, "by": ("rank", "snr_db")}, "--by: must be one field of pictures"),
    ],
)
def test_what_cannot_be_drawn_is_one_line(tmp_path, asked, told):
    folder = digits(tmp_path, "run", [{RANK: n} for n in (1, 2)])
    with pytest.raises(LinksimError) as caught:
        plot_asked([folder], tmp_path / "out.png", Asked(**asked))
    assert str(caught.value).startswith(told)
    assert not (tmp_path / "out.png").exists()


def test_pictures_have_a_row_a_system_and_setting_with_the_original_first(tmp_path):
    folder = systems(tmp_path)
    heads, rows = grid.grid_rows([folder], gather([folder]), Asked(pictures=True, by=("rank",)))
    assert heads == ["original", "rank 1", "rank 2", "no rank"]
    assert [row.label for row in rows][-2:] == ["HSC, SNR 0 dB", "HSC, SNR 10 dB"]
    own = rows[-2].tiles
    assert [tile and tile.words for tile in own] == [None, "1.00e-03", "1.00e-04", None]
    np.testing.assert_array_equal(own[1].picture, ramp(7))
    assert rows[0].tiles[0].words == "MSE"
    assert [tile is not None for tile in rows[0].tiles] == [True, False, False, True]


def test_pictures_of_one_system_have_a_row_an_image_and_say_what_is_lost(tmp_path):
    folder = digits(tmp_path, "run", [{RANK: n} for n in range(14)], images=6, outage=True)
    asked = Asked(pictures=True, by=(RANK,), y=("psnr",))
    heads, rows = grid.grid_rows([folder], gather([folder]), asked)
    assert heads[1] == "rank 0"
    assert heads[-1] == "rank 13"
    assert len(heads) == 1 + grid.MOST_COLUMNS
    assert [row.label for row in rows] == ["photo0", "photo2", "photo3", "photo5"]
    assert rows[0].tiles[1].words == "20.00 dB\noutage"
    _, rows = grid.grid_rows([folder], gather([folder]), Asked(pictures=True, images=("photo1",)))
    assert [row.label for row in rows] == [""]


def test_small_pictures_are_whole_squares_of_pixels_in_the_file(tmp_path):
    folder = digits(tmp_path, "run", [{RANK: n} for n in (1, 2)])
    out = plot_asked([folder], tmp_path / "grid.png", Asked(pictures=True))
    with Image.open(out) as picture:
        shown = np.asarray(picture.convert("RGB"))[..., 0]
    side = 4 * (round(grid.TILE * grid.COLUMN_DPI) // 4)
    assert shown.shape[1] == 3 * side + 4 * grid.GAP
    left = grid.GAP
    top = int(np.flatnonzero((shown[:, left : left + side] != 255).all(axis=1))[0])
    block = np.repeat(np.repeat(ramp(0)[..., 0], side // 4, axis=0), side // 4, axis=1)
    np.testing.assert_array_equal(shown[top : top + side, left : left + side], block)


def test_large_pictures_are_made_smaller_in_their_shape():
    assert grid.scaled(np.zeros((512, 768, 3), np.uint8), 360).shape == (240, 360, 3)
    assert grid.scaled(np.zeros((28, 28, 1), np.uint8), 100).shape == (84, 84, 3)


def with_plot(folder: Path, plot: dict) -> Path:
    tree = json.loads((folder / manifest.MANIFEST).read_text())
    (folder / manifest.MANIFEST).write_text(json.dumps(tree | {"study": {"plot": plot}}))
    return folder


def test_pictures_are_those_of_whose_number_stands_under_them(tmp_path):
    folder = digits(tmp_path, "heard", [{"snr_db": snr} for snr in (0, 10)], eve_psnr_db=9.0, outage=True)
    for point in range(2):
        seen = results.Gallery(folder=folder).eavesdropped("photo0", point_id(point))
        disk.write(seen, results.png(ramp(50 + point)))
    asked = Asked(pictures=True, by=("snr_db",), y=("eve_psnr_db",))
    _, (row,) = grid.grid_rows([folder], gather([folder]), asked)
    original, *heard = row.tiles
    np.testing.assert_array_equal(original.picture, ramp(0))
    for point, tile in enumerate(heard):
        np.testing.assert_array_equal(tile.picture, ramp(50 + point))
        assert "outage" not in tile.words


def test_where_nobody_listens_pictures_are_those_received(tmp_path):
    heard = digits(tmp_path, "heard", [{"snr_db": snr} for snr in (0, 10)], eve_psnr_db=9.0)
    for point in range(2):
        disk.write(
            results.Gallery(folder=heard).eavesdropped("photo0", point_id(point)), results.png(ramp(50))
        )
    plain = digits(tmp_path, "plain", [{"snr_db": snr} for snr in (0, 10)])
    asked = Asked(pictures=True, by=("snr_db",), y=("eve_psnr_db",))
    _, rows = grid.grid_rows([heard, plain], gather([heard, plain]), asked)
    assert [tile.words for tile in rows[0].tiles[1:]] == ["9.00 dB"] * 2
    received = results.load_picture(results.Gallery(folder=plain).received("photo0", point_id(0)))
    np.testing.assert_array_equal(rows[1].tiles[1].picture, received)
    assert "9.00" not in rows[1].tiles[1].words


@pytest.mark.parametrize(
    "plot", [{"x": "codec.eta", "y": ["mse", "bits"]}, {"pictures": True, "by": "rank", "at": {RANK: [1, 2]}}]
)
def test_a_study_leaves_the_figure_that_it_asks_for(tmp_path, plot):
    folder = digits(tmp_path, "run", [{RANK: n} for n in (1, 2)])
    assert write_main(folder) == []
    written = write_main(with_plot(folder, plot))
    assert [path.name for path in written] == ["main.png", "main.pdf"]
    assert written[1].read_bytes().startswith(b"%PDF")


def test_a_study_s_figure_waits_for_its_points_and_tells_a_wrong_column(tmp_path):
    folder = digits(tmp_path, "run", [{RANK: n} for n in (1, 2)])
    assert write_main(with_plot(folder, {"x": "eta", "at": {RANK: 3}})) == []
    with pytest.raises(LinksimError, match=r"plot\.y of the study: must be a metric, got 'mze'"):
        write_main(with_plot(folder, {"x": "eta", "y": "mze"}))
    tree = json.loads((folder / manifest.MANIFEST).read_text())
    tree["points"].append({"id": point_id(9), "system": "", "values": {RANK: 9}})
    (folder / manifest.MANIFEST).write_text(json.dumps(tree))
    assert write_main(folder) == []  # more is to come


def test_what_a_study_asks_for_is_what_a_command_would(tmp_path):
    told = Plot(x="eta", y="mse", at={"snr_db": [0, 2.5], "codec.rank": 3}).asked
    assert told == Asked(x="eta", y=("mse",), at=("snr_db=0,2.5", "codec.rank=3"))
    for wrong in ({}, {"pictures": True, "x": "eta"}, {"images": "photo0"}):
        with pytest.raises(ValueError, match=r"x: is of curves|images: are of|names no column"):
            Plot(**wrong)
