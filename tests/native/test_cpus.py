"""The same bits from every CPU: AVX2 and plain x86-64 code against this machine's own."""

import os
import platform
import subprocess
import sys

import pytest

SCRIPT = """
import hashlib, numpy as np
from phy.chain import Chain
from phy.channel import Awgn, Rayleigh
from phy.constellation import find_constellation
from phy.engine import find_engine
from phy.fec import Decoder, find_code
from phy.fec.decoder import Quantisation
from phy.native import decode, fused
offset = Decoder(algorithm="offset-min-sum", schedule="layered", quantisation=Quantisation())
engine, h = find_engine("native"), hashlib.sha256()
for code, points, channel, snr_db in (
    ("802.11ad-1/2", "bpsk", Awgn(), -1.3),
    ("802.11ad-3/4", "64qam", Rayleigh(block=42), 18.0),
    ("802.11n-648-5/6", "8psk", Awgn(), 9.5),
):
    points = find_constellation(points)
    chain = Chain(code=find_code(code), constellation=points, channel=channel, decoder=offset)
    counts = engine.count(chain, snr_db, 1, range(300))
    assert 0 < counts.frame_errors < 300, counts
    h.update(repr(counts).encode())
space = decode.workspace(chain.code, 1)
space.channel[:] = np.random.default_rng(1).integers(-127, 128, space.channel.shape)
decode.run(chain.code, offset, space, 1, np.array([9]))
h.update(space.hard.tobytes() + space.done.tobytes() + space.posterior.tobytes())
code = "".join(decode.decode_groups.inspect_asm().values()) if fresh else ""
print(h.hexdigest(), "zmm" in code, "ymm" in code)
"""

pytestmark = pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="forces x86 CPU names")


def run(**environment: str) -> tuple[str, bool, bool]:
    """Digest of decisions and counts, and whether freshly compiled code uses 512- and 256-bit registers."""
    script = f"fresh = {bool(environment)}\n{SCRIPT}"
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    digest, zmm, ymm = done.stdout.split()
    return digest, zmm == "True", ymm == "True"


@pytest.mark.parametrize(
    "name",
    ["haswell", pytest.param("x86-64", marks=pytest.mark.slow)],
)
def test_other_cpus_give_the_same_bits(name, tmp_path):
    digest, zmm, ymm = run(NUMBA_CACHE_DIR=str(tmp_path), NUMBA_CPU_NAME=name, NUMBA_CPU_FEATURES="")
    assert not zmm
    assert ymm == (name == "haswell")
    assert digest == run()[0]
