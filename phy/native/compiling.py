"""How kernels are compiled: without the interpreter's lock, once, into a cache on disk.

Numba asks whether a kernel's own file is newer than its cache, not whether a file is that it calls: so the
cache's folder bears a hash of all of them. Neither a folder for packages that nobody may write to nor a
change of CPU matters: the cache lies with the user, and Numba names every entry by its CPU.
"""

import os
import stat
import tempfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import numba


def _sources() -> str:
    """A hash over the sources of this package, sixteen digits."""
    h = sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        h.update(path.name.encode() + b"\0" + path.read_bytes())
    return h.hexdigest()[:16]


def _usable(folder: Path) -> bool:
    """Whether the folder is there or can be made, is ours and no one else may write to it."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        state = folder.stat()
    except OSError:
        return False
    ours = not hasattr(os, "getuid") or state.st_uid == os.getuid()
    return ours and not state.st_mode & stat.S_IWOTH and os.access(folder, os.W_OK | os.X_OK)


def cache_folder() -> Path | None:
    """Where kernels are kept: $NUMBA_CACHE_DIR, the user's cache, a temporary folder, or nowhere: None."""
    if named := os.environ.get("NUMBA_CACHE_DIR"):
        return Path(named)
    name = f"native-{_sources()}"
    homes = [os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")]
    user = os.getuid() if hasattr(os, "getuid") else 0
    choices = [Path(home) / "linksim" / name for home in homes if os.path.isabs(home)]
    choices.append(Path(tempfile.gettempdir()) / f"linksim-{user}" / name)
    return next((folder for folder in choices if _usable(folder.parent) and _usable(folder)), None)


def inlined(function: Callable[..., Any]) -> Any:
    """A part of kernels, written into each as if it stood there: quickest to compile where used once."""
    return numba.njit(inline="always", **_OPTIONS)(function)


def shared(function: Callable[..., Any]) -> Any:
    """A part of kernels that they call, or that LLVM writes into them: compiled once for all its uses."""
    return numba.njit(**_OPTIONS)(function)


_OPTIONS = {"nogil": True, "boundscheck": False, "error_model": "numpy"}
_CACHE = cache_folder()


def compiled(function: Callable[..., Any]) -> Any:
    """The function compiled when it is first called, or taken from the cache, to run without the lock."""
    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(_CACHE or "")
    try:
        return numba.njit(cache=_CACHE is not None, **_OPTIONS)(function)
    finally:
        numba.config.CACHE_DIR = before
