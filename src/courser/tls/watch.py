"""Files that something was made of, and whether they have changed since.

Certificates are renewed while programs run, mostly by putting other files in the place of the old ones. Asking for
their marks takes a few microseconds for each file; reading them takes a thousand times as long.
"""

from __future__ import annotations

import os

from ..hints import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TypeAlias

    Mark: TypeAlias = "tuple[int, int, int, int] | None"

__all__ = ["Watch"]


class Watch:
    """Knows files as they were when it was made: make it before they are read, so that no change is missed.

    Args:
        paths: those of files, and of folders: these change as files come, go and are replaced in them.
    """

    __slots__ = ("_marks", "_paths")

    def __init__(self, paths: Iterable[str]) -> None:
        self._paths = tuple(paths)
        self._marks = self._look()

    @property
    def changed(self) -> bool:
        """Whether one of the files is another one now, or was written to."""
        return bool(self._paths) and self._look() != self._marks

    def _look(self) -> list[Mark]:
        return [_mark(path) for path in self._paths]


def _mark(path: str) -> Mark:
    """What tells a file from what was there before; None where there is nothing, or nothing to be seen."""
    try:
        facts = os.stat(path)
    except (OSError, ValueError):
        return None
    return facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns
