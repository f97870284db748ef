"""Block error rates over AWGN, measured on this chain and read off between the measured points.

`data/bler_curves.json` holds counts and their provenance; `linksim calibrate` writes it. A curve belongs to
points, code, demapper and decoder together; engines compute the same, and a turn (`pi/2-`) changes nothing.
The curve of a scheme is the isotonic (never rising) fit of its counts, interpolated linearly in log10 BLER
over the SNR in dB. Below the first point it continues the first slope up to 1. Beyond the last point it
continues, straight, the slope of the last decade measured: block error curves steepen until an error floor,
so this errs on the safe side as long as no floor lies below what was counted.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import zip_longest

import numpy as np
from numpy.typing import NDArray

from phy.fec.decoder import Decoder, default_decoder
from phy.fec.decoder_spec import parse_decoder
from phy.interleave import Interleaver
from phy.mapping import Demapping
from phy.mcs import AMC_SETS, Mcs, find_mcs

MIN_ERRORS = 10
"""A point with fewer block errors than this does not shape the curve."""
TAIL_DECADES = 1.0
"""The extrapolation's slope is fitted to the points within this many decades of the last."""


@dataclass(frozen=True, kw_only=True)
class Curve:
    """log10 BLER over Es/N0: rising knots snr_db [n], falling log_bler [n], the slope per dB beyond."""

    snr_db: NDArray[np.float64]
    log_bler: NDArray[np.float64]
    tail_slope: float

    def log10(self, snr_db: NDArray[np.float64]) -> NDArray[np.float64]:
        """log10 BLER at snr_db [...], at most 0; -inf dB gives 0."""
        x = np.asarray(snr_db, np.float64)
        head = (self.log_bler[1] - self.log_bler[0]) / (self.snr_db[1] - self.snr_db[0])
        y = np.interp(x, self.snr_db, self.log_bler)
        y = np.where(x < self.snr_db[0], self.log_bler[0] + head * (x - self.snr_db[0]), y) if head < 0 else y
        y = np.where(x > self.snr_db[-1], self.log_bler[-1] + self.tail_slope * (x - self.snr_db[-1]), y)
        return np.minimum(y, 0.0)


def falling_fit(rate: NDArray[np.float64], weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weighted least squares under r_1 >= r_2 >= ...: pool adjacent violators. [n] -> [n]."""
    pools: list[list[float]] = []
    for r, w in zip(rate, weight, strict=True):
        pools.append([r, w, 1])
        while len(pools) > 1 and pools[-2][0] < pools[-1][0]:
            r2, w2, n2 = pools.pop()
            r1, w1, n1 = pools.pop()
            pools.append([(r1 * w1 + r2 * w2) / (w1 + w2), w1 + w2, n1 + n2])
    return np.concatenate([np.full(int(n), r) for r, _, n in pools])


def fit(points: Sequence[Sequence[float]]) -> Curve:
    """The curve through counts (snr_db, block_errors, blocks) in any order, of which two have 10 errors."""
    counts = np.array(sorted(tuple(p[:3]) for p in points), np.float64)
    counts = counts[counts[:, 1] >= MIN_ERRORS]
    if len(counts) < 2:
        raise ValueError(
            f"points: need 2 with at least {MIN_ERRORS} block errors, got {len(counts)}; measure more blocks"
        )
    snr_db, errors, blocks = counts.T
    log_bler = np.log10(falling_fit(errors / blocks, blocks))
    tail = log_bler <= log_bler[-1] + TAIL_DECADES
    tail[-2] = True
    slope = float(np.polyfit(snr_db[tail], log_bler[tail], 1)[0])
    return Curve(snr_db=snr_db, log_bler=log_bler, tail_slope=slope)


@dataclass(frozen=True, kw_only=True)
class Receiver:
    """What decides a block error rate beside the scheme. decoder: None is the code's own default."""

    demapper: Demapping = "exact"
    decoder: Decoder | None = None
    interleaver: Interleaver = "none"

    def decoder_of(self, mcs: Mcs) -> Decoder:
        """The decoder of a scheme's code."""
        return default_decoder(mcs.code) if self.decoder is None else self.decoder

    def curve_name(self, mcs: Mcs) -> str:
        """The key of a curve: over AWGN the order of the bits decides nothing.

        >>> Receiver().curve_name(find_mcs("pi/2-bpsk/802.11ad-1/2"))
        'bpsk/802.11ad-1/2 exact sum-product'
        """
        return f"{mcs.pair_name} {self.demapper} {self.decoder_of(mcs).spec}"


USUAL = Receiver()


@cache
def table() -> dict:
    """The whole of `data/bler_curves.json`: provenance and counts."""
    return json.loads(files("phy").joinpath("data/bler_curves.json").read_text())


def receivers_measured(mcs: Mcs) -> list[str]:
    """The demappers and decoders with which a scheme's curve was measured, as 'exact with sum-product'."""
    return [
        f"{demapper} with {decoder}"
        for pair, demapper, decoder in (name.rsplit(" ", 2) for name in sorted(table()["curves"]))
        if pair == mcs.pair_name
    ]


def check_curve(mcs: Mcs, receiver: Receiver) -> None:
    """ValueError where no curve was measured with the demapper and decoder that will run."""
    if receiver.curve_name(mcs) not in table()["curves"]:
        got = f"demapper {receiver.demapper}, decoder {receiver.decoder_of(mcs).spec}"
        measured = ", ".join(receivers_measured(mcs))
        raise ValueError(
            f"decoder: adaptive modulation needs the receiver of its curves ({measured or 'none yet'} for "
            f"{mcs.name}), got {got}; take what was measured, name one mcs, or measure it: linksim "
            "calibrate"
        )


def curve(mcs_name: str, receiver: Receiver = USUAL) -> Curve:
    """The measured curve of a scheme; ValueError where none was measured."""
    return _curve(receiver.curve_name(find_mcs(mcs_name)), mcs_name)


@cache
def _curve(name: str, mcs_name: str) -> Curve:
    curves = table()["curves"]
    if name not in curves:
        raise ValueError(
            f"mcs: must have a measured curve, got {name!r}; run linksim calibrate --mcs {mcs_name}"
        )
    return fit(curves[name]["counts"])


def log_success(
    mcs_name: str, snr_db: NDArray[np.float64], receiver: Receiver = USUAL
) -> NDArray[np.float64]:
    """Natural log(1 - BLER) of one code block at Es/N0 snr_db [...]; -inf where every block fails."""
    with np.errstate(divide="ignore"):
        return np.log1p(-(10.0 ** curve(mcs_name, receiver).log10(snr_db)))


def support(mcs_name: str, receiver: Receiver = USUAL) -> NDArray[np.float64]:
    """A fine grid of Es/N0 in dB from where every block fails to where one in 1e12 does."""
    c = curve(mcs_name, receiver)
    low = c.snr_db[0] - 3.0
    high = c.snr_db[-1] + (12.0 + c.log_bler[-1]) / -c.tail_slope
    return np.linspace(low, high, 4097)


def snr_db_at(rate: float, mcs_name: str, receiver: Receiver = USUAL) -> float:
    """Es/N0 in dB at which the block error rate has fallen to `rate`, to 0.01 dB."""
    grid = support(mcs_name, receiver)
    return float(grid[np.argmax(curve(mcs_name, receiver).log10(grid) <= np.log10(rate))])


def main(arguments: list[str] | None = None) -> None:
    """Print what Es/N0 the schemes of sets need: a line each, sets side by side."""
    parser = argparse.ArgumentParser(prog="python -m phy.bler", description=main.__doc__)
    parser.add_argument("sets", nargs="+", choices=list(AMC_SETS), metavar="SET")
    parser.add_argument("--decoder", help="of the curves; the code's default if not given")
    parser.add_argument("--bler", type=float, default=1e-2, help="block error rate, 1e-2 if not given")
    got = parser.parse_args(arguments)
    receiver = Receiver(decoder=parse_decoder(got.decoder) if got.decoder else None)
    for names in zip_longest(*(AMC_SETS[each] for each in got.sets)):
        told = [
            f"{name:12} {snr_db_at(got.bler, name, receiver):7.2f} dB" if name else " " * 23 for name in names
        ]
        print("   ".join(told).rstrip())


if __name__ == "__main__":
    main()
