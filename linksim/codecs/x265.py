"""x265 and FFmpeg's HEVC decoder through PyAV: one picture as one intra slice, in the settings of BPG.

YCbCr of BT.601, full range, 4:4:4 (grey: 4:0:0), ten bits a sample, tuned for PSNR, the slowest preset, one
thread. The sides are padded to whole coding units by their last row and column, and cut again by the shape.

What is sent is the slice alone. The parameter sets (VPS, SPS, PPS, some 70 bytes) say nothing about the
picture but its size: they are the same for every content and QP. The receiver knows the shape, and makes them
by encoding a flat picture of that shape.

A QP between two whole ones codes some 64x64 blocks with the lower and the others with the higher: x265's rate
factor, which it turns into one QP for the picture, and an adaptive quantisation so weak that it does no more
than to decide which way a block's QP is rounded. So bytes grow in steps of some 2 %, not 12 %, at next to no
loss.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache, lru_cache
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linksim.codecs.base import Image
from linksim.errors import MissingTool

MOST_QP, BITS = 51, 10
UNIT, LEAST_SIDE, LARGE_SIDE = 8, 32, 64
"""Samples: sides are multiples of the smallest coding unit; the least side; from where on CTUs are 64x64."""
SETTINGS = (
    "log-level=none:info=0:repeat-headers=1:keyint=1:bframes=0:rc-lookahead=0:scenecut=0:"
    "pools=none:frame-threads=1:wpp=0:slices=1"
)
"""One whole picture, no message about the encoder, one thread: the same bytes on every machine."""
START, SLICE = b"\0\0\0\1", b"\x28\x01"
"""Before every unit in a byte stream; and the two bytes that head a slice of an IDR picture (type 20)."""
FORMATS = {1: "gray10le", 3: "yuv444p10le"}
TO_YCC = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])
"""BT.601, rows Y, Cb, Cr, as in JPEG (ITU-T T.871)."""
OF_YCC = np.linalg.inv(TO_YCC)
STEPS = 8
"""Steps of a QP, where the picture has more blocks than one to divide it between."""
FACTOR_OFFSET = 3
"""What x265 adds to the rate factor, which is at least 0, for the QP of a lone intra picture."""
FRACTIONAL = "qcomp=1:cutree=0:aq-mode=2:aq-strength=0.5:qg-size=64"


def ladder(shape: tuple[int, int, int]) -> tuple[float, ...]:
    """QPs, worst first, to the last that changes anything."""
    if not _is_large(shape):
        return tuple(float(qp) for qp in range(MOST_QP, -1, -1))
    return tuple(n / STEPS for n in range(MOST_QP * STEPS, FACTOR_OFFSET * STEPS - 1, -1))


def compress(image: Image, qp: float) -> bytes:
    """What the receiver needs beside the shape: the slice, less the two bytes that head each."""
    (*_, coded) = _units(image, qp)
    assert coded.startswith(SLICE)
    return coded[len(SLICE) :]


def decompress(sent: bytes, shape: tuple[int, int, int]) -> Image | None:
    """uint8 [height, width, channels] of what `compress` made; None where it is not that."""
    return read(stream((*parameter_sets(shape), SLICE + sent)), shape)


def whole_stream(image: Image, qp: float) -> bytes:
    """A byte stream that every decoder of HEVC reads, parameter sets and all (Annex B)."""
    return stream(_units(image, qp))


def stream(units: tuple[bytes, ...]) -> bytes:
    """Units with their start codes."""
    return b"".join(START + unit for unit in units)


@lru_cache(maxsize=256)
def parameter_sets(shape: tuple[int, int, int]) -> tuple[bytes, ...]:
    """VPS, SPS and PPS of every picture of that shape."""
    *sets, _ = _units(np.zeros(shape, np.uint8), MOST_QP)
    return tuple(sets)


def read(data: bytes, shape: tuple[int, int, int]) -> Image | None:
    """The one picture of a byte stream, cut to its shape; None where it is broken or of another size."""
    av = library()
    decoder = av.CodecContext.create("hevc", "r")
    decoder.thread_count, decoder.options = 1, {"err_detect": "explode"}
    try:
        frames = [*decoder.decode(av.Packet(data)), *decoder.decode(None)]
    except (av.FFmpegError, ValueError):
        return None
    if len(frames) != 1 or frames[0].is_corrupt or frames[0].format.name != FORMATS[shape[2]]:
        return None
    if (frames[0].height, frames[0].width) != _padded(shape):
        return None
    return _to_picture(np.stack(_samples(frames[0]), -1)[: shape[0], : shape[1]])


def frame_of(image: Image) -> Any:
    """A frame of FFmpeg, of ten bits and padded."""
    height, width = _padded(image.shape)
    frame = library().VideoFrame(width, height, FORMATS[image.shape[2]])
    frame.pts = 0
    samples = _of_picture(image)
    for n, plane in enumerate(_samples(frame)):
        plane[:] = np.pad(samples[..., n], _margins(image.shape), mode="edge")
    return frame


def _units(image: Image, qp: float) -> tuple[bytes, ...]:
    """The encoder's units without start codes: VPS, SPS, PPS, slice."""
    made = _run(_encoder(image.shape, qp), frame_of(image))
    return tuple(unit.rstrip(b"\0") for unit in made.split(b"\0\0\1") if unit.rstrip(b"\0"))


def _run(encoder: Any, frame: Any) -> bytes:
    """All that an encoder makes of one frame."""
    return b"".join(bytes(packet) for packet in [*encoder.encode(frame), *encoder.encode(None)])


def _encoder(shape: tuple[int, int, int], qp: float) -> Any:
    height, width = _padded(shape)
    encoder = library().CodecContext.create("libx265", "w")
    encoder.width, encoder.height, encoder.pix_fmt = width, height, FORMATS[shape[2]]
    encoder.time_base, encoder.framerate = Fraction(1, 25), Fraction(25)
    encoder.thread_count = 1
    fractional = f"ctu=64:crf={qp - FACTOR_OFFSET}:{FRACTIONAL}"
    own = fractional if _is_large(shape) else f"ctu=32:qp={qp:.0f}"
    encoder.options = {"preset": "placebo", "tune": "psnr", "x265-params": f"{SETTINGS}:{own}"}
    return encoder


def _samples(frame: Any) -> list[NDArray[np.uint16]]:
    """Each plane of a frame, uint16 [height, width], in place."""
    planes = (np.frombuffer(plane, np.uint16).reshape(plane.height, -1) for plane in frame.planes)
    return [plane[:, : frame.width] for plane in planes]


def _of_picture(image: Image) -> NDArray[np.uint16]:
    """uint8 RGB or grey -> ten-bit YCbCr or Y."""
    values = image.astype(np.float64)
    if image.shape[2] == 3:
        values = values @ TO_YCC.T + (0, 128, 128)
    return np.clip(np.rint(4 * values), 0, 2**BITS - 1).astype(np.uint16)


def _to_picture(samples: NDArray[np.uint16]) -> Image:
    """The inverse of `_of_picture`, rounded."""
    values = samples / 4
    if samples.shape[2] == 3:
        values = (values - (0, 128, 128)) @ OF_YCC.T
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def _is_large(shape: tuple[int, ...]) -> bool:
    return min(_padded(shape)) >= LARGE_SIDE


def _padded(shape: tuple[int, ...]) -> tuple[int, int]:
    """Height and width as coded."""
    return max(LEAST_SIDE, -(-shape[0] // UNIT) * UNIT), max(LEAST_SIDE, -(-shape[1] // UNIT) * UNIT)


def _margins(shape: tuple[int, ...]) -> tuple[tuple[int, int], tuple[int, int]]:
    height, width = _padded(shape)
    return (0, height - shape[0]), (0, width - shape[1])


@cache
def version() -> str:
    """x265 as it names itself in a stream, and FFmpeg's libavcodec."""
    flat = np.zeros((LEAST_SIDE, LEAST_SIDE, 1), np.uint8)
    encoder = _encoder(flat.shape, MOST_QP)
    encoder.options = encoder.options | {"x265-params": f"{SETTINGS}:ctu=32:info=1"}
    made = _run(encoder, frame_of(flat))
    named = made.partition(b"x265 (build ")[2].partition(b")")[0].decode("ascii", "replace")
    avcodec = ".".join(map(str, library().library_versions["libavcodec"]))
    return f"x265 build {named or 'unknown'}, libavcodec {avcodec}"


@cache
def library() -> ModuleType:
    """PyAV with x265 and a decoder of HEVC. MissingTool where there is none."""
    where, remedy = "codec: hevc", "pip install 'linksim-phy[hevc]', which brings av"
    try:
        av = import_module("av")
    except ImportError as error:
        raise MissingTool(where, "needs PyAV, the package av", str(error), remedy) from error
    for name, mode, told in (("libx265", "w", "x265"), ("hevc", "r", "a decoder of HEVC")):
        try:
            formats = [each.name for each in av.Codec(name, mode).video_formats or ()]
        except ValueError:
            formats = None
        if formats is None or (mode == "w" and not set(FORMATS.values()) <= set(formats)):
            rule = f"needs an FFmpeg with {told} of ten bits: av's own wheel has one"
            raise MissingTool(where, rule, "none", "pip install --force-reinstall --only-binary av av")
    return av
