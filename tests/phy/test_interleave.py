"""The order of bits on the air, and what it is for."""

import numpy as np
import pytest

from phy.interleave import deinterleave, interleave, permutation

EIGHT = [6, 0, 4, 7, 3, 1, 5, 2]
KINDS = pytest.mark.parametrize("kind", ["none", "frame", "block"])


@KINDS
@pytest.mark.parametrize("shape", [(1, 1), (1, 12), (5, 12), (3, 672)])
def test_what_is_interleaved_comes_back(kind, shape):
    blocks = np.arange(shape[0] * shape[1], dtype=np.float32).reshape(shape)
    stream = interleave(kind, blocks)
    assert stream.shape == (blocks.size,)
    assert stream.dtype == np.float32
    np.testing.assert_array_equal(np.sort(stream), np.sort(blocks.reshape(-1)))
    np.testing.assert_array_equal(deinterleave(kind, stream, shape[1]), blocks)


def test_none_leaves_the_order_and_block_stays_within_its_block():
    blocks = np.arange(60).reshape(5, 12)
    np.testing.assert_array_equal(interleave("none", blocks), np.arange(60))
    assert np.all(interleave("block", blocks).reshape(5, 12) // 12 == np.arange(5)[:, None])


def test_a_frame_s_interleaver_spreads_every_block_over_the_payload():
    """Each tenth of the stream holds 67.2 +- 7.8 bits of each of ten blocks: 5 sigma of a random draw."""
    blocks = np.repeat(np.arange(10), 672).reshape(10, 672)
    tenths = interleave("frame", blocks).reshape(10, 672)
    held = np.array([[np.count_nonzero(tenth == b) for b in range(10)] for tenth in tenths])
    assert abs(held - 67.2).max() < 5 * np.sqrt(672 * 0.1 * 0.9)


def test_the_order_is_fixed_and_no_order_at_all():
    """What was sent yesterday is read today: the permutation of eight, as it is."""
    assert not permutation(672).flags.writeable
    assert permutation(8).tolist() == EIGHT
    assert abs(np.corrcoef(np.arange(672), permutation(672))[0, 1]) < 5 / np.sqrt(672)
