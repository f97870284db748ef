"""Every family of codes by name: the one registry. A new family is a row here and a maker in its own file."""

from collections.abc import Iterator, Mapping
from functools import lru_cache

from phy.fec import alist, convolutional, ideal, matrix, nr, polar, prototype, repetition, turbo, wifi, wigig
from phy.fec.code import Code
from phy.fec.spec import Family, read_code

FAMILIES: dict[str, Family] = {
    "802.11ad": Family(
        make=wigig.make,
        named=wigig.NAMES,
        examples=wigig.NAMES,
        about="LDPC codes of IEEE 802.11ad at 60 GHz, n = 672 or less",
    ),
    "802.11n": Family(
        make=wifi.make,
        named=wifi.names("802.11n"),
        examples=wifi.names("802.11n"),
        about="LDPC codes of IEEE 802.11n (HT)",
    ),
    "802.11ac": Family(
        make=wifi.make, named=wifi.names("802.11ac"), about="802.11n's codes by the name of 802.11ac (VHT)"
    ),
    "802.11ax": Family(
        make=wifi.make, named=wifi.names("802.11ax"), about="802.11n's codes by the name of 802.11ax (HE)"
    ),
    "nr-ldpc": Family(
        make=nr.make,
        grammar="nr-ldpc:k=INT,rate=R|n=INT[,bg=1|2][,rv=0..3][,qm=BITS]",
        examples=(
            "nr-ldpc:k=40,rate=1/3",
            "nr-ldpc:k=128,rate=1/20",
            "nr-ldpc:k=500,rate=0.6,qm=4",
            "nr-ldpc:k=500,n=1320,bg=1,rv=2,qm=6",
            "nr-ldpc:k=1024,rate=3/4",
            "nr-ldpc:k=5001,rate=5/6,bg=2,qm=2",
        ),
        about="5G NR's LDPC codes (TS 38.212), rate matched; in code blocks above 8448 bits (bg=2: 3840)",
        span="k 12..1277992, rate 1/50..0.95",
    ),
    "gallager": Family(
        make=matrix.make_gallager,
        grammar="gallager:n=INT,dv=INT,dc=INT[,seed=0]",
        examples=("gallager:n=600,dv=3,dc=6", "gallager:n=96,dv=2,dc=4,seed=7"),
        about="regular codes of Gallager's ensemble, as pyldpc draws them",
        span="n a multiple of dc; rate just above 1 - dv / dc; n to about 10000 at rate 1/2 and 20000 at 4/5 "
        "(rows^2 n <= 3e11)",
    ),
    "alist": Family(
        make=alist.make,
        alone="path",
        grammar="alist:PATH",
        about="your parity-check matrix, from MacKay's alist file",
        span="n to about 10000 at rate 1/2 and 20000 at 4/5 (rows^2 n <= 3e11)",
        files=True,
    ),
    "qc": Family(
        make=prototype.make,
        alone="path",
        grammar="qc:PATH[,lifting=INT]",
        about="your quasi-cyclic prototype, from a JSON, CSV or AFF3CT qc file; columns may be punctured",
        span="n <= 200000",
        files=True,
    ),
    "uncoded": Family(
        make=repetition.make_uncoded,
        grammar="uncoded[:k=672]",
        span="any k, rate 1",
        about="bits as they are, by hard decisions",
        examples=("uncoded:k=672",),
    ),
    "repetition": Family(
        make=repetition.make,
        grammar="repetition:n=3[,k=672]",
        span="any k, rate 1/n",
        about="a block sent n times, LLRs added",
        examples=("repetition:n=3,k=224",),
    ),
    "conv": Family(
        make=convolutional.make,
        grammar="conv[:k=1024,rate=1/2,memory=6,generators=133/171]",
        span="any k; rates 1/2, 1/3 and 802.11's 2/3, 3/4, 5/6, less the tail",
        about="zero-terminated convolutional codes, by Viterbi's algorithm",
        examples=("conv:k=330", "conv:k=498,rate=3/4", "conv:k=100,memory=2"),
        engines=convolutional.Convolutional.engines["viterbi"],
    ),
    "turbo": Family(
        make=turbo.make,
        grammar="turbo[:k=1024,rate=1/3]",
        span="k = 40..6144, 188 sizes; rates 1/3 and 1/2, less the tail",
        about="the turbo code of LTE, 3GPP TS 36.212",
        examples=("turbo:k=256", "turbo:k=320,rate=1/2"),
        engines=turbo.LteTurbo.engines["bcjr"],
    ),
    "nr-polar": Family(
        make=polar.make,
        grammar="nr-polar:k=64,n=128[,link=downlink]",
        span="k = 12..1013 without its CRC of 6 or 11 bits, n <= 1088; downlink k <= 140, CRC 24, n <= 576",
        about="polar codes of 5G NR, 3GPP TS 38.212, one block; decoder sc-list (list 8 is usual): reference "
        "0.5 Mb/s, sionna 0.03 at n = 128 and less beyond, too slow to be of use; sionna compiles "
        "successive-cancellation for half a minute at n = 1024",
        examples=("nr-polar:k=64,n=128", "nr-polar:k=100,n=240", "nr-polar:k=40,n=216,link=downlink"),
        engines=polar.NrPolar.engines["sc-list"],
    ),
    "ideal": Family(
        make=ideal.make,
        grammar="ideal:rate=1/2[,n=672,kind=cm] or ideal:shannon[,rate=2,uses=336,bits=2]",
        alone="bound",
        span="any rate and length",
        about="bounds, not codes: a block arrives iff its uses carried rate log2 M bits of mutual "
        "information each, or log2(1 + SNR) >= rate; ideal:shannon alone sends the capacity of each frame, "
        "up to what its points hold: give it 1024qam",
        examples=("ideal:rate=1/2,n=400", "ideal:shannon,rate=2"),
        engines=(),
    ),
}
"""Name -> family. Makers take `name`, the word as written, and the family's keys (see `phy.fec.spec`)."""


def find_code(spec: str) -> Code:
    """The code of a word FAMILY[:KEY=VALUE,...], one instance a word; see `linksim list codes` for the words.

    A word that names a file gives the same instance as long as the file is the same.

    Raises ValueError, one line that names the rule and the nearest that exists.

    >>> find_code("802.11ad-3/4").k
    504
    """
    family = FAMILIES.get(spec.partition(":")[0].strip())
    return read_code(spec, FAMILIES) if family and family.files else _find(spec)


@lru_cache(maxsize=512)
def _find(spec: str) -> Code:
    return read_code(spec, FAMILIES)


class _Examples(Mapping[str, Code]):
    """The examples of every family, each made when it is asked for."""

    def __getitem__(self, name: str) -> Code:
        if name not in iter(self):
            raise KeyError(name)
        return find_code(name)

    def __iter__(self) -> Iterator[str]:
        return (name for family in FAMILIES.values() for name in family.examples)

    def __len__(self) -> int:
        return sum(len(family.examples) for family in FAMILIES.values())


CODES: Mapping[str, Code] = _Examples()
"""Codes by name, some of every family, small enough for every test to run on each."""
