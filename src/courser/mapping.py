"""Many requests side by side, in both colours.

Workers do it: procedures that send one request after another, as many of them as requests may be under way. Under the
sync client they run in a group (hosts/group.py) whenever the caller asks for the next response, under the async one in
tasks of their own (hosts/crew.py). What they share is a course: where requests come from, and where responses go.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Coroutine, Iterable, Iterator

from .core.reserve import Reservation, Reserve
from .core.waiter import Waiter
from .errors import StreamError
from .hints import TYPE_CHECKING, TypeVar, cast
from .hosts.crew import Crew
from .hosts.group import GroupHost
from .settings import RequestOptions, is_whole
from .values.request import Request

if TYPE_CHECKING:
    from typing import Any, Final, Self, TypeAlias

    from .core.place import Place
    from .core.waiter import Host, TaskHost
    from .session import Session
    from .values.url import URL

__all__ = ["AsyncResponses", "run_async_map", "run_map"]

T = TypeVar("T")

Each: TypeAlias = "str | URL | Request"

NOTHING: Final[Any] = object()


class Course:
    """The requests of one call, and what has come of them.

    At most twice as many as may be under way are ahead of the one that is given next, so that a slow first response, or
    a slow caller, does not let the others pile up in memory.

    Args:
        session: sends.
        source: gives the requests.
        concurrency: how many may be under way.
        ordered: whether responses are given in the order of the requests.
        return_exceptions: whether errors are given instead of raised.
        options: for all requests.

    Attributes:
        active: how many workers there are.
        begun: how many requests were begun.
        given: how many responses were given.
        exhausted: whether the source has no more requests.
        failure: what the source raised.
        news: done when there may be something to give.
    """

    def __init__(
        self,
        session: Session,
        source: Iterator[Each],
        concurrency: int,
        ordered: bool,
        return_exceptions: bool,
        options: RequestOptions,
    ) -> None:
        self._session = session
        self._source = source
        self._ordered = ordered
        self._return_exceptions = return_exceptions
        self._options = options
        self._ended: dict[int, Any] = {}
        self._endings = 0
        self._place: Place
        self._start: Callable[[Coroutine[Any, Any, None]], object]
        self.concurrency = concurrency
        self.ahead = 2 * concurrency
        self.active = 0
        self.begun = 0
        self.given = 0
        self.exhausted = False
        self.failure: BaseException | None = None
        self.news = Waiter()

    def begin(self, place: Place, start: Callable[[Coroutine[Any, Any, None]], object]) -> None:
        """Say where requests are sent, and what runs a worker."""
        self._place = place
        self._start = start

    def fill(self) -> None:
        """Have as many workers as there is work for."""
        while self.active < self.concurrency and (following := self.following()) is not None:
            self.active += 1
            self._start(self._work(*following))

    def following(self) -> tuple[int, Each] | None:
        """The number of the next request, and the request; None where none may be begun now."""
        if self.exhausted or self.begun - self.given >= self.ahead:
            return None
        try:
            each = next(self._source)
        except StopIteration:
            self.exhausted = True
            return None
        except Exception as error:
            self.exhausted, self.failure = True, error
            return None
        return self._numbered(each)

    def _numbered(self, each: Each) -> tuple[int, Each]:
        number = self.begun
        self.begun = number + 1
        return number, each

    async def _work(self, number: int, each: Each) -> None:
        session, place, options = self._session, self._place, self._options
        try:
            while True:
                try:
                    if isinstance(each, Request):
                        self._note(number, await session.send(place, each, session.how(each, options)))
                    else:
                        self._note(number, await session.perform(place, "GET", each, options))
                except Exception as error:
                    self._note(number, error)
                except BaseException as error:
                    # Whoever waits for this very response must hear of it, whatever else becomes of the error.
                    self._note(number, error)
                    raise
                following = self.following()
                if following is None:
                    return
                number, each = following
        finally:
            self.active -= 1
            if not self.active:
                self.news.complete()

    def _note(self, number: int, outcome: object) -> None:
        if not self._ordered:
            number = self._endings
            self._endings = number + 1
        self._ended[number] = outcome
        if number == self.given:
            self.news.complete()

    def take(self) -> Any:
        """What is to be given next, NOTHING while it is not there; errors are raised unless they are wanted."""
        outcome = self._ended.pop(self.given, NOTHING)
        if outcome is not NOTHING:
            self.given += 1
            if isinstance(outcome, BaseException) and not (self._return_exceptions and isinstance(outcome, Exception)):
                try:
                    raise outcome
                finally:
                    del outcome  # else the error would refer to itself, by this frame
        return outcome

    def conclude(self) -> None:
        """All responses have been given: raise what the source has raised after the last request."""
        failure, self.failure = self.failure, None
        if failure is not None:
            try:
                raise failure
            finally:
                del failure

    def stop(self) -> None:
        """Begin with nothing more, and give nothing more."""
        self.exhausted = True
        self._ended.clear()


class FedCourse(Course):
    """A course whose requests come from an async iterable.

    One procedure alone reads it: an async generator may hold what belongs to its task.
    """

    def __init__(self, session: Session, *settings: Any) -> None:
        super().__init__(session, iter(()), *settings)
        self._queue: deque[Each] = deque()
        self._room = Waiter()

    def following(self) -> tuple[int, Each] | None:
        return self._numbered(self._queue.popleft()) if self._queue else None

    def fill(self) -> None:
        super().fill()
        self._room.complete()

    def stop(self) -> None:
        super().stop()
        self._queue.clear()

    async def feed(self, source: AsyncIterator[Each], host: Host) -> None:
        """Take requests from the source as they are needed, and some ahead."""
        try:
            try:
                async for each in source:
                    self._queue.append(each)
                    self.fill()
                    while self.begun + len(self._queue) - self.given >= self.ahead:
                        self._room.done = False
                        await host.wait(self._room)
            finally:
                if isinstance(source, AsyncGenerator):
                    await cast("AsyncGenerator[Each, None]", source).aclose()
        except Exception as error:
            self.failure = error
        except BaseException as error:
            self.failure = error
            raise
        finally:
            self.exhausted = True
            self.news.complete()


def run_map(
    session: Session,
    place: Place,
    requests: Iterable[Each],
    concurrency: int,
    ordered: bool,
    return_exceptions: bool,
    options: RequestOptions,
) -> Iterator[Any]:
    """Send requests, at most so many at once, and give their responses."""
    _check(requests, concurrency, hasattr(requests, "__iter__"))
    return _run(Course(session, iter(requests), concurrency, ordered, return_exceptions, options), place)


def _check(requests: object, concurrency: int, is_iterable: bool) -> None:
    if not is_whole(concurrency) or concurrency < 1:
        raise ValueError(f"concurrency is a number of requests above 0, not {concurrency!r}")
    if isinstance(requests, str | bytes) or not is_iterable:
        raise TypeError(f"map() takes an iterable of URLs or requests, not one {type(requests).__name__}")


def _run(course: Course, place: Place) -> Iterator[Any]:
    host = GroupHost()
    reserve = Reserve(place.pool, course.concurrency)
    course.begin(place.under(host, reserve), host.start)
    try:
        while True:
            course.fill()
            # A request that goes out at once has its connection by now; the others are for whoever else wants them.
            reserve.lay_back()
            before = course.given
            while (outcome := course.take()) is not NOTHING:
                yield outcome
            if course.given == before:
                if not course.active:
                    break
                host.run_once()
        course.conclude()
    finally:
        host.cancel()
        reserve.release()
        host.close()


def run_async_map(
    session: Session,
    here: Callable[[], Place],
    requests: Iterable[Each] | AsyncIterable[Each],
    concurrency: int,
    ordered: bool,
    return_exceptions: bool,
    options: RequestOptions,
) -> AsyncResponses[Any]:
    """Send requests, at most so many at once, and give their responses to async code.

    Args:
        here: gives the place in the running loop; called when the first response is asked for.
    """
    is_async = hasattr(requests, "__aiter__")
    _check(requests, concurrency, is_async or hasattr(requests, "__iter__"))
    settings = concurrency, ordered, return_exceptions, options
    if is_async:
        feeds = aiter(cast("AsyncIterable[Each]", requests))
        return AsyncResponses(FedCourse(session, *settings), here, feeds)
    source = iter(cast("Iterable[Each]", requests))
    return AsyncResponses(Course(session, source, *settings), here, None)


class AsyncResponses(AsyncIterator[T]):
    """What `AsyncClient.map` and `as_completed` give: iterate over it with `async for`.

    Whoever stops early and wants to be sure that nothing is under way any more closes it (contextlib.aclosing). It is
    no async generator: one that is left half-way wants closing, of trio with a warning, of asyncio with a task.
    """

    __slots__ = ("__weakref__", "_course", "_crew", "_feeds", "_here", "_over", "_place", "_waiting")

    def __init__(self, course: Course, here: Callable[[], Place], feeds: AsyncIterator[Each] | None) -> None:
        self._crew: Crew | None = None
        self._course = course
        self._here = here
        self._feeds = feeds
        self._place: Place
        self._over = False
        self._waiting = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        self._enter()
        try:
            if self._over:
                raise StopAsyncIteration
            if self._crew is None:
                self._begin()
            course = self._course
            while True:
                outcome = course.take()
                if outcome is not NOTHING:
                    course.fill()
                    return cast("T", outcome)
                if course.exhausted and not course.active:
                    course.conclude()
                    raise StopAsyncIteration
                course.news.done = False
                await self._place.host.wait(course.news)
        except BaseException:
            await self._dismiss()
            raise
        finally:
            self._waiting = False

    def _enter(self) -> None:
        if self._waiting:
            raise StreamError(detail="another task is waiting for the next response already")
        if self._crew is not None and self._here() is not self._place:
            raise StreamError(detail="another event loop runs here", hint="read responses where they were asked for")
        self._waiting = True

    def _begin(self) -> None:
        self._place = place = self._here()
        course = self._course
        reservation = Reservation(place.pool, course.concurrency)
        self._crew = crew = Crew(cast("TaskHost", place.host), reservation.release)
        course.begin(place, crew.start)
        if self._feeds is not None:
            crew.start(cast("FedCourse", course).feed(self._feeds, place.host))
        course.fill()

    async def _dismiss(self) -> None:
        self._over = True
        self._course.stop()
        if self._crew is not None:
            self._crew.dismiss()
            await self._crew.gone()

    async def aclose(self) -> None:
        """Give up what is under way, and come back when it has ended; may be called again."""
        self._enter()
        try:
            await self._dismiss()
        finally:
            self._waiting = False

    def __del__(self) -> None:
        if self._crew is not None:
            self._crew.abandon()
