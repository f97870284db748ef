"""Points and labels from a user's file: a working constellation, or one line that says what to mend."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from phy.constellation import CONSTELLATIONS, find_constellation
from phy.constellation_file import read_alphabet
from phy.engine import find_engine
from phy.mapping import demap, map_bits

quick = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def csv_of(name: str) -> str:
    c = CONSTELLATIONS[name]
    rows = zip(c.labels, c.points, strict=True)
    return "label,re,im\n" + "".join(
        f"{''.join(map(str, b))},{float(p.real)!r},{float(p.imag)!r}\n" for b, p in rows
    )


def json_of(name: str) -> str:
    c = CONSTELLATIONS[name]
    rows = zip(c.labels, c.points, strict=True)
    return json.dumps([{"label": "".join(map(str, b)), "re": p.real, "im": p.imag} for b, p in rows])


@pytest.mark.parametrize("write", [csv_of, json_of])
@pytest.mark.parametrize("name", ["bpsk", "8psk", "64qam@5g"])
def test_a_file_gives_the_points_it_holds(tmp_path, write, name):
    path = tmp_path / "points"
    path.write_text(write(name))
    got = find_constellation(f"file:{path}")
    np.testing.assert_allclose(got.points, CONSTELLATIONS[name].points, atol=1e-12)
    assert got.axis_bits == CONSTELLATIONS[name].axis_bits
    assert find_constellation(f"pi/2-file:{path}").rotation == (1, 1j, -1, -1j)


def test_rows_may_come_in_any_order_and_be_normalised(tmp_path):
    path = tmp_path / "points.csv"
    path.write_text("# mine\n\n1, 0, -3\n0, 0, 3\n")
    with pytest.raises(ValueError, match=r"mean energy 1, got 9; scale the points"):
        find_constellation(f"file:{path}")
    assert find_constellation(f"file:{path}:normalise").alphabet == (1j, -1j)
    path.write_text(
        '{"normalise": true, "points": [{"label": "0", "re": 2, "im": 0}, {"label": "1", "re": 0, "im": 0}]}'
    )
    assert read_alphabet(path) == pytest.approx((2**0.5, 0))


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("0,1,0\n0,-1,0\n", "there once, got '0' twice"),
        ("0,1,0\n1,-1,0\n10,0,0\n", "every label must have 1 bits"),
        ("00,1,0\n01,-1,0\n10,0,1\n", "2\\^m points, one for every label of 2 bits, got 3"),
        ("0,1,0\n1,nan,0\n", "finite numbers, got 'nan'"),
        ("0,1,0\n1,1e999,0\n", "finite numbers"),
        ("0,0,0\n1,0,0\n", "must have energy"),
        ("0,1\n1,-1\n", "line 1 must be label,re,im"),
        ("a,1,0\n", "bits 0 and 1"),
        ("", "2\\^m points"),
        ("[]", "2\\^m points"),
        ("[1]", "point 0 must have label, re and im"),
        ("[{", "must be JSON"),
        ('{"points": 3}', "must be a list"),
        ('{"point": []}', "points and normalise alone"),
        ('{"points": [], "normalise": 1}', "true or false"),
        ('[{"label": 0, "re": 1, "im": 0}]', "as text"),
        ('[{"label": "0", "re": true, "im": 0}]', "finite numbers"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(tmp_path, text, rule):
    path = tmp_path / "points"
    path.write_text(text)
    with pytest.raises(ValueError, match=rule) as told:
        find_constellation(f"file:{path}")
    assert "\n" not in str(told.value)
    assert str(told.value).startswith("constellation: ")


def test_a_path_that_is_no_file_of_text_is_told(tmp_path):
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\x00\x81")
    for path in (tmp_path, tmp_path / "none", tmp_path / "bytes", Path("/dev/zero")):
        with pytest.raises(ValueError, match="must be a readable file of text"):
            find_constellation(f"file:{path}")


cells = st.one_of(
    st.sampled_from(["0", "1", "00", "01", "10", "11", "1e400", "nan", "-1", "0.5", "", "#"]),
    st.text(max_size=6),
)
lines = st.lists(st.lists(cells, max_size=4).map(",".join), max_size=9).map("\n".join)
values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=4)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.sampled_from(["label", "re", "im", "points", "normalise", "x"]), inner, max_size=4
        ),
    ),
    max_leaves=12,
)
numbers = st.floats(-3, 3) | st.integers(-3, 3)


@st.composite
def nearly_right(draw) -> str:
    """A file of the right form whose labels or values may be wrong."""
    m = draw(st.integers(1, 3))
    labels = draw(st.permutations([f"{label:0{m}b}" for label in range(1 << m)]))
    rows = [{"label": label, "re": draw(numbers), "im": draw(numbers)} for label in labels]
    if draw(st.booleans()):
        rows = rows[draw(st.integers(0, 1)) :] + rows[: draw(st.integers(0, 1))]
    return json.dumps({"points": rows, "normalise": draw(st.booleans())})


@quick
@given(text=st.one_of(lines, values.map(json.dumps), nearly_right(), st.text(max_size=40)))
def test_any_file_is_a_constellation_or_a_clear_error(tmp_path, text):
    path = tmp_path / "points"
    path.write_text(text, encoding="utf-8", errors="surrogatepass")
    got, told = None, ""
    try:
        got = find_constellation(f"file:{path}:normalise")
    except ValueError as wrong:
        told = str(wrong)
    if got is None:
        assert "\n" not in told
        assert ", got " in told
        assert "; " in told
        return
    assert np.mean(np.abs(got.points) ** 2) == pytest.approx(1, abs=1e-12)
    np.testing.assert_array_equal(map_bits(got, got.labels)[:, 0], got.points)
    llr = demap(got, got.points[None], 1e-3, "max-log").reshape(got.labels.shape)
    distinct = len(set(got.alphabet)) == len(got.alphabet)
    if distinct and np.abs(np.diff(np.sort_complex(got.points))).min() > 1e-3:
        np.testing.assert_array_equal(llr < 0, got.labels == 1)
    assert np.isfinite(
        find_engine("reference").demap(
            got, got.points[None].astype(np.complex64), np.ones((1, got.points.size), np.float32), "exact"
        )
    ).all()
