"""A trained HDA-DeepSC on NumPy arrays: what the hybrid codec and the analog part alone share."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from linksim.codecs.base import Image
from linksim.codecs.carded import Carded, find_card
from linksim.codecs.entropy import EntropyTables, read_tables
from linksim.codecs.header import Header, log2_power, power_index
from linksim.codecs.onnx import run_graph
from phy.types import SymbolsObserved

FILES = ("encoder.onnx", "expander.onnx", "transmitter.onnx", "decoder.onnx", "entropy.npz")
NUMBERS = (
    *("image_multiple", "token", "z_channels", "z_d_channels"),
    *("n_steps", "log2_step_first", "steps_per_octave", "nominal_step", "nominal_log2_power"),
    *("activity_channels", "activity_log2_step", "activity_slope"),
)
"""What a card must hold for its network to run."""
Placement = Literal["told", "nominal"]
"""Which reals are sent: those that the digital part tells to be large, or that are large where z_D = 0."""


@dataclass(frozen=True, kw_only=True)
class Network(Carded):
    """The graphs and tables of a card."""

    @property
    def tables(self) -> EntropyTables:
        return read_tables(self.folder / "entropy.npz")

    def log2_step(self, header: Header) -> float:
        """log2 of the quantiser's step; the largest there is where no integers are sent."""
        index = header.step if header.coded else self.number("n_steps")
        return self.card.network["log2_step_first"] + index / self.card.network["steps_per_octave"]

    def steps(self, header: Header) -> NDArray[np.float32]:
        """The quantiser's step of each channel of z_D, [D]: the last channels are activity, with one of
        their own.
        """
        told, step = self.card.network, self.log2_step(header)
        activity = told["activity_log2_step"] + told["activity_slope"] * step
        n = self.number("activity_channels")
        log2 = np.repeat([step, activity], [self.number("z_d_channels") - n, n])
        return (2.0**log2).astype(np.float32)

    def encode(self, image: Image) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """z [1, M, h, w] and z_D [1, D, h/4, w/4] of an image, padded by its edge to whole windows."""
        multiple = self.number("image_multiple")
        pad = [(0, -side % multiple) for side in image.shape[:2]]
        padded = np.pad(image, [*pad, (0, 0)], mode="edge")
        z, z_d = run_graph(
            self.folder / "encoder.onnx", image=padded.transpose(2, 0, 1)[None].astype(np.float32) / 255
        )
        return z, z_d

    def z_shape(self, shape: tuple[int, int, int]) -> tuple[int, int, int, int]:
        """[1, M, h, w] of an image."""
        multiple, token = self.number("image_multiple"), self.number("token")
        h, w = (-(-side // multiple) * multiple // token for side in shape[:2])
        return 1, self.number("z_channels"), h, w

    def known(
        self,
        q: NDArray[np.int32],
        header: Header,
        shape: tuple[int, int, int],
        uses: int,
        placement: Placement = "told",
    ) -> "Known":
        """What both ends have once they know the integers q and the header, for `uses` analog symbols."""
        side, graph = self.side(header, shape, uses), self.folder / "expander.onnx"
        z_d = self.dequantised(q, header)
        z_tilde, log_gain, log_variance = run_graph(graph, z_d=z_d, side=side)
        order = log_variance
        if placement == "nominal":
            _, _, order = run_graph(graph, z_d=np.zeros_like(z_d), side=side)
        return Known(z_tilde=z_tilde, log_gain=log_gain, log_variance=log_variance, order=order, side=side)

    def places(self, known: "Known", shape: tuple[int, int, int], uses: int) -> NDArray[np.intp]:
        """The flat places in z, ascending, of the 2 `uses` reals that are sent, or all that there are.

        Those of the largest expected variance, over the tokens that the image touches; of equal ones the
        first in the order channel, row, column.
        """
        _, m, h, w = known.order.shape
        rows, cols = (-(-side // self.number("token")) for side in shape[:2])
        touched = np.arange(m * h * w).reshape(m, h, w)[:, :rows, :cols].reshape(-1)
        # a wrong payload that passed its check may overflow the network
        expected = np.nan_to_num(known.order.reshape(-1)[touched])
        return touched[largest(expected, 2 * uses)]

    def side(self, header: Header, shape: tuple[int, int, int], uses: int) -> NDArray[np.float32]:
        """What both ends tell the networks: log2 step, log2 design noise variance, reals per token / M."""
        token = self.number("token")
        tokens = -(-shape[0] // token) * -(-shape[1] // token)
        known = [
            self.log2_step(header),
            -header.design_snr_db / 10 * np.log2(10),
            min(2 * uses / tokens / self.number("z_channels"), 1.0),
        ]
        return np.asarray([known], np.float32)

    def analog(
        self, z: NDArray[np.float32], known: "Known", shape: tuple[int, int, int], uses: int
    ) -> tuple[NDArray[np.complex64], int]:
        """The analog symbols, complex64 [uses] of mean power at most 1, and the index of their power."""
        (x,) = run_graph(
            self.folder / "transmitter.onnx", z=z, z_tilde=known.z_tilde, log_gain=known.log_gain
        )
        places = self.places(known, shape, uses)
        sent = np.zeros(2 * uses, np.float32)
        sent[: places.size] = x.reshape(-1)[places]
        power = power_index(float(np.sum(sent.astype(np.float64) ** 2)) / max(sent.size, 1))
        sent /= np.float32(2 ** ((log2_power(power) + 1) / 2))
        return (sent[0::2] + 1j * sent[1::2]).astype(np.complex64), power

    def dequantised(self, q: NDArray[np.int32], header: Header) -> NDArray[np.float32]:
        """q times its channels' steps, [1, D, h/4, w/4]."""
        return (q * self.steps(header)[:, None, None]).astype(np.float32)[None]

    def image(
        self,
        q: NDArray[np.int32],
        header: Header,
        got: SymbolsObserved,
        shape: tuple[int, int, int],
        placement: Placement = "told",
    ) -> Image:
        """The picture from integers q [D, h/4, w/4], the header and the received symbols."""
        known = self.known(q, header, shape, got.data.size, placement)
        return self.shown(known, *self.received(known, header, got, shape), shape)

    def received(
        self, known: "Known", header: Header, got: SymbolsObserved, shape: tuple[int, int, int]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Received reals in their places of z, [1, M, h, w] on the transmitter's scale, and their noise
        variances, negative where no real was sent.
        """
        z_shape, places = known.log_variance.shape, self.places(known, shape, got.data.size)
        power = np.float32(2.0**header.log2_power)
        x, noise = np.zeros(z_shape, np.float32), np.full(z_shape, -1, np.float32)
        reals = np.stack([got.data.real, got.data.imag], -1).reshape(-1)[: places.size]
        x.reshape(-1)[places] = reals * np.sqrt(2 * power)
        noise.reshape(-1)[places] = np.repeat(got.noise_var, 2)[: places.size] * power
        return x, noise

    def shown(
        self,
        known: "Known",
        x: NDArray[np.float32],
        noise: NDArray[np.float32],
        shape: tuple[int, int, int],
    ) -> Image:
        """The picture from what both ends know and what `received` gave."""
        (out,) = run_graph(
            self.folder / "decoder.onnx",
            z_tilde=known.z_tilde,
            log_gain=known.log_gain,
            log_variance=known.log_variance,
            side=known.side,
            x=x,
            noise=noise,
        )
        # a wrong payload that passed its check may overflow the network
        pixels = np.rint(np.nan_to_num(out[0, :, : shape[0], : shape[1]]).clip(0, 1) * 255)
        return np.ascontiguousarray(pixels.transpose(1, 2, 0)).astype(np.uint8)

    def integers_shape(self, shape: tuple[int, int, int]) -> tuple[int, int, int]:
        """[D, h/4, w/4] of an image's q."""
        _, _, h, w = self.z_shape(shape)
        return self.number("z_d_channels"), h // 4, w // 4


@dataclass(frozen=True, kw_only=True, eq=False)
class Known:
    """What both ends have of the digital part: z~, log gain and log variance of every analog real, float32
    [1, M, h, w]; `order`, of which the largest are sent; and `side` [1, 3].
    """

    z_tilde: NDArray[np.float32]
    log_gain: NDArray[np.float32]
    log_variance: NDArray[np.float32]
    order: NDArray[np.float32]
    side: NDArray[np.float32]

    @property
    def power(self) -> NDArray[np.float32]:
        """The mean square expected of every analog real, [1, M, h, w], on the transmitter's scale."""
        return np.exp(2 * self.log_gain + self.log_variance)


def largest(values: NDArray[np.float32], n: int) -> NDArray[np.intp]:
    """The places of the n largest values, ascending; of equal ones the first."""
    if n >= values.size:
        return np.arange(values.size)
    least = np.partition(values, values.size - n)[values.size - n] if n else np.inf
    above, equal = values > least, np.flatnonzero(values == least)
    above[equal[: n - np.count_nonzero(above)]] = True
    return np.flatnonzero(above)


@lru_cache(maxsize=8)
def find_network(card: str) -> Network:
    """The network that a scenario names, checksums verified. Raises LinksimError."""
    folder, found = find_card(card, "hda_deepsc", FILES, NUMBERS)
    return Network(folder=folder, card=found)
