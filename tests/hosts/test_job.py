"""Calls in worker threads, as something to wait for."""

from __future__ import annotations

import gc
import threading
from time import monotonic
from weakref import ref

import pytest

from courser.core.waiter import FOREVER, Interrupted
from courser.hosts.inline import InlineHost, run_inline
from courser.hosts.job import Job, call_in_thread
from courser.hosts.threads import workers

HOST = InlineHost()


def test_a_result_comes_back() -> None:
    assert run_inline(call_in_thread(HOST, divmod, (7, 2), FOREVER)) == (3, 1)


def test_a_result_comes_back_in_time() -> None:
    assert run_inline(call_in_thread(HOST, len, ("abc",), monotonic() + 30)) == 3


def test_what_is_raised_there_is_raised_here() -> None:
    with pytest.raises(ZeroDivisionError):
        run_inline(call_in_thread(HOST, divmod, (1, 0), FOREVER))


def test_what_is_raised_holds_nothing_of_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    class Argument:
        """What the frames of a traceback hold."""

        def __divmod__(self, other: int) -> None:
            raise ZeroDivisionError

    monkeypatch.setattr(workers, "submit", lambda work: work())  # a thread lets go in its own time
    argument = Argument()
    gone = ref(argument)
    gc.disable()
    try:
        with pytest.raises(ZeroDivisionError):
            run_inline(call_in_thread(HOST, divmod, (argument, 0), FOREVER))
        del argument
        assert gone() is None
    finally:
        gc.enable()


def test_a_result_that_comes_too_late_is_not_waited_for() -> None:
    release = threading.Event()
    with pytest.raises(Interrupted):
        run_inline(call_in_thread(HOST, release.wait, (10,), monotonic() + 0.005))
    release.set()


def test_a_job_delivers_itself() -> None:
    delivered: list[object] = []
    job = Job(delivered.append, int, ("5",))
    assert not job.finished
    job.run()

    assert job.finished
    assert job.result == 5
    assert delivered == [job]
