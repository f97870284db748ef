"""Fading as it was measured: h from a file, played from a random place."""

from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from tokenize import TokenError
from typing import Annotated, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field
from pydantic.json_schema import SkipJsonSchema

from phy.channel_block import Block

POWER_TOLERANCE = 0.01
"""Relative distance from 1 at which a mean power still counts as normalised; it is then made exact."""


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """h from a file (.npy complex, or .csv with re,im a line), one value a use, from a random start on each
    frame and round again at the end.

    normalise: scale the file to E|h|^2 = 1; without, a file whose mean power is not 1 is refused. The path
    counts from the working directory. digest: SHA-256 of the file, found on reading.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}
    kind: Literal["recorded"] = "recorded"
    file: str
    normalise: bool = False
    digest: Annotated[SkipJsonSchema[str], Field(exclude=True)] = field(default="", init=False, repr=False)

    block: ClassVar[Block] = 1

    def __post_init__(self) -> None:
        content = _content(self.file)
        digest = sha256(content).hexdigest()
        _ = _Recording.read(self.file, digest, self.normalise)
        object.__setattr__(self, "digest", digest)

    @property
    def _recording(self) -> "_Recording":
        return _Recording.read(self.file, self.digest, self.normalise)

    @property
    def mean(self) -> complex:
        """The recording's mean: a line of sight that stands still."""
        return self._recording.mean

    @property
    def coherence_uses(self) -> int:
        """Twice the lag at which the correlation first falls to a half; the whole recording if it never does.

        A block fade that long loses half its correlation at the same lag.
        """
        ring = np.abs(self._recording.autocovariance)
        low = np.flatnonzero(ring <= 0.5 * ring[0])
        return 2 * int(low[0]) if low.size and low[0] else ring.size

    def autocovariance(self, lag: ArrayLike) -> NDArray[np.complex128]:
        """E[h(i+k) h*(i)] - |E h|^2 at lags k, complex128: the recording taken as a ring."""
        ring = self._recording.autocovariance
        return ring[np.asarray(lag, np.int64) % ring.size]

    def fading(self, n_uses: int, rng: np.random.Generator) -> NDArray[np.complex64]:
        """h: complex64 [n_uses]; a shorter frame sees the head of a longer one."""
        h = self._recording.h
        return h[(int(rng.integers(h.size)) + np.arange(n_uses)) % h.size]

    def gain_cdf(self, gain: NDArray[np.float64]) -> NDArray[np.float64]:
        """P(|h|^2 <= gain) over the recording."""
        gains = self._recording.gains
        return np.searchsorted(gains, np.asarray(gain, np.float64), side="right") / gains.size


@dataclass(frozen=True, kw_only=True, eq=False)
class _Recording:
    """h: complex64 [L]; gains: |h|^2 in rising order, float64 [L]; autocovariance: complex128 [L]."""

    h: NDArray[np.complex64]
    mean: complex
    gains: NDArray[np.float64]
    autocovariance: NDArray[np.complex128]

    @staticmethod
    @lru_cache(maxsize=16)
    def read(file: str, digest: str, normalise: bool) -> "_Recording":
        """The file of that digest; ValueError where it is another by now, or no recording."""
        content = _content(file)
        if sha256(content).hexdigest() != digest:
            raise ValueError(
                f"file: must stay as it was when it was named, got {file!r} changed; start again"
            )
        h = _parsed(file, content)
        power = float(np.mean(np.abs(h) ** 2))
        if not 0 < power < np.inf:
            raise ValueError(
                f"file: must hold gains of some finite power, got {power:g} in {file!r}; check it"
            )
        if not normalise and abs(power - 1) > POWER_TOLERANCE:
            raise ValueError(
                f"file: must have mean power 1, got {power:.6g} in {file!r}; set normalise: true to scale"
            )
        h = (h / np.sqrt(power)).astype(np.complex64)
        mean = complex(np.mean(h.astype(np.complex128)))
        spectrum = np.abs(np.fft.fft(h.astype(np.complex128) - mean)) ** 2
        return _Recording(
            h=h,
            mean=mean,
            gains=np.sort(np.abs(h.astype(np.complex128)) ** 2),
            autocovariance=np.fft.ifft(spectrum) / h.size,
        )


def _content(file: str) -> bytes:
    try:
        if Path(file).exists() and not Path(file).is_file():  # a device has no end
            raise OSError("no regular file")
        return Path(file).read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ValueError(
            f"file: must be a readable .npy or .csv, got {file!r} ({reason}); check the path"
        ) from error


def _parsed(file: str, content: bytes) -> NDArray[np.complex128]:
    """h complex128 [L] of the file's bytes; never unpickles."""
    kind = Path(file).suffix.lower()
    if kind not in (".npy", ".csv"):
        raise ValueError(f"file: must end in .npy or .csv, got {file!r}; save it as one of them")
    try:
        if kind == ".npy":
            h = np.load(BytesIO(content), allow_pickle=False)
            h = h if isinstance(h, np.ndarray) and np.issubdtype(h.dtype, np.complexfloating) else None
        else:
            h = _of_lines(content.decode("utf-8-sig"))
    except (ValueError, EOFError, OSError, MemoryError, SyntaxError, TokenError) as error:  # of odd headers
        told = " ".join(str(error).split())
        raise ValueError(
            f"file: must hold {_HOLDS[kind]}, got {file!r} ({told:.80}); write it anew"
        ) from error
    if h is None or h.ndim != 1 or not h.size:
        got = "none" if h is None or not h.size else f"shape {h.shape}"
        raise ValueError(
            f"file: must hold {_HOLDS[kind]}, at least one, got {got} in {file!r}; write it anew"
        )
    if not np.all(np.isfinite(h)):
        first = int(np.flatnonzero(~np.isfinite(h))[0])
        raise ValueError(f"file: must hold finite numbers, got {h[first]} at {first} of {file!r}; mend it")
    return h.astype(np.complex128)


_HOLDS = {".npy": "complex numbers in one row", ".csv": "re,im on each line"}


def _of_lines(text: str) -> NDArray[np.complex128]:
    """'re,im' a line; one line of heads may go before."""
    lines = [line for line in text.splitlines() if line.strip()]
    if lines and lines[0].replace(" ", "").lower() == "re,im":
        lines = lines[1:]
    pairs = [line.split(",") for line in lines]
    wrong = next((n for n, pair in enumerate(pairs, 1) if len(pair) != 2), None)
    if wrong is not None:
        raise ValueError(f"row {wrong} has {len(pairs[wrong - 1])} cells")
    values = np.array(pairs, np.float64).reshape(-1, 2)
    return values[:, 0] + 1j * values[:, 1]
