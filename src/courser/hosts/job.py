"""A call made in a worker thread, as something to wait for."""

from __future__ import annotations

from collections.abc import Callable

from ..core.waiter import FOREVER, Host, Interrupted, Waiter
from ..hints import TYPE_CHECKING, Generic, TypeVar
from .threads import workers

if TYPE_CHECKING:
    from typing import Any

__all__ = ["Job", "call_in_thread"]

T = TypeVar("T")


class Job(Waiter, Generic[T]):
    """The result of a function that runs in a worker thread.

    Args:
        deliver: completes this waiter from the worker's thread.
    """

    __slots__ = ("_args", "_deliver", "_function", "finished", "result")

    result: T

    def __init__(self, deliver: Callable[[Waiter], None], function: Callable[..., T], args: tuple[Any, ...]) -> None:
        super().__init__()
        self._deliver = deliver
        self._function = function
        self._args = args
        self.finished = False

    def run(self) -> None:
        """Call the function; the worker's part."""
        try:
            self.result = self._function(*self._args)
        except BaseException as error:
            self.error = error
        self.finished = True
        self._deliver(self)


async def call_in_thread(host: Host, function: Callable[..., T], args: tuple[Any, ...], deadline: float) -> T:
    """Call a function in a worker thread and wait for it until a deadline.

    Raises:
        Interrupted: the deadline came first.
    """
    job = Job(host.deliver, function, args)
    job.deadline = deadline
    if deadline < FOREVER:
        host.arm(job)
    workers.submit(job.run)
    await host.wait(job)
    if not job.finished:
        raise Interrupted
    if job.error is not None:
        raise job.take_error()
    return job.result
