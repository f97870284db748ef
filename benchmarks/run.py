"""What the native engine reaches, with its peers measured beside it: `make bench`.

    python benchmarks/run.py [--section decoder ...] [--seconds 2] [--cpu-time] [--json FILE]

Rates are information Mb/s for decoders and chains, coded Mb/s for stages, on one thread but where two are
named. A peer that is not installed is left out and named. Each number is the best of its repeats.
"""

import argparse
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict
from threading import Thread
from typing import Any

import numpy as np
import peers
from timing import Row, best_of, count_cpu_seconds, processor

from phy import frames, mapping
from phy.chain import Chain
from phy.constellation import find_constellation
from phy.engine import find_engine
from phy.fec import Decoder, find_code
from phy.fec.decoder import Quantisation
from phy.native import decode as native
from phy.units import noise_variance

OFFSET = Decoder(algorithm="offset-min-sum", schedule="layered", quantisation=Quantisation())
NATIVE = find_engine("native")
BPSK = find_constellation("bpsk")
POINTS = [("802.11ad-1/2", 1.5), ("802.11ad-1/2", 2.0), ("802.11ad-1/2", 2.5), ("802.11ad-3/4", 3.0)]
"""Codes and Eb/N0 in dB, BPSK over AWGN."""
GROUPS = 48


def esn0_db(code: Any, ebn0_db: float, m: int = 1) -> float:
    """Es/N0 of m bits a symbol."""
    return ebn0_db + 10 * np.log10(float(code.rate) * m)


def received(code: Any, ebn0_db: float, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Messages uint8 [count, k] and their LLRs float32 [count, n] as BPSK."""
    ids, n0 = np.arange(count), noise_variance(esn0_db(code, ebn0_db))
    bits = frames.messages(1, ids, code.k)
    y = NATIVE.map(BPSK, NATIVE.encode(code, bits)) + np.sqrt(n0) * frames.noise(1, ids, code.n)
    return bits, NATIVE.demap(BPSK, y.astype(np.complex64), np.full(y.shape, n0, np.float32), "exact")


def native_decoder(code: Any, ebn0_db: float, seconds: float) -> Iterator[Row]:
    """The int8 decoder on words that lie in lanes already, and from float32 LLRs of NumPy."""
    bits, llr = received(code, ebn0_db, GROUPS * 64)
    point, mbit = f"{code.name} {ebn0_db} dB", bits.size / 1e6
    spaces = [native.workspace(code, GROUPS) for _ in range(2)]
    for space in spaces:
        space.fill(code.gather(llr, OFFSET.known), OFFSET)
    one = np.array([OFFSET.iterations], np.int64)
    native.run(code, OFFSET, spaces[0], GROUPS, one)
    passes = native.Passes(OFFSET)
    passes.learn(spaces[0].done)
    several = passes.next()
    decided = NATIVE.decode(code, llr, OFFSET)
    facts = {"fer": float((decided != bits).any(axis=1).mean()), "iterations": float(spaces[0].done.mean())}
    for what, limits in (("one pass", one), (f"passes {several.tolist()}", several)):

        def work(space: Any = spaces[0], limits: np.ndarray = limits) -> None:
            native.run(code, OFFSET, space, GROUPS, limits)

        seconds_each = best_of(work, seconds)
        yield Row(
            section="decoder", what=f"native int8, {what}", point=point, mbps=mbit / seconds_each, **facts
        )

    def two() -> None:
        threads = [Thread(target=work, args=(space, several)) for space in spaces]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    yield Row(
        section="decoder",
        what="native int8, passes, 2 threads",
        point=point,
        mbps=2 * mbit / best_of(two, seconds, wall=True),
        **facts,
    )
    border = best_of(lambda: NATIVE.decode(code, llr, OFFSET), seconds)
    yield Row(section="decoder", what="native int8, NumPy to NumPy", point=point, mbps=mbit / border, **facts)
    soft = Decoder(algorithm="sum-product", schedule="layered")
    some = slice(0, 512)
    took = best_of(lambda: NATIVE.decode(code, llr[some], soft), seconds)
    fer = float((NATIVE.decode(code, llr, soft) != bits).any(axis=1).mean())
    yield Row(
        section="decoder",
        what="native float32 layered sum-product",
        point=point,
        mbps=512 * code.k / took / 1e6,
        fer=fer,
    )


def peer_decoders(code: Any, ebn0_db: float, seconds: float) -> Iterator[Row]:
    """Sionna in XLA at its best batch, this project's own in TensorFlow, pyldpc, ldpc."""
    bits, llr = received(code, ebn0_db, 4096)
    point = f"{code.name} {ebn0_db} dB"

    def measured(what: str, decode: peers.Decode, count: int, note: str = "", errors_of: int = 0) -> Row:
        took = best_of(lambda: decode(llr[:count]), seconds, least=2)
        total = max(errors_of // count, 1)
        wrong = sum(
            int(
                (decode(llr[i * count : (i + 1) * count]) != bits[i * count : (i + 1) * count])
                .any(axis=1)
                .sum()
            )
            for i in range(total)
        )
        fer = wrong / (total * count)
        return Row(
            section="decoder", what=what, point=point, mbps=count * code.k / took / 1e6, fer=fer, note=note
        )

    for rule, name in (("boxplus-phi", "BP"), ("offset-minsum", "offset min-sum")):
        rows = [
            measured(
                f"Sionna {name}, XLA",
                peers.sionna_decoder(code, rule, 20, batch),
                batch,
                f"batch {batch}",
                2048,
            )
            for batch in (64, 256, 1024)
        ]
        yield max(rows, key=lambda row: row.mbps)
    own = find_engine("sionna")
    for decoder in (Decoder(algorithm="offset-min-sum", schedule="layered"), Decoder()):
        try:
            own.decode(code, llr[:1], decoder)
        except ValueError:
            continue
        yield measured(
            f"sionna engine, {decoder.spec}",
            lambda part, d=decoder: own.decode(code, part, d),
            1024,
            "TF, XLA",
            2048,
        )
    yield measured("pyldpc", peers.pyldpc_decoder(code, 20), 16, "", 64)
    yield measured("ldpc, min-sum", peers.ldpc_decoder(code, 20), 64, "", 512)


def decoders(seconds: float) -> Iterator[Row]:
    """Every decoder at every point; the slow peers at 2 dB alone."""
    for name, ebn0_db in POINTS:
        code = find_code(name)
        yield from native_decoder(code, ebn0_db, seconds)
        if (name, ebn0_db) == ("802.11ad-1/2", 2.0):
            yield from available(lambda c=code, e=ebn0_db: peer_decoders(c, e, seconds))


def chains(seconds: float) -> Iterator[Row]:
    """Bits to error counts, real random messages, max-log, BPSK at 2 dB and 16QAM at 4.24 dB."""
    code = find_code("802.11ad-1/2")
    for points, ebn0_db in (("bpsk", 2.0), ("16qam", 4.24)):
        constellation = find_constellation(points)
        chain = Chain(code=code, constellation=constellation, decoder=OFFSET, demapper="max-log")
        snr_db, count = esn0_db(code, ebn0_db, constellation.bits_per_symbol), GROUPS * 64 * 2
        point = f"{points} {ebn0_db} dB"
        counts = NATIVE.count(chain, snr_db, 1, range(20 * count))
        facts = {"fer": counts.frame_errors / counts.frames, "iterations": counts.iterations / counts.frames}
        took = best_of(lambda c=chain, s=snr_db, n=count: NATIVE.count(c, s, 1, range(n)), seconds)
        yield Row(section="chain", what="native", point=point, mbps=count * code.k / took / 1e6, **facts)

        def two(chain: Chain = chain, snr_db: float = snr_db, count: int = count) -> None:
            halves = (range(count), range(count, 2 * count))
            threads = [Thread(target=NATIVE.count, args=(chain, snr_db, 1, half)) for half in halves]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()

        mbps = 2 * count * code.k / best_of(two, seconds, wall=True) / 1e6
        yield Row(section="chain", what="native, 2 threads", point=point, mbps=mbps, **facts)
        n0 = noise_variance(snr_db)
        yield from available(lambda c=constellation, n=n0, p=point: sionna_chains(code, c, n, p, seconds))


def sionna_chains(code: Any, constellation: Any, n0: float, point: str, seconds: float) -> Iterator[Row]:
    """Sionna's whole chain in XLA, without its encoder, at its best batch."""
    for rule, name in (("boxplus-phi", "BP"), ("offset-minsum", "offset min-sum")):
        rows = []
        for batch in (64, 256, 1024):
            once = peers.sionna_chain(code, constellation, rule, 20, batch, n0)
            mbps = batch * code.k / best_of(once, seconds, least=2) / 1e6
            wrong = sum(once()[0] for _ in range(max(2048 // batch, 1)))
            fer = wrong / (max(2048 // batch, 1) * batch)
            what = f"Sionna {name}, XLA"
            rows.append(
                Row(
                    section="chain",
                    what=what,
                    point=point,
                    mbps=mbps,
                    fer=fer,
                    note=f"batch {batch}, no encoder",
                )
            )
        yield max(rows, key=lambda row: row.mbps)


def stages(seconds: float) -> Iterator[Row]:
    """Encoder, mapper, noise, demapper between NumPy arrays: coded Mb/s, noise in M normals/s."""
    code, count = find_code("802.11ad-1/2"), 2048
    bits, ids = frames.messages(1, np.arange(count), code.k), np.arange(count)
    coded = count * code.n / 1e6
    for what, work in (("native", lambda: NATIVE.encode(code, bits)), ("NumPy", lambda: code.encode(bits))):
        yield Row(section="encode", what=what, point=code.name, mbps=coded / best_of(work, seconds))
    rng = np.random.default_rng(1)
    normals = {
        "native": lambda: frames.noise(1, ids, 336),
        "NumPy": lambda: rng.standard_normal((count, 336, 2), np.float32),
    }
    for what, work in normals.items():
        yield Row(
            section="noise", what=what, point="M normals/s", mbps=count * 672 / 1e6 / best_of(work, seconds)
        )
    for name in ("16qam", "64qam"):
        constellation = find_constellation(name)
        m = constellation.bits_per_symbol
        word = rng.integers(0, 2, (count // 4, 168 * m), np.uint8)
        x, coded = NATIVE.map(constellation, word), word.size / 1e6
        noise_var = np.full(x.shape, 0.1, np.float32)
        works: dict[tuple[str, str], Callable[[], Any]] = {
            ("map", "native"): lambda c=constellation, w=word: NATIVE.map(c, w),
            ("map", "NumPy"): lambda c=constellation, w=word: mapping.map_bits(c, w),
            **{
                (f"demap {method}", "native"): lambda c=constellation, y=x, v=noise_var, how=method: (
                    NATIVE.demap(c, y, v, how)
                )
                for method in ("max-log", "exact")
            },
            ("demap max-log", "NumPy"): lambda c=constellation, y=x, v=noise_var: mapping.demap(
                c, y, v, "max-log"
            ),
        }
        for (section, what), work in works.items():
            yield Row(section=section, what=what, point=name, mbps=coded / best_of(work, seconds))
        yield from available(
            lambda c=constellation, n=x.size, z=coded, p=name: sionna_stages(c, n, z, p, seconds)
        )


def sionna_stages(
    constellation: Any, symbols: int, coded: float, point: str, seconds: float
) -> Iterator[Row]:
    """Sionna's stages of that size."""
    names = {"map": "map", "demap": "demap max-log", "noise": "noise"}
    for stage, work in peers.sionna_stages(constellation, symbols).items():
        amount = 2 * symbols / 1e6 if stage == "noise" else coded
        where = "M normals/s" if stage == "noise" else point
        yield Row(section=names[stage], what="Sionna, XLA", point=where, mbps=amount / best_of(work, seconds))


def available(rows: Callable[[], Iterator[Row]]) -> Iterator[Row]:
    """The rows up to a peer that is not installed, which is named."""
    try:
        yield from rows()
    except ImportError as missing:
        print(f"    ({missing.name} is not installed: pip install 'linksim-phy[bench]' and the dev extra)")


SECTIONS = {"decoder": decoders, "chain": chains, "stages": stages}


def main() -> None:
    """Print each row as it comes, then the ratios that matter."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--section", action="append", choices=SECTIONS, help="all of them where none is named"
    )
    parser.add_argument("--seconds", type=float, default=1.0, help="of repeats for each number (1)")
    parser.add_argument("--json", help="write the rows there too")
    parser.add_argument(
        "--cpu-time", action="store_true", help="seconds of this process alone, where others use the machine"
    )
    options = parser.parse_args()
    if options.cpu_time:
        count_cpu_seconds()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    print(f"{processor()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start")
    print(f"{'':14}{'':46}{'point':24}{'Mb/s':>9}{'FER':>10}{'iter.':>7}")
    rows = []
    for section in options.section or SECTIONS:
        for row in SECTIONS[section](options.seconds):
            rows.append(row)
            print(line(row), flush=True)
    for told in ratios(rows):
        print(told)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump({"processor": processor(), "rows": [asdict(row) for row in rows]}, file, indent=1)


def line(row: Row) -> str:
    """A row as text."""
    fer = "" if row.fer is None else f"{row.fer:.2g}"
    iterations = "" if row.iterations is None else f"{row.iterations:.1f}"
    mbps = f"{row.mbps:.2g}" if row.mbps < 10 else f"{row.mbps:.0f}"
    return f"{row.section:14}{row.what:46}{row.point:24}{mbps:>9}{fer:>10}{iterations:>7}  {row.note}"


def ratios(rows: list[Row]) -> Iterator[str]:
    """Ours against each peer at the same point, all on one thread: native, and the sionna engine's layers."""
    for row in rows:
        here = [r for r in rows if (r.section, r.point) == (row.section, row.point)]
        for ours in ("native", "sionna engine, layered-offset-min-sum"):
            own = [r.mbps for r in here if r.what.startswith(ours) and "threads" not in r.what]
            if own and not row.what.startswith(("native", ours)):
                yield f"{row.section} {row.point}: {ours} is {max(own) / row.mbps:.1f} times {row.what}"


if __name__ == "__main__":
    main()
