"""NCR's adapters: they begin as nothing, keep the power, and depend on d and on what is known."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from linksim.codecs import complement  # noqa: E402
from models.ncr import NOISE_DB, RANKS, Ncr, NcrSize, between, recompose  # noqa: E402

SMALL = NcrSize(pixels=36, uses=8, hidden=12, hidden_image=20)
INFORMED = NcrSize(pixels=36, uses=8, hidden=12, hidden_image=20, informed=True)


def moved(size: NcrSize) -> Ncr:
    """An adapter away from where it begins."""
    torch.manual_seed(1)
    net = Ncr(size)
    with torch.no_grad():
        for value in net.parameters():
            value.add_(torch.randn_like(value) * 0.3)
    return net


def test_shares_of_neighbours_make_the_value():
    value = torch.tensor([-5.0, 0, 0.25, 3, 8, 13, 20, 28, 40])
    shares = between(value, RANKS)
    torch.testing.assert_close(shares.sum(1), torch.ones(9))
    torch.testing.assert_close(shares @ torch.tensor(RANKS), value.clamp(0, 28))
    assert (shares >= 0).all()
    assert ((shares > 0).sum(1) <= 2).all()
    assert len(NOISE_DB) == 10


def test_adapters_begin_as_nothing():
    net, z = Ncr(SMALL), torch.randn(5, 16)
    z = z * 4 / z.norm(dim=1, keepdim=True)
    image, rank = 0.01 + 0.98 * torch.rand(5, 36), torch.arange(5.0)
    torch.testing.assert_close(net.encode(z, rank), z)
    torch.testing.assert_close(net.decode(image, rank), image)
    informed, noise = Ncr(INFORMED), torch.tensor([0, 0.5, 1, 3, 1e6])
    known = rank, torch.ones(5), noise
    torch.testing.assert_close(informed.denoise(z, *known), z)
    other = torch.rand(5, 36) * 0.9 + 0.05
    torch.testing.assert_close(informed.decode_informed(image, other, *known), other)


def test_what_is_sent_has_the_power_of_z_and_depends_on_the_rank():
    net, z = moved(SMALL), torch.randn(6, 16)
    sent = [net.encode(z, torch.full((6,), rank)) for rank in (1.0, 2.0, 1.5)]
    for each in sent:
        torch.testing.assert_close(each.square().sum(1), torch.full((6,), 16.0))
    assert (sent[0] - sent[1]).abs().max() > 0.1
    assert (sent[0] - sent[2]).abs().max() > 0.01


def test_what_is_known_is_used():
    net, z, image = moved(INFORMED), torch.randn(6, 16), torch.rand(6, 36)
    base = {"rank": torch.full((6,), 4.0), "arrived": torch.ones(6), "noise": torch.ones(6)}
    for name, other in (("rank", 8.0), ("arrived", 0.0), ("noise", 2.0)):
        known = base | {name: torch.full((6,), other)}
        assert (net.denoise(z, **base) - net.denoise(z, **known)).abs().max() > 0.01
        apart = net.decode_informed(image, image, **base) - net.decode_informed(image, image, **known)
        assert apart.abs().max() > 0.001
    assert (net.decode_informed(image, image, **base) - net.decode_informed(1 - image, image, **base)).any()
    assert torch.isfinite(net.denoise(z, base["rank"], base["arrived"], torch.full((6,), 1e12))).all()


def test_pictures_stay_between_black_and_white():
    out = moved(SMALL).decode(torch.randn(9, 36) * 3, torch.arange(9.0))
    assert 0 <= out.min() < 0.1 < 0.9 < out.max() <= 1


def test_a_picture_is_recomposed_as_the_codec_does():
    rng = np.random.default_rng(0)
    rows = complement.orthonormal(rng.standard_normal((3, 2, 6)))
    sent, guess = rng.standard_normal((3, 2, 5)), rng.random((3, 6, 5))
    wanted = complement.recompose(rows, sent[:, None], guess[:, None], "AX")[:, 0]
    got = recompose(*(torch.from_numpy(each) for each in (rows, sent, guess)))
    np.testing.assert_allclose(got, wanted, atol=1e-12)
    none = (torch.zeros(3, 2, each, dtype=torch.float64) for each in (6, 5))
    np.testing.assert_array_equal(recompose(*none, torch.from_numpy(guess)), guess)
