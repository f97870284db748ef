"""Code files of the user: read whole, but never a device, a folder, or more than some megabytes."""

from pathlib import Path

MOST_BYTES = 16 << 20
"""Largest file that is read."""


def read_text(path: str) -> str:
    """A regular file's text; ValueError where there is none, too much, or no UTF-8."""
    remedy = "give an alist, JSON or CSV file"
    try:
        file = Path(path).expanduser()
        if not file.is_file():
            raise ValueError(f"path: must be a file, got {path!r}; {remedy}")
        if file.stat().st_size > MOST_BYTES:
            raise ValueError(f"path: must be of at most {MOST_BYTES >> 20} MiB, got {path!r}; shorten it")
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"path: must be a text file, got {path!r}; {remedy}") from error
    except (OSError, RuntimeError) as error:
        raise ValueError(f"path: must be readable, got {path!r} ({error}); {remedy}") from error
