"""A curve in the text that AFF3CT's simulator writes, for its comparator and PyBER to read.

[metadata] command and title, [trace], '#' lines of parameters, a table under a legend whose columns the
readers find by name, and an x at the end of a point that did not reach its frame errors: as the files of
AFF3CT's error rate references have it (github.com/aff3ct/error_rate_references, 2018 on).
"""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path

from linksim import __version__, disk
from linksim.ber.request import Curve
from linksim.ber.rows import Row

FAMILIES = {
    "uncoded": "UNCODED",
    "repetition": "REP",
    "conv": "RSC",
    "turbo": "TURBO",
    "nr-polar": "POLAR",
    "ideal": "IDEAL",
}
"""Code family -> AFF3CT's word; every other family here is LDPC."""
RULE = "# " + "-" * 21 + "||" + "-" * 54 + "||" + "-" * 21
COLUMNS = "# " + "|".join(["-" * 10] * 2) + "||" + "|".join(["-" * 10] * 5) + "||" + "|".join(["-" * 10] * 2)
LEGEND = (
    RULE,
    "#  Signal Noise Ratio  ||   Bit Error Rate (BER) and Frame Error Rate (FER)    ||  Global throughput",
    "#         (SNR)        ||                                                      ||  and elapsed time",
    RULE,
    COLUMNS,
    "#     Es/N0 |    Eb/N0 ||      FRA |       BE |       FE |      BER |      FER ||  SIM_THR |    ET/RT",
    "#      (dB) |     (dB) ||          |          |          |          |          ||   (Mb/s) | (hhmmss)",
    COLUMNS,
)
REACHED = ("errors",)
"""`stopped` of a point with its frame errors."""


def write_traces(path: Path, rows: Sequence[Row]) -> list[Path]:
    """One file a curve, at `path`; several curves have their numbers before its suffix. Their paths."""
    every = [list(group) for _, group in groupby(rows, key=lambda row: id(row.curve))]
    paths = [path] if len(every) == 1 else [_numbered(path, i) for i in range(1, len(every) + 1)]
    for place, group in zip(paths, every, strict=True):
        disk.write(place, trace(group).encode())
    return paths


def _numbered(path: Path, number: int) -> Path:
    return path.with_name(f"{path.stem}.{number}{path.suffix}")


def trace(rows: Sequence[Row]) -> str:
    """The text of one curve."""
    curve = rows[0].curve
    lines = ["[metadata]", "ci=off", f"command={shlex.join(sys.argv)}", f"title={_title(curve)}", ""]
    lines += ["[trace]", *_parameters(rows), "#", "# The simulation is running...", *LEGEND]
    lines += [_line(row) for row in rows]
    return "\n".join([*lines, "# End of the simulation.", ""])


def _title(curve: Curve) -> str:
    code, words = curve.chain.code, curve.words
    return f"{words.code} ({code.n},{code.k}), {words.constellation}, {words.channel}, {words.decoder}"


def _parameters(rows: Sequence[Row]) -> list[str]:
    curve = rows[0].curve
    chain, words = curve.chain, curve.words
    code = chain.code
    rate = f"{code.k / code.n:.6g} ({code.k}/{code.n})"
    snrs = [row.ebn0_db for row in rows]
    family = FAMILIES.get(re.split(r"[:\d]", words.code)[0].rstrip("-"), "LDPC")
    sections = {
        "Simulation": {
            "Type": "BFER",
            "Date (UTC)": datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S"),
            "Simulator": f"linksim {__version__}, engine {words.engine}",
            "Code type (C)": family,
            "Noise range": f"{min(snrs):g} -> {max(snrs):g} dB",
            "Noise type (E)": "EBN0",
            "Seed": words.seed,
            "Coset approach (c)": "no",
            "Coded monitoring": "no",
            "Bit rate": rate,
        },
        "Source": {"Type": "RAND", "Info. bits (K_info)": code.k},
        "Codec": {
            "Type": family,
            "Name": words.code,
            "Info. bits (K)": code.k,
            "Codeword size (N_cw)": code.n,
            "Frame size (N)": code.n,
            "Code rate": rate,
        },
        "Decoder": {"Type (D)": words.decoder},
        "Interleaver": {"Type": words.interleaver},
        "Modem": {
            "Type": words.constellation.upper(),
            "Bits per symbol": chain.constellation.bits_per_symbol,
            "Demapper": words.demapper,
        },
        "Channel": {"Type": words.channel.upper(), "CSI": words.csi, "Uses of a frame": chain.uses},
    }
    lines = ["# Parameters :"]
    for name, entries in sections.items():
        lines.append(f"# * {name} ".ljust(51, "-"))
        lines += [f"#    ** {key:<22} = {value}" for key, value in entries.items()]
    return lines


def _line(row: Row) -> str:
    counts = row.counts
    snr = f"{row.esn0_db:10.2f} |{row.ebn0_db:9.2f}"
    errors = " |".join(f"{_count(n):>9}" for n in (counts.frames, counts.bit_errors, counts.frame_errors))
    rates = f"{row.ber or 0:9.2e} |{row.bler or 0:9.2e}"
    time = f"{row.mbps or 0:9.3f} | {_elapsed(row.seconds)}"
    return f"{snr} ||{errors} |{rates} ||{time}" + ("" if row.stopped in REACHED else "  x")


def _count(n: int) -> str:
    """At most eight characters, as AFF3CT has them.

    >>> _count(48010768), _count(123456789)
    ('48010768', '1.23e+08')
    """
    return str(n) if n < 10**8 else f"{n:.2e}"


def _elapsed(seconds: float) -> str:
    whole = int(seconds)
    return f"{whole // 3600:02}h{whole // 60 % 60:02}'{whole % 60:02}"
