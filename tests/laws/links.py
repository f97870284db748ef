"""What the laws of links share: channels, bearers, messages that fill their grants, a listening engine."""

from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from phy.amc import Amc
from phy.bearer import AnalogBearer, DigitalBearer
from phy.channel import Awgn, Rayleigh, Rician, complex_normal
from phy.cipher import AesCtr, AesGcm, KeySource
from phy.engine import ReferenceEngine
from phy.link import Link
from phy.rng import generator
from phy.types import Bits, Symbols

KEY = KeySource(test=True)
CHANNELS = {
    "awgn": Awgn(),
    "rayleigh": Rayleigh(),
    "rician": Rician(k_factor=1.0),
    "blocks": Rayleigh(block=50),
}
BEARERS = {
    "fixed": DigitalBearer(share=0.4, mcs="qpsk-1/2"),
    "16qam": DigitalBearer(share=0.4, mcs="16qam-3/4", cipher=AesCtr(key=KEY)),
    "64qam": DigitalBearer(share=0.7, mcs="64qam-5/8", crc_per="block", crc=16),
    "gcm": DigitalBearer(share=0.3, mcs="bpsk-1/2", cipher=AesGcm(key=KEY), crc=32),
    "blind": DigitalBearer(share=1.5, mcs=Amc()),
    "csit": DigitalBearer(share=0.6, mcs=Amc(csit=True), cipher=AesCtr(key=KEY)),
}
N_SOURCE = (12_000, 18_001)


def link_of(channel, bearer, **fields) -> Link:
    streams = {"essential": bearer, "auxiliary": AnalogBearer()}
    fields = {"bandwidth_ratio": Fraction(1, 3), "engine": "reference"} | fields
    return Link(channel=channel, streams=streams, **fields)


def keys(n: int) -> list[tuple]:
    return [(1, "air", "image", trial) for trial in range(n)]


def messages_for(grants, seed: int = 0) -> list[dict]:
    """Payloads that fill their grants but for some bits and symbols, the same for the same trial."""
    made = []
    for trial, grant in enumerate(grants):
        rng = generator("message", seed, trial)
        n = max(grant["essential"].payload_bits - 3 * trial, 0)
        symbols = complex_normal(grant["auxiliary"].channel_uses - trial, rng)
        symbols /= np.sqrt(np.mean(np.abs(symbols) ** 2))
        made.append(
            {
                "essential": Bits(data=rng.integers(0, 2, n, np.uint8)),
                "auxiliary": Symbols(data=symbols.astype(np.complex64)),
            }
        )
    return made


def run(link: Link, snr_db: float, n_source=N_SOURCE):
    draws = link.draw(snr_db, keys(len(n_source)))
    grants = link.grants(n_source, draws)
    messages = messages_for(grants)
    return grants, messages, link.deliver(messages, draws, grants)


@dataclass(frozen=True, kw_only=True)
class Recorder(ReferenceEngine):
    """The reference engine, remembering what it mapped and what it was given to demap; it decodes nothing."""

    mapped: list = field(default_factory=list)
    heard: list = field(default_factory=list)

    def map(self, constellation, bits):
        self.mapped.append(super().map(constellation, bits))
        return self.mapped[-1]

    def demap(self, constellation, y, noise_var, method):
        self.heard.append((y, noise_var))
        return super().demap(constellation, y, noise_var, method)

    def decode(self, code, llr, decoder):
        return np.zeros((len(llr), code.k), np.uint8)
