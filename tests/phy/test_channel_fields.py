"""Channels and CSI as a scenario or the command line writes them; one line for what is none."""

import json
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from phy.channel import CHANNELS, Channel, Jakes, Nakagami, Rayleigh, Recorded, Rician, parse_channel
from phy.compact import compact
from phy.detect import AgeingCsi, Csi, PilotCsi, parse_csi
from phy.link import Link

CHANNEL, CSI = TypeAdapter(Channel), TypeAdapter(Csi)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The working directory, with files that hold fading and files that do not."""
    monkeypatch.chdir(tmp_path)
    h = np.exp(1j * np.arange(8))
    np.save("good.npy", h.astype(np.complex64))
    np.save("loud.npy", 2 * h)
    np.save("real.npy", h.real)
    np.save("table.npy", h.reshape(2, 4))
    np.save("nan.npy", np.where(np.arange(8) == 3, np.nan, h))
    np.save("zero.npy", 0 * h)
    np.save("none.npy", h[:0])
    np.save("objects.npy", np.array([{}, 1], object), allow_pickle=True)
    tmp_path.joinpath("cut.npy").write_bytes(tmp_path.joinpath("good.npy").read_bytes()[:90])
    tmp_path.joinpath("empty.npy").write_bytes(b"")
    lines = "\n".join(f"{z.real},{z.imag}" for z in h)
    files = {
        "good.csv": "re,im\n" + lines,
        "bare.csv": lines + "\n\n",
        "empty.csv": "",
        "heads.csv": "re,im\n",
        "words.csv": "re,im\n1,two\n",
        "three.csv": "1,0\n1,2,3\n",
        "inf.csv": "1,0\ninf,0\n",
        "h.txt": lines,
    }
    for name, text in files.items():
        tmp_path.joinpath(name).write_text(text)
    tmp_path.joinpath("binary.csv").write_bytes(b"\xff\xfe\x00\x01")
    return tmp_path


def test_files_of_either_form_hold_the_same_fading(folder):
    draws = [Recorded(file=name).fading(20, np.random.default_rng(1)) for name in ("good.npy", "good.csv")]
    np.testing.assert_allclose(*draws, atol=1e-6)
    np.testing.assert_allclose(
        Recorded(file="bare.csv").fading(20, np.random.default_rng(1)), draws[0], atol=1e-6
    )
    loud = Recorded(file="loud.npy", normalise=True).fading(20, np.random.default_rng(1))
    np.testing.assert_allclose(loud, draws[0], atol=1e-6)


BAD_FILES = {
    "nowhere.npy": "must be a readable .npy or .csv, got 'nowhere.npy' (No such file or directory); check",
    "": "must be a readable .npy or .csv",
    "h.txt": "must end in .npy or .csv, got 'h.txt'; save it",
    "loud.npy": "must have mean power 1, got 4 in 'loud.npy'; set normalise: true to scale",
    "real.npy": "must hold complex numbers in one row, at least one, got none",
    "table.npy": "must hold complex numbers in one row, at least one, got shape (2, 4)",
    "none.npy": "must hold complex numbers in one row, at least one, got none",
    "nan.npy": "must hold finite numbers, got (nan+0j) at 3 of 'nan.npy'; mend it",
    "zero.npy": "must hold gains of some finite power, got 0 in 'zero.npy'",
    "objects.npy": "must hold complex numbers in one row, got 'objects.npy' (Object arrays cannot be loaded",
    "cut.npy": "must hold complex numbers in one row, got 'cut.npy' (",
    "empty.npy": "must hold complex numbers in one row, got 'empty.npy' (",
    "empty.csv": "must hold re,im on each line, at least one, got none",
    "heads.csv": "must hold re,im on each line, at least one, got none",
    "words.csv": "must hold re,im on each line, got 'words.csv' (could not convert",
    "three.csv": "must hold re,im on each line, got 'three.csv' (row 2 has 3 cells)",
    "inf.csv": "must hold finite numbers, got (inf+0j) at 1 of 'inf.csv'",
    "binary.csv": "must hold re,im on each line, got 'binary.csv' ('utf-8' codec",
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_file_that_holds_no_fading_is_one_line(folder, name):
    with pytest.raises(ValueError, match=r"^file: must ") as caught:
        Recorded(file=name)
    assert str(caught.value).startswith("file: " + BAD_FILES[name])
    assert "\n" not in str(caught.value)


def test_odd_containers_of_numbers_and_devices_are_one_line(folder):
    npy, header = Path("odd.npy"), {"descr": "<c16", "fortran_order": False, "shape": (10**13,)}
    with npy.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)  # more than any memory, and nothing behind
    cut = b"\x93NUMPY\x01\x00\x10\x00{'descr':[[[[[ \n"
    zipped = BytesIO()
    np.savez(zipped, h=np.ones(3, complex))
    for content in (npy.read_bytes(), cut, zipped.getvalue()):
        npy.write_bytes(content)
        with pytest.raises(ValueError, match=r"^file: must hold complex numbers in one row") as caught:
            Recorded(file="odd.npy")
        assert "\n" not in str(caught.value)
    with pytest.raises(ValueError, match=r"^file: must be a readable .*no regular file"):
        Recorded(file="/dev/zero")


def test_a_recording_is_known_by_what_it_holds(folder):
    before = Recorded(file="good.npy")
    assert before == Recorded(file="good.npy")
    np.save("good.npy", np.exp(2j * np.arange(8)))
    after = Recorded(file="good.npy")
    assert before != after
    assert before.digest != after.digest
    h = after.fading(8, np.random.default_rng(1))
    assert np.sum(np.abs(h[1:] / h[:-1] - np.exp(2j)) < 1e-5) >= 6  # all but where the ring closes
    assert CHANNEL.validate_json(CHANNEL.dump_json(after), strict=True) == after


@pytest.mark.parametrize("kind", CHANNELS)
def test_a_channel_round_trips_as_a_word_and_as_a_node(folder, kind):
    channel = parse_channel(f"{kind}:file=good.npy" if kind == "recorded" else kind)
    assert parse_channel(compact(channel)) == channel
    assert CHANNEL.validate_json(CHANNEL.dump_json(channel), strict=True) == channel
    assert hash(channel) == hash(parse_channel(compact(channel)))
    assert channel.coherence_uses == "frame" or channel.coherence_uses >= 1


def test_words_name_channels_and_knowledge():
    assert parse_channel("rician:k_factor=3,block=64") == Rician(k_factor=3.0, block=64)
    assert parse_channel(" rayleigh : block = 7 ".replace(" :", ":")) == Rayleigh(block=7)
    assert parse_channel("jakes:doppler=1e-4") == Jakes(doppler=1e-4)
    assert parse_channel("nakagami:m=0.5,block=frame") == Nakagami(m=0.5)
    assert parse_csi("pilots:count=4,spacing=64") == PilotCsi(count=4, spacing=64)
    assert parse_csi("ageing:rho=0.9") == AgeingCsi(rho=0.9)
    assert compact(PilotCsi(count=4, estimator="lmmse")) == "pilots:count=4,estimator=lmmse"


BAD_WORDS = {
    "ricean": "channel: must be one of awgn, rayleigh, rician, nakagami, jakes, recorded, got 'ricean'; "
    "did you mean 'rician'?",
    "": "channel: must be one of ",
    "rician:kfactor=2": "channel: rician has no field 'kfactor', got 'rician:kfactor=2'; "
    "did you mean 'k_factor'?",
    "rician:k_factor=x": "channel: k_factor: must be a valid number, got 'x'",
    "rician:k_factor=-1": "channel: k_factor: must be >= 0 and finite, got -1.0; it is linear",
    "rician:k_factor": "channel: must be kind:field=value,..., got 'rician:k_factor'",
    "rician:block=2,block=3": "channel: must tell block once",
    "nakagami:m=0.4": "channel: m: must lie between 0.5 and 10000, got 0.4",
    "nakagami:m=nan": "channel: m: must lie between",
    "jakes:doppler=0": "channel: doppler: must be above 0 and at most 0.5, got 0.0",
    "jakes:doppler=0.6": "channel: doppler: must be above 0",
    "jakes:block=3": "channel: jakes has no field 'block'",
    "recorded": "channel: file is missing",
    "awgn:x=1": "channel: awgn has no field 'x'",
}


@pytest.mark.parametrize("word", BAD_WORDS)
def test_a_word_that_names_no_channel_is_one_line(word):
    with pytest.raises(ValueError, match=r"^channel: ") as caught:
        parse_channel(word)
    assert str(caught.value).startswith(BAD_WORDS[word])
    assert "\n" not in str(caught.value)


BAD_LINKS = {
    "no pilots": ({"kind": "pilots", "count": 0}, "rayleigh", "count: must be at least 1 pilot, got 0"),
    "crowded": ({"kind": "pilots", "count": 8, "spacing": 8}, "rayleigh", "spacing: must be more than the 8"),
    "power": ({"kind": "pilots", "power": 0}, "rayleigh", "power: must be positive, 1e-06 to 1e+06, got 0.0"),
    "estimator": ({"kind": "pilots", "estimator": "mmse"}, "rayleigh", "'ls', 'lmmse' or 'genie'"),
    "short blocks": (
        {"kind": "pilots", "count": 16},
        "rayleigh:block=16",
        "csi.count: must be below the 16 channel uses of the channel's block, got 16",
    ),
    "neither": ({"kind": "ageing"}, "rayleigh", "needs either rho or delay, got neither"),
    "both": ({"kind": "ageing", "rho": 0.9, "delay": 3}, "jakes", "needs either rho or delay, got both"),
    "rho": ({"kind": "ageing", "rho": 1.5}, "rayleigh", "rho: must lie between 0.01 and 1, got 1.5"),
    "delay": ({"kind": "ageing", "delay": 3}, "rayleigh", "csi.delay: must be over a jakes channel, got ray"),
    "too old": (
        {"kind": "ageing", "delay": 383},
        "jakes:doppler=0.001",
        "csi.delay: must leave a correlation of 0.01, got -0.00",
    ),
}


@pytest.mark.parametrize("name", BAD_LINKS)
def test_knowledge_that_cannot_be_had_is_told_with_its_field(name):
    csi, channel, told = BAD_LINKS[name]
    node = {
        "bandwidth_ratio": "1/6",
        "channel": json.loads(CHANNEL.dump_json(parse_channel(channel))),
        "csi": csi,
        "streams": {"a": {"kind": "analog"}},
        "engine": "reference",
    }
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(Link).validate_json(json.dumps(node), strict=True)
    assert told in str(caught.value)
