"""Links as a scenario writes them: what is accepted, and what one line says of what is not."""

import json
from fractions import Fraction

import pytest
from pydantic import TypeAdapter, ValidationError

from phy.amc import Amc
from phy.bearer import AnalogBearer, DigitalBearer
from phy.channel import Rician
from phy.cipher import AesCtr, AesGcm, KeySource
from phy.link import Link

LINK = TypeAdapter(Link)
GOOD = {
    "bandwidth_ratio": "1/6",
    "channel": {"kind": "rician", "k_factor": 1.0, "block": "frame"},
    "csi": {"kind": "perfect"},
    "streams": {
        "essential": {
            "kind": "digital",
            "share": 0.2,
            "mcs": {"amc": "hda", "csit": False},
            "cipher": {"kind": "aes-ctr", "key": {"test": True}},
            "crc": 24,
        },
        "auxiliary": {"kind": "analog"},
    },
    "engine": "reference",
}


def parse(**changes) -> Link:
    return LINK.validate_json(json.dumps(GOOD | changes), strict=True)


def digital(**changes) -> dict:
    return {"streams": {"essential": GOOD["streams"]["essential"] | changes}}


def test_a_scenario_s_node_becomes_the_link_itself():
    link = parse()
    assert link.bandwidth_ratio == Fraction(1, 6)
    assert link.n_uses(768 * 512 * 3) == 196_608
    assert link.channel == Rician(k_factor=1.0)
    assert link.streams["essential"] == DigitalBearer(
        share=0.2, mcs=Amc(), cipher=AesCtr(key=KeySource(test=True))
    )
    assert link.streams["auxiliary"] == AnalogBearer()


def test_a_link_and_what_it_was_made_from_round_trip():
    link = parse()
    assert LINK.validate_json(LINK.dump_json(link), strict=True) == link
    assert (
        eval(
            repr(link),
            globals() | {"PerfectCsi": type(link.csi), "Decoder": type(link.streams["essential"].decoder)},
        )
        == link
    )


def test_a_scheme_may_be_named():
    assert parse(**digital(mcs="16qam-1/2")).streams["essential"].mcs == "16qam-1/2"


BAD = {
    "negative k": ({"channel": {"kind": "rician", "k_factor": -1}}, "k_factor: must be >= 0"),
    "block 0": ({"channel": {"kind": "rayleigh", "block": 0}}, "block: must be 'frame' or at least 1"),
    "channel": ({"channel": {"kind": "rice"}}, "kind"),
    "ratio": ({"bandwidth_ratio": "-1/6"}, "bandwidth_ratio: must be positive"),
    "ratio text": ({"bandwidth_ratio": "one sixth"}, "fraction"),
    "no streams": ({"streams": {}}, "streams: must hold at least one"),
    "unknown": ({"bandwith": 1}, "bandwith"),
    "scheme": (digital(mcs="16qam-2/3"), "did you mean"),
    "share": (digital(share=0), "share: must be positive"),
    "no share": (digital(share=1e-300), "share: must be positive, 1e-06 to 1e\\+06, got 1e-300"),
    "offset": ({"snr_offset_db": 1e300}, "snr_offset_db: must lie between -100 and 100 dB, got 1e\\+300"),
    "crc": (digital(crc=12), "16, 24 or 32"),
    "target": (digital(mcs={"amc": "hda", "target": 2}), "target: must lie between 0 and 1"),
    "outage": (digital(mcs={"amc": "hda", "max_outage": 0}), "max_outage: must lie in"),
    "amc field": (digital(mcs={"amc": "hda", "csi": True}), "csi"),
    "two keys": (digital(cipher={"kind": "aes-gcm", "key": {"test": True, "env": "K"}}), "exactly one of"),
    "no key": (digital(cipher={"kind": "aes-gcm", "key": {}}), "exactly one of"),
    "env": (digital(cipher={"kind": "aes-ctr", "key": {"env": "LINKSIM_NO_KEY"}}), "key.env: must be set"),
    "file": (
        digital(cipher={"kind": "aes-ctr", "key": {"file": "/nowhere/key"}}),
        "key.file: must be readable",
    ),
}


@pytest.mark.parametrize(("changes", "told"), BAD.values(), ids=BAD)
def test_a_wrong_field_is_told_with_its_rule(changes, told):
    with pytest.raises(ValidationError, match=told):
        parse(**changes)


def test_a_key_comes_from_a_file_or_the_environment_raw_or_as_hexadecimal(tmp_path, monkeypatch):
    key = bytes(range(100, 132))
    (tmp_path / "raw").write_bytes(key)
    (tmp_path / "hex").write_text(key.hex() + "\n")
    monkeypatch.setenv("LINKSIM_TEST_KEY", key.hex())
    sources = [
        KeySource(file=str(tmp_path / "raw"), bits=256),
        KeySource(file=str(tmp_path / "hex"), bits=256),
        KeySource(env="LINKSIM_TEST_KEY", bits=256),
    ]
    assert {source.read() for source in sources} == {key}
    assert not any(key.hex() in repr(AesGcm(key=source)) for source in sources)


def test_a_key_of_another_length_is_refused(tmp_path):
    (tmp_path / "short").write_bytes(b"0123456789")
    with pytest.raises(
        ValueError, match=r"must hold 16 bytes, raw or as 32 hexadecimal digits, got 10 bytes"
    ):
        KeySource(file=str(tmp_path / "short"))


def test_hexadecimal_digits_are_never_taken_for_a_longer_raw_key(tmp_path, monkeypatch):
    half = bytes(range(16)).hex()
    (tmp_path / "half").write_text(half)
    monkeypatch.setenv("LINKSIM_TEST_KEY", half)
    for source in ({"file": str(tmp_path / "half")}, {"env": "LINKSIM_TEST_KEY"}):
        assert len(KeySource(**source).read()) == 16
        with pytest.raises(ValueError, match="must hold 32 bytes, raw or as 64 hexadecimal digits"):
            KeySource(**source, bits=256)
    monkeypatch.setenv("LINKSIM_TEST_KEY", "sixteen letters.")
    with pytest.raises(ValueError, match="must hold 16 bytes"):
        KeySource(env="LINKSIM_TEST_KEY")
