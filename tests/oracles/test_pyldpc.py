"""pyldpc as a second oracle: its sum-product messages, divided and multiplied as tanh, on our graphs.

Its `decode` fails on irregular codes, so its two message steps are called as it calls them.
"""

import numpy as np
import pytest

from phy.fec import CODES, Decoder, reference

pyldpc = pytest.importorskip("pyldpc", reason="pyldpc is not installed")
from pyldpc.decoder import _logbp_numba  # noqa: E402 (after the skip)
from pyldpc.utils import _bitsandnodes  # noqa: E402


@pytest.mark.parametrize("name", ["802.11ad-1/2", "802.11ad-3/4"])
def test_posteriors_agree_after_each_of_five_iterations(name):
    code, n_words, noise_var = CODES[name], 3, 0.6
    rng = np.random.default_rng(1)
    words = code.encode(rng.integers(0, 2, (n_words, code.k), dtype=np.uint8))
    y = (
        1 - 2.0 * words + np.sqrt(noise_var) * rng.standard_normal(words.shape)
    )  # real: pyldpc's LLR is 2 y / var
    h = code.parity_check().astype(np.int64)
    graph = [np.asarray(part, np.int64) for part in _bitsandnodes(h)]
    channel = np.ascontiguousarray(2 * y.T / noise_var)
    to_check, to_variable = np.zeros((*h.shape, n_words)), np.zeros((*h.shape, n_words))
    for iteration in range(5):
        to_check, to_variable, posterior = _logbp_numba(*graph, channel, to_check, to_variable, iteration)
        ours = reference.decode(code, channel.T, Decoder(iterations=iteration + 1, stop="none", clip=None))
        # log((1 + x) / (1 - x)) loses e^|L| in relative precision: 1e-16 e^25 = 7e-6 for messages of 25
        np.testing.assert_allclose(ours.llr, posterior.T, rtol=0, atol=1e-5)
