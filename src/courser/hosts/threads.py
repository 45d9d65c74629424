"""A few daemon threads for what has no non-blocking form: name resolution, files, a user's plain functions."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from ..core.fork import remember
from ..hints import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Final

__all__ = ["Workers", "workers"]

IDLE_SECONDS: Final = 10.0


class Workers:
    """Threads that come when there is work and go when there was none for a while.

    Args:
        most: how many at once.
    """

    def __init__(self, most: int = 16) -> None:
        self._most = most
        self.forget()
        remember(self)

    def forget(self) -> None:
        """Start anew with no threads and no work, as a forked child has to."""
        self._ready = threading.Condition(threading.Lock())
        self._jobs: deque[Callable[[], None]] = deque()
        self._idle = 0
        self._count = 0

    def submit(self, job: Callable[[], None]) -> None:
        """Have a job done; it must not raise."""
        with self._ready:
            self._jobs.append(job)
            if self._idle >= len(self._jobs) or self._count >= self._most:
                self._ready.notify()
                return
            self._count += 1
        try:
            threading.Thread(target=self._work, name="courser-worker", daemon=True).start()
        except RuntimeError:  # the system has no more threads to give
            with self._ready:
                self._count -= 1
                if self._count:
                    return  # those that there are will come to it
                self._jobs.remove(job)
            raise

    def _work(self) -> None:
        ready = self._ready
        while True:
            with ready:
                self._idle += 1
                while not self._jobs:
                    if not ready.wait(IDLE_SECONDS) and not self._jobs:
                        self._idle -= 1
                        self._count -= 1
                        return
                self._idle -= 1
                job = self._jobs.popleft()
            job()
            del job


workers: Final = Workers()
