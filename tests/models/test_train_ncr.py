"""Training of adapters: trials as they were observed, the base frozen, and a run that goes on the same."""

import json
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from models import train_ncr  # noqa: E402
from models.hsc import Hsc, HscSize  # noqa: E402
from models.ncr import Ncr, NcrSize  # noqa: E402
from models.train_ncr import Base, NcrRecipe, read_trials, restored, train, validate  # noqa: E402

SIDE, USES = 6, 8
BASE = HscSize(pixels=SIDE * SIDE, widths=(24, 16), uses=12)
SIZE = NcrSize(pixels=SIDE * SIDE, uses=USES, hidden=16, hidden_image=48)


def written(path, n=90, seed=0, first=0):
    """A file as of `linksim.observe`: some trials dropped, ranks of 1 to 3."""
    rng = np.random.default_rng(seed)
    rank, ok = rng.integers(1, 4, n), rng.random(n) < 0.5
    start = np.cumsum([0, *np.where(ok, rank, 0)])
    every = [np.linalg.qr(rng.standard_normal((SIDE, SIDE)))[0][:d] for d in rank[ok]]
    np.savez(
        path, picture=(first + rng.integers(0, 40, n)).astype(np.int32), rank=rank.astype(np.int16), ok=ok,
        snr_db=rng.uniform(0, 5, n).astype(np.float32), start=start,
        rows=np.concatenate(every).astype(np.float32),
        sent=rng.standard_normal((start[-1], SIDE)).astype(np.float32),
    )  # fmt: skip
    return path


@pytest.fixture
def images():
    rng = np.random.default_rng(3)
    shapes = (rng.random((6, SIDE * SIDE)) < 0.4).astype(np.uint8) * 255
    return shapes[rng.integers(0, 6, 60)]


@pytest.fixture
def trials(tmp_path, images, monkeypatch):
    """Trials whose complements are of the images themselves; those of the last 20 images validate."""
    monkeypatch.setattr(train_ncr, "LEARNED", 20)
    found = read_trials([written(tmp_path / "a.npz"), written(tmp_path / "b.npz", 70, 1, 20)])
    x = torch.from_numpy(images / np.float32(255)).reshape(-1, SIDE, SIDE)
    of = torch.repeat_interleave(found.picture, found.start.diff())
    return replace(found, sent=(found.rows[:, None] @ x[of])[:, 0])


@pytest.fixture
def net():
    torch.manual_seed(2)
    return Hsc(BASE).eval()


def test_files_are_read_as_one_and_rows_stay_with_their_trials(tmp_path):
    one, two = written(tmp_path / "a.npz"), written(tmp_path / "b.npz", 70, 1)
    trials = read_trials([one, two])
    assert len(trials.picture) == 160
    part = trials.at(torch.tensor([3, 90, 159, 0]))
    for i, (path, place) in enumerate([(one, 3), (two, 0), (two, 69), (one, 0)]):
        with np.load(path) as file:
            a, b = file["start"][place], file["start"][place + 1]
            np.testing.assert_array_equal(part.rows[i, : b - a], file["rows"][a:b])
            np.testing.assert_array_equal(part.sent[i, : b - a], file["sent"][a:b])
            assert not part.rows[i, b - a :].any()
            assert not part.sent[i, b - a :].any()
            assert part.picture[i] == file["picture"][place]
            assert (part.rank[i], part.ok[i]) == (file["rank"][place], file["ok"][place])
            assert part.snr_db[i] == file["snr_db"][place]


def test_a_trial_sent_without_a_complement_has_none(trials):
    part = trials.at(torch.arange(10))
    none = torch.arange(10) % 2 == 0
    left = part.without(none)
    assert not left.rows[none].any()
    assert not left.sent[none].any()
    assert not left.ok[none].any()
    assert set(left.rank[none].tolist()) == {0}
    torch.testing.assert_close(left.rows[~none], part.rows[~none])
    torch.testing.assert_close(left.rank[~none], part.rank[~none])


def test_a_lost_complement_may_be_another_pictures(trials):
    part = trials.at(torch.arange(30))
    other = torch.full((30,), 59)
    torch.testing.assert_close(
        part.redrawn(other).picture, torch.where(part.ok, part.picture, other), rtol=0, atol=0
    )


@pytest.mark.parametrize("informed", [False, True])
def test_what_is_restored_is_the_picture_where_the_complement_told_it(net, images, trials, informed):
    base = Base.of(net, torch.from_numpy(images / np.float32(255)), USES, False)
    ncr = Ncr(replace(SIZE, informed=informed))
    part = trials.at(trials.ok.nonzero()[:20, 0])
    found = restored(base, ncr, part, torch.Generator().manual_seed(1)).reshape(-1, SIDE, SIDE)
    x = base.pixels[part.picture].reshape(-1, SIDE, SIDE)
    torch.testing.assert_close(part.rows @ found, part.rows @ x, atol=1e-4, rtol=0)
    left = torch.eye(SIDE) - part.rows.transpose(1, 2) @ part.rows
    assert (left @ (found - x)).abs().max() > 0.05


def test_an_adapter_that_has_not_learned_is_the_network_alone(net, images, trials):
    base = Base.of(net, torch.from_numpy(images / np.float32(255)), USES, False)
    part = trials.at(torch.arange(30))
    alone, around = (restored(base, ncr, part, torch.Generator().manual_seed(1)) for ncr in (None, Ncr(SIZE)))
    torch.testing.assert_close(around, alone, atol=3e-3, rtol=0)


def test_the_informed_are_told_the_noise_that_the_fade_left(net, images, trials, monkeypatch):
    base = Base.of(net, torch.from_numpy(images / np.float32(255)), USES, False)
    ncr, told = Ncr(replace(SIZE, informed=True)), {}
    monkeypatch.setattr(
        ncr, "denoise", lambda z, rank, arrived, noise: told.update(z=z, noise=noise, arrived=arrived) or z
    )
    sent = {}
    monkeypatch.setattr(ncr, "encode", lambda z, rank: sent.update(z=z) or z)
    places = torch.arange(len(trials.picture)).repeat(40)
    part = trials.at(places)
    restored(base, ncr, part, torch.Generator().manual_seed(1))
    ratio = (told["z"] - sent["z"]).square().mean(1) / told["noise"]
    # the mean of 2k squares of N(0, 1): 1, its spread sqrt(2 / 2k)
    assert ratio.mean() == pytest.approx(1, abs=5 * (1 / USES / len(places)) ** 0.5)
    assert ratio.std() == pytest.approx(USES**-0.5, rel=0.1)
    torch.testing.assert_close(told["arrived"], part.ok.float())


@pytest.mark.parametrize("informed", [False, True])
def test_training_learns_with_the_base_frozen_and_goes_on_where_it_stopped(
    net, images, trials, tmp_path, monkeypatch, informed
):
    monkeypatch.setattr(train_ncr, "VALIDATE_EVERY", 1000)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    recipe = NcrRecipe(size=replace(SIZE, informed=informed), steps=80, batch=64, lr=1e-2, bfloat16=False)
    once = train(recipe, images, net, trials, tmp_path / "once", 60)
    train(recipe, images, net, trials, tmp_path / "twice", 60, stop_at=30)
    twice = train(recipe, images, net, trials, tmp_path / "twice", 60)
    for name, value in once.net.state_dict().items():
        torch.testing.assert_close(twice.net.state_dict()[name], value, rtol=1e-4, atol=1e-6)
    for name, value in net.state_dict().items():
        torch.testing.assert_close(value, before[name], rtol=0, atol=0)
    lines = [json.loads(line) for line in (tmp_path / "once" / "log.jsonl").read_text().splitlines()]
    assert lines[0]["trials"] == int((trials.picture < 20).sum())
    assert lines[-1]["step"] == 80
    assert lines[-1]["mse_ncr"] < 0.85 * lines[-1]["mse_base"]
    base = Base.of(net, torch.from_numpy(images / np.float32(255)), USES, False)
    held = trials.picture.ge(20).nonzero()[:, 0]
    found = validate(base, once.net, trials, held)
    weights = torch.stack([(trials.rank[held] == d).float().mean() for d in (1, 2, 3)])
    parts = torch.tensor([found[f"mse_ncr_{d}"] for d in (1, 2, 3)])
    assert found["mse_ncr"] == pytest.approx(float(weights @ parts), abs=2e-6)
