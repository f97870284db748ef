"""Decoders that TensorFlow compiles, side by side on one thread: Sionna's own and the engine's in layers.

    python benchmarks/sionna_decoders.py [seconds for each]

802.11ad rate 1/2, QPSK over AWGN at Eb/N0 = 2 dB, at most 20 iterations. Sionna's own loop has no early stop;
the engine's lanes have. Seconds are the process's own, on one thread what a clock shows on a core of its own;
turns are taken and the best of each counts, since other work shares the caches.
"""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from time import process_time

if __name__ == "__main__":
    os.environ.update(TF_NUM_INTRAOP_THREADS="1", TF_NUM_INTEROP_THREADS="1", OMP_NUM_THREADS="1")

import numpy as np

from phy import sionna_blocks, sionna_engine
from phy.fec import find_code
from phy.fec.decoder_spec import parse_decoder
from phy.rng import generator
from phy.units import noise_variance

CODE, EBN0_DB, ITERATIONS = "802.11ad-1/2", 2.0, 20
OWN = {"Sionna BP, XLA": "boxplus-phi", "Sionna offset min-sum, XLA": "offset-minsum"}
BATCHES = (64, 256)
LANES = (
    "offset-min-sum",
    "layered-offset-min-sum",
    "layered-offset-min-sum:stop=none",
    "layered-sum-product",
)
WORDS = 1280


@dataclass(frozen=True, kw_only=True)
class Speed:
    """Information bits a second of one decoder, in millions, in its best turn, and its frame error rate."""

    what: str
    mbps: float
    fer: float


def words(n_words: int) -> tuple[np.ndarray, np.ndarray]:
    """Information bits uint8 [n_words, k] and their LLRs float32 [n_words, n]."""
    code, rng, n0 = find_code(CODE), generator("sionna decoders"), noise_variance(EBN0_DB)
    bits = rng.integers(0, 2, (n_words, code.k), dtype=np.uint8)
    amplitude = np.sqrt(0.5)  # of a QPSK axis; Es/N0 = Eb/N0 at rate 1/2
    y = amplitude * (1 - 2.0 * code.encode(bits)) + np.sqrt(n0 / 2) * rng.standard_normal((n_words, code.n))
    return bits, (4 * amplitude * y / n0).astype(np.float32)


def decoders() -> dict[str, Callable[[np.ndarray], np.ndarray]]:
    """What is compared: LLRs [WORDS, n] -> codewords, information first."""
    tf, code, found = sionna_blocks.tf, find_code(CODE), {}
    for name, rule in OWN.items():
        block = sionna_blocks.LDPCBPDecoder(
            code.parity_check().copy(), cn_update=rule, num_iter=ITERATIONS, llr_max=20.0
        )
        compiled = tf.function(block, jit_compile=True)
        for batch in BATCHES:
            found[f"{name}, batch {batch}"] = lambda llr, run=compiled, b=batch: np.concatenate(
                [run(-llr[i : i + b]).numpy() for i in range(0, len(llr), b)]
            )
    for spec in LANES:
        decoder = parse_decoder(spec)
        found[f"engine sionna, {spec}"] = lambda llr, d=decoder: sionna_engine.soft_decode(code, llr, d).bits
    return found


def measure(seconds: float = 2.0) -> list[Speed]:
    """Every decoder in turn until each had its seconds."""
    (bits, llr), runs = words(WORDS), decoders()
    k = bits.shape[1]
    fer = {name: np.any(run(llr)[:, :k] != bits, axis=1).mean() for name, run in runs.items()}  # compiles too
    best, spent = dict.fromkeys(runs, np.inf), 0.0
    while spent < seconds * len(runs):
        for name, run in runs.items():
            began = process_time()
            run(llr)
            took = process_time() - began
            best[name], spent = min(best[name], took), spent + took
    return [Speed(what=name, mbps=bits.size / best[name] / 1e6, fer=float(fer[name])) for name in runs]


if __name__ == "__main__":
    print(
        f"{CODE}, {EBN0_DB} dB, {ITERATIONS} iterations, 1 thread: information Mb/s (best turn), frame errors"
    )
    for speed in measure(*map(float, sys.argv[1:2])):
        print(f"{speed.mbps:8.2f}  {speed.fer:.4f}  {speed.what}")
