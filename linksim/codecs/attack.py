"""An eavesdropper's network: a picture from the analog part of HDA-DeepSC alone (`models.attack`).

    symbols -> reals, laid out in the places guessed -> network -> picture, and how likely each place was sent
                                   ^                                                |
                                   +------------------------------------------------+  `rounds` of the card

Which reals are sent, and so where each belongs, follows from the bits. Who lacks the key knows the network,
the grants, the noise level and the picture's shape: he guesses the places, or (an upper bound of every such
attack) is told them and nothing else.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linksim.codecs.base import Decoded, Image, grey
from linksim.codecs.carded import Carded, find_card
from linksim.codecs.hda import HdaDeepsc, read_essential
from linksim.codecs.network import Network, largest
from linksim.codecs.onnx import run_graph
from linksim.errors import LinksimError
from models.card import CARD
from phy.types import Reception, SymbolsObserved

KIND = "hda_attack"
FILES = ("start.onnx", "attack.onnx")
NUMBERS = ("rounds", "snr_db_least", "snr_db_most")
DECIDING = ("encoder.onnx", "expander.onnx", "transmitter.onnx")
"""The codec's graphs that make the analog part."""
GOLDEN_RATIO = (5**0.5 - 1) / 2


@dataclass(frozen=True, kw_only=True)
class Attack(Carded):
    """The graphs of a card, against a codec."""

    codec: HdaDeepsc

    @property
    def network(self) -> Network:
        return self.codec.network

    def decode(
        self,
        receptions: Sequence[Reception],
        shapes: Sequence[tuple[int, int, int]],
        read: Sequence[Reception] | None = None,
    ) -> list[Decoded]:
        """Pictures from the symbols alone. read: what who has the key received, where the places are told;
        where its bits did not arrive, they are guessed.
        """
        told: Sequence[Reception | None] = read or [None] * len(receptions)
        return [
            Decoded(image=self._picture(got["auxiliary"], shape, each), outage=True)
            for got, shape, each in zip(receptions, shapes, told, strict=True)
        ]

    def _picture(self, got: SymbolsObserved, shape: tuple[int, int, int], read: Reception | None) -> Image:
        _, m, h, w = self.network.z_shape(shape)
        token = self.network.number("token")
        rows, cols = (-(-side // token) for side in shape[:2])
        reals = np.stack([got.data.real, got.data.imag], -1).reshape(-1) * np.float32(2**0.5)
        reals = reals[: m * rows * cols]
        if not reals.size:
            return grey(shape)
        side = self._side(got, reals.size / (rows * cols * m))
        places = self._told(got, shape, read)
        (shares,) = run_graph(self.folder / "start.onnx", side=side)
        likely = np.broadcast_to(shares[0, :, None, None], (m, h, w))
        for _ in range(self.number("rounds") if places is None else 1):
            found = likeliest(likely[:, :rows, :cols], reals.size) if places is None else places
            image, likely = self._round(reals, found, side, (m, h, w), (rows, cols))
        pixels = np.rint(image[:, : shape[0], : shape[1]].clip(0, 1) * 255)
        return np.ascontiguousarray(pixels.transpose(1, 2, 0)).astype(np.uint8)

    def _side(self, got: SymbolsObserved, share: float) -> NDArray[np.float32]:
        """[1, 2]: ln of the mean noise variance, held to what was trained on; reals per token / M."""
        known = self.card.network
        snr_db = -10 * np.log10(max(float(np.mean(got.noise_var)), 1e-30))
        snr_db = np.clip(snr_db, known["snr_db_least"], known["snr_db_most"])
        return np.asarray([[-snr_db / 10 * np.log(10), share]], np.float32)

    def _told(
        self, got: SymbolsObserved, shape: tuple[int, int, int], read: Reception | None
    ) -> NDArray[np.intp] | None:
        """Flat places among the tokens that the picture touches; None where nobody tells."""
        coder = self.codec.coder
        decoded = read_essential(self.network, coder, read["essential"], shape) if read else None
        if decoded is None:
            return None
        known = self.network.known(*decoded, shape, got.data.size)
        _, m, h, w = known.log_variance.shape
        rows, cols = (-(-side // self.network.number("token")) for side in shape[:2])
        sent = np.zeros(m * h * w, bool)
        sent[self.network.places(known, shape, got.data.size)] = True
        return np.flatnonzero(sent.reshape(m, h, w)[:, :rows, :cols])

    def _round(
        self,
        reals: NDArray[np.float32],
        places: NDArray[np.intp],
        side: NDArray[np.float32],
        z_shape: tuple[int, int, int],
        tokens: tuple[int, int],
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """I^ [3, H, W] and how likely each place was sent [M, h, w], of reals in these places."""
        x, sent = np.zeros(z_shape, np.float32), np.zeros(z_shape, np.float32)
        for laid, values in ((x, reals), (sent, np.float32(1))):
            touched = np.zeros((z_shape[0], *tokens), np.float32)
            touched.reshape(-1)[places] = values
            laid[:, : tokens[0], : tokens[1]] = touched
        image, likely = run_graph(self.folder / "attack.onnx", x=x[None], sent=sent[None], side=side)
        return image[0], likely[0]


def thresholds(rows: int, cols: int) -> NDArray[np.float32]:
    """[rows, cols] in (0, 1): multiples of the golden ratio, row after row."""
    spread = np.remainder((np.arange(rows * cols) + 0.5) * GOLDEN_RATIO, 1.0)
    return spread.astype(np.float32).reshape(rows, cols)


def likeliest(likely: NDArray[np.float32], n: int) -> NDArray[np.intp]:
    """Flat places, ascending, of the n most likely of [M, rows, cols], each above its token's threshold."""
    return largest((likely - thresholds(*likely.shape[1:])).reshape(-1), n)


def check_attacked(codec: Any) -> None:
    """ValueError for a codec whose analog part no attack is made for."""
    if not isinstance(codec, HdaDeepsc):
        raise ValueError(
            f"eavesdropper.attack: is made for the codec 'hda_deepsc', got {codec.kind!r}; leave it out"
        )
    if codec.placement != "told":
        raise ValueError(
            f"eavesdropper.attack: is made for codec.placement told, got {codec.placement}; leave it out"
        )


@lru_cache(maxsize=4)
def find_attack(card: str, codec: HdaDeepsc) -> Attack:
    """The network that an eavesdropper names, made against the codec's own. Raises LinksimError."""
    folder, found = find_card(card, KIND, FILES, NUMBERS, "eavesdropper.attack")
    network = codec.network
    if any(found.base.get(name) != network.card.files.get(name) for name in DECIDING):
        rule = f"must be made against the {network.card.name} that the codec has"
        remedy = "train and export the attack again, or name the codec's card that it was made against"
        raise LinksimError(folder / CARD, rule, found.base.get("name"), remedy)
    return Attack(folder=folder, card=found, codec=codec)
