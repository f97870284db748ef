"""Frame error rates of LDPC codes against AFF3CT's published curves, which keep their counts.

github.com/aff3ct/error_rate_references, LDPC/AWGN/BPSK: Eb/N0 in dB, frames and frame errors as they stand
there. A difference counts where it exceeds four standard deviations of two binomial samples, 1 in 16,000.
"""

from pathlib import Path

import numpy as np
import pytest

from phy.engine import find_engine
from phy.fec import find_code
from phy.fec.decoder_spec import parse_decoder

WIMAX = f"qc:{Path(__file__).parent.parent / 'fec' / 'data' / '80216e_576_1_2.json'}"
CURVES = [
    # BP_HORIZONTAL_LAYERED/SPA/LDPC_N648_K540_hlayered_SPA_i10_Wi-Fi.txt
    ("802.11n-648-5/6", "layered-sum-product:iterations=10", 3.25, 445, 114, 600),
    ("802.11n-648-5/6", "layered-sum-product:iterations=10", 3.50, 1218, 105, 1200),
    # BP_FLOODING/SPA/LDPC_N576_K288_flooding_SPA_i100_WiMAX.txt
    (WIMAX, "sum-product:iterations=100", 1.25, 515, 136, 400),
    pytest.param(WIMAX, "sum-product:iterations=100", 1.75, 2577, 118, 3000, marks=pytest.mark.slow),
    # BP_FLOODING/SPA/LDPC_N1024_K512_flooding_SPA_i20_5G.txt
    ("nr-ldpc:k=512,n=1024", "sum-product:iterations=20", 1.25, 450, 105, 300),
    pytest.param(
        "nr-ldpc:k=512,n=1024", "sum-product:iterations=20", 1.5, 1621, 101, 2000, marks=pytest.mark.slow
    ),
    # BP_HORIZONTAL_LAYERED/SPA/LDPC_N40_K20_hlayered_SPA_i10_5G.txt
    ("nr-ldpc:k=20,n=40", "layered-sum-product:iterations=10,stop=none", 2.00, 409, 103, 4000),
    ("nr-ldpc:k=20,n=40", "layered-sum-product:iterations=10,stop=none", 3.00, 1340, 101, 6000),
]


@pytest.mark.parametrize(("word", "decoder", "ebn0_db", "frames", "errors", "ours"), CURVES)
def test_the_frame_error_rate_is_the_published_one(word, decoder, ebn0_db, frames, errors, ours):
    code, rng = find_code(word), np.random.default_rng(round(100 * ebn0_db))
    variance = 1 / (2 * float(code.rate) * 10 ** (ebn0_db / 10))  # of the real noise on symbols +-1
    bits = rng.integers(0, 2, (ours, code.k), dtype=np.uint8)
    y = 1 - 2.0 * code.encode(bits) + np.sqrt(variance) * rng.standard_normal((ours, code.n))
    llr = (2 * y / variance).astype(np.float32)
    decoded = find_engine("reference").decode(code, llr, parse_decoder(decoder))
    wrong = int(np.any(decoded != bits, axis=1).sum())
    both = (wrong + errors) / (ours + frames)
    deviation = np.sqrt(both * (1 - both) * (1 / ours + 1 / frames))
    assert abs(wrong / ours - errors / frames) < 4 * deviation
