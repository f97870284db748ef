"""Ablations: the Fourier module against NumPy, MS-SSIM in torch against linksim, runs that go on, what the
table and the curves make of their logs.
"""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from scipy import stats

torch = pytest.importorskip("torch")

from linksim import metrics  # noqa: E402
from models import ablation_results as results  # noqa: E402
from models import ablations, curves  # noqa: E402
from models.ablations import CODECS, EXPERIMENTS, ablate, codec_run  # noqa: E402
from models.data import crops, load_photos  # noqa: E402
from models.fourier import FourierModule, FourierUnit, plug_in  # noqa: E402
from models.quality import ms_ssim, ms_ssim_db, psnr_db  # noqa: E402
from models.semantic import Trunk  # noqa: E402


def test_fourier_unit_is_a_pointwise_network_of_the_spectrum():
    torch.manual_seed(1)
    unit, u = FourierUnit(3), torch.randn(2, 3, 8, 10)
    spectrum = np.fft.rfft2(u.numpy(), norm="ortho")
    both = np.concatenate([spectrum.real, spectrum.imag], 1)
    weight, bias = (p.detach().numpy() for p in unit.net[0].parameters())
    mixed = np.einsum("oi,bihw->bohw", weight[:, :, 0, 0], both) + bias[:, None, None]
    mixed = torch.nn.functional.gelu(torch.from_numpy(mixed)).numpy()
    expected = np.fft.irfft2(mixed[:, :3] + 1j * mixed[:, 3:], s=(8, 10), norm="ortho")
    assert np.allclose(unit(u).detach().numpy(), expected, atol=1e-5)


def test_one_pixel_reaches_every_other_through_a_fourier_module():
    torch.manual_seed(1)
    module = FourierModule(4)
    torch.nn.init.normal_(module.out.weight)
    x = torch.randn(1, 4, 16, 16)
    moved = x.clone()
    moved[0, :, 0, 0] += 1
    assert ((module(moved) - module(x)).abs().amax((0, 1)) > 0).all()


def test_a_codec_begins_as_the_same_function_with_and_without_the_module(tiny, photos, tmp_path):
    image = crops(photos, 1, 2, 128, (1,))
    runs = [codec_run(v, tiny, photos, tmp_path / v, False) for v in ("mse", "fourier_module")]
    with torch.no_grad():
        plain, with_module = (run.net(image) for run in runs)
    assert torch.equal(plain, with_module)
    n = [sum(p.numel() for p in run.net.parameters()) for run in runs]
    assert n[1] > n[0]


def test_a_module_needs_a_swin_block_to_stand_behind():
    with pytest.raises(ValueError, match="must have one residual Swin block, got 0"):
        plug_in(Trunk(torch.nn.Identity()), 4)


@pytest.mark.parametrize("shape", [(176, 201), (192, 256)])
def test_psnr_and_ms_ssim_are_those_of_linksim(shape):
    rng = np.random.default_rng(2)
    coarse = torch.from_numpy(rng.random((2, 3, 12, 12), np.float32))
    sent = torch.nn.functional.interpolate(coarse, size=shape, mode="bicubic").clamp(0, 1)
    received = sent + 0.05 * torch.from_numpy(rng.standard_normal(sent.shape, np.float32))
    pictures = [(x.clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).numpy() for x in (sent, received)]
    for i, (one, other) in enumerate(zip(*pictures, strict=True)):
        error = metrics.squared_error(one, other)
        assert psnr_db(sent, received)[i].item() == pytest.approx(metrics.psnr_db(error, one.size), abs=1e-4)
        expected = metrics.ms_ssim(one, other)
        assert ms_ssim(sent, received)[i].item() == pytest.approx(expected, abs=1e-6)
        assert ms_ssim_db(sent, received)[i].item() == pytest.approx(metrics.to_db(expected), abs=1e-3)


def test_ms_ssim_needs_sides_of_more_than_160():
    with pytest.raises(ValueError, match="must be longer than 160"):
        ms_ssim(torch.zeros(1, 3, 160, 200), torch.zeros(1, 3, 160, 200))


def test_variants_differ_in_what_they_say_and_in_nothing_else(tiny, photos, tmp_path):
    """The first loss of each is that of the same network on the same crops."""
    recipe = replace(tiny, crops_each=2)
    first = {v: codec_run(v, recipe, photos, tmp_path / v, True).take_step(photos)["loss"] for v in CODECS}
    assert first["mse"] == first["fourier_module"]
    assert first["mse"] < first["fourier_loss"] < first["fourier_loss_raw"]


@pytest.fixture
def small(tiny, monkeypatch):
    """Both experiments at four steps."""
    recipe = replace(tiny, steps=4, stage_1=4, decay=2, photos=1, crops_each=1, crop=64, validate_every=4)
    for name, experiment in EXPERIMENTS.items():
        monkeypatch.setitem(EXPERIMENTS, name, replace(experiment, recipe=recipe))
    monkeypatch.setattr(ablations, "LOG_EVERY", 1)
    return recipe


@pytest.fixture
def folder(tmp_path, photos):
    for i, photo in enumerate(photos):
        Image.fromarray(photo).save(tmp_path / f"{i:02d}.png")
    return tmp_path


def test_an_ablation_goes_on_where_it_stopped_and_ends_the_same(small, photos, tmp_path):
    def logged(*stops):
        own = tmp_path / str(len(stops))
        for stop in stops:
            run = codec_run("fourier_module", small, photos, own, False)
            run.restore()
            while run.step < stop:
                run.say(**run.take_step(photos))
            run.save()
        return [line["loss"] for line in results.lines_of(own)]

    assert logged(4) == logged(2, 4)


@pytest.mark.parametrize("name", ["table2", "schedule_random"])
def test_an_ablation_leaves_a_row_for_each_run_and_what_variants_gain(name, small, folder, capsys):
    out = folder / "out"
    ablate(name, [folder], out, minutes=60, seeds=1)
    n = len(EXPERIMENTS[name].variants)
    with (out / "results.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["variant"] for row in rows] == list(EXPERIMENTS[name].variants)
    told = json.loads((out / "results.json").read_text())
    assert told["variants"][rows[1]["variant"]]["gain"].keys() <= rows[0].keys()
    assert f"{n} of {n} runs are finished" in capsys.readouterr().out
    ablate(name, [folder], out, minutes=0, seeds=1)
    assert f"{n} of {n} runs are finished" in capsys.readouterr().out


def test_finished_codecs_are_scored_on_whole_photos(small, folder, capsys):
    out = folder / "out"
    ablate("table2", [folder], out, minutes=60, seeds=1)
    capsys.readouterr()
    ablations.score("table2", folder, out, 1)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(CODECS)
    with (out / "scores.csv").open() as file:
        rows = list(csv.DictReader(file))
    n = len(load_photos([folder], 256))
    assert len(rows) == n * len(CODECS)
    psnr = {v: np.array([float(row["psnr_db"]) for row in rows if row["variant"] == v]) for v in CODECS}
    gains = psnr["fourier_loss"] - psnr["mse"]
    half = stats.t.ppf(0.975, n - 1) * gains.std(ddof=1) / n**0.5
    assert f"psnr_db {psnr['fourier_loss'].mean():.2f} ({gains.mean():+.2f} +- {half:.2f})" in lines[2]


def test_what_cannot_be_scored_is_a_line(small, folder):
    with pytest.raises(ValueError, match="--score: must be of semantic codecs, as of table2, got schedule"):
        ablations.score("schedule", folder, folder / "out", 1)
    with pytest.raises(ValueError, match="holds no finished run of table2; train first"):
        ablations.score("table2", folder, folder / "out", 1)


def test_nothing_is_told_of_runs_that_are_not_finished(small, folder, capsys):
    ablate("table2", [folder], folder / "out", minutes=0, seeds=1)
    assert capsys.readouterr().out == "0 of 4 runs are finished\n"
    assert not (folder / "out" / "results.csv").exists()


def test_gains_are_differences_within_a_seed():
    rows = [
        {"variant": v, "seed": s, "seconds": 1, "psnr_db": 30 + 5 * s + gain}
        for v, gain in (("mse", 0.0), ("fourier_loss", 0.25))
        for s in (1, 2, 3)
    ]
    found = results.summary(rows[:5], "mse")
    assert found["fourier_loss"]["gain"] == {"psnr_db": (0.25, 0.0)}
    assert found["mse"]["psnr_db"] == (40.0, pytest.approx(4.303 * 5 / 3**0.5, abs=0.01))


def run_main(module, monkeypatch, *words):
    monkeypatch.setattr("sys.argv", [module.__name__, *map(str, words)])
    module.main()


def test_curves_are_drawn_from_a_log_and_told(tmp_path, monkeypatch, capsys):
    lines = [{"step": 0, "seconds": 0, "psnr_10_db": 30.0}]
    lines += [{"step": n, "seconds": 3600 * n, "psnr_10_db": 30 + np.log2(n), "loss": 1} for n in range(1, 9)]
    (tmp_path / "log.jsonl").write_text("\n".join(map(json.dumps, lines)))
    run_main(curves, monkeypatch, tmp_path, "--out", tmp_path / "curve.png")
    assert "30.00 -> 33.00 dB in 8 steps, 8.00 h, +1.00 dB per doubling" in capsys.readouterr().out
    with Image.open(tmp_path / "curve.png") as picture:
        assert np.asarray(picture.convert("RGB")).std() > 1


@pytest.mark.parametrize(
    ("content", "words", "rule"),
    [
        (None, (), "must be a log that a training wrote"),
        ("text", (), "must hold a line of JSON with step and seconds"),
        ("", (), "must tell psnr_db, got no quality"),
        ('{"step": 1, "seconds": 2, "psnr_db": 3}', ("--quality", "x_db"), "must tell x_db, got psnr_db"),
        ('{"step": 1, "seconds": 2, "psnr_db": 3}', ("--out", "curve.txt"), "must end with one of .png"),
    ],
)
def test_mistakes_with_curves_end_in_a_line(content, words, rule, tmp_path, monkeypatch, capsys):
    log = tmp_path / "log.jsonl"
    if content is not None:
        log.write_text(content)
    with pytest.raises(SystemExit) as ended:
        run_main(curves, monkeypatch, log, "--out", tmp_path / "curve.png", *words)
    assert ended.value.code == 2
    assert rule in capsys.readouterr().err.splitlines()[-1]


def test_an_ablation_without_photos_ends_in_a_line(tmp_path, monkeypatch, capsys):
    words = ("table2", "--data", tmp_path, "--folder", tmp_path / "out", "--threads", "1")
    with pytest.raises(SystemExit) as ended:
        run_main(ablations, monkeypatch, *words)
    assert ended.value.code == 2
    assert "no photo of at least 256" in capsys.readouterr().err
