"""The twin of the semantic link against the link itself: draw by draw, in law, and its gradient."""

from fractions import Fraction

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from linksim.codecs.hsc_arrays import to_reals, to_symbols  # noqa: E402
from models.fading import faded, received  # noqa: E402
from models.hsc import normalised  # noqa: E402
from phy.bearer import AnalogBearer  # noqa: E402
from phy.channel import Rayleigh  # noqa: E402
from phy.draws import Draws  # noqa: E402
from phy.link import Link  # noqa: E402
from phy.types import Symbols  # noqa: E402

USES, REALS = 24, 80
LINK = Link(bandwidth_ratio=Fraction(1), channel=Rayleigh(), streams={"semantic": AnalogBearer()})


def draws_of(n: int, snr_db: float) -> Draws:
    return Draws(channel=LINK.channel, snr_db=snr_db, keys=[(7, "sr", i) for i in range(n)])


def through_the_link(z: np.ndarray, draws: Draws) -> np.ndarray:
    """float32 [n, 2k] as a codec reads it, of z float32 [n, 2k]."""
    grants = LINK.grants([z.shape[1] // 2] * len(z), draws)
    got = LINK.deliver([{"semantic": Symbols(data=to_symbols(row))} for row in z], draws, grants)
    return np.stack([to_reals(each.reception["semantic"].data) for each in got])


def sent(n: int) -> torch.Tensor:
    return normalised(torch.randn(n, REALS, generator=torch.Generator().manual_seed(5)), USES)


@pytest.mark.parametrize("snr_db", [-3.0, 0.0, 4.5, 60.0])
def test_the_same_fade_and_noise_give_what_the_link_gives(snr_db):
    z, draws = sent(40), draws_of(40, snr_db)
    h = torch.tensor(np.stack([draws.fading(i, 1)[0] for i in range(40)]))
    noise = torch.tensor(np.stack([draws.noise(i, USES) for i in range(40)]))
    got = received(z, h, noise, torch.full((40,), snr_db))
    assert got.dtype == torch.float32
    assert not got[:, 2 * USES :].any()
    wanted = through_the_link(z[:, : 2 * USES].numpy(), draws)
    scale = np.abs(wanted).max(1, keepdims=True).clip(1)
    np.testing.assert_allclose(got[:, : 2 * USES].numpy() / scale, wanted / scale, atol=1e-6)


def test_a_draw_has_the_law_of_the_link():
    """E = mean |x^ - x|^2 over k uses = N0 |h|^-2 times a Gamma(k, 1/k): two samples of one law, told apart
    by Kolmogorov and Smirnov's statistic with a false alarm of 1e-6.
    """
    n, snr_db, uses = 20_000, 3.0, 4
    z = normalised(torch.ones(n, 2 * uses), uses)
    got = faded(z, uses, torch.full((n,), snr_db), torch.Generator().manual_seed(2))
    link = through_the_link(z[:2000].numpy(), draws_of(2000, snr_db))
    ours, theirs = ((each - 1).square().mean(1).numpy() for each in (got, torch.from_numpy(link)))
    every = np.concatenate([ours, theirs])
    below = [np.searchsorted(np.sort(one), every, side="right") / one.size for one in (ours, theirs)]
    critical = np.sqrt(np.log(2 / 1e-6) / 2 * (1 / ours.size + 1 / theirs.size))
    assert np.abs(below[0] - below[1]).max() < critical


def test_fades_and_noise_are_circular_of_mean_power_1_and_white():
    """h and n, found again from two words that were sent; bounds of 5 standard deviations of 20,000 draws."""
    n, snr_db = 20_000, torch.zeros(20_000)
    generators = [torch.Generator().manual_seed(3) for _ in range(2)]
    words = [normalised(torch.tensor([[1.0, 0, s, 0]]).repeat(n, 1), 2).double() for s in (1, 0)]
    got = [faded(z, 2, snr_db, each) for z, each in zip(words, generators, strict=True)]
    apart = [
        torch.view_as_complex((g - z).reshape(n, 2, 2)) * 0.5**0.5 for g, z in zip(got, words, strict=True)
    ]
    torch.testing.assert_close(apart[0], apart[1], atol=1e-5, rtol=1e-5)  # additive: the word does not matter
    v = apart[0]  # n / h: of circular phase; 1 / |v|^2 has no mean, but |v|^2 / (1 + |v|^2) is uniform
    share = v.abs().square() / (1 + v.abs().square())
    bound = 5 / n**0.5
    assert abs(share.mean() - 0.5) < bound * 12**-0.5
    assert abs((v / v.abs()).mean()) < bound
    assert abs((v / v.abs()).square().mean()) < bound
    phases = (v[:, 0] / v[:, 0].abs()) * (v[:, 1] / v[:, 1].abs()).conj()
    assert abs(phases.mean()) < bound  # the noise of two uses has phases of its own
    logs = v.abs().log()  # one fade: Cov(ln|n1|-ln|h|, ln|n2|-ln|h|) = Var(ln|h|) = pi^2 / 24
    both = (logs - logs.mean(0)).prod(1)
    assert abs(both.mean() - np.pi**2 / 24) < 5 * both.std() / n**0.5


def test_the_snr_of_a_picture_sets_its_noise_alone():
    z, snr_db = sent(2), torch.tensor([0.0, 20.0])
    low, high = (faded(z, USES, s, torch.Generator().manual_seed(4)) for s in (snr_db, snr_db + 20))
    torch.testing.assert_close((low - z), (high - z) * 10, atol=1e-4, rtol=1e-4)


def test_the_gradient_is_that_of_finite_differences():
    generator = torch.Generator().manual_seed(6)
    z = torch.randn(3, 12, generator=generator, dtype=torch.float64, requires_grad=True)
    h, noise = (torch.randn(*s, generator=generator, dtype=torch.complex128) for s in ((3,), (3, 4)))
    h.requires_grad_(), noise.requires_grad_()
    snr_db = torch.tensor([0.0, 2.5, 5.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(received, (z, h, noise, snr_db))


def test_draws_follow_the_generator():
    z, snr_db = sent(4), torch.zeros(4)
    generator = torch.Generator().manual_seed(1)
    first, second = faded(z, USES, snr_db, generator), faded(z, USES, snr_db, generator)
    assert (first != second)[:, : 2 * USES].all()
    again = faded(z, USES, snr_db, torch.Generator().manual_seed(1))
    torch.testing.assert_close(again, first, atol=0, rtol=0)
