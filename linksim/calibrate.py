"""`linksim calibrate`: measure the block error curves that adaptive modulation reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from linksim.errors import LinksimError

OPTIONS = ("mcs", "set", "demapper", "decoder", "engine", "out")
OF_MCS = ("code", "constellation")
"""Parts of a scheme that have no option of their own."""
LEAST_STEP, MOST_STEP = 0.01, 3.0
"""dB. Below the one a curve takes hundreds of points, above the other most have no two that shape it."""


def calibrate(
    mcs: Sequence[str] = (),
    sets: Sequence[str] = (),
    *,
    demapper: str = "exact",
    decoder: str | None = None,
    engine: str = "auto",
    errors: int = 200,
    blocks: int = 400_000,
    floor: float = 1e-3,
    step: float = 0.25,
    out: Path | None = None,
    report: Callable[[str], None] = print,
) -> Path:
    """Measure the named schemes and sets; report a line of every point, and return the table's path.

    decoder: a word as `linksim list decoders` tells them, None for the code's own default. errors, blocks:
    end a point; floor: the block error rate that ends a curve; step: dB from point to point. out: None is
    the table that linksim itself reads. What it holds is not counted again; a run that was stopped goes on
    where it was.
    LinksimError for a name, a word or a file that is none.
    """
    from linksim import disk
    from linksim.ber.rows import check_writable
    from linksim.terminal import busy
    from phy import calibrate as chain
    from phy.bler import Receiver
    from phy.engine import find_engine
    from phy.fec.decoder_spec import parse_decoder
    from phy.mcs import AMC_SETS, find_mcs

    for each in sets:
        if each not in AMC_SETS:
            raise LinksimError(
                "--set", f"must be one of {', '.join(AMC_SETS)}", each, "linksim list mcs shows them"
            )
    names = [*mcs, *(name for each in sets for name in AMC_SETS[each])]
    if not 0 < floor < 1:
        raise LinksimError("--floor", "must lie between 0 and 1", floor, "1e-3 is usual")
    if not LEAST_STEP <= step <= MOST_STEP:
        raise LinksimError(
            "--step", f"must lie between {LEAST_STEP:g} and {MOST_STEP:g} dB", step, "0.25 is usual"
        )
    if not names:
        told = f"--mcs NAME or --set {'|'.join(AMC_SETS)}"
        raise LinksimError("calibrate", "needs a scheme or a set to measure", None, f"add {told}")
    path = chain.PATH if out is None else out
    check_writable("--out", path)
    try:
        receiver = Receiver(demapper=demapper, decoder=parse_decoder(decoder) if decoder else None)
        for scheme in map(find_mcs, names):
            if receiver.decoder_of(scheme).algorithm not in scheme.code.algorithms:
                raise ValueError(
                    f"decoder: must fit {scheme.code_name} ({', '.join(scheme.code.algorithms)}), "
                    f"got {decoder}; leave it out"
                )
        effort = chain.Effort(errors=errors, blocks=blocks, floor=floor, step_db=step)
        who = find_engine(engine)
        with disk.told(path), busy(f"counting the blocks of {len(names)} scheme{'s' * (len(names) != 1)}"):
            chain.calibrate(path, names, receiver, who, effort, lambda *told: report(chain.line(*told)))
    except (ValueError, OSError) as wrong:
        raise LinksimError(*_words(str(wrong))) from wrong
    return path


def _words(told: str) -> tuple[str, str]:
    """'where: rule, got X; remedy' as the option that it is about and the rest."""
    where, _, rule = told.partition(": ")
    if where in OPTIONS:
        return f"--{where}", rule
    field = where.partition(".")[0]
    return (f"--{field}" if field in OPTIONS else "--mcs" if field in OF_MCS else "calibrate"), told
