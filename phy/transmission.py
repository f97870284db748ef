"""One batch of frames from messages to receptions: assemble, pass the channel, detect, receive, account.

x (streams side by side) -> `phy.air`: pilots, y = h x + sqrt(N0) n, h^, x^ with its noise level
    -> blocks decided | noisy symbols
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from phy.air import Layout, layout, pass_through
from phy.bearer import AnalogBearer, Bearer
from phy.detect import Csi
from phy.digital import Place, demodulate, modulate
from phy.draws import Draws
from phy.engine import Engine
from phy.ledger import Ledger, StreamLedger
from phy.mcs import find_mcs
from phy.power import Multiplexing, Span, check_power, spans, use_energies
from phy.rng import generator
from phy.types import Bits, Grant, Message, Observed, Reception, Stream, Symbols, SymbolsObserved
from phy.units import noise_variance


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """What one frame came to.

    reception: the receiver's. eavesdropped: the same observation, read without the key. ledger: the account.
    decided: of each digital stream its place and information blocks, as they were decided.
    """

    reception: Reception
    eavesdropped: Reception
    ledger: Ledger
    decided: Mapping[str, tuple[Place, NDArray[np.uint8] | None]]

    @cached_property
    def mistaken(self) -> Reception:
        """The same observation, read with a wrong key; few ask."""
        wrongly = {name: place.open_wrongly(blocks) for name, (place, blocks) in self.decided.items()}
        return {**self.reception, **wrongly}


@dataclass(frozen=True, kw_only=True)
class Leg:
    """One stream's part of one trial's frame. n_uses: its data uses; uses: which they are; energy: of each,
    over the mean data use's. place: the payload's, None if analog."""

    trial: int
    name: str
    bearer: Bearer
    stream: Stream
    n_uses: int
    uses: Span
    energy: float
    place: Place | None


@dataclass(frozen=True, kw_only=True)
class Frame:
    """One trial on the air, data use by data use; the pilots are told by the layout.

    sent: |x|^2 as it left the antenna, float64 [n]; x_hat: least squares of the streams' own symbols,
    complex64 [n]; noise_var: of x_hat, float32 [n]; gain: |h|^2, float64 [n].
    """

    layout: Layout
    sent: NDArray[np.float64]
    x_hat: NDArray[np.complex64]
    noise_var: NDArray[np.float32]
    gain: NDArray[np.float64]


def deliver(
    engine: Engine,
    streams: Mapping[str, Bearer],
    messages: Sequence[Message],
    draws: Draws,
    grants: Sequence[Mapping[str, Grant]],
    csi: Csi,
    multiplexing: Multiplexing = "serial",
) -> list[Delivery]:
    """Carry trial i's message over trial i's draw, in the uses and the scheme that its grants say.

    csi: what the receiver knows of h; the grants of a trial share the frame's data uses.
    """
    trials = range(len(draws))
    legs = [_legs(i, streams, messages[i], draws, grants[i], multiplexing) for i in trials]
    digital = [leg for trial in legs for leg in trial if leg.place]
    places = [leg.place for leg in digital]
    sent = [leg.place.seal(leg.stream.data) for leg in digital]
    modulated = iter(modulate(engine, places, sent))
    symbols = [
        [next(modulated) if leg.place else leg.bearer.front_end.drive(leg.stream.data) for leg in trial]
        for trial in legs
    ]
    frames = [_transmit(i, legs[i], symbols[i], draws, csi) for i in trials]
    seen = [frames[leg.trial] for leg in digital]
    x_hat = [frame.x_hat[leg.uses] for leg, frame in zip(digital, seen, strict=True)]
    noise_var = [frame.noise_var[leg.uses] for leg, frame in zip(digital, seen, strict=True)]
    decided = demodulate(engine, places, x_hat, noise_var, sent)
    lossy = [_lossy(own, truth, leg, draws) for own, truth, leg in zip(decided, sent, digital, strict=True)]
    blocks = zip(sent, lossy, strict=True)
    return [
        _receive(legs[i], frames[i], [next(blocks) if leg.place else None for leg in legs[i]]) for i in trials
    ]


def _legs(
    trial: int,
    streams: Mapping[str, Bearer],
    message: Message,
    draws: Draws,
    grants: Mapping[str, Grant],
    multiplexing: Multiplexing,
) -> list[Leg]:
    if set(message) != set(streams):
        raise ValueError(
            f"message: must hold the streams {sorted(streams)}, got {sorted(message)}; send each once"
        )
    legs, shares = [], {name: grants[name].channel_uses for name in streams}
    energies = use_energies(shares, {name: bearer.power for name, bearer in streams.items()})
    uses = spans(shares, multiplexing)
    for name, bearer in streams.items():
        grant, stream = grants[name], message[name]
        place = None
        if isinstance(bearer, AnalogBearer):
            _check_symbols(name, stream, grant)
        else:
            _check_bits(name, stream, grant)
            nonce = draws.nonce_for(trial, name, grant.channel_uses, grant.mcs)
            place = Place(bearer=bearer, mcs=find_mcs(grant.mcs), n_uses=grant.channel_uses, nonce=nonce)
        legs.append(
            Leg(
                trial=trial,
                name=name,
                bearer=bearer,
                stream=stream,
                n_uses=grant.channel_uses,
                uses=uses[name],
                energy=energies[name],
                place=place,
            )
        )
    return legs


def _lossy(
    decided: NDArray[np.uint8] | None, sent: NDArray[np.uint8], leg: Leg, draws: Draws
) -> NDArray[np.uint8] | None:
    """Decided blocks uint8 [blocks, k], those that `block_loss` takes with every other bit wrong.

    Which they are follows from the trial and the stream; a smaller loss takes some of a larger one's.
    """
    if decided is None or not leg.bearer.block_loss:
        return decided
    chance = generator(*draws.keys[leg.trial], "block loss", leg.name).random(len(decided))
    lost = (chance < leg.bearer.block_loss)[:, None]
    return np.where(lost, sent ^ (np.arange(sent.shape[1]) % 2 == 0), decided).astype(np.uint8)


def _check_bits(name: str, stream: Stream, grant: Grant) -> None:
    if not isinstance(stream, Bits) or stream.data.dtype != np.uint8 or stream.data.max(initial=0) > 1:
        raise ValueError(f"{name}: must be Bits of uint8 0 and 1 on a digital bearer, got {stream!r:.80}")
    if stream.data.size > grant.payload_bits:
        raise ValueError(
            f"{name}: must fit {grant.payload_bits} payload bits, got {stream.data.size}; send fewer"
        )


def _check_symbols(name: str, stream: Stream, grant: Grant) -> None:
    if not isinstance(stream, Symbols):
        raise ValueError(f"{name}: must be Symbols on an analog bearer, got {stream!r:.80}")
    if stream.data.size > grant.channel_uses:
        raise ValueError(
            f"{name}: must fit {grant.channel_uses} channel uses, got {stream.data.size}; send fewer"
        )
    check_power(name, stream.data)


def _transmit(
    trial: int, legs: Sequence[Leg], symbols: Sequence[NDArray[np.complex64]], draws: Draws, csi: Csi
) -> Frame:
    """One frame through the air; uses that a stream leaves free carry zeros."""
    x = np.zeros(sum(leg.n_uses for leg in legs), np.complex64)
    frame = layout(csi, draws.channel, x.size)
    for leg, part in zip(legs, symbols, strict=True):
        x[_head(leg.uses, part.size)] = part
    h, noise = draws.fading(trial, frame.total), draws.noise(trial, frame.total)
    other = draws.other_fading(trial, frame.total) if frame.needs_other else None
    energy = _by_use(legs)
    x_hat, noise_var = pass_through(x, frame, h, noise, noise_variance(draws.snr_db), other, energy)
    gain = np.abs(h[frame.data].astype(np.complex128)) ** 2
    sent = frame.data_energy * energy * np.abs(x.astype(np.complex128)) ** 2
    return Frame(layout=frame, sent=sent, x_hat=x_hat, noise_var=noise_var, gain=gain)


def _by_use(legs: Sequence[Leg]) -> float | NDArray[np.float64]:
    """Energy of each data use over the mean one's, float64 [n]; 1 where all are alike."""
    if all(leg.energy == 1 for leg in legs):
        return 1.0
    energy = np.empty(sum(leg.n_uses for leg in legs))
    for leg in legs:
        energy[leg.uses] = leg.energy
    return energy


def _head(uses: Span, n: int) -> Span:
    """The first n of the uses."""
    return slice(uses.start, uses.start + n) if isinstance(uses, slice) else uses[:n]


def _receive(
    legs: Sequence[Leg],
    frame: Frame,
    blocks: Sequence[tuple[NDArray[np.uint8], NDArray[np.uint8] | None] | None],
) -> Delivery:
    """Receptions and account of one frame; blocks: information blocks sent and decided, per digital leg."""
    reception: dict[str, Observed] = {}
    eavesdropped: dict[str, Observed] = {}
    decided: dict[str, tuple[Place, NDArray[np.uint8] | None]] = {}
    accounts: dict[str, StreamLedger] = {}
    for leg, pair in zip(legs, blocks, strict=True):
        if pair is None:
            seen = _heard(leg, frame)
            reception[leg.name] = eavesdropped[leg.name] = seen
            accounts[leg.name] = _analog_account(leg, frame)
        else:
            reception[leg.name], eavesdropped[leg.name] = leg.place.open(pair[1])
            decided[leg.name] = leg.place, pair[1]
            accounts[leg.name] = _digital_account(leg, frame, *pair, ok=reception[leg.name].ok)
    n_pilots = frame.layout.n_pilots
    energy = float(np.sum(frame.sent)) + n_pilots * frame.layout.pilot_energy
    ledger = Ledger(n_uses=frame.layout.total, pilots=n_pilots, energy=energy, streams=accounts)
    return Delivery(reception=reception, eavesdropped=eavesdropped, ledger=ledger, decided=decided)


def _heard(leg: Leg, frame: Frame) -> SymbolsObserved:
    """An analog stream as received: what its front end made of the symbols counts as noise."""
    x_hat, noise_var = frame.x_hat[leg.uses], frame.noise_var[leg.uses]
    front_end = leg.bearer.front_end
    if front_end.distortion:
        x_hat = (x_hat / front_end.beta).astype(np.complex64)
        noise_var = ((noise_var + front_end.distortion) / front_end.beta**2).astype(np.float32)
    return SymbolsObserved(data=x_hat, noise_var=noise_var)


def _spent(frame: Frame, uses: Span) -> dict[str, float]:
    """Energy that left the antenna for these data uses, and the most of one."""
    sent = frame.sent[uses]
    return {"energy": float(np.sum(sent)), "peak": float(np.max(sent, initial=0.0))}


def _mean(gain: NDArray[np.float64]) -> float:
    return float(np.mean(gain)) if gain.size else 0.0


def _analog_account(leg: Leg, frame: Frame) -> StreamLedger:
    uses, n = leg.n_uses, leg.stream.data.size
    gain = _mean(frame.gain[leg.uses])
    return StreamLedger(uses=uses, data=n, fill=uses - n, gain=gain, **_spent(frame, leg.uses))


def _digital_account(
    leg: Leg, frame: Frame, sent: NDArray[np.uint8], decided: NDArray[np.uint8] | None, *, ok: bool
) -> StreamLedger:
    """Errors are counted against the truth; a payload lost whole counts as all zero, all blocks wrong."""
    wrong = sent != (0 if decided is None else decided)
    return StreamLedger(
        uses=leg.place.n_uses,
        bits_per_use=leg.place.mcs.bits_per_use,
        mcs=leg.place.mcs.name,
        **leg.place.categories(leg.stream.data.size),
        blocks=len(sent),
        block_errors=len(sent) if decided is None else int(np.count_nonzero(wrong.any(axis=1))),
        bits=sent.size,
        bit_errors=int(np.count_nonzero(wrong)),
        ok=ok,
        gain=_mean(frame.gain[leg.uses]),
        **_spent(frame, leg.uses),
    )
