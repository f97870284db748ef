"""Semantic networks that no file holds, pictures, grants and receptions for tests of HSC."""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pytest

from linksim.codecs import hsc
from linksim.codecs.hsc_arrays import planes, to_reals
from linksim.kept import Kept
from phy.bearer import AnalogBearer, DigitalBearer
from phy.link import Link
from phy.types import BitsObserved, Grant, SymbolsObserved

SHAPE = (16, 12, 1)


@dataclass(frozen=True, kw_only=True)
class Linear:
    """A semantic network by cosines: the lowest of them are sent, the rest is what it cannot tell."""

    shape: tuple[int, int, int] = SHAPE
    largest_uses: int = 24
    spread: float = -6.0
    fingerprint: str = "linear"

    @property
    def basis(self):
        rng = np.random.default_rng(3)
        q, _ = np.linalg.qr(rng.standard_normal((int(np.prod(self.shape)), 2 * self.largest_uses)))
        q[:, 0] = np.prod(self.shape) ** -0.5
        return np.linalg.qr(q)[0]

    def encode(self, x):
        mean = ((x - 0.5) @ self.basis).astype(np.float32)
        return mean, np.full_like(mean, self.spread)

    def decode(self, z, uses):
        assert not z[:, 2 * uses :].any()
        return (0.5 + 0.3 * z @ self.basis.T).astype(np.float32)


@dataclass(frozen=True, kw_only=True)
class Words(Linear):
    @property
    def codewords(self):
        return np.random.default_rng(4).standard_normal((8, 2 * self.largest_uses)).astype(np.float32)


@dataclass(frozen=True, kw_only=True)
class Plain(Linear):
    codewords = None


@pytest.fixture(autouse=True)
def cards(monkeypatch):
    """Three networks that no file holds; nothing is kept from one test to the next."""
    known = {"plain": Plain(), "words": Words(), "colour": Plain(shape=(16, 12, 3))}
    monkeypatch.setattr(hsc, "find_semantic", known.__getitem__)
    monkeypatch.setattr(hsc, "_MESSAGES", Kept(most=1 << 20))


def pictures(n=5, shape=SHAPE, seed=0):
    """Blocks of grey with edges."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (n, shape[0] // 4, shape[1] // 4, shape[2]))
    fine = np.kron(small, np.ones((1, 4, 4, 1))) + rng.integers(-9, 10, (n, *shape))
    return list(fine.clip(0, 255).astype(np.uint8))


def grant(uses=20, payload=10_000):
    return {
        "semantic": Grant(channel_uses=uses, payload_bits=0, snr_db=10.0),
        "complement": Grant(channel_uses=payload, payload_bits=payload, snr_db=10.0, mcs="x"),
    }


def seen(message, noise=0.0, ok=True, deciphered=True, rng=None):
    """A reception of a message, its symbols a little noisy."""
    data = message["semantic"].data
    rng = rng or np.random.default_rng(0)
    data = data + noise * (rng.standard_normal(data.size) + 1j * rng.standard_normal(data.size))
    out = {
        "semantic": SymbolsObserved(
            data=data.astype(np.complex64), noise_var=np.full(data.size, 2 * noise**2, np.float32)
        )
    }
    if "complement" in message:
        out["complement"] = BitsObserved(data=message["complement"].data, ok=ok, deciphered=deciphered)
    return out


def through(codec, images, given=None, **how):
    given = given or grant()
    messages = codec.encode(images, [given] * len(images))
    return codec.decode([seen(each, **how) for each in messages], [each.shape for each in images])


def guesses(codec, images, uses=20):
    """X^ as the transmitter computes it, [n, c, h, w]."""
    messages = codec.encode(images, [grant(uses)] * len(images))
    z = np.zeros((len(images), 48), np.float32)
    for row, message in zip(z, messages, strict=True):
        row[: 2 * uses] = to_reals(message["semantic"].data)
    return planes(codec.network.decode(z, uses).clip(0, 1), images[0].shape)


def links(channel):
    sr = Link(
        name="sr", bandwidth_ratio=Fraction(20, 192), channel=channel, streams={"semantic": AnalogBearer()}
    )
    cr = Link(
        name="cr",
        bandwidth_ratio=Fraction(8),
        channel=channel,
        streams={"complement": DigitalBearer(mcs="16qam-1/2")},
        engine="reference",
    )
    return {"sr": sr, "cr": cr}
