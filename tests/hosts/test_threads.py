"""Worker threads: they come with the work, and go without."""

from __future__ import annotations

import threading

import pytest

from courser.hosts import threads as module
from courser.hosts.threads import Workers


def test_work_is_done_in_a_daemon_thread() -> None:
    workers = Workers()
    seen: list[threading.Thread] = []
    done = threading.Event()
    workers.submit(lambda: (seen.append(threading.current_thread()), done.set()))  # type: ignore[func-returns-value]

    assert done.wait(10)
    assert seen[0].daemon
    assert seen[0] is not threading.current_thread()


def test_an_idle_thread_takes_the_next_job() -> None:
    workers = Workers()
    seen: list[int] = []
    for _ in range(5):
        done = threading.Event()
        workers.submit(lambda done=done: (seen.append(threading.get_ident()), done.set()))  # type: ignore[misc]
        assert done.wait(10)
        while not workers._idle:
            pass

    assert len(set(seen)) == 1
    assert workers._count == 1


def test_no_more_threads_than_allowed() -> None:
    workers = Workers(most=2)
    gate = threading.Event()
    left = threading.Semaphore(0)

    def job() -> None:
        gate.wait(10)
        left.release()

    for _ in range(6):
        workers.submit(job)
    assert workers._count == 2
    gate.set()
    for _ in range(6):
        assert left.acquire(timeout=10)


def test_threads_without_work_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "IDLE_SECONDS", 0.005)
    workers = Workers()
    seen: list[threading.Thread] = []
    workers.submit(lambda: seen.append(threading.current_thread()))
    while not seen:
        pass
    seen[0].join(10)

    assert not seen[0].is_alive()
    assert workers._count == workers._idle == 0
    done = threading.Event()
    workers.submit(done.set)
    assert done.wait(10)


def test_a_thread_that_cannot_be_started_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    workers = Workers(most=1)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(RuntimeError):
            workers.submit(lambda: None)
    done = threading.Event()
    workers.submit(done.set)

    assert done.wait(10)


def test_a_child_process_has_no_threads() -> None:
    workers = Workers()
    done = threading.Event()
    workers.submit(done.set)
    assert done.wait(10)
    workers.forget()

    assert workers._count == workers._idle == 0


def test_a_job_for_which_no_thread_can_be_started_waits_for_another(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    workers = Workers()
    gate, done = threading.Event(), threading.Event()
    workers.submit(lambda: gate.wait(10))
    while workers._jobs or workers._idle:
        pass
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        workers.submit(done.set)
    gate.set()

    assert done.wait(10)
