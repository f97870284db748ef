"""`linksim replay`: one frame again, stage by stage, and where it went wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from linksim.ber.board import title
from linksim.ber.request import Curve, build, code_digest, ready_engine
from linksim.ber.store import ABOUT, read_points, read_words
from linksim.errors import LinksimError
from phy.chain import Batch, count, decide, send
from phy.engine import Engine, find_engine
from phy.fec import reference
from phy.fec.code import GraphCode
from phy.fec.decoder import MESSAGE_PASSING, Decoder
from phy.fec.ideal import GenieCode
from phy.mapping import unturn
from phy.units import linear_to_db, noise_variance

if TYPE_CHECKING:
    from phy.fec.decoder import Algorithm

MOST_POSITIONS = 24
"""Positions that a list of wrong bits names."""
BEST = 200
"""Iterations of the decoder that shows whether a better one would have been right."""
MOST_FRAME = 2**62
QUICK = ("native", "reference")
"""Engines that load at once."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """After an iteration of the reference decoder: checks that fail, wrong mother and information bits."""

    iteration: int
    syndrome: int
    wrong: int
    wrong_info: int


def find_curve(folder: Path) -> tuple[Path, Curve]:
    """The curve that a folder of `linksim ber` holds, or the only one below it, with its own folder."""
    inside = (
        [folder] if (folder / ABOUT).exists() else sorted(path.parent for path in folder.glob(f"*/{ABOUT}"))
    )
    if len(inside) != 1:
        remedy = f"name one, as {inside[0]}" if inside else "linksim ber makes it"
        raise LinksimError(folder, "must hold one curve", len(inside), remedy)
    words, code, content = read_words(inside[0])
    curve = build(words)
    if code != code_digest():
        raise LinksimError(
            inside[0],
            "was counted by other code of linksim, whose frames may differ",
            None,
            f"count it anew, or replay with --code {words.code!r} and so on",
        )
    if content != json.loads(json.dumps(curve.content)):
        raise LinksimError(
            inside[0],
            "was counted when the files it names held something else",
            None,
            "put them back, or count it anew",
        )
    return inside[0], curve


def find_point(folder: Path, esn0_db: float | None, frame: int | None) -> tuple[float, int]:
    """Es/N0 and a frame of a curve's folder: what is given, else the last failing point, and its first."""
    points = read_points(folder)
    failing = sorted(snr for snr, point in points.items() if point.counts.failed)
    if esn0_db is None:
        if not failing:
            raise LinksimError(folder, "must hold a failed frame", "none", "name one with --esn0 and --frame")
        esn0_db = failing[-1]
    if frame is None:
        known = points.get(esn0_db)
        if known is None or not known.counts.failed:
            snrs = ", ".join(f"{snr:g}" for snr in failing) or "no SNR"
            raise LinksimError(
                "--frame", f"is missing; {snrs} dB of Es/N0 have failed frames", None, "name one"
            )
        frame = known.counts.failed[0]
    return esn0_db, frame


def replay(curve: Curve, esn0_db: float, frame: int) -> Iterator[str]:
    """Lines that tell what happened to the frame, as they are worked out."""
    if not 0 <= frame <= MOST_FRAME:
        raise LinksimError("--frame", f"must lie between 0 and {MOST_FRAME}", frame, "linksim ber names them")
    chain, seed = curve.chain, curve.words.seed
    yield title(curve)
    yield f"frame {frame} at Es/N0 {esn0_db:.2f} dB, Eb/N0 {curve.ebn0_db(esn0_db):.2f} dB"
    engine = ready_engine(curve)
    batch = send(chain, engine, esn0_db, seed, np.array([frame]))
    yield from _told("channel", _channel(curve, batch, esn0_db))
    if not isinstance(chain.code, GenieCode):
        yield from _told("demapper", _demapper(batch))
    decided = decide(chain, engine, batch)[0]
    errors = np.flatnonzero(decided != batch.message[0])
    if isinstance(chain.code, GraphCode) and chain.decoder.algorithm in MESSAGE_PASSING:
        steps = list(_steps(chain.code, batch, chain.decoder))
        yield from _told("decoder", _table(steps))
        yield from _told("outcome", _outcome(curve, errors, steps[-1]))
    else:
        yield from _told("outcome", _outcome(curve, errors, None))
    counted = count(chain, engine, esn0_db, seed, range(frame, frame + 1))
    if counted.bit_errors != errors.size:
        counts = f"{counted.bit_errors} wrong bits"
        yield from _told("counted", [f"engine {engine.name} counts {counts} in one piece, not by its stages"])
    yield from _told("others", _others(curve, batch, engine))


def _told(head: str, lines: Sequence[str] | Iterator[str]) -> Iterator[str]:
    for i, line in enumerate(lines):
        yield f"{head if i == 0 else '':<10}{line}"


def _channel(curve: Curve, batch: Batch, esn0_db: float) -> Iterator[str]:
    """The fade, the noise that was drawn, and the SNR that came of both."""
    chain = curve.chain
    gain = np.abs(batch.h[0].astype(np.complex128)) ** 2
    spread = "" if np.ptp(gain) < 1e-6 else f", {gain.min():.3g} to {gain.max():.3g} over {gain.size} uses"
    yield f"|h|^2 {gain.mean():.4g} on average{spread}"
    error = np.abs(batch.x_hat[0].astype(np.complex128) - batch.x[0]) ** 2
    expected = batch.noise_var[0].astype(np.float64)
    drawn = float(np.mean(error / expected))
    yield f"noise drawn {drawn:.4f} of what its variance tells, {linear_to_db(drawn):+.2f} dB"
    fade = linear_to_db(float(gain.mean()))
    yield f"realised SNR {esn0_db + fade - linear_to_db(drawn):.2f} dB: {esn0_db:.2f} {fade:+.2f} by the fade"
    if chain.csi.kind != "perfect":
        ideal = noise_variance(esn0_db) / np.mean(gain)
        told = linear_to_db(float(np.mean(expected)) / float(ideal))
        yield f"csi {curve.words.csi}: the demapper is told {told:+.2f} dB of noise against perfect csi"
    y = unturn(chain.constellation, batch.x_hat)[0]
    sent = unturn(chain.constellation, batch.x)[0]
    points = chain.constellation.points
    nearest = np.abs(y[:, None] - points).argmin(axis=1) != np.abs(sent[:, None] - points).argmin(axis=1)
    yield f"{np.count_nonzero(nearest)} of {nearest.size} symbols nearer to another point"


def _demapper(batch: Batch) -> Iterator[str]:
    """Hard decisions before the decoder, and how sure the LLRs were."""
    llr, sent = batch.llr[0].astype(np.float64), batch.sent[0]
    wrong = (llr < 0) != sent
    size = np.abs(llr)
    yield f"{np.count_nonzero(wrong)} of {llr.size} code bits wrong by hard decision"
    spread = f"{np.median(size):.2f} median, {size.min():.2g} to {size.max():.4g}"
    yield f"|LLR| {size.mean():.2f} on average, {spread}"
    if wrong.any():
        yield f"|LLR| of wrong bits {size[wrong].mean():.2f} on average, at most {size[wrong].max():.2f}"


def _steps(code: GraphCode, batch: Batch, decoder: Decoder) -> Iterator[Step]:
    """The reference decoder stopped after 0, 1, 2 ... iterations, to the one that ends or the last."""
    graph = reference.tanner_graph(code)
    llr = code.gather(batch.llr.astype(np.float64), decoder.known)
    word = code.mother_word(batch.message)[0]
    for iteration in range(decoder.iterations + 1):
        soft = reference.decode(code, llr, replace(decoder, iterations=iteration))
        bits = soft.bits[0]
        syndrome = int(np.count_nonzero((graph.parity_check @ bits.astype(np.int32)) & 1))
        wrong = bits != word
        yield Step(
            iteration=iteration,
            syndrome=syndrome,
            wrong=int(np.count_nonzero(wrong)),
            wrong_info=int(np.count_nonzero(wrong[code.info])),
        )
        if iteration and not syndrome and decoder.stop == "syndrome":
            return


def _table(steps: Sequence[Step]) -> Iterator[str]:
    yield "iteration  checks failing  bits wrong  information bits wrong"
    for step in steps:
        yield f"{step.iteration:>9}  {step.syndrome:>14}  {step.wrong:>10}  {step.wrong_info:>22}"


def _outcome(curve: Curve, errors: NDArray[np.intp], last: Step | None) -> Iterator[str]:
    """Right or wrong, seen by the checks or not, and where."""
    code = curve.chain.code
    if not errors.size:
        yield f"all {code.k} information bits right"
        return
    seen = ""
    if last is not None:
        seen = ", detected: checks fail" if last.syndrome else ", undetected: every check holds"
    yield f"{errors.size} of {code.k} information bits wrong{seen}"
    named = ", ".join(map(str, errors[:MOST_POSITIONS].tolist()))
    yield f"at {named}" + (
        f" and {errors.size - MOST_POSITIONS} more" if errors.size > MOST_POSITIONS else ""
    )
    if isinstance(code, GraphCode) and code.graph is not None:
        columns, times = np.unique(code.info[errors] // code.graph.lifting, return_counts=True)
        yield "in block columns " + ", ".join(f"{c} ({t})" for c, t in zip(columns, times, strict=True))


def _others(curve: Curve, batch: Batch, engine: Engine) -> Iterator[str]:
    """Whether other engines and other decoders of the code are right with the same LLRs."""
    code, decoder = curve.chain.code, curve.chain.decoder
    tried = [(decoder, name) for name in QUICK if name != engine.name]
    tried += [(other, "reference") for other in map(_better, code.algorithms) if other != decoder]
    for other, name in tried:
        try:
            decided = find_engine(name).decode(code, batch.llr, other)[0]
        except ValueError:
            continue  # this engine does not compute it
        errors = int(np.count_nonzero(decided != batch.message[0]))
        yield f"{other.spec}, engine {name}: {f'{errors} bits wrong' if errors else 'right'}"


def _better(algorithm: Algorithm) -> Decoder:
    """The algorithm with more iterations than anyone would pay for, where it has any."""
    if algorithm in MESSAGE_PASSING:
        return Decoder(algorithm=algorithm, iterations=BEST)
    return Decoder(algorithm=algorithm)
