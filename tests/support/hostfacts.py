"""What holds for the host of every event loop: each fact is an `async def` of a host, to be run in its loop."""

from __future__ import annotations

import threading
from time import monotonic
from typing import Any

import pytest

from courser.core.waiter import Interrupted, Waiter


async def a_deadline_wakes_who_waits(host: Any) -> None:
    late = Waiter()
    late.deadline = monotonic() + 100
    host.arm(late)
    for _ in range(2):
        waiter = Waiter()
        waiter.deadline = monotonic() + 0.005
        host.arm(waiter)
        host.arm(waiter)
        await host.wait(waiter)
        await host.wait(waiter)
        assert waiter.done
        await host.checkpoint()
    assert not late.done


async def another_thread_completes_a_waiter(host: Any) -> None:
    waiter = Waiter()
    thread = threading.Thread(target=host.deliver, args=[waiter])
    thread.start()
    await host.wait(waiter)
    thread.join()
    other = Waiter()
    host.deliver(other)
    assert other.done


async def a_call_runs_in_a_thread(host: Any) -> None:
    assert await host.call(threading.get_ident) != threading.get_ident()
    release = threading.Event()
    with pytest.raises(Interrupted):
        await host.call(release.wait, 10, deadline=monotonic() + 0.005)
    release.set()
    with host.lock():
        pass


async def a_connection_is_adopted_once(host: Any) -> None:
    connection = Connection()
    host.adopt(connection)
    host.adopt(connection)
    assert (connection.reactor, connection.joined) == (host.reactor, 1)


class Connection:
    reactor: Any = None
    joined = 0

    def join(self, reactor: Any) -> None:
        self.reactor = reactor
        self.joined += 1


async def what_comes_first_is_given(host: Any) -> None:
    async def ready() -> int:
        await host.checkpoint()
        return 5

    until = Waiter()
    assert await host.pull(ready(), until) == 5
    assert until.future is None


FACTS = [
    a_deadline_wakes_who_waits,
    another_thread_completes_a_waiter,
    a_call_runs_in_a_thread,
    a_connection_is_adopted_once,
    what_comes_first_is_given,
]
