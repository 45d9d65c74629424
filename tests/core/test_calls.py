"""Calls of policies: made where they may block, awaited where they have to be."""

from __future__ import annotations

import asyncio
import threading
from functools import partial
from time import monotonic
from typing import Any

import pytest

from courser.core.calls import is_async, make_call
from courser.core.waiter import Interrupted
from courser.hosts.aio import AioHost, current_host
from courser.hosts.inline import InlineHost, run_inline
from courser.policies.flow import Call


async def later(value: int) -> int:
    return value


class Methods:
    async def later(self) -> int:
        return threading.get_ident()

    def now(self) -> int:
        return threading.get_ident()

    def __call__(self) -> int:
        return threading.get_ident()


@pytest.mark.parametrize(
    ("function", "answer"),
    [
        (later, True),
        (Methods().later, True),
        (partial(partial(later, 1)), True),
        (Methods().now, False),
        (Methods(), False),
        (len, False),
        (lambda: later(1), False),
    ],
)
def test_what_does_nothing_but_give_something_to_await(function: Any, answer: bool) -> None:
    assert is_async(function) == answer


def test_in_plain_code_a_call_is_a_call() -> None:
    assert run_inline(make_call(Call(threading.get_ident), InlineHost())) == threading.get_ident()
    assert run_inline(make_call(Call(later, 5), InlineHost())) == 5
    assert run_inline(make_call(Call(lambda: later(5)), InlineHost(), monotonic() + 5)) == 5


def in_loop(*calls: Call, seconds: float = 5.0) -> list[Any]:
    async def main() -> list[Any]:
        host: AioHost = current_host(asyncio.get_running_loop())
        return [await make_call(call, host, monotonic() + seconds) for call in calls]

    return asyncio.run(main())


def test_in_a_loop_a_thread_makes_it_unless_it_is_async() -> None:
    here = threading.get_ident()

    blocking, quick, both = in_loop(Call(Methods().now), Call(Methods().later), Call(lambda: later(5)))

    assert (blocking != here, quick == here, both) == (True, True, 5)


def test_it_has_to_be_over_in_time() -> None:
    with pytest.raises(Interrupted):
        in_loop(Call(asyncio.sleep, 5), seconds=0.01)
