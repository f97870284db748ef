"""Adaptive modulation against brute force, and the curves that it reads."""

from functools import cache

import numpy as np
import pytest
from scipy import stats

from phy import bler
from phy.amc import Amc, choose, choose_blind
from phy.bearer import DigitalBearer
from phy.bler import Receiver
from phy.channel import Awgn, Jakes, Rayleigh, Rician
from phy.digital import settle
from phy.fec import Decoder
from phy.information import mutual_information
from phy.mcs import AMC_SETS, MCS, find_mcs
from phy.prediction import effective_snr_db, expected_failure, payload_failure
from phy.rng import generator

SET = tuple(MCS[name] for name in AMC_SETS["hda"])
USES = 8192
GRID_DB = np.arange(-6.0, 24.0, 1.0)
FADING = {"rayleigh": Rayleigh(), "rician": Rician(k_factor=3.0), "blocks": Rician(k_factor=3.0, block=1024)}


def block_success(mcs, snr_db):
    """1 - BLER straight from the curve, one SNR at a time."""
    return 1 - 10 ** float(bler.curve(mcs.name).log10(np.array(snr_db)))


def drawn_gains(channel, fades: int, draws: int = 20_000) -> np.ndarray:
    rng = generator("amc test")
    if isinstance(channel, Rayleigh):
        return rng.exponential(size=(draws, fades))
    k = channel.k_factor
    return stats.ncx2.rvs(2, 2 * k, size=(draws, fades), random_state=rng) / (2 * (k + 1))


@pytest.mark.parametrize("snr_db", GRID_DB)
def test_with_csit_the_fastest_scheme_that_meets_the_payload_s_target_is_chosen(snr_db):
    for gain in (0.1, 1.0, 3.0):
        realised = snr_db + 10 * np.log10(gain)
        meets = [m for m in SET if 1 - block_success(m, realised) ** m.blocks(USES) <= 1e-2]
        best = max(meets, key=lambda m: m.bits_per_use * m.code.k / m.code.n) if meets else SET[0]
        assert choose(Amc(csit=True), SET, snr_db, np.array([gain]), USES) == best


def test_over_several_fades_the_payload_succeeds_with_the_mean_log_success_of_its_blocks():
    mcs, gains = MCS["qpsk-1/2"], np.array([0.8, 1.0, 1.3, 2.0])
    each = [block_success(mcs, 2.0 + 10 * np.log10(g)) for g in gains]
    blocks = mcs.blocks(USES)
    assert payload_failure(mcs, 2.0, blocks, gains) == pytest.approx(1 - np.prod(each) ** (blocks / 4))


def test_longer_payloads_need_a_better_snr():
    mcs = MCS["16qam-1/2"]
    failures = [payload_failure(mcs, 8.0, blocks, np.ones(1)) for blocks in (1, 10, 100)]
    assert failures == sorted(failures)
    assert failures[2] == pytest.approx(1 - (1 - failures[0]) ** 100)


def overlaps(mcs, n_uses: int, span: int) -> np.ndarray:
    """The part of each code block's bits that each fade of `span` uses meets: float64 [blocks, fades]."""
    uses, fades = mcs.code.n / mcs.bits_per_use, -(-n_uses // span)
    part = np.zeros((mcs.blocks(n_uses), fades))
    for b in range(len(part)):
        for f in range(fades):
            met = min((b + 1) * uses, (f + 1) * span) - max(b * uses, f * span)
            part[b, f] = max(met, 0.0) / uses
    return part


@cache
def carried_bits(constellation) -> tuple[np.ndarray, np.ndarray]:
    grid_db = np.arange(-30.0, 45.0, 0.1)
    return grid_db, mutual_information(constellation, 10 ** (grid_db / 10))


def drawn_failures(mcs, snr_db: float, channel, interleaver: str = "none", draws: int = 20_000) -> np.ndarray:
    """P(payload fails) of each draw, block by block, from the definition of the effective SNR."""
    if channel.block == "frame":
        each = bler.log_success(mcs.name, snr_db + 10 * np.log10(drawn_gains(channel, 1, draws)))
        return -np.expm1(mcs.blocks(USES) * each[:, 0])
    part = overlaps(mcs, USES, channel.block)
    part = np.broadcast_to(part.mean(axis=0), part.shape) if interleaver == "frame" else part
    grid_db, carried = carried_bits(mcs.constellation)
    realised = snr_db + 10 * np.log10(drawn_gains(channel, part.shape[1], draws))
    mean = np.interp(realised, grid_db, carried) @ part.T
    log = bler.log_success(mcs.name, np.interp(mean, carried, grid_db))
    return -np.expm1(log.sum(axis=1))


@pytest.mark.parametrize("interleaver", ["none", "frame"])
@pytest.mark.parametrize("channel", FADING.values(), ids=FADING)
def test_expected_failures_agree_with_drawn_gains(channel, interleaver):
    """4 sigma of 20,000 drawn payloads and of the 4,096 that the rule draws, or 1e-3."""
    for mcs in SET:
        for snr_db in (2.0, 8.0, 14.0):
            drawn = drawn_failures(mcs, snr_db, channel, interleaver)
            band = 4 * drawn.std() * np.sqrt(1 / len(drawn) + 1 / 4096) + 1e-3
            expected = expected_failure(mcs, snr_db, USES, channel, Receiver(interleaver=interleaver))
            assert abs(expected - drawn.mean()) < band


def test_uses_of_one_gain_are_worth_that_gain_and_others_what_they_carry_on_average():
    qam = MCS["16qam-1/2"].constellation
    same = effective_snr_db(qam, np.full((3, 50), [[1.0], [9.0], [40.0]]), np.array([0.0, 7.5, 50.0]))
    np.testing.assert_array_equal(same, [[1.0, 1.0], [9.0, 9.0], [40.0, 40.0]])
    mixed = float(effective_snr_db(qam, np.array([3.0, 12.0]), np.array([0.0, 2.0]))[0])
    carried = mutual_information(qam, 10 ** (np.array([3.0, 12.0, mixed]) / 10))
    assert carried[2] == pytest.approx(carried[:2].mean(), abs=1e-4)
    third = float(effective_snr_db(qam, np.array([3.0, 12.0]), np.array([0.5, 2.0]))[0])
    carried = mutual_information(qam, 10 ** (np.array([3.0, 12.0, third]) / 10))
    assert carried[2] == pytest.approx((carried[0] + 2 * carried[1]) / 3, abs=1e-4)


def test_a_deep_fade_in_every_block_costs_less_than_a_block_that_is_lost():
    """16 gains a code block, one of them zero: rate 1/2 goes on; taken as 16 whole blocks, one is lost."""
    mcs, gains = MCS["qpsk-1/2"], np.tile([1.0] * 15 + [0.0], 24)
    assert payload_failure(mcs, 6.0, 24, gains) < 1e-3
    assert payload_failure(mcs, 6.0, 24, np.sort(gains)) == 1.0


@pytest.mark.parametrize("max_outage", [None, 0.1])
@pytest.mark.parametrize("channel", FADING.values(), ids=FADING)
def test_without_csit_the_best_goodput_within_the_outage_limit_is_chosen(channel, max_outage):
    rule = Amc(max_outage=max_outage)
    for snr_db in GRID_DB[::2]:
        outage = [expected_failure(m, snr_db, USES, channel) for m in SET]
        goodput = [
            (1 - p) * float(m.info_bits_per_use) if max_outage is None or p <= max_outage else -1.0
            for p, m in zip(outage, SET, strict=True)
        ]
        best = SET[int(np.argmax(goodput))] if max(goodput) >= 0 else SET[0]
        assert choose_blind(rule, SET, float(snr_db), channel, USES) == best


@pytest.mark.parametrize("k_factor", [0.0, 1.0, 10.0])
@pytest.mark.parametrize("block", ["frame", 1024, 128])
def test_without_csit_the_choice_is_the_brute_force_best(k_factor, block):
    """Among 2,000 drawn payloads of every scheme; a choice that is not best is so by less than 4 sigma."""
    channel = Rician(k_factor=k_factor, block=block)
    for snr_db in GRID_DB[::6]:
        drawn = [
            (1 - drawn_failures(m, float(snr_db), channel, draws=2000)) * float(m.info_bits_per_use)
            for m in SET
        ]
        goodput = [each.mean() for each in drawn]
        chosen = SET.index(choose_blind(Amc(), SET, float(snr_db), channel, USES))
        best = int(np.argmax(goodput))
        noise = 4 * (drawn[best] - drawn[chosen]).std() * np.sqrt(1 / 2000 + 1 / 4096)
        assert goodput[best] - goodput[chosen] <= noise + 1e-9


def test_slow_fading_fails_as_a_fade_a_frame_and_fast_fading_as_many():
    mcs, snr_db = MCS["qpsk-1/2"], 8.0
    slow, fast = (expected_failure(mcs, snr_db, USES, Jakes(doppler=d)) for d in (1e-7, 0.05))
    whole = expected_failure(mcs, snr_db, USES, Rayleigh())
    spread = expected_failure(mcs, snr_db, USES, Rayleigh(block=2))
    assert abs(slow - whole) < 4 * np.sqrt(whole * (1 - whole) / 256)
    assert max(fast, spread) < 1e-2 < whole


def test_a_margin_is_an_snr_that_is_worse():
    for snr_db in GRID_DB:
        wary = choose(Amc(csit=True, margin_db=2.0), SET, snr_db, np.ones(1), USES)
        assert wary == choose(Amc(csit=True), SET, snr_db - 2.0, np.ones(1), USES)
        channel = Rician(k_factor=3.0)
        wary = choose_blind(Amc(margin_db=2.0), SET, float(snr_db), channel, USES)
        assert wary == choose_blind(Amc(), SET, float(snr_db) - 2.0, channel, USES)


@pytest.mark.parametrize(
    ("field", "value"),
    [("margin_db", np.nan), ("feedback_delay", -1), ("feedback_delay", 5), ("target", 0.0)],
)
def test_a_rule_that_means_nothing_is_refused(field, value):
    with pytest.raises(ValueError, match=rf"^{field}: must .*got .*; "):
        Amc(**{field: value})


def test_without_fading_the_target_holds_whether_or_not_the_transmitter_is_told():
    for snr_db in GRID_DB:
        told = choose(Amc(csit=True), SET, snr_db, np.ones(1), USES)
        assert choose_blind(Amc(), SET, float(snr_db), Awgn(), USES) == told


def test_an_expected_failure_without_a_scattered_path_is_the_realised_one():
    """K = 1e6 is a step to the integral: within what a spread of 0.02 dB does to the failure."""
    channel, mcs = Rician(k_factor=1e6), MCS["qpsk-3/4"]
    for snr_db in (4.0, 5.5, 7.0):
        near = [payload_failure(mcs, snr_db + d, mcs.blocks(USES), np.ones(1)) for d in (0.02, -0.02)]
        assert near[0] - 1e-6 <= expected_failure(mcs, snr_db, USES, channel) <= near[1] + 1e-6


def test_a_scheme_that_cannot_hold_a_payload_is_not_chosen():
    """200 uses hold a 16QAM block (168 uses) but none of BPSK (672) or QPSK (336)."""
    place = settle(DigitalBearer(mcs=Amc()), Awgn(), -5.0, np.ones(1), 200)
    assert place.mcs.name == "16qam-1/2"
    assert place.framing.payload_bits > 0
    assert settle(DigitalBearer(mcs=Amc()), Awgn(), -5.0, np.ones(1), 100).framing.payload_bits == 0


def test_curves_fall_from_one_and_go_on_falling():
    for name in AMC_SETS["hda"]:
        curve = bler.curve(name)
        values = curve.log10(np.linspace(curve.snr_db[0] - 5, curve.snr_db[-1] + 5, 2000))
        assert np.all(np.diff(values) <= 0)
        assert values[0] == 0
        assert values[-1] < -6
        assert curve.log10(np.array(-np.inf)) == 0


def test_curves_pass_through_their_counts():
    points = [(0.0, 900, 1000), (1.0, 100, 1000), (2.0, 100, 100_000)]
    curve = bler.fit(points)
    np.testing.assert_allclose(curve.log10(np.array([0.0, 1.0, 2.0])), np.log10([0.9, 0.1, 1e-3]))
    assert curve.log10(np.array(1.5)) == pytest.approx(-2.0)
    assert curve.log10(np.array(3.0)) == pytest.approx(-5.0)


def test_counts_that_rise_are_pooled():
    fit = bler.falling_fit(np.array([0.9, 0.1, 0.3, 0.01]), np.array([1.0, 3.0, 1.0, 1.0]))
    np.testing.assert_allclose(fit, [0.9, 0.15, 0.15, 0.01])


def test_a_curve_needs_points_with_errors():
    with pytest.raises(ValueError, match="measure more blocks"):
        bler.fit([(0.0, 900, 1000), (1.0, 3, 1000)])


def test_no_scheme_beats_capacity_at_its_threshold():
    """Rate at which half the blocks fail lies below log2(1 + Es/N0), and below what the points carry."""
    for name in bler.table()["curves"]:
        pair = name.split(" ")[0]
        curve, mcs = bler.fit(bler.table()["curves"][name]["counts"]), find_mcs(pair)
        half = 10 ** (np.interp(np.log10(2), -curve.log_bler, curve.snr_db) / 10)
        carried = float(mutual_information(mcs.constellation, half))
        assert float(mcs.info_bits_per_use) < min(np.log2(1 + half), carried)


def test_faster_schemes_of_the_set_need_a_better_snr():
    half = [np.interp(np.log10(2), -bler.curve(m.name).log_bler, bler.curve(m.name).snr_db) for m in SET]
    assert half == sorted(half)


@pytest.mark.parametrize(
    "other", [{"decoder": Decoder(clip=1.0)}, {"demapper": "max-log"}, {"decoder": Decoder(iterations=3)}]
)
def test_adaptive_modulation_refuses_a_receiver_it_has_no_curves_for(other):
    with pytest.raises(ValueError, match="decoder: adaptive modulation needs the receiver of its curves"):
        DigitalBearer(mcs=Amc(), **other)
    assert DigitalBearer(mcs="qpsk-1/2", **other).mcs == "qpsk-1/2"
