"""Bells: whoever rings lets go of the interpreter, nothing rung is lost, and their number is bounded."""

from __future__ import annotations

import gc
import os
import select
import sys
import threading
from time import monotonic
from typing import Any

import pytest
from faultserver import descriptors

from courser.core.waiter import Waiter
from courser.hosts import bell as module
from courser.hosts.bell import MOST, SHARE, Bell, Rings
from courser.hosts.inline import Latch

needs_epoll = pytest.mark.skipif(
    not (hasattr(select, "epoll") and hasattr(os, "eventfd")), reason="there are bells where there is epoll"
)


def made(rings: Rings) -> Bell:
    bell = rings.bell()
    assert isinstance(bell, Bell)
    return bell


@needs_epoll
def test_a_thread_wakes() -> None:
    bell = made(Rings())
    heard: list[bool] = []
    thread = threading.Thread(target=lambda: heard.append(bell.wait(30.0)), daemon=True)
    thread.start()
    bell.set_result(None)
    thread.join(30)

    assert heard == [True]


@needs_epoll
def test_who_listens_late_hears_it_once() -> None:
    bell = made(Rings())
    bell.set_result(None)
    bell.set_result(None)

    assert bell.wait(30.0)
    assert not bell.wait(0.0)
    bell.ring()
    assert bell.wait(30.0)


@needs_epoll
def test_nobody_rings() -> None:
    bell = made(Rings())
    began = monotonic()

    assert not bell.wait(0.01)
    assert monotonic() - began >= 0.009


@needs_epoll
def test_it_rings_for_one_waiter_after_the_other() -> None:
    bell = made(Rings())
    for _ in range(3):
        bell.is_open = False
        waiter = Waiter()
        waiter.future = bell
        assert not bell.wait(0.0)
        waiter.complete()
        assert bell.is_open
        assert bell.wait(30.0)


@needs_epoll
def test_one_that_was_rung_for_an_earlier_waiter_rings_again() -> None:
    bell = made(Rings())
    bell.set_result(None)
    assert bell.wait(30.0)
    assert not bell.done()
    waiter = Waiter()
    waiter.future = bell
    waiter.complete()

    assert bell.wait(30.0)


@needs_epoll
def test_who_serves_rings_afterwards() -> None:
    rings = Rings()
    rings.thread = threading.get_ident()
    bells = [made(rings) for _ in range(3)]
    for bell in bells:
        bell.set_result(None)
    assert [(bell.is_open, bell.wait(0.0)) for bell in bells] == [(True, False)] * 3

    rings.ring()

    assert [bell.wait(30.0) for bell in bells] == [True] * 3
    assert not rings.due


@needs_epoll
def test_who_polls_rings_at_once() -> None:
    """It completes something in a handler of a signal, or in a finalizer; nobody knows when the poll will end."""
    rings = Rings()
    rings.thread = threading.get_ident()
    rings.polling = True
    bell = made(rings)
    bell.set_result(None)

    assert bell.wait(0.0)
    assert not rings.due


@needs_epoll
def test_others_ring_at_once() -> None:
    rings = Rings()
    rings.thread = threading.get_ident()
    bell = made(rings)
    thread = threading.Thread(target=lambda: bell.set_result(None), daemon=True)
    thread.start()
    thread.join(30)

    assert bell.wait(0.0)
    assert not rings.due


@needs_epoll
def test_an_exception_as_they_ring_leaves_them_to_be_rung() -> None:
    rings = Rings()

    class Struck:
        strikes = True

        def ring(self) -> None:
            if self.strikes:
                self.strikes = False
                raise KeyboardInterrupt

    first, second = Struck(), made(rings)
    rings.due += [first, second]  # type: ignore[list-item]
    with pytest.raises(KeyboardInterrupt):
        rings.ring()
    assert not second.wait(0.0)
    rings.ring()

    assert not first.strikes
    assert second.wait(0.0)
    assert not rings.due


@needs_epoll
def test_what_rings_while_others_are_rung_is_rung_too() -> None:
    rings = Rings()
    rings.thread = threading.get_ident()
    bell = made(rings)

    class Causes:
        def ring(self) -> None:
            bell.set_result(None)

    rings.due.append(Causes())  # type: ignore[arg-type]
    rings.ring()

    assert bell.wait(0.0)


@needs_epoll
def test_descriptors_are_given_back() -> None:
    gc.collect()
    before = descriptors()
    rings = Rings()
    bells = [rings.bell() for _ in range(10)]
    assert len(descriptors()) == len(before) + 11, "one for each, and one that is always ready"
    del bells
    assert len(descriptors()) == len(before) + 1
    del rings

    assert descriptors() == before


@needs_epoll
def test_a_bell_outlives_its_rings() -> None:
    bell = made(Rings())
    gc.collect()
    bell.set_result(None)

    assert bell.wait(0.0)


@needs_epoll
def test_there_are_no_more_than_so_many() -> None:
    gc.collect()
    rings = Rings()
    left = MOST - len(module._made)
    bells = [rings.bell() for _ in range(left + 2)]
    assert [type(bell) for bell in bells] == [Bell] * left + [Latch] * 2
    del bells

    assert isinstance(rings.bell(), Bell)


@needs_epoll
def test_they_leave_most_descriptors_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    rings = Rings()
    number = made(rings).number
    monkeypatch.setattr(module, "_most_descriptors", lambda: number * SHARE)
    assert made(rings).number <= number
    monkeypatch.setattr(module, "_most_descriptors", lambda: number * SHARE - 1)

    latches = [rings.bell() for _ in range(number + 1)]
    assert isinstance(latches[-1], Latch)


@needs_epoll
@pytest.mark.parametrize("limited", [True, False])
def test_a_process_may_have_any_number_of_descriptors(monkeypatch: pytest.MonkeyPatch, limited: bool) -> None:
    import resource

    limit = 4096 if limited else resource.RLIM_INFINITY
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (limit, limit))

    assert module._most_descriptors.__wrapped__() == (4096 if limited else sys.maxsize)


@needs_epoll
def test_a_forked_child_has_none() -> None:
    gc.collect()
    before = descriptors()
    rings = Rings()
    bell = made(rings)
    counted = len(module._made)
    bell.forget()
    assert len(module._made) == counted - 1
    bell.set_result(None)
    assert not bell.wait(30.0)
    del rings

    assert descriptors() == before


def refuses(*args: Any) -> int:
    raise OSError(24, "Too many open files")


@needs_epoll
@pytest.mark.parametrize("name", ["os.eventfd", "select.epoll"])
def test_no_descriptor_is_left(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    gc.collect()
    before = descriptors()
    rings = Rings()
    with monkeypatch.context() as patch:
        patch.setattr(name, refuses)
        assert isinstance(rings.bell(), Latch)
    assert isinstance(rings.bell(), Bell)
    del rings

    assert descriptors() == before


@pytest.mark.parametrize("name", ["os.eventfd", "select.epoll"])
def test_no_epoll(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.delattr(name, raising=False)
    latch = Rings().bell()
    assert isinstance(latch, Latch)
    latch.set_result(None)

    assert latch.wait(0.0)
