"""What a user can mend: where, the rule, what was got, and the remedy, in one line."""

from pathlib import Path
from typing import Any


class LinksimError(Exception):
    """A mistake that its user can mend. The command ends with this one line and exit code 2.

    >>> str(LinksimError("links.air.channel.k_factor", "must be >= 0", -3, "it is linear, not in dB"))
    'links.air.channel.k_factor: must be >= 0, got -3; it is linear, not in dB'
    """

    def __init__(self, where: str | Path, rule: str, got: object = None, remedy: str | None = None) -> None:
        self.where, self.rule, self.got, self.remedy = str(where), rule, got, remedy
        text = f"{where}: {rule}"
        text += "" if got is None else f", got {got!r}"
        text += "" if remedy is None else f"; {remedy}"
        super().__init__(" ".join(text.split()))

    def __reduce__(self) -> tuple[Any, ...]:
        """As another process reads it: the text is made already."""
        return Exception.__new__, (type(self), *self.args), self.__dict__


class ScenarioError(LinksimError):
    """A mistake in a scenario: `where` names the file and line, or the option, and the dotted field."""


class MissingTool(LinksimError):
    """A tool that a scenario asks for is not installed: names the package that brings it."""
