"""What connections have in common that threads share, whatever they carry.

They are entered under a lock that knows its owner, and an exception from outside may strike whoever has entered, in the
middle. Nobody can say then what was done and what not: so who enters leaves a mark, and takes it away at the end.
"""

from __future__ import annotations

from ..hints import TYPE_CHECKING
from .connection import Connection

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["ThreadShared"]


class ThreadShared(Connection):
    """Goes before the class of the connection among the bases.

    Attributes:
        source: what turns it for all threads.
    """

    __slots__ = ()

    source: Any
    _lock: Any
    _owns: Callable[[], bool]

    def be_shared(self, source: Any, lock: Any) -> None:
        """Say what turns it for all threads, and what they enter under: a lock that knows its owner."""
        self.source = source
        self._lock = lock
        self._owns = getattr(lock, "_is_owned")  # noqa: B009 - it has no public name

    def _clear_up(self, error: BaseException) -> None:
        """See to it that nobody waits for what was on its way; an exception from outside does not strike twice."""
        try:
            try:
                if not self._owns():  # it may have struck on the way out of the `with`
                    self._lock.acquire()
                if self.broken:
                    self.fail(error)  # though it may be closed: not everybody may have been told
                    self.source.wake_all()
            finally:
                self._open_up()
        finally:
            # The error may have been one of ours, and the first from outside may have struck in the line above.
            self._open_up()

    def _open_up(self) -> None:
        """Let go of the lock, if this thread has it."""
        try:
            while self._owns():
                self._lock.release()
        except RuntimeError:
            pass  # in a forked child all may enter, and nobody has it

    def _want(self, interest: int) -> None:
        super()._want(interest)
        self.source.look_again()

    def forget(self) -> None:
        # Whoever had the lock is not in the child.
        self._owns = lambda: True
        super().forget()
