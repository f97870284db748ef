"""The command `linksim`, from outside the package: where it cannot be imported, one line says why."""

import os
import sys


def main() -> None:
    """Run the command; exit code 2 where linksim cannot be imported, as for every mistake of its user."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # see ONE of linksim/work/threads.py
    try:
        from linksim.cli import main as command
    except ImportError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)
    except KeyboardInterrupt:
        sys.stderr.write("Stopped.\n")
        sys.exit(130)
    command()
