"""Many requests side by side from one thread of plain synchronous code."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from .hosts.group import GroupHost, Task
from .settings import is_whole
from .values.request import Request

if TYPE_CHECKING:
    from .core.place import Place
    from .session import Session
    from .settings import RequestOptions
    from .values.response import Response
    from .values.url import URL

__all__ = ["run_map"]


def run_map(
    session: Session,
    place: Place,
    requests: Iterable[str | URL | Request],
    concurrency: int,
    ordered: bool,
    return_exceptions: bool,
    options: RequestOptions,
) -> Iterator[Any]:
    """Send requests, at most so many at once, and give their responses.

    At most twice as many as may be under way are ahead of the one that is given next, so that a slow first response
    does not let the others pile up in memory.
    """
    if not is_whole(concurrency) or concurrency < 1:
        raise ValueError(f"concurrency is a number of requests above 0, not {concurrency!r}")
    if isinstance(requests, str | bytes) or not hasattr(requests, "__iter__"):
        raise TypeError(f"map() takes an iterable of URLs or requests, not one {type(requests).__name__}")
    return _run(session, place, iter(requests), concurrency, ordered, return_exceptions, options)


class _Group:
    """The requests under way, by their place in the order."""

    def __init__(
        self, session: Session, place: Place, source: Iterator[str | URL | Request], options: RequestOptions
    ) -> None:
        self._session = session
        self._source = source
        self._options = options
        self._host = GroupHost()
        self._place = place.under(self._host)
        self._numbers: dict[Task[Any], int] = {}
        self._started = 0
        self.exhausted = False

    @property
    def under_way(self) -> int:
        return len(self._numbers)

    def start(self, count: int) -> None:
        """Take the next requests and begin with them."""
        taken = list(islice(self._source, count))
        self.exhausted = len(taken) < count
        for each in taken:
            self._numbers[self._host.start(self._perform(each))] = self._started
            self._started += 1

    async def _perform(self, each: str | URL | Request) -> Response:
        session = self._session
        if isinstance(each, Request):
            return await session.send(self._place, each, session.how(each, self._options))
        return await session.perform(self._place, "GET", each, self._options)

    def wait(self) -> list[tuple[int, Task[Any]]]:
        """Go on until something has ended, if anything does in this round."""
        return [(self._numbers.pop(task), task) for task in self._host.run_once()]

    def close(self) -> None:
        """Give up what is under way."""
        for task in list(self._numbers):
            task.cancel()
        self._numbers.clear()
        self._host.close()


def _run(
    session: Session,
    place: Place,
    source: Iterator[str | URL | Request],
    concurrency: int,
    ordered: bool,
    return_exceptions: bool,
    options: RequestOptions,
) -> Iterator[Any]:
    group = _Group(session, place, source, options)
    place.pool.reserved.append(concurrency)
    ended: dict[int, Task[Any]] = {}
    following = 0
    try:
        while True:
            room = concurrency - group.under_way
            if ordered:
                room = min(room, 2 * concurrency - group.under_way - len(ended))
            if room > 0 and not group.exhausted:
                group.start(room)
            if not group.under_way:
                return
            ended.update(group.wait())
            while ended and (not ordered or following in ended):
                task = ended.pop(following if ordered else next(iter(ended)))
                following += 1
                if task.error is not None and not return_exceptions:
                    raise task.error
                yield task.result if task.error is None else task.error
    finally:
        group.close()
        place.pool.reserved.remove(concurrency)
        place.pool.trim()
