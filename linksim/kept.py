"""Values that are kept while there is room: those used last, by how many bytes they take."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field
from threading import Lock
from typing import Generic, TypeVar

Value = TypeVar("Value")


@dataclass
class Kept(Generic[Value]):
    """At most so many bytes of values; the one used longest ago gives way first.

    >>> kept = Kept(most=10)
    >>> for name in "abc":
    ...     kept.put(name, name.upper(), n_bytes=5)
    >>> kept.put("d", "D", n_bytes=11)
    >>> kept.get("a"), kept.get("b"), kept.get("d"), kept.n_bytes
    (None, 'B', None, 10)
    """

    most: int
    n_bytes: int = 0
    _values: OrderedDict[Hashable, tuple[Value, int]] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock, repr=False, compare=False)

    def get(self, key: Hashable) -> Value | None:
        """The value, used just now; None where there is none."""
        with self._lock:
            if key not in self._values:
                return None
            self._values.move_to_end(key)
            return self._values[key][0]

    def put(self, key: Hashable, value: Value, n_bytes: int) -> None:
        """Keep a value, and let others go for it; one that takes more than there is is not kept."""
        with self._lock:
            self.n_bytes -= self._values.pop(key)[1] if key in self._values else 0
            if n_bytes > self.most:
                return
            self.n_bytes += n_bytes
            self._values[key] = value, n_bytes
            while self.n_bytes > self.most:
                self.n_bytes -= self._values.popitem(last=False)[1][1]
