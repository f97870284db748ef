"""Constellations as values: points, labels, and the turn from symbol to symbol.

Names: `16qam` is 802.11's labelling (802.11ad's where that has one: QPSK on the axes), `16qam@5g` that of TS
38.211, `qpsk@802.11n` the square one, `pi/2-NAME` any of them turned by exp(j pi k / 2) at symbol k;
`16apsk:rate=3/4` and `16apsk:gamma=2.85` choose DVB-S2's rings; `file:PATH` reads points and labels
(`phy.constellation_file`). The formulae are in `phy.constellation_points`, those of 802.11ad with their
sources in `phy/data/ieee80211ad.json`.

Points are kept without the turn: over a memoryless channel with circular noise it changes no error rate, so
engines map and demap the points, and `phy.mapping.turn` and `unturn` stand between them and the air.
"""

from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from phy import constellation_points as where
from phy.constellation_file import digest, read_alphabet


@dataclass(frozen=True, kw_only=True)
class Constellation:
    """M = 2^m points of unit mean energy; a point's index is its label, the first bit the most significant.

    rotation: symbol k of a frame is sent times element k mod len(rotation), each of modulus 1.

    >>> CONSTELLATIONS["qpsk"].points.round(3).tolist()
    [(-1+0j), 1j, (-0-1j), (1+0j)]
    """

    name: str
    alphabet: tuple[complex, ...]
    rotation: tuple[complex, ...] = (1 + 0j,)

    def __post_init__(self) -> None:
        size = len(self.alphabet)
        if size < 2 or size & (size - 1):
            raise ValueError(
                f"alphabet: must have 2^m points, m >= 1, got {size}; give one point for every label"
            )
        energy = float(np.mean(np.abs(self.points) ** 2))
        if not abs(energy - 1.0) <= 1e-12:
            raise ValueError(
                f"alphabet: must have mean energy 1, got {energy}; divide the points by {energy**0.5}"
            )
        if not self.rotation or any(abs(abs(turn) - 1.0) > 1e-12 for turn in self.rotation):
            raise ValueError(f"rotation: must be of modulus 1, got {self.rotation}; (1, 1j) is a turn")

    @cached_property
    def points(self) -> NDArray[np.complex128]:
        """complex128 [M], read only."""
        points = np.array(self.alphabet, np.complex128)
        points.flags.writeable = False
        return points

    @property
    def bits_per_symbol(self) -> int:
        """m = log2 M."""
        return len(self.alphabet).bit_length() - 1

    @cached_property
    def labels(self) -> NDArray[np.uint8]:
        """uint8 [M, m], the bits of every label, read only."""
        m = self.bits_per_symbol
        labels = ((np.arange(1 << m)[:, None] >> np.arange(m - 1, -1, -1)) & 1).astype(np.uint8)
        labels.flags.writeable = False
        return labels

    @cached_property
    def axes(self) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
        """Levels of the real and the imaginary axis, float64 [sqrt M] each, if labelled apart; else None.

        Here I has the label's first half and Q its second: point[i sqrt(M) + q] = I[i] + j Q[q], and the LLRs
        of either axis do not depend on the other. 5G's labels alternate: `axis_bits` and `axis_levels`.
        """
        half = self.bits_per_symbol // 2
        whole = tuple(range(self.bits_per_symbol))
        if 2 * half != len(whole) or self.axis_bits != (whole[:half], whole[half:]):
            return None
        return self.axis_levels

    @cached_property
    def axis_bits(self) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
        """Positions in the label (0 is sent first) of the bits that choose I, and of those that choose Q.

        None where some bit moves both, or an axis has none. Otherwise the LLRs of the I bits depend on Re y
        alone and those of the Q bits on Im y alone; `axis_levels` are the levels that they choose. For
        802.11's square QAM these are the two halves, for 5G's the even and the odd positions.
        """
        m, labels = self.bits_per_symbol, np.arange(len(self.alphabet))
        moved = self.points[labels[:, None] ^ (1 << np.arange(m - 1, -1, -1))] - self.points[:, None]
        on_i, on_q = np.any(moved.real != 0, axis=0), np.any(moved.imag != 0, axis=0)
        bits = tuple(int(b) for b in np.flatnonzero(on_i)), tuple(int(b) for b in np.flatnonzero(on_q))
        apart = not np.any(on_i & on_q) and np.all(on_i | on_q)
        return bits if apart and all(bits) else None

    @cached_property
    def axis_levels(self) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
        """Levels of I and of Q, float64 [2^bits of the axis], in the order of `axis_bits`; None as those are.

        Level l of I belongs to the labels whose I bits, first the most significant, spell l.
        """
        if self.axis_bits is None:
            return None
        m = self.bits_per_symbol
        levels = []
        for bits, part in zip(self.axis_bits, (self.points.real, self.points.imag), strict=True):
            spelled = np.arange(1 << len(bits))[:, None] >> np.arange(len(bits) - 1, -1, -1) & 1
            levels.append(part[(spelled << (m - 1 - np.array(bits))).sum(axis=1)])
        return levels[0], levels[1]


def _named() -> dict[str, Constellation]:
    plain = {
        "bpsk": where.bpsk(),
        "qpsk": where.qpsk_turned(),
        **{f"{1 << m}qam": where.square(where.gray_levels(m // 2)) for m in (4, 6, 8, 10)},
        "qpsk@802.11n": where.square(where.gray_levels(1)),
        "bpsk@5g": where.bpsk_5g(),
        "qpsk@5g": where.qam_5g(2),
        **{f"{1 << m}qam@5g": where.qam_5g(m) for m in (4, 6, 8, 10)},
        "8psk": where.psk(3),
        "16psk": where.psk(4),
        "8psk@dvb-s2": where.psk8_dvbs2(),
        **{f"16apsk:rate={rate}": where.apsk16(gamma) for rate, gamma in where.GAMMA_16.items()},
        **{f"32apsk:rate={rate}": where.apsk32(*gammas) for rate, gammas in where.GAMMA_32.items()},
    }
    named = {name: Constellation(name=name, alphabet=alphabet) for name, alphabet in plain.items()}
    turned = [_turned(named[name]) for name in ("bpsk", "qpsk", "16qam", "64qam", "bpsk@5g")]
    return named | {c.name: c for c in turned}


def _turned(plain: Constellation) -> Constellation:
    """802.11ad turns symbol k by exp(j pi k / 2), 5G (TS 38.211 5.1.1) by exp(j pi (k mod 2) / 2)."""
    quarters = where.QUARTERS[:2] if plain.name.endswith("@5g") else where.QUARTERS
    return replace(plain, name=f"pi/2-{plain.name}", rotation=quarters)


CONSTELLATIONS: dict[str, Constellation] = _named()
"""Every constellation of fixed points by name."""

PARAMETRIC = {
    "pi/2-NAME": "any of them, turned by pi/2 more with every symbol",
    "16apsk:gamma=G": "outer radius over the inner one",
    "32apsk:gamma1=G,gamma2=G": "radii of the middle and outer ring over the inner one",
    "file:PATH": "yours: CSV of label,re,im lines (00,0.7,0.7) or JSON; unit mean energy",
    "file:PATH:normalise": "yours, scaled to unit mean energy",
}
"""The forms of a name that stand for more than one constellation -> what they are."""


def find_constellation(name: str) -> Constellation:
    """The constellation of that name, one instance a name; ValueError with a near miss.

    A name of a file gives the same instance as long as the file is the same.

    >>> find_constellation("16apsk:gamma=2.7").bits_per_symbol
    4
    """
    return CONSTELLATIONS[name] if name in CONSTELLATIONS else _find(name, _digest(name))


def is_of_file(name: str) -> bool:
    """Whether the name tells a file, which may hold something else tomorrow."""
    return name.removeprefix("pi/2-").startswith("file:")


def _digest(name: str) -> bytes:
    """SHA-256 of the file in a name; nothing where there is none."""
    return digest(Path(name.partition("file:")[2].removesuffix(":normalise"))) if is_of_file(name) else b""


@lru_cache(maxsize=256)
def _find(name: str, _digest: bytes) -> Constellation:
    family, _, told = name.partition(":")
    if name.startswith("pi/2-"):
        plain = find_constellation(name.removeprefix("pi/2-"))
        if len(plain.rotation) > 1:
            raise ValueError(f"constellation: must be turned once, got {name!r}; take one pi/2- away")
        return _turned(plain)
    if family == "file":
        path = told.removesuffix(":normalise")
        return Constellation(name=name, alphabet=read_alphabet(Path(path), normalise=path != told))
    if family == "16apsk":
        (gamma,) = _rings(name, told, ("gamma",))
        return Constellation(name=name, alphabet=where.apsk16(gamma))
    if family == "32apsk":
        gamma1, gamma2 = _rings(name, told, ("gamma1", "gamma2"))
        return Constellation(name=name, alphabet=where.apsk32(gamma1, gamma2))
    near = get_close_matches(name.lower().replace(" ", ""), CONSTELLATIONS, n=1, cutoff=0.0)
    raise ValueError(
        f"constellation: must be a name of `linksim list constellations` or file:PATH, got {name!r}; "
        f"did you mean {near[0]!r}?"
    )


def _rings(name: str, told: str, wanted: tuple[str, ...]) -> list[float]:
    """Ring ratios from 'gamma1=2.84,gamma2=5.27': rising, each above 1."""
    try:
        given = {key: float(value) for key, _, value in (part.partition("=") for part in told.split(","))}
        ratios = [given.pop(key) for key in wanted]
        if given or not all(a < b < 100 for a, b in zip([1.0, *ratios[:-1]], ratios, strict=True)):
            raise ValueError
    except (ValueError, KeyError):
        rates = where.GAMMA_16 if len(wanted) == 1 else where.GAMMA_32
        form = ",".join(f"{key}=G" for key in wanted)
        raise ValueError(
            f"constellation: {name.partition(':')[0]} needs {form} rising from 1, or rate= one of "
            f"{', '.join(rates)}, got {name!r}; write rate=3/4"
        ) from None
    return ratios
