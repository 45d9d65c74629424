"""What watches over tests that wait and connect: none hangs, none leaves a descriptor behind."""

from __future__ import annotations

import gc
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event
from types import FrameType

import pytest
from faultserver import descriptors

HANGS = 120.0
"""Seconds after which a test is taken to hang."""


def _refuse(number: int, frame: FrameType | None) -> None:
    raise AssertionError(f"the test hangs: nothing came of it in {HANGS} s")


@pytest.fixture(autouse=True)
def watchdog() -> Iterator[None]:
    """No test hangs, of those whose conftest imports this."""
    before = signal.signal(signal.SIGALRM, _refuse)
    signal.setitimer(signal.ITIMER_REAL, HANGS)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@contextmanager
def no_leak() -> Iterator[None]:
    """See that nothing is left open."""
    before = len(descriptors())
    yield
    for generation in range(3):  # what a test leaves is young, and to look through everything takes long
        if len(descriptors()) <= before:
            return
        gc.collect(generation)
    pause = Event()
    for _ in range(1000):  # a server in a thread of this process takes a moment to see that its client is gone
        if len(descriptors()) <= before:
            return
        pause.wait(0.01)
    raise AssertionError(f"more is open than the {before} descriptors before: {descriptors()}")
