"""BPG as a source codec, by the programs bpgenc and bpgdec on the PATH (F. Bellard, libbpg).

image -> bpgenc at a QP -> 'picture' bits -> file, if whole -> bpgdec -> image
"""

from __future__ import annotations

import io
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar, Literal

import numpy as np
from PIL import Image as Pictures

from linksim.codecs.base import Image
from linksim.codecs.picture_file import ScaledFile
from linksim.errors import LinksimError, MissingTool

MOST_QP = 51
QP_OF_ONE_BIT, OCTAVE = 29, 6
"""About the QP at one bit a pixel, where the search starts, and QPs that about halve the bytes."""
SECONDS = 60
"""After which bpgdec is stopped: what it was given is no file of its own."""


@dataclass(frozen=True, kw_only=True)
class Bpg(ScaledFile):
    """BPG, fitted to the payload: x265 at its slowest, 4:4:4 (grey: 4:0:0), YCbCr, eight bits, whole QPs.

    `hevc` is the same coding without these programs, in finer steps and without BPG's container.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}
    kind: Literal["bpg"] = "bpg"

    channels: ClassVar[tuple[int, ...]] = (1, 3)
    look: ClassVar[int] = 1

    @property
    def fingerprint(self) -> str:
        """The programs that make and read the files."""
        return ", ".join(f"{name} {program_digest(program(name))}" for name in ("bpgenc", "bpgdec"))

    def qualities(self, shape: tuple[int, int, int]) -> Sequence[float]:
        """QPs, worst first."""
        return range(MOST_QP, -1, -1)

    def guess(self, shape: tuple[int, int, int], budget: int) -> tuple[int, float]:
        qp = QP_OF_ONE_BIT - OCTAVE * np.log2(8 * budget / (shape[0] * shape[1]))
        return int(np.clip(MOST_QP - qp, 0, MOST_QP)), OCTAVE

    def at(self, image: Image, quality: float) -> bytes:
        with TemporaryDirectory(prefix="linksim-") as folder:
            source, made = Path(folder) / "picture.png", Path(folder) / "picture.bpg"
            Pictures.fromarray(image.squeeze(2) if image.shape[2] == 1 else image).save(source)
            settings = [
                "-m",
                "9",
                "-f",
                "444",
                "-c",
                "ycbcr",
                "-b",
                "8",
                "-e",
                "x265",
                "-q",
                f"{quality:.0f}",
            ]
            done = subprocess.run(
                [program("bpgenc"), *settings, "-o", made, source], capture_output=True, check=False
            )
            if done.returncode or not made.exists():
                told = done.stderr.decode(errors="replace").strip() or f"exit code {done.returncode}"
                remedy = "try it by hand, with -e x265"
                raise LinksimError("codec: bpg", "needs a bpgenc with x265 that works", told, remedy)
            return made.read_bytes()

    def read(self, content: bytes, shape: tuple[int, int, int]) -> Image | None:
        decoder = program("bpgdec")
        with TemporaryDirectory(prefix="linksim-") as folder:
            source, made = Path(folder) / "picture.bpg", Path(folder) / "picture.png"
            source.write_bytes(content)
            try:
                done = subprocess.run(
                    [decoder, "-o", made, source], capture_output=True, check=False, timeout=SECONDS
                )
            except subprocess.TimeoutExpired:
                return None
            if done.returncode or not made.exists():
                return None
            try:
                with Pictures.open(io.BytesIO(made.read_bytes()), formats=["PNG"]) as picture:
                    if (picture.height, picture.width) != shape[:2]:
                        return None
                    return np.array(picture.convert("L" if shape[2] == 1 else "RGB")).reshape(shape)
            except (OSError, ValueError, SyntaxError, Pictures.DecompressionBombError):
                return None


def program(name: str) -> str:
    """The path of a program; MissingTool where there is none on the PATH."""
    found = shutil.which(name)
    if found is None:
        remedy = "build libbpg from https://bellard.org/bpg, or take kind: hevc"
        raise MissingTool("codec: bpg", f"needs the program {name} of libbpg on the PATH", "none", remedy)
    return found


@cache
def program_digest(path: str) -> str:
    """12 hex digits of a program's SHA-256."""
    return sha256(Path(path).read_bytes()).hexdigest()[:12]
