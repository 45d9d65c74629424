"""Making the calls that policies ask for: what blocks in a worker thread, what has to be awaited by the host."""

from __future__ import annotations

from collections.abc import Awaitable

from ..hints import TYPE_CHECKING, cast
from .waiter import FOREVER, Waiter

if TYPE_CHECKING:
    from typing import Any, Final

    from ..policies.flow import Call
    from .waiter import Host

__all__ = ["is_async", "make_call"]

IS_COROUTINE: Final = 0x80
"""The flag of an `async def` (inspect.CO_COROUTINE), known without importing inspect."""


async def make_call(step: Call, host: Host, final: float = FOREVER) -> Any:
    """Make a call, and give what has come of it.

    Args:
        step: what to call.
        host: who waits.
        final: when it has to be over, on the monotonic clock; plain code cannot interrupt a function.

    Raises:
        Interrupted: it was not.
    """
    if host.blocking or is_async(step.function):
        result: object = step.function(*step.args)
    else:
        result = await host.call(step.function, *step.args, deadline=final)
    if not isinstance(result, Awaitable):
        return result
    limit = Waiter()
    limit.deadline = final
    if final < FOREVER:
        host.arm(limit)
    return await host.pull(cast("Awaitable[object]", result), limit)


def is_async(function: Any) -> bool:
    """Whether a call of a function does nothing but give something to await."""
    while hasattr(function, "func"):
        function = function.func  # functools.partial
    code = getattr(function, "__code__", None)
    return code is not None and bool(code.co_flags & IS_COROUTINE)
