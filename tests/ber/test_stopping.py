"""Units of frames and stop rules: what decides where a point ends."""

from itertools import islice, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linksim.ber.stopping import Stop, first_unit, largest_unit, next_end, unit_ends
from phy.chain import Counts

ENGINES = st.sampled_from(["reference", "sionna", "native", "another"])


def counts(frames: int, frame_errors: int) -> Counts:
    return Counts(frames=frames, frame_errors=frame_errors, bits=frames, bit_errors=frame_errors)


@given(st.integers(1, 100_000), ENGINES)
def test_units_grow_by_half_up_to_the_largest(n, engine):
    ends = [0, *islice(unit_ends(n, engine), 60)]
    sizes = [b - a for a, b in pairwise(ends)]
    assert sizes[0] == first_unit(n)
    assert sizes == sorted(sizes)
    assert max(sizes) <= largest_unit(n, engine)
    assert all(
        size <= max(first_unit(n), done / 2 + first_unit(n)) for size, done in zip(sizes, ends, strict=False)
    )


@given(st.integers(100, 30_000), ENGINES, st.integers(0, 10**7))
def test_from_anywhere_the_next_end_is_that_of_a_run_without_a_break(n, engine, done):
    end = next_end(done, n, engine)
    assert end > done
    if done < largest_unit(n, engine) * 30:
        assert end == next(e for e in unit_ends(n, engine) if e > done)
    assert next_end(end - 1, n, engine) == end


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
