"""A payload's place in the frame is accounted for at any size, under any bearer and scheme."""

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from phy.amc import Amc
from phy.bearer import DigitalBearer
from phy.cipher import AesCtr, AesGcm, KeySource
from phy.digital import Place, demodulate, modulate
from phy.engine import ReferenceEngine
from phy.mcs import AMC_SETS, MCS, find_mcs
from phy.power import split_uses
from phy.rng import generator

KEY = KeySource(test=True)
BEARERS = st.builds(
    DigitalBearer,
    mcs=st.sampled_from([Amc(csit=True), Amc(csit=False)]),
    cipher=st.sampled_from([None, AesCtr(key=KEY), AesGcm(key=KEY)]),
    crc=st.sampled_from([16, 24, 32]),
    crc_per=st.sampled_from(["payload", "block"]),
    interleaver=st.sampled_from(["none", "frame", "block"]),
)
FREE = (  # words that leave a symbol half filled, points that are turned, an ideal code
    "1024qam/802.11ad-1/2",
    "64qam@5g/uncoded:k=10",
    "pi/2-8psk/802.11ad-3/4",
    "32apsk:rate=3/4/802.11ad-mcs1",
    "16qam/ideal:rate=1/2",
)
PLACES = st.builds(
    Place,
    bearer=BEARERS,
    mcs=st.sampled_from([MCS[name] for name in AMC_SETS["hda"]]),
    n_uses=st.integers(0, 3000),
    nonce=st.just(bytes(12)),
)
FREE_PLACES = st.sampled_from(FREE).flatmap(
    lambda name: st.builds(
        Place,
        bearer=st.builds(
            DigitalBearer,
            mcs=st.just(name),
            crc_per=st.sampled_from(["payload", "block"]) if "uncoded" not in name else st.just("payload"),
            interleaver=st.sampled_from(["none", "frame", "block"]),
        ),
        mcs=st.just(find_mcs(name)),
        n_uses=st.integers(0, 1500),
    )
)


@settings(max_examples=200, deadline=None)
@given(place=PLACES | FREE_PLACES, part=st.floats(0, 1))
def test_every_bit_of_every_use_has_one_category(place, part):
    n_bits = int(part * place.framing.payload_bits)
    spent = place.categories(n_bits)
    assert sum(spent.values()) == place.n_uses * place.mcs.bits_per_use
    assert min(spent.values()) >= 0
    fits = (place.n_uses - place.signalling_uses) * place.mcs.bits_per_use // place.mcs.code.n
    whole = replace(place.framing, blocks=fits)  # whose header and checksum may find no room
    assert place.framing == (whole if whole.room >= 0 else replace(whole, blocks=0))


@settings(max_examples=50, deadline=None)
@given(place=PLACES | FREE_PLACES, part=st.floats(0, 1))
def test_a_payload_comes_back_exactly_from_clean_symbols(place, part):
    n_bits, engine = int(part * place.framing.payload_bits), ReferenceEngine()
    payload = generator("place").integers(0, 2, n_bits, np.uint8)
    blocks = place.seal(payload)
    (symbols,) = modulate(engine, [place], [blocks])
    assert symbols.shape == (place.n_uses,)
    (decided,) = demodulate(engine, [place], [symbols], [np.full(place.n_uses, 1e-3, np.float32)], [blocks])
    received, stolen = place.open(decided)
    assert received.ok == (place.framing.blocks > 0)
    assert np.array_equal(received.data, payload)
    assert stolen.deciphered == (place.bearer.cipher is None)


@settings(max_examples=200, deadline=None)
@given(
    n_uses=st.integers(0, 10**6),
    shares=st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=5),
)
def test_shares_split_every_use_in_proportion(n_uses, shares):
    uses = split_uses(n_uses, {str(i): share for i, share in enumerate(shares)})
    assert sum(uses.values()) == n_uses
    assert all(abs(uses[str(i)] - n_uses * s / sum(shares)) < 1 + 1e-3 for i, s in enumerate(shares))
