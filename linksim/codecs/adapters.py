"""Networks around HSC's own, which know of the complement: NCR (Nam, Park, Choi, Kim, sec. III-B).

    z -> adapter_encoder -> z' ~~> z^ -> (adapter_denoiser) -> decoder -> X^ -> adapter_decoder -> X^'
    X~ = X^' + A^T (A X - A X^')                            by (8), where the complement arrived

A and A X are those of the network alone: B is of X and the X^ that its z would give without a channel, so
that the complement does not depend on the adapter. A card's graphs tell by their inputs' names what they are
told: the paper's two get z or X^ and the rank d; others may get what a receiver knows beside it (`Known`),
X~ made with X^ (`complemented`), and have a third graph at work on z^.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from linksim.codecs.carded import Carded, find_card
from linksim.codecs.semantic import Floats, find_semantic, run_rows
from linksim.errors import LinksimError
from models.card import CARD

ENCODER, DENOISER, DECODER = "adapter_encoder", "adapter_denoiser", "adapter_decoder"
FILES = (f"{ENCODER}.onnx", f"{DECODER}.onnx")
NUMBERS = ("uses", "pixels")
MOST_NOISE = 1e6
"""The largest noise level that a graph is told."""


@dataclass(frozen=True, kw_only=True)
class Known:
    """What a receiver knows of a reception. rank: the codec's d, whatever was granted and arrived.

    arrived: a complement's check passed. noise: mean noise variance of a complex semantic symbol.
    """

    rank: int
    arrived: bool
    noise: float


@dataclass(frozen=True, kw_only=True)
class Adapter(Carded):
    """The graphs of a card, for one number of channel uses k."""

    def check(self, uses: int) -> None:
        """ValueError 'field: rule, got X; remedy' where another number of channel uses is granted."""
        if uses != self.number("uses"):
            raise ValueError(
                f"codec.adapter: {self.card.name} is for {self.number('uses')} channel uses of 'semantic', "
                f"got {uses}; change the bandwidth_ratio of its link, or leave the adapter out"
            )

    def encode(self, z: Floats, ranks: Sequence[int]) -> Floats:
        """What is sent in z's place, float32 [n, 2 K], of |z|^2 = 2k too, 0 behind its first 2k reals."""
        sent = z[:, : 2 * self.number("uses")]
        return self._into(z, self._run(ENCODER, z=sent, rank=np.asarray(ranks, np.float32)))

    def guesses(
        self,
        z: Floats,
        known: Sequence[Known],
        guess: Callable[[Floats], NDArray[np.floating]],
        complemented: Callable[[NDArray[np.floating]], Sequence[NDArray[np.floating]]],
    ) -> NDArray[np.float64]:
        """X^' in [0, 1], float64 [n, pixels], of z^ [n, 2 K].

        guess: the network's X^ [n, pixels] of z^. complemented: X~ [c, L, W] of each X^.
        """
        told = {
            "rank": np.asarray([each.rank for each in known], np.float32),
            "arrived": np.asarray([each.arrived for each in known], np.float32),
            "noise": np.asarray([min(each.noise, MOST_NOISE) for each in known], np.float32),
        }
        if DENOISER in self.card.graphs:
            z = self._into(z, self._run(DENOISER, z=z[:, : 2 * self.number("uses")], **told))
        first = guess(z)
        seen = {"image": first.astype(np.float32)}
        if "complemented" in self._inputs(DECODER):
            seen["complemented"] = np.stack([_pixels(x) for x in complemented(first)])
        return self._run(DECODER, **seen, **told).astype(np.float64).clip(0, 1)

    def _inputs(self, graph: str) -> dict[str, str]:
        return self.card.graphs[graph]["inputs"]

    def _run(self, graph: str, **known: Floats) -> Floats:
        """A graph's output, of those of its inputs that its card names."""
        given = {name: known[name] for name in self._inputs(graph)}
        (out,) = run_rows(self.folder / f"{graph}.onnx", **given)
        return np.nan_to_num(out)

    @staticmethod
    def _into(z: Floats, sent: Floats) -> Floats:
        """z with its first reals replaced by others."""
        return np.concatenate([sent, z[:, sent.shape[1] :]], axis=1)


def _pixels(x: NDArray[np.floating]) -> Floats:
    """x [c, L, W] as the networks have pictures, channels last."""
    return x.transpose(1, 2, 0).reshape(-1).astype(np.float32)


@lru_cache(maxsize=8)
def find_adapter(card: str, base: str) -> Adapter:
    """The adapter that a scenario names, checksums verified, around the network that it names as its card.

    Raises LinksimError.
    """
    network = find_semantic(base)
    folder, found = find_card(card, "hsc_adapter", FILES, NUMBERS, "codec.adapter")
    where, remedy = folder / CARD, "export the adapter again"
    if found.base.get("name") != network.card.name:
        own = found.base.get("name", "none")
        remedy = f"set codec.card to {own}, or leave the adapter out"
        raise LinksimError("codec.adapter", f"{found.name} is around {own}", network.card.name, remedy)
    same = all(found.base.get(file) == digest for file, digest in network.card.files.items())
    if not same:
        raise LinksimError(where, f"must be made around the {network.card.name} that is there", None, remedy)
    if not {ENCODER, DECODER} <= found.graphs.keys():
        raise LinksimError(where, f"must tell of {ENCODER} and {DECODER}", list(found.graphs), remedy)
    known = {"z", "image", "complemented", "rank", "arrived", "noise"}
    if strange := {name for graph in found.graphs.values() for name in graph["inputs"]} - known:
        raise LinksimError(where, f"inputs must be of {', '.join(sorted(known))}", sorted(strange)[0], remedy)
    adapter = Adapter(folder=folder, card=found)
    if adapter.number("pixels") != network.number("pixels"):
        rule = f"network.pixels must be {network.number('pixels')}, as of {network.card.name}"
        raise LinksimError(where, rule, adapter.number("pixels"), remedy)
    return adapter
