"""Which event loop is running here?"""

from __future__ import annotations

import asyncio
import sys

from ..core.waiter import Host
from ..errors import NoAsyncHost
from ..hints import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

__all__ = ["host_of", "is_over", "running", "running_loop"]

running_loop = asyncio._get_running_loop
"""What `running` gives where there is no trio, or None: without a frame, for each request asks."""


def running() -> Any:
    """What stands for the event loop that runs this code: asyncio's loop, or trio's token.

    Raises:
        NoAsyncHost: there is none.
    """
    trio = sys.modules.get("trio")
    if trio is not None and trio.lowlevel.in_trio_task():
        return trio.lowlevel.current_trio_token()
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        raise NoAsyncHost(hint="call this from a coroutine under asyncio or trio, or use courser.Client") from None


def host_of(loop: Any) -> Host:
    """The host of what `running` gave."""
    if isinstance(loop, asyncio.AbstractEventLoop):
        from .aio import current_host

        return current_host(loop)
    from .trio import current_host as current_trio_host

    return current_trio_host()


def is_over(loop: Any) -> bool:
    """Whether a loop that `running` gave once will not run again."""
    return isinstance(loop, asyncio.AbstractEventLoop) and loop.is_closed()
