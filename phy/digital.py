"""The digital half of a link: payloads to symbols and back, one engine call per scheme for a whole batch."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from phy import signalling
from phy.engine import Engine
from phy.fec.decoder import Decoder
from phy.fec.ideal import GenieCode
from phy.interleave import deinterleave, interleave
from phy.mapping import turn, unturn
from phy.mcs import Mcs
from phy.place import Place, settle
from phy.scramble import sequence

__all__ = ["Place", "demodulate", "modulate", "settle"]

Group = tuple[Mcs, str, Decoder]
"""What one engine call computes: a scheme, a demapper and a decoder."""


def _by_chain(places: Sequence[Place]) -> dict[Group, list[int]]:
    """Indices of the places that one engine call can serve."""
    groups: dict[Group, list[int]] = {}
    for i, place in enumerate(places):
        if place.framing.blocks:
            chain = (place.mcs, place.bearer.demapper, place.bearer.decoder_of(place.mcs.code))
            groups.setdefault(chain, []).append(i)
    return groups


def modulate(
    engine: Engine, places: Sequence[Place], blocks: Sequence[NDArray[np.uint8]]
) -> list[NDArray[np.complex64]]:
    """Symbols complex64 [n_uses] of each place from its information blocks uint8 [blocks, k]."""
    coded = [np.zeros(0, np.complex64)] * len(places)
    for (mcs, _, _), members in _by_chain(places).items():
        codewords = engine.encode(mcs.code, np.concatenate([blocks[i] for i in members]))
        words = np.split(codewords, _cuts(places[i].framing.blocks for i in members))
        streams = [_stream(places[i], own) for i, own in zip(members, words, strict=True)]
        symbols = engine.map(mcs.constellation, np.concatenate(streams)[None])[0]
        parts = np.split(symbols, _cuts(places[i].coded_uses for i in members))
        for i, part in zip(members, parts, strict=True):
            coded[i] = part
    return [
        np.concatenate([_index_symbols(place), turn(place.mcs.constellation, _filled(place, part))])
        for place, part in zip(places, coded, strict=True)
    ]


def _cuts(sizes: Iterable[int]) -> NDArray[np.int64]:
    return np.cumsum(np.fromiter(sizes, np.int64))[:-1]


def _stream(place: Place, codewords: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The bits on the symbols, uint8 [coded uses * m]: interleaved, then known ones to the last symbol."""
    sent = interleave(place.bearer.interleaver, codewords)
    return np.concatenate([sent, sequence(place.pad_bits)]) if place.pad_bits else sent


def _index_symbols(place: Place) -> NDArray[np.complex64]:
    if not place.signalling_uses:
        return np.zeros(0, np.complex64)
    return signalling.send(place.bearer.schemes.index(place.mcs))


def _filled(place: Place, coded: NDArray[np.complex64]) -> NDArray[np.complex64]:
    """Known symbols after the coded ones for the uses left over, so that every use carries energy."""
    m = place.mcs.bits_per_use
    labels = sequence(place.fill_uses * m).reshape(-1, m) @ (1 << np.arange(m - 1, -1, -1))
    return np.concatenate([coded, place.mcs.constellation.points[labels].astype(np.complex64)])


def demodulate(
    engine: Engine,
    places: Sequence[Place],
    symbols: Sequence[NDArray[np.complex64]],
    noise_var: Sequence[NDArray[np.float32]],
    sent: Sequence[NDArray[np.uint8]],
) -> list[NDArray[np.uint8] | None]:
    """Information blocks uint8 [blocks, k] of each place from x^ complex64 [n_uses] and its variance float32.

    sent: the truth, told to ideal codes alone (`phy.fec.ideal`). None where the scheme's index was misread:
    the receiver then decodes something else, and the payload is lost.
    """
    decided: list[NDArray[np.uint8] | None] = [np.zeros((0, p.mcs.code.k), np.uint8) for p in places]
    for (mcs, demapper, decoder), members in _by_chain(places).items():
        var = [_coded(places[i], noise_var[i]) for i in members]
        if isinstance(mcs.code, GenieCode):
            for i, own in zip(members, var, strict=True):
                per_bit = _words(places[i], np.repeat(own, mcs.bits_per_use))
                decided[i] = mcs.code.decide(sent[i], per_bit, mcs.constellation)
            continue
        y = np.concatenate([unturn(mcs.constellation, _coded(places[i], symbols[i])) for i in members])
        llr = engine.demap(mcs.constellation, y[None], np.concatenate(var)[None], demapper)[0]
        parts = np.split(llr, _cuts(places[i].coded_uses * mcs.bits_per_use for i in members))
        words = [_words(places[i], part) for i, part in zip(members, parts, strict=True)]
        bits = engine.decode(mcs.code, np.concatenate(words), decoder)
        for i, part in zip(
            members, np.split(bits, _cuts(places[i].framing.blocks for i in members)), strict=True
        ):
            decided[i] = part
    for i, place in enumerate(places):
        if place.signalling_uses and _read_index(place, symbols[i], noise_var[i]) != place.mcs:
            decided[i] = None
    return decided


def _words(place: Place, stream: NDArray) -> NDArray:
    """Values [blocks, n] of the code bits, of a stream [coded uses * m] as it rode on the symbols."""
    return deinterleave(place.bearer.interleaver, stream[: place.coded_bits], place.mcs.code.n)


def _coded(place: Place, per_use: NDArray) -> NDArray:
    return per_use[place.signalling_uses :][: place.coded_uses]


def _read_index(place: Place, symbols: NDArray[np.complex64], noise_var: NDArray[np.float32]) -> Mcs:
    n, schemes = place.signalling_uses, place.bearer.schemes
    return schemes[signalling.receive(symbols[:n], noise_var[:n], len(schemes))]
