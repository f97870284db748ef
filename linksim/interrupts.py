"""Ctrl-C once lets a long task finish what it has in hand, twice stops it at once; SIGTERM likewise."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)
TOLD = "Finishing the units in hand; Ctrl-C again stops at once."


def to_stderr(line: str) -> None:
    """A line of its own on standard error, also where the terminal has just shown ^C."""
    sys.stderr.write(("\n" if sys.stderr.isatty() else "") + line + "\n")
    sys.stderr.flush()


class Interrupted(KeyboardInterrupt):
    """A signal ended the task. exit_code: 128 + the signal, 130 for Ctrl-C and 143 for SIGTERM."""

    def __init__(self, exit_code: int) -> None:
        super().__init__()
        self.exit_code = exit_code


class Interrupts:
    """While it is open, the first SIGINT or SIGTERM sets `asked`, the second raises Interrupted.

    The task that it guards looks at `asked` between its steps. Handlers are put back at the end; a signal
    that was ignored, as behind nohup, stays ignored. Only a main thread can hold signals: opened in another,
    it changes nothing, and `asked` stays False.
    """

    def __init__(self, tell: Callable[[str], None] = to_stderr) -> None:
        self.asked = False
        self._tell = tell
        self._signal = signal.SIGINT
        self._before: dict[signal.Signals, Any] = {}

    @property
    def exit_code(self) -> int:
        """128 + the signal that came first: 130 for Ctrl-C, 143 for SIGTERM."""
        return 128 + self._signal

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is threading.main_thread():
            heard = [each for each in SIGNALS if signal.getsignal(each) not in (signal.SIG_IGN, None)]
            self._before = {each: signal.signal(each, self._take) for each in heard}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for each, handler in self._before.items():
            signal.signal(each, handler)

    def _take(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            raise Interrupted(self.exit_code)
        self.asked, self._signal = True, signal.Signals(number)
        self._tell(TOLD)
