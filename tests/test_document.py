"""Strict YAML: what a scenario file may hold, and how its faults are told."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from linksim.document import Document, assign, dotted, parse
from linksim.errors import ScenarioError


def refused(text: str) -> str:
    with pytest.raises(ScenarioError) as caught:
        parse(text, "s.yaml", lined=True)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_scalars_are_those_of_yaml_1_2():
    text = "a: 1:20:2\nb: off\nc: 1e-3\nd: 0x10\ne: ~\nf: 1/6\ng: 017\nh: yes"
    tree = {"a": "1:20:2", "b": "off", "c": 1e-3, "d": 16, "e": None, "f": "1/6", "g": 17, "h": "yes"}
    assert parse(text, "s.yaml").tree == tree


def test_every_node_knows_its_line():
    origins = parse("a:\n  b: 1\n  c:\n    - 2\n    - d: 3\n", "s.yaml", lined=True).origins
    assert origins["a", "b"] == "s.yaml:2"
    assert origins["a", "c", 1, "d"] == "s.yaml:5"


def test_a_key_that_stands_twice_is_refused_with_both_lines():
    assert (
        refused("x:\n  a: 1\n  b: 2\n  a: 3\n")
        == "s.yaml:4: x: 'a' stands twice (s.yaml:2 has it first); keep one"
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: {b: 1\n", "s.yaml:2: is not YAML (expected ',' or '}', but got '<stream end>')"),
        ("a: 2001-01-01", "s.yaml:1: a: must be text, a number, true, false or null, got '2001-01-01'"),
        ("a: !!python/object:os.system x", "s.yaml:1: a: must be text"),
        ("1: 2", "s.yaml:1: the scenario: a key must be text, got '1'"),
        ("a: {[1]: 2}", "s.yaml:1: a: a key must be text; put it in quotes"),
        ("a: !!int seven", "s.yaml:1: a: must be a YAML int (invalid literal"),
        ("a: " + "9" * 5000, "s.yaml:1: a: must be a YAML int (Exceeds the limit"),
        ("a:\n  b: .nan", "s.yaml:2: a.b: must be a finite number, got '.nan'"),
        ("<<: {a: 1}", "s.yaml:1: the scenario: a key must be text"),
        ("a: 1\n---\nb: 2", "s.yaml:2: is not YAML (but found another document)"),
        ("a: &x [*x]", "s.yaml: holds itself"),
        ("a: '\\x00\x01'", "s.yaml: is not YAML"),
    ],
)
def test_what_is_not_plain_data_is_refused(text, told):
    assert refused(text).startswith(told)


def test_an_assigned_value_keeps_the_origin_of_its_option_and_leaves_the_rest_alone():
    document = parse("a: {b: 1, c: 2}\n", "s.yaml", lined=True)
    changed = assign(document, ("a", "b"), parse("{d: 3}", "--set a.b={d: 3}", base=("a", "b")))
    assert changed.tree == {"a": {"b": {"d": 3}, "c": 2}}
    assert document.tree == {"a": {"b": 1, "c": 2}}
    assert changed.origin(("a", "b", "d")) == "--set a.b={d: 3}"
    assert changed.origin(("a", "c")) == "s.yaml:1"


def test_a_field_below_a_number_cannot_be_assigned():
    with pytest.raises(ScenarioError, match=r"--set a.b=1: a has no fields, got 1; set a as a whole"):
        assign(parse("a: 1", "s.yaml"), ("a", "b"), parse("1", "--set a.b=1", base=("a", "b")))


def test_fields_are_written_with_dots_and_indices():
    assert dotted(("links", "air", "sweep", 2, "x")) == "links.air.sweep[2].x"


KEYS = st.text("abcdefgh_", min_size=1, max_size=5)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | KEYS
TREES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3)
)


@settings(deadline=None)
@given(TREES)
def test_whatever_a_yaml_writer_writes_is_read_back(tree):
    from io import StringIO

    file = StringIO()
    YAML(typ="safe", pure=True).dump({"root": tree}, file)
    document = parse(file.getvalue(), "s.yaml", lined=True)
    assert isinstance(document, Document)
    assert document.tree == {"root": tree}
