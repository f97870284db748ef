"""Units of frames and stop rules: what decides where a point ends."""

from itertools import islice, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linksim.ber.request import Words, build
from linksim.ber.stopping import Stop, Units, units_of
from phy.chain import Counts

UNITS = st.builds(
    lambda first, times: Units(first=first, largest=first * times), st.integers(1, 64), st.integers(1, 3000)
)


def counts(frames: int, frame_errors: int) -> Counts:
    return Counts(frames=frames, frame_errors=frame_errors, bits=frames, bit_errors=frame_errors)


@given(UNITS)
def test_units_grow_by_half_up_to_the_largest(units):
    ends = [0, *islice(units.ends(), 60)]
    sizes = [b - a for a, b in pairwise(ends)]
    assert sizes[0] == units.first
    assert sizes == sorted(sizes)
    assert max(sizes) <= units.largest
    for size, done in zip(sizes, ends, strict=False):
        assert size <= max(units.first, done / 2 + units.first)


@given(UNITS, st.integers(0, 10**7))
def test_from_anywhere_the_next_end_is_that_of_a_run_without_a_break(units, done):
    end = units.next_end(done)
    assert end > done
    if done < units.largest * 30:
        assert end == next(e for e in units.ends() if e > done)
    assert units.next_end(end - 1) == end


def test_units_are_a_second_s_work_whoever_computes():
    def largest(engine, decoder="sum-product", code="802.11ad-1/2"):
        words = Words(code=code, constellation="bpsk", decoder=decoder, engine=engine)
        return units_of(build(words).chain, engine).largest

    slow, fast = largest("reference"), largest("native", "layered-offset-min-sum:quantisation=8")
    assert slow < largest("native") < fast
    assert slow < 1000
    assert fast > 50_000
    assert largest("native", "sum-product:iterations=200") < largest("native") / 9


def test_each_rule_has_its_name():
    stop = Stop(frame_errors=10, frames=1000, min_frames=100, seconds=5.0, target_bler=1e-2)
    assert stop.reason(counts(0, 0), 0.0) is None
    assert stop.reason(counts(200, 10), 0.0) == "errors"
    assert stop.reason(counts(64, 30), 0.0) is None, "min_frames comes first"
    assert stop.reason(counts(1000, 9), 0.0) == "frames"
    assert stop.reason(counts(200, 5), 5.0) == "seconds"
    assert stop.reason(counts(500, 0), 0.0) == "target"


def test_a_curve_ends_with_its_first_point_below_the_target():
    stop = Stop(target_bler=1e-2)
    assert not stop.ends_curve(counts(1000, 10))
    assert stop.ends_curve(counts(1000, 9))
    assert not Stop().ends_curve(counts(1000, 0))


@pytest.mark.parametrize("seconds", [0.0, 1e9])
def test_without_a_limit_in_seconds_time_decides_nothing(seconds):
    assert Stop().reason(counts(64, 3), seconds) is None
