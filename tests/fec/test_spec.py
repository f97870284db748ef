"""Words for codes: what is read, and that every slip is told in one line with its remedy."""

import re
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linksim.listing import LISTS
from phy.fec import CODES, FAMILIES, find_code
from phy.fec.code import QcLdpc
from phy.fec.spec import Family, read_code


def make_toy(*, name: str, n: int, rate: Fraction = Fraction(1, 2), word: str | None = None) -> QcLdpc:
    if n > 99:
        raise ValueError(f"n: must be at most 99, got {n}; take 99")
    return QcLdpc(name=f"{name}|{n}|{rate}|{word}", prototype=((0, 0),), lifting=n)


TOYS = {
    "toy": Family(make=make_toy, about="a toy", grammar="toy:n=INT[,rate=R][,word=W]"),
    "path": Family(make=make_toy, about="a path", grammar="path:W,n=INT", alone="word"),
    "table": Family(make=make_toy, about="a table", named=("table-1", "table-2")),
}


@pytest.mark.parametrize(
    ("word", "read"),
    [
        ("toy:n=4", "toy:n=4|4|1/2|None"),
        (" toy:rate=3/4, n=4 ", "toy:rate=3/4, n=4|4|3/4|None"),
        ("toy:n=4,rate=0.75", "toy:n=4,rate=0.75|4|3/4|None"),
        ("toy:n=4,word=a=b,c", "toy:n=4,word=a=b,c|4|1/2|a=b,c"),
        ("path:/a, b/c=d,e,n=4", "path:/a, b/c=d,e,n=4|4|1/2|/a, b/c=d,e"),
        ("path:word=x,n=4", "path:word=x,n=4|4|1/2|x"),
    ],
)
def test_keys_are_read_by_the_types_of_their_arguments(word, read):
    assert read_code(word, TOYS).name == read


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("", "must not be empty, got ''"),
        (
            "tow:n=4",
            r"must be of toy, path, table, got 'tow:n=4'; did you mean 'toy:n=INT\[,rate=R\]\[,word=W\]'",
        ),
        ("table", "got 'table'; did you mean 'table-[12]'"),
        ("table-3", "got 'table-3'; did you mean 'table-2'"),
        ("table-1:n=3", "got 'table-1:n=3'; did you mean 'table-1'"),
        ("toy", "needs n, got 'toy'; write toy:n=INT"),
        ("toy:rate=1/2", "needs n, got 'toy:rate=1/2'"),
        ("toy:", "toy takes n=..., rate=..., word=..., each once, got ''"),
        ("toy:4", "toy takes n=.*got '4'; write toy:n=INT"),
        ("toy:n=4,n=5", "each once, got 'n=5'"),
        ("toy:n=4,rte=1/2", "got 'rte=1/2'; did you mean 'rate'?"),
        ("toy:n=", "toy: n must be a whole number, got ''"),
        ("toy:n=4.0", "toy: n must be a whole number, got '4.0'"),
        ("toy:n=" + "9" * 5000, "toy: n must be a whole number of at most 9 digits"),
        ("toy:n=4,rate=1e9", "toy: rate must be a ratio as 3/4 or 0.75, got '1e9'"),
        ("toy:n=4,rate=1/0", "toy: rate must be a ratio as 3/4 or 0.75, got '1/0'"),
        ("toy:n=4,word=", "toy: word must not be empty"),
        ("toy:n=100", "code: toy:n=100: n: must be at most 99, got 100; take 99"),
    ],
)
def test_every_slip_is_told_with_its_remedy(word, said):
    with pytest.raises(ValueError, match=said) as refused:
        read_code(word, TOYS)
    assert str(refused.value).startswith("code: ")
    assert re.search(r"; ", str(refused.value))


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("802.11ad-1/3", "802.11ad-1/2"),
        ("802.11ad-MCS1", "802.11ad-mcs1"),
        ("802.11n-648-4/5", "802.11n-648-"),
        ("802.11n-1/2", "802.11n-"),
        ("nr-lpdc:k=100,rate=1/2", "nr-ldpc:k=INT"),
        ("galager:n=96,dv=3,dc=6", "gallager:n=INT"),
        ("alst:x", "alist:PATH"),
    ],
)
def test_a_near_miss_names_what_was_meant(word, meant):
    with pytest.raises(ValueError, match=f"did you mean '{re.escape(meant)}"):
        find_code(word)


KEYS = ["k", "n", "rate", "bg", "rv", "qm", "dv", "dc", "seed", "path", "lifting", "x", ""]
VALUES = ["0", "1", "2", "3", "12", "96", "100", "1/2", "9/10", "-1", "1e3", "", "x", "½"]
PART = st.tuples(st.sampled_from(KEYS), st.sampled_from(["=", "", "=="]), st.sampled_from(VALUES))


@settings(max_examples=150, deadline=10_000)
@given(
    family=st.sampled_from([*FAMILIES, "", "nr", "qc "]),
    keys=st.lists(PART, max_size=4),
)
def test_any_word_is_refused_in_a_line_or_names_a_code(family, keys):
    word = f"{family}:" + ",".join(map("".join, keys))
    said, code = "", None
    try:
        code = find_code(word)
    except ValueError as error:
        said = str(error)
    assert (code is None) == bool(said)
    assert "\n" not in said
    if code is not None:
        assert code.k <= code.n or family == "ideal"


def test_all_families_are_listed():
    head, rows = LISTS["codes"]()
    assert head[0] == "code"
    listed = [row[0] for row in rows]
    assert all(any(word.startswith(name) for word in listed) for name in FAMILIES)
    named = {word for f in FAMILIES.values() if f.examples for word in f.named}
    assert named <= set(listed)


def test_the_words_of_the_examples_are_their_codes_names():
    assert all(code.name == word for word, code in CODES.items())
