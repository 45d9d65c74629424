"""An exception from outside, at any line of the library: what a KeyboardInterrupt or a test runner's alarm may do.

And a cancellation, at any await.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
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


class Struck(BaseException):
    """Comes between any two steps."""


class Strikes:
    """Counts the suspensions of what it awaits, and does something at one of them.

    Args:
        awaited: what to await.
        at: the number of the suspension.
        strike: what to do then.
    """

    def __init__(self, awaited: Awaitable[Any], at: int, strike: Callable[[], None]) -> None:
        self._awaited = awaited
        self._at = at
        self._strike = strike
        self.count = 0

    def __await__(self) -> Iterator[Any]:
        steps = self._awaited.__await__()
        send: Any = None
        error: BaseException | None = None
        while True:
            try:
                wanted = steps.send(send) if error is None else steps.throw(error)  # type: ignore[attr-defined]
            except StopIteration as stop:
                return stop.value
            self.count += 1
            if self.count == self._at:
                self._strike()
            send = error = None
            try:
                send = yield wanted
            except BaseException as raised:
                error = raised


async def struck_asyncio(call: Awaitable[Any], at: int) -> bool:
    """Run a call, cancelled at a suspension; gives whether there was that many."""
    task: asyncio.Task[Any]
    strikes = Strikes(call, at, lambda: asyncio.get_running_loop().call_soon(task.cancel))

    async def run() -> None:
        await strikes

    task = asyncio.ensure_future(run())
    with suppress(asyncio.CancelledError):
        await task
    return strikes.count >= at


async def struck_trio(call: Awaitable[Any], at: int) -> bool:
    """The same in trio."""
    import trio

    with trio.CancelScope() as scope:
        strikes = Strikes(call, at, scope.cancel)
        await strikes
    return strikes.count >= at
