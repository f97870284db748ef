"""Files that are whole or not there, and one run at a time in a folder."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from linksim.errors import LinksimError

LOCK = ".lock"
PARTIAL = ".partial"
BROKEN = ".broken"

_REMEDIES = {
    errno.ENOSPC: "make room and run again: what is done stays",
    errno.EDQUOT: "make room and run again: what is done stays",
    errno.EACCES: "choose another folder with --out",
    errno.EPERM: "choose another folder with --out",
    errno.EROFS: "choose another folder with --out",
    errno.EEXIST: "a file stands where a folder should be: choose another with --out",
    errno.ENOTDIR: "a file stands where a folder should be: choose another with --out",
}


@contextmanager
def told(path: Path) -> Iterator[None]:
    """What the disk refuses, as one line that names the folder or file."""
    try:
        yield
    except OSError as error:
        remedy = _REMEDIES.get(error.errno or 0, "choose another folder with --out, or mend this one")
        raise LinksimError(path, "must be writable", error.strerror or str(error), remedy) from error


def write(path: Path, content: bytes) -> None:
    """The file with the content, or as it was before: temporary, fsync, rename, fsync of the folder."""
    with told(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}{PARTIAL}")
        try:
            with partial.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
        except OSError:
            partial.unlink(missing_ok=True)
            raise
        _sync(path.parent)


def set_aside(path: Path) -> Path:
    """Rename a file that cannot be read to a name that nothing looks for, and tell it."""
    aside = path.with_name(f"{path.name}{BROKEN}")
    with told(path):
        path.replace(aside)
    return aside


def remove(path: Path) -> None:
    """Take a file away, if it is there."""
    with told(path):
        path.unlink(missing_ok=True)


def _sync(folder: Path) -> None:
    """Make a rename in the folder last; systems that cannot open a folder do not need it."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def remove_partials(folder: Path) -> None:
    """Take away what a killed run left unfinished, where a run writes. Only the holder of the lock may."""
    with told(folder):
        for place in ("", "rows/", "figures/", "pictures/*/"):
            for path in folder.glob(f"{place}.*{PARTIAL}"):
                path.unlink(missing_ok=True)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder for this process, made if need be; LinksimError while another holds it.

    The operating system drops the lock with the process that holds it, however that ends: none is ever stale.
    """
    with told(folder):
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / LOCK).open("a+b")
    with file:
        with told(folder):
            held = _lock(file.fileno())
        if not held:
            file.seek(0)
            holder = file.read().decode(errors="replace").strip() or "another process"
            raise LinksimError(folder, "must not be in use", holder, "wait for it, or choose another --out")
        with told(folder):
            file.truncate(0)
            file.write(f"process {os.getpid()} on {_host()}".encode())
            file.flush()
        yield


def _host() -> str:
    import platform

    return platform.node() or "this machine"


if os.name == "nt":
    import msvcrt

    def _lock(handle: int) -> bool:
        """Whether this process now holds the file: a byte far behind its text."""
        try:
            os.lseek(handle, 1 << 20, os.SEEK_SET)
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _lock(handle: int) -> bool:
        """Whether this process now holds the file."""
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
