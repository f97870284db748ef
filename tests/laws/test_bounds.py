"""No code beats its channel, and every code comes through every constellation by every engine that can."""

import numpy as np
import pytest
from scipy.stats import beta

from phy.constellation import CONSTELLATIONS, find_constellation
from phy.engine import ENGINES, find_engine
from phy.fec import CODES, FAMILIES, find_code
from phy.fec.decoder import Decoder, Quantisation, default_decoder
from phy.fec.ideal import GenieCode
from phy.fec.spec import Family
from phy.information import mutual_information, normal_approximation

REAL = {name: code for name, code in CODES.items() if not isinstance(code, GenieCode)}

QUICK = (
    "802.11ad-1/2",
    "802.11ad-13/16",
    "802.11n-648-1/2",
    "nr-ldpc:k=500,rate=0.6,qm=4",
    "uncoded:k=672",
    "repetition:n=3,k=224",
    "conv:k=330",
    "conv:k=498,rate=3/4",
    "turbo:k=320,rate=1/2",
    "nr-polar:k=64,n=128",
    "nr-polar:k=100,n=240",
)
"""One or two of every family; the others are slow."""

WORKERS = tuple(name for name in ENGINES if name != "auto")
"""The engines that compute themselves."""

FRAMES = 64

SURELY = 0.999
"""Of each Clopper-Pearson limit."""


def either(names) -> list:
    return [pytest.param(n, id=n, marks=() if n in QUICK else pytest.mark.slow) for n in names]


def family_of(name: str) -> Family:
    return next(family for family in FAMILIES.values() if name in family.examples)


def errors_over_bpsk(code, snr: float, decoder: Decoder, n_frames: int = FRAMES) -> int:
    """Wrong blocks of so many, by the reference engine."""
    engine, points = find_engine("reference"), find_constellation("bpsk")
    rng = np.random.default_rng(1)
    bits = rng.integers(0, 2, (n_frames, code.k), dtype=np.uint8)
    x = engine.map(points, engine.encode(code, bits))
    noise = rng.standard_normal((2, *x.shape)) * np.sqrt(0.5 / snr)
    y = (x + noise[0] + 1j * noise[1]).astype(np.complex64)
    llr = engine.demap(points, y, np.full(y.shape, 1 / snr, np.float32), "exact")
    return int((engine.decode(code, llr, decoder) != bits).any(axis=1).sum())


def most(wrong: int, frames: int = FRAMES) -> float:
    """The upper Clopper-Pearson limit of a block error rate."""
    return 1.0 if wrong == frames else float(beta.ppf(SURELY, wrong + 1, frames - wrong))


def snr_where(law, level: float) -> float:
    """The SNR at which a falling law comes to that level, by bisection in dB."""
    low, high = -25.0, 40.0
    while high - low > 1e-3:
        middle = (low + high) / 2
        low, high = (middle, high) if float(law(10 ** (middle / 10))) > level else (low, middle)
    return 10 ** (high / 10)


def decoders(code) -> list[Decoder]:
    """The default one, and the best where that is another."""
    if "bcjr" in code.algorithms:
        return [Decoder(algorithm="bcjr", iterations=4)]
    lists = [Decoder(algorithm="sc-list")] if "sc-list" in code.algorithms else []
    return [default_decoder(code), *lists]


@pytest.mark.parametrize("name", either(REAL))
def test_no_code_carries_more_than_the_channel_does(name):
    """Fano: k (1 - BLER) <= n I + 1, where n I + 1 is half of k, so that half of the blocks must be wrong."""
    code, points = find_code(name), find_constellation("bpsk")
    snr = snr_where(lambda g: code.k - 2 * (code.n * mutual_information(points, g) + 1), 0.0)
    carried = code.n * float(mutual_information(points, snr)) + 1
    assert carried <= 0.51 * code.k
    for decoder in decoders(code):
        wrong = errors_over_bpsk(code, snr, decoder, 40)
        assert code.k * (1 - most(wrong, 40)) <= carried


@pytest.mark.parametrize("name", either(n for n, code in REAL.items() if code.n >= 200 and code.rate < 1))
def test_no_code_beats_the_normal_approximation(name):
    """Where the best code would err in half of its blocks, and where this one errs in 2 % to half of its."""
    code, points = find_code(name), find_constellation("bpsk")

    def best(snr: float) -> float:
        return float(normal_approximation(points, code.n, code.k, snr))

    for decoder in decoders(code):
        snr = snr_where(best, 0.5)
        wrong = errors_over_bpsk(code, snr, decoder)
        assert most(wrong) >= 0.5
        for _ in range(40):
            if 0.02 * FRAMES <= wrong <= 0.5 * FRAMES:
                break
            snr *= 10**0.05 if wrong > 0.5 * FRAMES else 10**-0.02
            wrong = errors_over_bpsk(code, snr, decoder)
        assert 0 < wrong <= 0.5 * FRAMES
        assert most(wrong) >= best(snr)


def decoder_for(code, engine) -> Decoder:
    """What the engine is quick with: at 50 dB any decoder does."""
    if "bcjr" in code.algorithms:
        return Decoder(algorithm="bcjr", iterations=1)
    if engine.name == "native" and "offset-min-sum" in code.algorithms:
        return Decoder(algorithm="offset-min-sum", schedule="layered", quantisation=Quantisation())
    return default_decoder(code)


def comes_through(code, constellation, engine, n_frames: int = 2) -> bool:
    """Bits to symbols and back with a trace of noise, by the stages of one engine."""
    rng = np.random.default_rng(2)
    bits = rng.integers(0, 2, (n_frames, code.k), dtype=np.uint8)
    sent = engine.encode(code, bits)
    fill = np.zeros((n_frames, -code.n % constellation.bits_per_symbol), np.uint8)
    x = engine.map(constellation, np.concatenate([sent, fill], axis=1))
    noise_var = 1e-5  # 50 dB: half the distance between 1024QAM's points is 17 deviations of an axis
    y = x + np.sqrt(noise_var / 2) * (rng.standard_normal(x.shape) + 1j * rng.standard_normal(x.shape))
    variance = np.full(y.shape, noise_var, np.float32)
    llr = engine.demap(constellation, y.astype(np.complex64), variance, "max-log")
    decoded = engine.decode(code, llr[:, : code.n], decoder_for(code, engine))
    return np.array_equal(decoded, bits)


@pytest.mark.parametrize("constellation", CONSTELLATIONS)
def test_each_family_comes_through_each_constellation(constellation):
    engine, points = find_engine("reference"), find_constellation(constellation)
    for name in QUICK:
        assert comes_through(find_code(name), points, engine), name


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("constellation", ["qpsk@5g", "8psk", "1024qam"])
def test_each_engine_carries_a_code_of_either_kind(engine, constellation):
    for name in ("802.11ad-1/2", "repetition:n=3,k=224"):
        assert comes_through(find_code(name), find_constellation(constellation), find_engine(engine)), name


@pytest.mark.slow
@pytest.mark.parametrize("engine", WORKERS)
@pytest.mark.parametrize("name", REAL)
def test_every_code_comes_through_every_constellation_by_every_engine(name, engine):
    if engine not in family_of(name).engines:
        pytest.skip(f"{engine} does not decode it")
    for constellation in CONSTELLATIONS.values():
        assert comes_through(find_code(name), constellation, find_engine(engine)), constellation.name


@pytest.mark.parametrize("engine", WORKERS)
@pytest.mark.parametrize("name", CODES)
def test_an_engine_that_does_not_decode_a_code_names_those_that_do(name, engine):
    code, able = find_code(name), family_of(name).engines
    llr = np.zeros((1, code.n), np.float32)
    if engine not in able:
        with pytest.raises(ValueError, match=r"^engine: ") as raised:
            find_engine(engine).decode(code, llr, default_decoder(code))
        assert all(other in str(raised.value) for other in able)
        assert "\n" not in str(raised.value)
    wrong = "viterbi" if "viterbi" not in code.algorithms else "sum-product"
    with pytest.raises(ValueError, match=r"^(decoder|engine): ") as raised:
        find_engine(engine).decode(code, llr, Decoder(algorithm=wrong))
    assert "\n" not in str(raised.value)
