"""ONNX graphs as functions of NumPy arrays. The only place that imports ONNX Runtime, when a graph is first
run.
"""

import os
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from linksim.errors import LinksimError, MissingTool

if TYPE_CHECKING:
    from onnxruntime import InferenceSession


@lru_cache(maxsize=16)
def session(path: Path) -> "InferenceSession":
    """A session for a graph, on CUDA where its libraries load, else on the CPU.

    Threads: LINKSIM_THREADS, else ONNX Runtime's own choice. Raises MissingTool without ONNX Runtime.
    """
    try:
        import onnxruntime
    except ImportError as error:
        remedy = "pip install 'linksim-phy[cpu]' or 'linksim-phy[gpu]'"
        raise MissingTool("codec", "must have ONNX Runtime", str(error), remedy) from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = _threads()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(path, options, providers=providers())


def _threads() -> int:
    """What LINKSIM_THREADS says; 0 leaves it to ONNX Runtime."""
    told = os.environ.get("LINKSIM_THREADS") or "0"
    if not (told.isascii() and told.isdigit()):
        raise LinksimError(
            "LINKSIM_THREADS", "must be a whole number of threads", told, "unset it for all cores"
        )
    return int(told)


def run_graph(path: Path, **inputs: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """The graph's outputs, in the order of the graph."""
    return session(path).run(None, inputs)


def providers() -> list[str]:
    """What runs the graphs, preferred first; empty without ONNX Runtime. For the manifest, too."""
    try:
        import onnxruntime
    except ImportError:
        return []
    available = onnxruntime.get_available_providers()
    return [name for name in ("CUDAExecutionProvider", "CPUExecutionProvider") if name in available]
