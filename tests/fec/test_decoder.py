"""Decoders as values and as words."""

import pytest
from pydantic import TypeAdapter, ValidationError

from phy.fec import CODES, Decoder
from phy.fec.decoder import READS, Quantisation, default_decoder
from phy.fec.decoder_spec import ABOUT, DECODERS, decoder_defaults, decoder_keys, parse_decoder

SOME = [
    Decoder(),
    Decoder(iterations=5, stop="none", clip=None),
    Decoder(algorithm="normalised-min-sum", scale=0.8125, clip=12.5),
    Decoder(algorithm="offset-min-sum", schedule="layered", quantisation=Quantisation()),
    Decoder(algorithm="offset-min-sum", offset=1.0, quantisation=Quantisation(bits=6, steps=2, limit=15)),
    Decoder(algorithm="sc-list", list_size=32),
]


@pytest.mark.parametrize("decoder", SOME, ids=lambda d: d.spec)
def test_a_decoders_word_is_read_back_as_the_decoder(decoder):
    assert parse_decoder(decoder.spec) == decoder
    assert eval(repr(decoder), {"Decoder": Decoder, "Quantisation": Quantisation}) == decoder


@pytest.mark.parametrize("name", DECODERS)
def test_every_name_is_a_decoder_whose_keys_are_read(name):
    decoder = parse_decoder(name)
    assert decoder.name == decoder.spec == name
    other = {
        "iterations": "7",
        "stop": "none",
        "clip": "3.5",
        "scale": "0.5",
        "offset": "1.5",
        "list_size": "3",
    }
    for key in set(decoder_keys(name)) & set(other):
        changed = parse_decoder(f"{name}:{key}={other[key]}")
        assert changed != decoder
        assert parse_decoder(changed.spec) == changed


def test_what_is_listed_is_what_there_is():
    assert set(ABOUT) == set(READS)
    assert {word for code in CODES.values() for word in code.algorithms} <= set(READS)


@pytest.mark.parametrize("name", DECODERS)
def test_defaults_that_are_listed_change_nothing(name):
    told = decoder_defaults(name)
    assert tuple(told) == decoder_keys(name)
    plain = {key: value for key, value in told.items() if key not in ("quantisation", "steps", "limit")}
    words = ",".join(f"{key}={value}" for key, value in plain.items())
    assert parse_decoder(f"{name}:{words}" if words else name) == parse_decoder(name)
    if "quantisation" in told:
        assert told["quantisation"] == "none"
        wide = f"{name}:quantisation=8,steps={told['steps']},limit={told['limit']}"
        assert parse_decoder(wide) == parse_decoder(f"{name}:quantisation=8")


def test_a_scenarios_mapping_is_a_decoder():
    read = TypeAdapter(Decoder).validate_python
    assert read({"algorithm": "offset-min-sum", "schedule": "layered", "quantisation": {}}) == SOME[3]
    with pytest.raises(ValidationError, match=r"quantisation\.stps"):
        read({"algorithm": "offset-min-sum", "quantisation": {"stps": 4}})


@pytest.mark.parametrize("code", [CODES["802.11ad-1/2"]])
def test_a_codes_own_decoder_is_its_first_algorithm(code):
    assert default_decoder(code) == Decoder(algorithm=code.algorithms[0])


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("layered-offset-minsum", "did you mean 'layered-offset-min-sum'"),
        ("viterbi:iterations=3", "viterbi takes nothing, each once, got 'iterations=3'; leave it out"),
        ("min-sum:iteration=3", "got 'iteration=3'; did you mean 'iterations'"),
        ("min-sum:iterations=3,iterations=4", "each once, got 'iterations=4'"),
        ("min-sum:iterations", "min-sum takes iterations=.*got 'iterations'"),
        ("min-sum:", "min-sum takes iterations=.*got ''"),
        ("min-sum:iterations=2.5", r"decoder\.iterations: must be a whole number, got '2.5'"),
        ("min-sum:clip=wide", r"decoder\.clip: must be a number, got 'wide'"),
        ("min-sum:stop=never", r"decoder\.stop: must be none or syndrome, got 'never'"),
        ("min-sum:steps=8", "steps need quantisation=8"),
        ("sum-product:quantisation=8", "sum-product takes iterations=.*got 'quantisation=8'"),
        ("layered-viterbi", "must be one of"),
        ("min-sum:clip=nan", r"decoder\.clip: must be > 0 and finite, got nan"),
        ("normalised-min-sum:scale=inf", r"decoder\.scale: must be above 0 and at most 1, got inf"),
        ("offset-min-sum:offset=nan", r"decoder\.offset: must be >= 0 and finite, got nan"),
    ],
)
def test_a_word_that_is_none_says_what_it_should_be(spec, told):
    with pytest.raises(ValueError, match=told) as refused:
        parse_decoder(spec)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"iterations": -1}, "iterations: must be"),
        ({"clip": 0.0}, "clip: must be"),
        ({"algorithm": "min-sun"}, "algorithm: must be one of"),
        ({"schedule": "random"}, "schedule: must be flooding or layered"),
        ({"scale": 0.5}, "scale: means nothing to sum-product, got 0.5; leave it out"),
        ({"algorithm": "min-sum", "offset": 1.0}, "offset: means nothing to min-sum"),
        ({"quantisation": Quantisation()}, "quantisation: means nothing to sum-product"),
        ({"algorithm": "viterbi", "schedule": "layered"}, "schedule: means nothing to viterbi"),
        ({"algorithm": "min-sum", "clip": 10.0, "quantisation": Quantisation()}, "clip: quantised words"),
        (
            {"algorithm": "offset-min-sum", "offset": 0.3, "quantisation": Quantisation()},
            "offset: must be whole steps of 1/4, got 0.3",
        ),
        (
            {"algorithm": "normalised-min-sum", "scale": 0.8, "quantisation": Quantisation()},
            "scale: must be a multiple of 1/16 if quantised, got 0.8",
        ),
        ({"algorithm": "sc-list", "list_size": 0}, "list_size: must be 1 to 4096, got 0"),
    ],
)
def test_a_decoder_that_makes_no_sense_is_refused(fields, told):
    with pytest.raises(ValueError, match=told):
        Decoder(**fields)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"bits": 2}, "bits"),
        ({"steps": 3}, "steps"),
        ({"limit": 0}, "limit"),
        ({"bits": 5, "limit": 31}, "limit: must be 1 to 15"),
    ],
)
def test_words_that_hold_nothing_are_refused(fields, told):
    with pytest.raises(ValueError, match=told):
        Quantisation(**fields)


@pytest.mark.parametrize(("bits", "limit"), [(3, 1), (4, 1), (6, 7), (8, 31), (10, 127)])
def test_the_usual_limit_goes_with_the_width(bits, limit):
    decoder = parse_decoder(f"layered-min-sum:quantisation={bits}")
    assert decoder.quantisation == Quantisation(bits=bits, limit=limit)
    assert decoder.spec == f"layered-min-sum:quantisation={bits}"
    other = parse_decoder(f"layered-min-sum:quantisation={bits},limit=2")
    assert parse_decoder(other.spec) == other
