"""Frame error rates of the 802.11ad codes over AWGN against the reference table, by the Sionna engine.

    python tests/oracles/fer_campaign.py phy/data/fer_measured.csv

runs every row of `phy/data/fer_reference.csv` and writes what it counted; `pytest -m slow` runs it as a test.
"""

import csv
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from importlib import metadata, resources
from math import log10
from pathlib import Path
from time import perf_counter

import numpy as np
from scipy.stats import beta

from phy.constellation import find_constellation
from phy.engine import find_engine
from phy.fec import Decoder, find_code
from phy.rng import generator
from phy.units import noise_variance

DECODER = Decoder(algorithm="sum-product", iterations=50, stop="syndrome", clip=20.0)
BATCH = 2000
MIN_ERRORS = 100


@dataclass(frozen=True, kw_only=True)
class Row:
    """Frame errors counted at one point; Es/N0 in dB."""

    code_rate: str
    constellation: str
    esn0_db: float
    frame_errors: int
    frames: int

    @property
    def ebn0_db(self) -> float:
        """Eb/N0 = Es/N0 - 10 log10(rate x bits per symbol)."""
        bits = find_constellation(self.constellation).bits_per_symbol
        return self.esn0_db - 10 * log10(Fraction(self.code_rate) * bits)

    def interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """Clopper and Pearson's (1934) interval of the frame error rate."""
        tail, k, n = (1 - confidence) / 2, self.frame_errors, self.frames
        low = 0.0 if k == 0 else float(beta.ppf(tail, k, n - k + 1))
        return low, 1.0 if k == n else float(beta.ppf(1 - tail, k + 1, n - k))


def read_table(name: str = "fer_reference.csv") -> list[Row]:
    """The rows of a table in phy/data; '#' begins a comment."""
    text = resources.files("phy").joinpath("data", name).read_text(encoding="utf-8")
    rows = csv.DictReader(line for line in text.splitlines() if not line.startswith("#"))
    return [
        Row(
            code_rate=r["code_rate"],
            constellation=r["constellation"],
            esn0_db=float(r["esn0_db"]),
            frame_errors=int(r["frame_errors"]),
            frames=int(r["frames"]),
        )
        for r in rows
    ]


def measure(point: Row, seed: int, engine: str = "sionna", decoder: Decoder = DECODER) -> Row:
    """Random messages at the point's Es/N0: its number of frames, more until 100 errors if it has them."""
    wanted = min(point.frame_errors, MIN_ERRORS)
    errors = frames = 0
    while frames < point.frames or errors < wanted:
        left = point.frames - frames
        n = min(BATCH, left) if left > 0 else BATCH // 4
        rng = generator(seed, point.code_rate, point.constellation, frames)
        errors += count_errors(point, n, rng, engine, decoder)
        frames += n
    return Row(
        code_rate=point.code_rate,
        constellation=point.constellation,
        esn0_db=point.esn0_db,
        frame_errors=errors,
        frames=frames,
    )


def count_errors(
    point: Row, n_frames: int, rng: np.random.Generator, engine: str, decoder: Decoder = DECODER
) -> int:
    """Frames with any wrong information bit, counted against the truth."""
    code, constellation = find_code(f"802.11ad-{point.code_rate}"), find_constellation(point.constellation)
    chain, n0 = find_engine(engine), noise_variance(point.esn0_db)
    bits = rng.integers(0, 2, (n_frames, code.k), dtype=np.uint8)
    symbols = chain.map(constellation, chain.encode(code, bits))
    parts = rng.standard_normal((*symbols.shape, 2), np.float32) * np.float32(np.sqrt(n0 / 2))
    y = symbols + parts.view(np.complex64)[..., 0]
    llr = chain.demap(constellation, y, np.full(y.shape, n0, np.float32), "exact")
    return int(np.any(chain.decode(code, llr, decoder) != bits, axis=1).sum())


def refusal(engine: str, code_name: str, decoder: Decoder) -> str | None:
    """What the engine says to a decoder that it does not compute; None where it does."""
    code = find_code(code_name)
    try:
        find_engine(engine).decode(code, np.zeros((0, code.n), np.float32), decoder)
    except ValueError as refused:
        return str(refused)
    return None


def overlap(a: Row, b: Row) -> bool:
    """Whether the 95 % intervals of two rows have a common point."""
    (a_low, a_high), (b_low, b_high) = a.interval(), b.interval()
    return a_low <= b_high and b_low <= a_high


def lines(seed: int) -> Iterator[str]:
    """The measured table as CSV, a line at a time, with how it was made."""
    versions = ", ".join(f"{p} {metadata.version(p)}" for p in ("sionna-no-rt", "tensorflow", "numpy"))
    yield "# Frame errors of the Sionna engine at the points of fer_reference.csv, beside that table's."
    yield f"# command: python tests/oracles/fer_campaign.py phy/data/fer_measured.csv   (seed {seed})"
    yield f"# {DECODER}; exact demapper, random messages"
    yield f"# {versions}; agree: the 95 % Clopper-Pearson intervals overlap; seconds: wall clock, one process"
    yield (
        "code_rate,constellation,esn0_db,ebn0_db,frame_errors,frames,low,high,"
        "reference_errors,reference_frames,agree,seconds"
    )
    for point in read_table():
        began = perf_counter()
        row = measure(point, seed)
        low, high = row.interval()
        yield (
            f"{row.code_rate},{row.constellation},{row.esn0_db:.2f},{row.ebn0_db:.2f},{row.frame_errors},{row.frames},"
            f"{low:.3e},{high:.3e},{point.frame_errors},{point.frames},"
            f"{'yes' if overlap(row, point) else 'no'},{perf_counter() - began:.1f}"
        )


def main(path: str) -> None:
    """Write the measured table, printing each line as it comes."""
    table = []
    for line in lines(seed=1):
        print(line, flush=True)
        table.append(line + "\n")
    Path(path).write_text("".join(table), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
