"""What the shipped networks are worth, on a photo that no training met: a card gone wrong falls here."""

from fractions import Fraction

import numpy as np
import pytest
from skimage.data import chelsea

from linksim.codecs.analog import Analog
from linksim.codecs.denoiser import Denoiser
from linksim.codecs.hda import HdaDeepsc
from linksim.images import Photo
from linksim.system import System
from phy.amc import Amc
from phy.bearer import AnalogBearer, DigitalBearer
from phy.channel import Awgn
from phy.link import Link

PHOTO = Photo.of("chelsea", chelsea())


def psnr_db(codec, snr_db: float, **streams) -> float:
    link = Link(
        name="air", bandwidth_ratio=Fraction(1, 6), channel=Awgn(), streams=streams, engine="reference"
    )
    (outcome,) = System(codec=codec, links={"air": link}).deliver([PHOTO], [0], seed=1, snr_db=snr_db)
    error = outcome.decoded.image.astype(float) - PHOTO.image
    return float(10 * np.log10(255**2 / np.square(error).mean()))


@pytest.mark.parametrize(("snr_db", "least"), [(2, 33.1), (10, 39.9), (20, 43.7)])
def test_hda_deepsc_at_a_da_ratio_of_a_fifth(snr_db, least):
    streams = {
        "essential": DigitalBearer(mcs=Amc(amc="hda"), share=0.2),
        "auxiliary": AnalogBearer(share=1.0),
    }
    assert psnr_db(HdaDeepsc(), snr_db, **streams) > least


def test_diffsdnet_gains_at_0_db_and_loses_nothing_at_20():
    plain, denoised = Analog(), Analog(denoiser=Denoiser(kind="diffsdnet", steps=10))
    gain = [
        psnr_db(denoised, snr_db, auxiliary=AnalogBearer()) - psnr_db(plain, snr_db, auxiliary=AnalogBearer())
        for snr_db in (0.0, 20.0)
    ]
    assert gain[0] > 0.3
    assert gain[1] == pytest.approx(0, abs=0.02)
