"""Words of the command line -> curves to simulate, each with the digest of all that decides its counts."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from hashlib import sha256
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from linksim.ber.grid import DIGITS
from linksim.errors import LinksimError
from linksim.identity import HOME, installed, phy_sources, text_digest
from phy.chain import Chain
from phy.channel import CHANNELS
from phy.compact import compact, parse_compact
from phy.constellation import Constellation, find_constellation
from phy.detect import CSI
from phy.engine import ENGINES, Engine, find_engine
from phy.fec import find_code
from phy.fec.code import Code, GraphCode
from phy.fec.decoder import Decoder, default_decoder
from phy.fec.decoder_spec import parse_decoder
from phy.fec.ideal import GenieCode
from phy.fec.plain import PlainCode
from phy.native.able import refusal
from phy.units import ebn0_db, esn0_db

MOST_LETTERS = 40
"""Of each word in a folder's name."""
DECIDING = ("sionna-no-rt", "tensorflow", "numba", "numpy", "scipy")
"""Distributions whose versions may move a count."""


@dataclass(frozen=True, kw_only=True)
class Words:
    """A curve as the command line names it. decoder: '' for the code's own default."""

    code: str
    constellation: str
    channel: str = "awgn"
    csi: str = "perfect"
    decoder: str = ""
    demapper: str = "exact"
    interleaver: str = "none"
    engine: str = "auto"
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class Curve:
    """A chain, the engine's name and the seed, and the words they came from, as they are understood."""

    chain: Chain
    words: Words

    @property
    def digest(self) -> str:
        """16 hexadecimal digits of all that decides the counts: chain, files, engine, seed, code."""
        told = json.dumps([self.content, code_digest(), versions()], sort_keys=True)
        return sha256(told.encode()).hexdigest()[:16]

    @property
    def content(self) -> dict[str, Any]:
        """The chain by value: what its files held, not what they are called."""
        chain = self.chain
        return {
            "code": _code_content(chain.code),
            "constellation": _constellation_content(chain.constellation),
            "channel": asdict(chain.channel),
            "csi": asdict(chain.csi),
            "decoder": chain.decoder.spec,
            "demapper": chain.demapper,
            "interleaver": chain.interleaver,
            "engine": self.words.engine,
            "seed": self.words.seed,
        }

    @property
    def folder_name(self) -> str:
        """A name that a person can guess the curve from, and the digest."""
        words = self.words
        told = [words.code, words.constellation, words.channel, words.engine]
        plain = "-".join(re.sub(r"[^\w.=]+", "_", word)[-MOST_LETTERS:] for word in told)
        return f"{plain}-{self.digest}"

    def esn0_db(self, ebn0: float) -> float:
        """Es/N0 of an Eb/N0, dB, rounded so that a point has one name."""
        return round(esn0_db(ebn0, self.chain.info_bits_per_use), DIGITS)

    def ebn0_db(self, esn0: float) -> float:
        """Eb/N0 of an Es/N0, dB."""
        return round(ebn0_db(esn0, self.chain.info_bits_per_use), DIGITS)


def curves(
    codes: Sequence[str],
    constellations: Sequence[str],
    channels: Sequence[str],
    decoders: Sequence[str],
    **rest: Any,
) -> list[Curve]:
    """A curve for each combination; LinksimError names the option whose word means nothing."""
    every = product(codes, constellations, channels, decoders or ("",))
    found = [
        build(Words(code=code, constellation=constellation, channel=channel, decoder=decoder, **rest))
        for code, constellation, channel, decoder in every
    ]
    if len({curve.words for curve in found}) < len(found):
        raise LinksimError("ber", "must draw different curves", "the same twice", "name each once")
    return found


def build(words: Words) -> Curve:
    """The curve that the words name; its own words have every default written out."""
    code = _read("--code", find_code, words.code)
    _read("--code", lambda _: code.k, words.code)  # which a code of no fixed size refuses
    constellation = _read("--constellation", find_constellation, words.constellation)
    channel = _read("--channel", lambda text: parse_compact("channel", text, CHANNELS), words.channel)
    csi = _read("--csi", lambda text: parse_compact("csi", text, CSI), words.csi)
    decoder = _read("--decoder", parse_decoder, words.decoder) if words.decoder else default_decoder(code)
    if decoder.algorithm not in code.algorithms:
        raise LinksimError(
            "--decoder",
            f"must be one that decodes {words.code}: {', '.join(code.algorithms)}",
            decoder.algorithm,
        )
    if words.engine not in ENGINES:
        _read("--engine", find_engine, words.engine)
    engine = _read("--engine", lambda name: _engine_name(name, code, decoder), words.engine)
    chain = _read("--csi", lambda _: _chain(words, code, constellation, channel, csi, decoder), "")
    if isinstance(code, GenieCode):  # which no engine decodes: it refuses points that it does not count
        none = np.zeros((0, code.n), np.float32)
        _read("--code", lambda _: code.delivered(none, constellation), "")
    understood = asdict(words) | {
        "code": code.name,
        "constellation": constellation.name,
        "channel": compact(channel),
        "csi": compact(csi),
        "decoder": decoder.spec,
        "engine": engine,
    }
    return Curve(chain=chain, words=Words(**understood))


def _engine_name(engine: str, code: Code, decoder: Decoder) -> str:
    """Who computes under 'auto': counts are kept under a name that stays."""
    if engine != "auto":
        return engine
    plain = isinstance(code, PlainCode) and "native" in code.engines.get(decoder.algorithm, ())
    if plain or isinstance(code, GenieCode):  # NumPy decides in every engine: no need to ask TensorFlow
        return "native"
    from phy.auto_engine import AutoEngine

    return AutoEngine().chosen(code, decoder)


def _chain(
    words: Words, code: Code, constellation: Constellation, channel: Any, csi: Any, decoder: Decoder
) -> Chain:
    return Chain(
        code=code,
        constellation=constellation,
        channel=channel,
        csi=csi,
        decoder=decoder,
        demapper=words.demapper,
        interleaver=words.interleaver,
    )


def ready_engine(curve: Curve) -> Engine:
    """The engine, which may take seconds to load; LinksimError where it cannot compute the curve."""
    engine = _read("--engine", find_engine, curve.words.engine)
    code, none = curve.chain.code, np.zeros((0, curve.chain.code.n), np.float32)
    if not isinstance(code, GenieCode):  # which `build` asks
        _read("--engine", lambda _: engine.decode(code, none, curve.chain.decoder), "")
    return engine


def check_able(curve: Curve) -> None:
    """LinksimError where the engine is known, without loading it, not to compute the curve."""
    engine, code, decoder = curve.words.engine, curve.chain.code, curve.chain.decoder
    if isinstance(code, PlainCode):
        unable = engine != "auto" and engine not in code.engines.get(decoder.algorithm, ())
    else:
        unable = engine == "native" and not isinstance(code, GenieCode) and refusal(code, decoder) is not None
    if unable:
        ready_engine(curve)  # which tells why


def _read(option: str, read: Callable[[str], Any], text: str) -> Any:
    """What `read` makes of the option's text; its ValueError as the option's one line."""
    try:
        return read(text)
    except ValueError as error:
        told = " ".join(str(error).split())
        raise LinksimError(option, told.removeprefix(f"{option.lstrip('-')}: ")) from error


def _code_content(code: Code) -> str:
    """A digest of what the code is."""
    total = sha256(f"{code.name}\0{code.n}\0{code.k}\0{code!r}".encode())
    if isinstance(code, GraphCode):
        for array in (code.info, code.sent, code.turned, code.zeros):
            total.update(array.tobytes() + b"\0")
        total.update(repr(code.graph).encode() if code.graph else code.parity_check().tobytes())
    return total.hexdigest()


def _constellation_content(constellation: Constellation) -> str:
    """A digest of points, labels and turns."""
    told = constellation.points.tobytes() + constellation.labels.tobytes() + repr(constellation).encode()
    return sha256(told).hexdigest()


@cache
def code_digest() -> str:
    """SHA-256 over the files whose text decides a count: phy with its data, and the units of frames.

    Not the block error curves, which `linksim calibrate` adds to: they decide what links send, and no count.
    """
    files = [path for path in phy_sources(HOME) if path.name != "bler_curves.json"]
    return text_digest([*files, Path(__file__).with_name("stopping.py")], HOME)


@cache
def versions() -> dict[str, str]:
    """linksim's version, and those of the distributions that decide counts, where they are installed."""
    return installed(DECIDING)
