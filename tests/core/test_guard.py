"""Guards: locks that open whatever strikes."""

from __future__ import annotations

import ctypes
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from types import FrameType

import pytest

from courser.core.guard import Guard, locked


class Strike(BaseException):
    pass


def taken(lock: threading.Lock) -> Guard:
    guard = Guard(lock)
    guard.take(True)
    return guard


def test_a_guard_frees_its_lock_when_it_is_forgotten() -> None:
    lock = threading.Lock()
    guard, other = taken(lock), Guard(lock)
    other.take(False)
    assert guard.held
    assert not other.held
    del guard, other

    assert lock.acquire(False)


def test_to_free_it_twice_is_once() -> None:
    lock = threading.Lock()
    guard = taken(lock)
    guard.free()
    assert not guard.held
    assert lock.acquire(False)
    guard.free()

    assert lock.locked()


def test_what_is_decided_is_decided_under_the_lock() -> None:
    lock = threading.Lock()
    seen: list[bool] = []
    assert locked(lock, lambda: seen.append(lock.locked()))

    assert seen == [True]
    assert not lock.locked()


def test_who_is_not_patient_decides_nothing_while_another_does() -> None:
    lock = threading.Lock()
    with lock:
        assert not locked(lock, lambda: pytest.fail("decided"), patient=False)


def test_what_strikes_while_the_lock_is_waited_for_decides_nothing() -> None:
    class Awaited:
        def acquire(self, patient: bool) -> bool:
            raise Strike

    with pytest.raises(Strike):
        locked(Awaited(), lambda: pytest.fail("decided"))


def test_what_the_decision_raises_comes_out_and_the_lock_opens() -> None:
    lock = threading.Lock()

    def decide() -> None:
        assert lock.locked()
        raise Strike

    with pytest.raises(Strike):
        locked(lock, decide)
    assert not lock.locked()


def struck(lock: threading.Lock, at: int) -> bool:
    """Strike at one line event within; tell whether there was one."""
    lines = [0]

    def trace(frame: FrameType, event: str, argument: object) -> Callable[..., object] | None:
        at_work: FrameType | None = frame
        while at_work is not None:
            if at_work.f_code is Guard.__del__.__code__:
                return None  # what is raised there is lost, and the interpreter says so
            at_work = at_work.f_back
        if event == "line":
            lines[0] += 1
            if lines[0] == at:
                raise Strike
        return trace

    before = sys.gettrace()
    try:
        sys.settrace(trace)
        try:
            locked(lock, lambda: None)
        finally:
            sys.settrace(before)
    except Strike as strike:
        kept = strike.__traceback__  # it holds the frames, and what is in them
        assert kept is not None
        assert not lock.locked()
        return True
    return False


@pytest.mark.usefixtures("no_collection")  # what is raised in a finalizer strikes nobody
def test_the_lock_opens_wherever_an_exception_strikes() -> None:
    lock = threading.Lock()
    strikes = 0
    while struck(lock, strikes + 1):
        strikes += 1

    assert strikes > 5
    assert not lock.locked()


def test_the_lock_opens_where_an_exception_strikes_behind_the_call_that_took_it() -> None:
    """The thread has waited for the lock, and is struck as soon as it has it."""
    raise_in = ctypes.pythonapi.PyThreadState_SetAsyncExc
    for _ in range(20):
        lock = threading.Lock()
        lock.acquire()
        waits = threading.Event()

        def wait(lock: threading.Lock = lock, waits: threading.Event = waits) -> None:
            with suppress(Strike):
                waits.set()
                locked(lock, lambda: None)

        thread = threading.Thread(target=wait, daemon=True)
        thread.start()
        assert waits.wait(30)
        raise_in(ctypes.c_ulong(thread.ident or 0), ctypes.py_object(Strike))
        lock.release()
        thread.join(30)
        assert not thread.is_alive()
        assert not lock.locked()
