"""A trained HDA-DeepSC on NumPy arrays: what the hybrid codec and the analog part alone share."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from linksim.codecs.base import Image
from linksim.codecs.carded import Carded, find_card
from linksim.codecs.entropy import EntropyTables, read_tables
from linksim.codecs.header import Header, log2_power, power_index
from linksim.codecs.onnx import run_graph
from phy.types import SymbolsObserved

FILES = ("encoder.onnx", "transmitter.onnx", "decoder.onnx", "entropy.npz")
NUMBERS = (
    *("image_multiple", "token", "z_channels", "z_d_channels"),
    *("n_steps", "log2_step_first", "steps_per_octave", "nominal_step", "nominal_log2_power"),
)
"""What a card must hold for its network to run."""


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

    def encode(self, image: Image) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """z [1, M, h, w] and z_D [1, D, h/4, w/4] of an image, padded by its edge to whole windows."""
        multiple = self.number("image_multiple")
        pad = [(0, -side % multiple) for side in image.shape[:2]]
        padded = np.pad(image, [*pad, (0, 0)], mode="edge")
        z, z_d = run_graph(
            self.folder / "encoder.onnx", image=padded.transpose(2, 0, 1)[None].astype(np.float32) / 255
        )
        return z, z_d

    def layout(
        self, shape: tuple[int, int, int], reals: int
    ) -> tuple[tuple[int, int, int, int], NDArray[np.intp]]:
        """Shape of z for an image, and the flat places in z of the first `reals` reals that are sent.

        In the order channel, row, column, over the tokens that the image touches.
        """
        multiple, token, m = (self.number(n) for n in ("image_multiple", "token", "z_channels"))
        h, w = (-(-side // multiple) * multiple // token for side in shape[:2])
        rows, cols = (-(-side // token) for side in shape[:2])
        places = np.arange(m * h * w).reshape(m, h, w)[:, :rows, :cols].reshape(-1)
        return (1, m, h, w), places[:reals]

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
        self,
        z: NDArray[np.float32],
        q: NDArray[np.int32],
        header: Header,
        shape: tuple[int, int, int],
        uses: int,
    ) -> tuple[NDArray[np.complex64], int]:
        """The analog symbols, complex64 [uses] of mean power at most 1, and the index of their power scale.

        `header` says the step and the design SNR; its power is not read.
        """
        side = self.side(header, shape, uses)
        (x,) = run_graph(self.folder / "transmitter.onnx", z=z, z_d=self.dequantised(q, header), side=side)
        _, places = self.layout(shape, 2 * uses)
        sent = np.zeros(2 * uses, np.float32)
        sent[: places.size] = x.reshape(-1)[places]
        power = power_index(float(np.sum(sent.astype(np.float64) ** 2)) / max(sent.size, 1))
        sent /= np.float32(2 ** ((log2_power(power) + 1) / 2))
        return (sent[0::2] + 1j * sent[1::2]).astype(np.complex64), power

    def dequantised(self, q: NDArray[np.int32], header: Header) -> NDArray[np.float32]:
        """q step, [1, D, h/4, w/4]."""
        return (q * 2.0 ** self.log2_step(header)).astype(np.float32)[None]

    def image(
        self, q: NDArray[np.int32], header: Header, got: SymbolsObserved, shape: tuple[int, int, int]
    ) -> Image:
        """The picture from integers q [D, h/4, w/4], the header and the received symbols."""
        x, noise = self.received(header, got, shape)
        return self.shown(q, header, x, noise, got.data.size, shape)

    def received(
        self, header: Header, got: SymbolsObserved, shape: tuple[int, int, int]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Received reals in their places of z, [1, M, h, w] on the transmitter's scale, and their noise
        variances, negative where no real was sent.
        """
        z_shape, places = self.layout(shape, 2 * got.data.size)
        power = np.float32(2.0**header.log2_power)
        x, noise = np.zeros(z_shape, np.float32), np.full(z_shape, -1, np.float32)
        reals = np.stack([got.data.real, got.data.imag], -1).reshape(-1)[: places.size]
        x.reshape(-1)[places] = reals * np.sqrt(2 * power)
        noise.reshape(-1)[places] = np.repeat(got.noise_var, 2)[: places.size] * power
        return x, noise

    def shown(
        self,
        q: NDArray[np.int32],
        header: Header,
        x: NDArray[np.float32],
        noise: NDArray[np.float32],
        uses: int,
        shape: tuple[int, int, int],
    ) -> Image:
        """The picture from integers q and what `received` gave of `uses` symbols."""
        side = self.side(header, shape, uses)
        (out,) = run_graph(
            self.folder / "decoder.onnx", z_d=self.dequantised(q, header), x=x, noise=noise, side=side
        )
        # a wrong payload that passed its check may overflow the network
        pixels = np.rint(np.nan_to_num(out[0, :, : shape[0], : shape[1]]).clip(0, 1) * 255)
        return np.ascontiguousarray(pixels.transpose(1, 2, 0)).astype(np.uint8)

    def integers_shape(self, shape: tuple[int, int, int]) -> tuple[int, int, int]:
        """[D, h/4, w/4] of an image's q."""
        (_, _, h, w), _ = self.layout(shape, 0)
        return self.number("z_d_channels"), h // 4, w // 4


@lru_cache(maxsize=8)
def find_network(card: str) -> Network:
    """The network that a scenario names, checksums verified. Raises LinksimError."""
    folder, found = find_card(card, "hda_deepsc", FILES, NUMBERS)
    return Network(folder=folder, card=found)
