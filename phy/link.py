"""A link: streams side by side in one frame, one channel draw, one ledger.

messages -> frame (digital: cipher, CRC, code, map | analog: as is) -> pilots -> y = h x + n -> detect
    -> receptions
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import ClassVar, Literal

import numpy as np

from phy.air import Layout, check_csi, layout_within
from phy.amc import Amc
from phy.bearer import Bearer, DigitalBearer
from phy.channel import Channel, Recorded
from phy.detect import Csi, PerfectCsi, PilotCsi, feedback_correlation
from phy.draws import Draws
from phy.engine import find_engine
from phy.fec.code import Code
from phy.fec.decoder import Decoder
from phy.fec.ideal import GenieCode
from phy.fec.plain import PlainCode, refuse_unless_able
from phy.native.able import refusal
from phy.place import Place, settle, sized
from phy.power import Multiplexing, spans, split_uses, use_energies
from phy.rng import Word
from phy.transmission import Delivery, deliver
from phy.types import Grant, Message
from phy.units import check_snr, db_to_linear, linear_to_db, noise_variance


@dataclass(frozen=True, kw_only=True)
class Link:
    """Streams that share one frame and one channel draw; mean power 1, shared by the streams' `power`.

    bandwidth_ratio: channel uses / source samples, everything included; n_uses = floor(ratio * samples).
    csi: what the receiver knows of the channel; pilots take their uses and energy before the streams share.
    multiplexing: serial, one stream after another, or interleaved, each spread over the frame and its fades.
    snr_offset_db: this link's SNR relative to the scenario's. engine: who computes the chain; it never
        changes an answer.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}
    name: str = ""
    bandwidth_ratio: Fraction
    channel: Channel
    csi: Csi = field(default_factory=PerfectCsi)
    streams: Mapping[str, Bearer]
    multiplexing: Multiplexing = "serial"
    engine: Literal["auto", "native", "sionna", "reference"] = "auto"
    snr_offset_db: float = 0.0

    def __post_init__(self) -> None:
        if self.bandwidth_ratio <= 0:
            raise ValueError(f"bandwidth_ratio: must be positive, got {self.bandwidth_ratio}; 1/6 is usual")
        check_snr("snr_offset_db", self.snr_offset_db)
        check_csi(self.csi, self.channel)
        if not self.streams:
            raise ValueError("streams: must hold at least one stream, got none; name one with a kind")
        if self.engine == "native":
            self._refuse_what_native_lacks()

    def _refuse_what_native_lacks(self) -> None:
        for code, decoder in self._decoded:
            if isinstance(code, PlainCode):
                refuse_unless_able("native", code, decoder)
            elif (reason := refusal(code, decoder)) is not None:
                raise ValueError(reason if reason.startswith("engine") else f"engine: {reason}")

    def n_uses(self, n_source: int) -> int:
        """Channel uses of a frame for `n_source` source samples: floor(bandwidth_ratio * n_source)."""
        return int(self.bandwidth_ratio * n_source)

    def layout(self, n_source: int) -> Layout:
        """Where pilots and data lie in a frame for `n_source` source samples; it never ends in pilots."""
        return layout_within(self.csi, self.channel, self.n_uses(n_source))

    def _split(self, n_source: int) -> dict[str, int]:
        """Data uses of each stream."""
        return split_uses(self.layout(n_source).n_data, {name: b.share for name, b in self.streams.items()})

    @property
    def recordings(self) -> tuple[str, ...]:
        """SHA-256 of the files whose fading this link plays."""
        return (self.channel.digest,) if isinstance(self.channel, Recorded) else ()

    @property
    def files(self) -> tuple[str, ...]:
        """SHA-256 of what the user's files of codes and constellations hold, stream by stream."""
        digital = [b for b in self.streams.values() if isinstance(b, DigitalBearer)]
        return tuple(each for bearer in digital for mcs in bearer.schemes for each in mcs.files)

    @property
    def keys(self) -> tuple[str, ...]:
        """The check values of the user's keys, stream by stream; the public test key is in its words."""
        ciphers = [b.cipher for b in self.streams.values() if isinstance(b, DigitalBearer)]
        return tuple(each.key.check for each in ciphers if each is not None and not each.key.test)

    @property
    def engines(self) -> tuple[str, ...]:
        """Who decodes each scheme of the streams: the engine's name, or under 'auto' whom it takes."""
        engine = find_engine(self.engine) if self.engine == "auto" else None
        if engine is None:
            return (self.engine,)
        return tuple(engine.chosen(code, decoder) for code, decoder in self._decoded)

    @property
    def _decoded(self) -> list[tuple[Code, Decoder]]:
        """The code of each scheme of the streams with its decoder; ideal codes have none."""
        digital = [b for b in self.streams.values() if isinstance(b, DigitalBearer)]
        codes = [(b, mcs.code) for b in digital for mcs in b.schemes if not isinstance(mcs.code, GenieCode)]
        return [(code, bearer.decoder_of(code)) for bearer, code in codes]

    def draw(self, snr_db: float, keys: Sequence[tuple[Word, ...]], nonce: Sequence[Word] = ()) -> Draws:
        """The channel of one trial per key at a scenario SNR; keys and nonce words are those of `Draws`."""
        total_db = float(snr_db) + self.snr_offset_db
        return Draws(channel=self.channel, snr_db=total_db, keys=tuple(keys), nonce=tuple(nonce))

    def grants(self, n_source: Sequence[int], draws: Draws) -> list[Mapping[str, Grant]]:
        """What each stream of each trial may send; adaptive modulation is settled here.

        n_source: source samples of each trial. The SNR told is the realised mean over the stream's uses where
        a digital stream's rule has CSIT, else the long-term one. It counts the stream's power, what
        estimation costs (`Layout.effective_snr`), and an analog stream's distortion (`FrontEnd.snr`).
        """
        return [self._trial_grants(n, draws, trial) for trial, n in enumerate(n_source)]

    def _trial_grants(self, n_source: int, draws: Draws, trial: int) -> dict[str, Grant]:
        frame, uses = self.layout(n_source), self._split(n_source)
        rho = feedback_correlation(self.channel, self.feedback_delay, frame.total)
        gain = np.abs(draws.transmitter_view(trial, frame.total, rho)[frame.data]) ** 2
        energies = use_energies(uses, {name: bearer.power for name, bearer in self.streams.items()})
        grants, places = {}, spans(uses, self.multiplexing)
        over = frame.n_data if self.multiplexing == "interleaved" else None
        for name, bearer in self.streams.items():
            snr_db = self._effective_db(frame, draws.snr_db, energies[name])
            gains = gain[places[name]]
            told = linear_to_db(float(np.mean(gains))) if self.csit and gains.size else 0.0
            grant = Grant(channel_uses=uses[name], payload_bits=0, snr_db=snr_db + told)
            if isinstance(bearer, DigitalBearer):
                gains = gains[:1] if self.channel.block == "frame" else gains
                place = settle(bearer, frame.data_channel, snr_db, gains, uses[name], over)
                grant = replace(grant, payload_bits=place.framing.payload_bits, mcs=place.mcs.name)
            elif bearer.front_end.distortion:
                heard = linear_to_db(bearer.front_end.snr(db_to_linear(grant.snr_db)))
                grant = replace(grant, snr_db=heard)
            grants[name] = grant
        return grants

    def _effective_db(self, frame: Layout, snr_db: float, energy: float) -> float:
        """The SNR of a data use of that energy over the mean one's, the receiver's error in h counted."""
        if isinstance(self.csi, PerfectCsi):
            return snr_db + linear_to_db(energy)
        return linear_to_db(frame.effective_snr(noise_variance(snr_db), energy))

    @property
    def csit(self) -> bool:
        """Whether the transmitter knows the realised gains, as they were `feedback_delay` uses ago."""
        return bool(self._csit_rules)

    @property
    def feedback_delay(self) -> int:
        """Channel uses by which those gains are old: the most of the rules; one feedback serves the link."""
        return max((rule.feedback_delay for rule in self._csit_rules), default=0)

    @property
    def _csit_rules(self) -> list[Amc]:
        rules = [b.mcs for b in self.streams.values() if isinstance(b, DigitalBearer)]
        return [rule for rule in rules if isinstance(rule, Amc) and rule.csit]

    def shortfalls(self, n_source: int) -> dict[str, str]:
        """What leaves streams without a payload in a frame for `n_source` samples, and what to do."""
        uses, short = self._split(n_source), {}
        if isinstance(self.csi, PilotCsi) and not any(uses.values()):
            return {
                "csi": f"csi.count: must leave channel uses for data, got {self.csi.count} pilots in a "
                f"frame of {self.n_uses(n_source)} uses; raise bandwidth_ratio or send fewer pilots"
            }
        for name, bearer in self.streams.items():
            if not isinstance(bearer, DigitalBearer):
                continue
            schemes = [sized(mcs, 20.0, np.ones(1), uses[name]) for mcs in bearer.schemes]
            places = [Place(bearer=bearer, mcs=mcs, n_uses=uses[name]) for mcs in schemes]
            if not any(p.framing.payload_bits for p in places):
                names = ", ".join(mcs.name for mcs in bearer.schemes)
                short[name] = (
                    f"streams.{name}: must hold a payload, got {uses[name]} channel uses, too few for "
                    f"{names}; raise bandwidth_ratio or the stream's share"
                )
        return short

    def deliver(
        self, messages: Sequence[Message], draws: Draws, grants: Sequence[Mapping[str, Grant]]
    ) -> list[Delivery]:
        """Send every trial's message through its draw: frame, channel, detection, receivers, accounts."""
        engine = find_engine(self.engine)
        return deliver(engine, self.streams, messages, draws, grants, self.csi, self.multiplexing)
