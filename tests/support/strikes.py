"""An exception from outside, at any line of the library: what a KeyboardInterrupt or a test runner's alarm may do."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import courser

LIBRARY = str(Path(courser.__file__).parent)


class Lines:
    """Raises at the n-th line within the library, in this thread.

    Args:
        at: n.
        kind: what to raise.
        counts: whether the line counts at which a frame stands.

    Attributes:
        where: the line; "" where there were fewer.
    """

    def __init__(
        self, at: int, kind: type[BaseException], counts: Callable[[FrameType], bool] = lambda frame: True
    ) -> None:
        self._left = at
        self._kind = kind
        self._counts = counts
        self.where = ""

    def __enter__(self) -> Lines:
        self._before = sys.gettrace()
        sys.settrace(self._call)
        return self

    def __exit__(self, *error: Any) -> None:
        sys.settrace(self._before)  # whoever measures coverage goes on

    def _call(self, frame: FrameType, event: str, argument: Any) -> Any:
        return self._line if frame.f_code.co_filename.startswith(LIBRARY) else None

    def _line(self, frame: FrameType, event: str, argument: Any) -> Any:
        if event == "line" and self._counts(frame):
            self._left -= 1
            if self._left == 0:
                sys.settrace(None)
                self.where = f"{frame.f_code.co_filename.removeprefix(LIBRARY)}:{frame.f_lineno}"
                raise self._kind
        return self._line
