"""Who computes tasks. A crew is handed tasks and hands back what became of each of them, once each."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Protocol, Self

from linksim.work.compute import Done, Task, compute


@dataclass(frozen=True, kw_only=True)
class Lost:
    """The worker that had the task is gone, and why; the task may be handed in again."""

    task: Task
    reason: str


@dataclass(frozen=True, kw_only=True)
class Failed:
    """The task raised: a LinksimError is its user's to mend, anything else a bug."""

    task: Task
    error: Exception


Result = Done | Lost | Failed


class Crew(Protocol):
    """size: tasks that are computed at a time; reach: how many it wants in hand, to choose among them. As a
    context it is closed at its end, at once on an error.
    """

    @property
    def size(self) -> int: ...

    @property
    def reach(self) -> int: ...

    def submit(self, task: Task) -> None:
        """Take the task; LinksimError where the crew is gone for good. A task's worker may still be lost."""
        ...

    def wait(self, timeout: float | None = None) -> Sequence[Result]:
        """What came back, at least one result, in any order; none only after `timeout` seconds, or where no
        task is in hand.
        """
        ...

    def recall(self) -> Sequence[Task]:
        """Take back the tasks that no worker is known to have begun; nothing will come of them."""
        ...

    def close(self, now: bool = False) -> None:
        """Let the workers go: after what they have in hand, or at once. A second call does nothing."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


@dataclass
class SerialCrew:
    """This process: one task at each wait, whatever the timeout."""

    size: int = 1
    reach: int = 1
    _tasks: deque[Task] = field(default_factory=deque, repr=False)

    def submit(self, task: Task) -> None:
        """Take the task."""
        self._tasks.append(task)

    def wait(self, timeout: float | None = None) -> Sequence[Result]:
        """The oldest task, computed now."""
        if not self._tasks:
            return []
        task = self._tasks.popleft()
        try:
            return [compute(task)]
        except Exception as error:
            return [Failed(task=task, error=error)]

    def recall(self) -> Sequence[Task]:
        """All that was not computed."""
        tasks = [*self._tasks]
        self._tasks.clear()
        return tasks

    def close(self, now: bool = False) -> None:
        """Forget what was not computed."""
        self._tasks.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(now=error is not None)
