"""What a task shows while it runs: on a terminal, in a log file, and to a machine."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest


def on_a_terminal(argv: list[str], cwd: Path, stdout: int | None = None) -> tuple[int, str]:
    """(exit code, what the terminal got) of the command; its standard output may go elsewhere."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "linksim", *argv],
        cwd=cwd,
        env=os.environ | {"TERM": "xterm", "COLUMNS": "100", "LINES": "30"},
        stdin=theirs,
        stdout=theirs if stdout is None else stdout,
        stderr=theirs,
    )
    os.close(theirs)
    seen = b""
    while True:
        try:
            piece = os.read(ours, 1 << 16)
        except OSError:  # Linux says so when the other end is closed
            break
        if not piece:
            break
        seen += piece
    os.close(ours)
    return process.wait(timeout=60), seen.decode()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such terminals")
def test_lines_that_go_to_a_file_do_not_go_to_the_terminal(tmp_path):
    with (tmp_path / "rows").open("w") as rows:
        words = ["ber", "--code", "uncoded", "--ebn0", "1", "--frames", "100", "--out", str(tmp_path / "ber")]
        code, seen = on_a_terminal(words, tmp_path, rows.fileno())
    assert code == 0, seen
    assert "Eb/N0" in (tmp_path / "rows").read_text()
    assert "Eb/N0" not in seen
