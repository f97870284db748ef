"""Schemes by name: tables of the standards, and free pairs."""

import json
from fractions import Fraction
from importlib.resources import files

import pytest

from phy.mcs import AMC_SETS, CQI_SETS, MCS, Pair, find_mcs

FACTS = json.loads(files("phy").joinpath("data/ieee80211ad.json").read_text())


@pytest.mark.parametrize("row", FACTS["mcs_table"], ids=lambda row: row["mcs"])
def test_802_11ad_schemes_are_those_of_the_standard(row):
    mcs = MCS[f"802.11ad-mcs{row['mcs']}"]
    assert f"pi/2-{mcs.constellation_name}" == row["modulation"].lower()
    assert mcs.bits_per_use == row["N_CBPS"]
    expected = Fraction(row["code_rate"]) / row["repetition"]
    if row["code_rate"] == "7/8":  # 546 bits in 624: what is punctured is parity
        assert mcs.code_name == "802.11ad-7/8"
    assert mcs.code_name.endswith(("mcs1", row["code_rate"]))
    assert abs(float(mcs.info_bits_per_use) - float(expected) * mcs.bits_per_use) < 1e-9


def test_every_802_11ad_scheme_has_its_row():
    assert AMC_SETS["802.11ad"] == tuple(f"802.11ad-mcs{row['mcs']}" for row in FACTS["mcs_table"])


EFFICIENCY = {  # the tables' own last columns
    "cqi1": "0.1523 0.2344 0.3770 0.6016 0.8770 1.1758 1.4766 1.9141 2.4063 "
    "2.7305 3.3223 3.9023 4.5234 5.1152 5.5547",
    "cqi2": "0.1523 0.3770 0.8770 1.4766 1.9141 2.4063 2.7305 3.3223 3.9023 "
    "4.5234 5.1152 5.5547 6.2266 6.9141 7.4063",
    "cqi3": "0.0586 0.0977 0.1523 0.2344 0.3770 0.6016 0.8770 1.1758 "
    "1.4766 1.9141 2.4063 2.7305 3.3223 3.9023 4.5234",
}


@pytest.mark.parametrize("table", EFFICIENCY)
def test_cqi_schemes_have_the_efficiencies_of_their_tables(table):
    """To half a symbol of the block's length and the four digits that the tables have."""
    assert len(AMC_SETS[table]) == 15
    for name, told in zip(AMC_SETS[table], EFFICIENCY[table].split(), strict=True):
        mcs = MCS[name]
        symbols = mcs.code.n // mcs.bits_per_use
        assert mcs.code.k == 1024
        assert mcs.code.n % mcs.bits_per_use == 0
        assert float(mcs.info_bits_per_use) == pytest.approx(
            float(told), abs=5e-5 + float(told) / symbols / 2
        )


def test_long_cqi_schemes_have_the_rates_of_their_table_in_the_longest_code_blocks():
    """TS 38.212, 5.2.2: at most 8448 bits in base graph 1, 3840 in base graph 2."""
    assert len(AMC_SETS["cqi2-long"]) == 15
    for name, told in zip(AMC_SETS["cqi2-long"], EFFICIENCY["cqi2"].split(), strict=True):
        mcs = MCS[name]
        bg = mcs.code.lifting.base_graph
        assert (mcs.code.k, mcs.code.lifting.z) == ({1: 8448, 2: 3840}[bg], 384)
        assert bg == (2 if mcs.code.k <= mcs.code.n / 4 else 1)
        symbols = mcs.code.n // mcs.bits_per_use
        assert float(mcs.info_bits_per_use) == pytest.approx(
            float(told), abs=5e-5 + float(told) / symbols / 2
        )


@pytest.mark.parametrize("i", range(28))
def test_mcs_schemes_have_the_rows_that_sionna_knows(i):
    """TS 38.214, table 5.1.3.1-2; to half a symbol of the block's length."""
    from sionna.phy.nr.utils import decode_mcs_index

    bits, rate = decode_mcs_index(i, table_index=2)
    mcs = MCS[f"mcs2-long-{i}"]
    assert mcs.constellation_name == {2: "qpsk@5g", 4: "16qam@5g", 6: "64qam@5g", 8: "256qam@5g"}[int(bits)]
    assert abs(mcs.code.k / float(rate) - mcs.code.n) <= int(bits) / 2 + 1e-3
    assert AMC_SETS["nr-long"][i + 1] == mcs.name


def test_sets_hold_schemes_by_rising_rate():
    for names in AMC_SETS.values():
        assert len(names) <= 32  # `phy.signalling`
        assert all(name in MCS for name in names)
    for table in ("hda", *CQI_SETS, "nr-long"):
        rates = [MCS[name].info_bits_per_use for name in AMC_SETS[table]]
        assert rates == sorted(rates)


@pytest.mark.parametrize(
    ("name", "constellation", "code"),
    [
        ("16qam/802.11ad-1/2", "16qam", "802.11ad-1/2"),
        ("pi/2-bpsk/802.11ad-13/16", "pi/2-bpsk", "802.11ad-13/16"),
        ("16apsk:rate=3/4/802.11ad-3/4", "16apsk:rate=3/4", "802.11ad-3/4"),
        ("64qam@5g/nr-ldpc:k=1024,rate=3/4", "64qam@5g", "nr-ldpc:k=1024,rate=3/4"),
    ],
)
def test_a_free_pair_is_read_back_from_its_name(name, constellation, code):
    mcs = find_mcs(name)
    assert (mcs.constellation_name, mcs.code_name) == (constellation, code)
    assert Pair(constellation=constellation, code=code).mcs_name == mcs.name == name
    assert find_mcs(name) is mcs


def test_a_pair_of_a_file_of_points(tmp_path):
    path = tmp_path / "points.csv"
    path.write_text("0,1,0\n1,-1,0\n")
    assert find_mcs(f"file:{path}/802.11ad-1/2").constellation.points.tolist() == [1, -1]


def test_schemes_of_the_same_points_and_code_share_their_curve():
    assert MCS["qpsk-1/2"].pair_name == MCS["802.11ad-mcs6"].pair_name
    assert find_mcs("pi/2-qpsk/802.11ad-1/2").pair_name == MCS["qpsk-1/2"].pair_name
    assert MCS["cqi1-6"].pair_name == MCS["cqi3-8"].pair_name


def test_an_unknown_scheme_names_its_nearest():
    with pytest.raises(ValueError, match=r"mcs: must be one of .* did you mean '16qam-1/2'\?"):
        find_mcs("16qm-1/2")
    with pytest.raises(ValueError, match=r"^mcs: '16qam/802.11ad-1/3' names no code: code"):
        find_mcs("16qam/802.11ad-1/3")
