"""--ebn0 and --esn0: what a text means, and one line for what it does not."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linksim.ber.grid import MOST_POINTS, parse_grid
from linksim.errors import LinksimError


def test_both_ends_of_a_range_belong_to_it():
    assert parse_grid("--ebn0", "0:1:0.1") == tuple(round(0.1 * i, 9) for i in range(11))
    assert parse_grid("--ebn0", "-3:-1") == (-3.0, -2.0, -1.0)
    assert parse_grid("--ebn0", "2:2:5") == (2.0,)


def test_a_step_that_misses_the_end_stays_below_it():
    assert parse_grid("--esn0", "0:1:0.4") == (0.0, 0.4, 0.8)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "numbers in dB"),
        ("1:2:3:4", "A:B:STEP"),
        ("3:1:0.5", "must rise"),
        ("0:8:0", "step above 0"),
        ("0:8:-1", "step above 0"),
        ("nan", "-100 and 100"),
        ("0:nan:1", "-100 and 100"),
        ("inf", "-100 and 100"),
        ("1,,2", "numbers in dB"),
        ("zero", "numbers in dB"),
        ("0:100:1e-9", "at most 1000 points"),
        ("0:100:1e-320", "at most 1000 points"),
    ],
)
def test_what_is_no_grid_is_one_line(text, told):
    with pytest.raises(LinksimError, match=told) as failed:
        parse_grid("--ebn0", text)
    assert str(failed.value).startswith("--ebn0: ")
    assert "\n" not in str(failed.value)


@given(st.text(alphabet="0123456789.:,-+einfa ", max_size=20))
def test_any_text_is_points_in_order_or_one_line(text):
    points = None
    with suppress(LinksimError):
        points = parse_grid("--ebn0", text)
    if points is not None:
        assert 1 <= len(points) <= MOST_POINTS
        assert list(points) == sorted(set(points))
