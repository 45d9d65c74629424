"""Many requests side by side, in order or as they end, and never too many; in both colours."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing
from contextvars import ContextVar
from typing import Any
from weakref import ref

import pytest

from courser.errors import InvalidURL, NoAsyncHost, StatusError, StreamError
from courser.hosts.detect import host_of, running
from courser.hosts.inline import InlineHost
from courser.mapping import AsyncResponses, run_async_map, run_map
from courser.policies.flow import Event, Wait
from courser.session import Session
from courser.values.request import Request
from courser.values.response import Response

HERE = "http://a.example/"


class Path:
    """Answers with the number in the path; 4xx are statuses."""

    def send(self, request: Request, deadline: float, /) -> Response:
        number = int(request.url.path[1:])
        return Response(number if number >= 400 else 200, content=str(number).encode(), request=request)


class Gate:
    """Middleware that holds some requests until it is opened, and notes what comes and goes."""

    def __init__(self, *held: int) -> None:
        self.held = [f"/{number}" for number in held]
        self.event = Event()
        self.begun: list[str] = []
        self.under_way = 0
        self.most = 0

    def __call__(self, request: Request) -> Any:
        self.begun.append(request.url.path)
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            if request.url.path in self.held:
                yield Wait(self.event)
            answer = yield request
            return answer
        finally:
            self.under_way -= 1


class Opener:
    """Middleware that opens a gate when a request passes."""

    def __init__(self, gate: Gate, number: int) -> None:
        self.gate = gate
        self.path = f"/{number}"

    def __call__(self, request: Request) -> Any:
        answer = yield request
        if request.url.path == self.path:
            self.gate.event.set()
        return answer


def urls(*numbers: int) -> list[str]:
    return [f"{HERE}{number}" for number in numbers]


def bodies(responses: list[Any]) -> list[int]:
    return [int(response.content) for response in responses]


def mapped(requests: Any, concurrency: int = 100, ordered: bool = True, wanted: bool = False, **options: Any) -> Any:
    client = {name: options.pop(name) for name in ("middleware", "transport") if name in options}
    session = Session(**{"transport": Path(), **client})  # type: ignore[arg-type]
    place = session.place(InlineHost())
    return run_map(session, place, requests, concurrency, ordered, wanted, options)  # type: ignore[arg-type]


def async_mapped(
    requests: Any, concurrency: int = 100, ordered: bool = True, wanted: bool = False, **options: Any
) -> AsyncResponses[Any]:
    client = {name: options.pop(name) for name in ("middleware", "transport") if name in options}
    session = Session(**{"transport": Path(), **client})  # type: ignore[arg-type]
    places: dict[Any, Any] = {}

    def here() -> Any:
        loop = running()
        return places.setdefault(loop, session.place(host_of(loop)))

    return run_async_map(session, here, requests, concurrency, ordered, wanted, options)  # type: ignore[arg-type]


class Asyncio:
    """What the tests want of asyncio."""

    cancelled: type[BaseException] = asyncio.CancelledError

    def run(self, main: Callable[[], Awaitable[Any]]) -> Any:
        async def whole() -> Any:
            host_of(running())
            result = await main()
            await asyncio.sleep(0)
            assert asyncio.all_tasks() == {asyncio.current_task()}
            return result

        return asyncio.run(whole())

    async def breathe(self) -> None:
        for _ in range(20):
            await asyncio.sleep(0)

    async def give_up_after(self, breaths: int, procedure: Callable[[], Awaitable[None]]) -> None:
        task = asyncio.ensure_future(procedure())
        for _ in range(breaths):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    def task(self) -> object:
        return asyncio.current_task()


class Trio:
    """What the tests want of trio."""

    def __init__(self) -> None:
        self.trio = pytest.importorskip("trio")
        self.cancelled: type[BaseException] = self.trio.Cancelled

    def run(self, main: Callable[[], Awaitable[Any]]) -> Any:
        lowlevel = self.trio.lowlevel

        async def whole() -> Any:
            host_of(running())
            await lowlevel.checkpoint()
            before = lowlevel.current_statistics().tasks_living
            result = await main()
            await lowlevel.checkpoint()
            assert lowlevel.current_statistics().tasks_living == before
            return result

        return self.trio.run(whole)

    async def breathe(self) -> None:
        for _ in range(20):
            await self.trio.lowlevel.checkpoint()

    async def give_up_after(self, breaths: int, procedure: Callable[[], Awaitable[None]]) -> None:
        async with self.trio.open_nursery() as nursery:
            nursery.start_soon(procedure)
            for _ in range(breaths):
                await self.trio.lowlevel.checkpoint()
            nursery.cancel_scope.cancel()

    def task(self) -> object:
        return self.trio.lowlevel.current_task()


Loop = Asyncio | Trio


@pytest.fixture(params=[Asyncio, Trio])
def loop(request: pytest.FixtureRequest) -> Loop:
    made: Loop = request.param()
    return made


Collect = Callable[..., list[Any]]


def collect_sync(requests: Any, *settings: Any, **options: Any) -> list[Any]:
    return list(mapped(requests, *settings, **options))


def collect_async(loop: Loop) -> Collect:
    def collect(requests: Any, *settings: Any, **options: Any) -> list[Any]:
        async def main() -> list[Any]:
            return [each async for each in async_mapped(requests, *settings, **options)]

        result: list[Any] = loop.run(main)
        return result

    return collect


@pytest.fixture(params=["sync", "asyncio", "trio", "asyncio, async source", "trio, async source"])
def collect(request: pytest.FixtureRequest) -> Collect:
    """Maps requests and gives all responses."""
    where, _, fed = request.param.partition(", ")
    if where == "sync":
        return collect_sync
    inner = collect_async(Asyncio() if where == "asyncio" else Trio())
    if not fed:
        return inner

    async def feed(requests: Any) -> AsyncIterator[Any]:
        for each in requests:
            yield each

    return lambda requests, *settings, **options: inner(feed(requests), *settings, **options)


# Both colours


@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize("concurrency", [1, 2, 7, 100])
def test_every_request_is_answered_once(collect: Collect, ordered: bool, concurrency: int) -> None:
    numbers = bodies(collect(urls(*range(50)), concurrency, ordered))

    assert (numbers if ordered else sorted(numbers)) == list(range(50))


def test_nothing_is_asked_for_nothing(collect: Collect) -> None:
    assert collect([]) == []


def test_requests_and_options_go_together(collect: Collect) -> None:
    (response,) = collect([Request("PUT", HERE + "1")], timeout=5)
    assert response.request.method == "PUT"
    with pytest.raises(StatusError):
        collect(urls(404), raise_for_status=True)
    with pytest.raises(TypeError, match="send\\(\\) takes no headers"):
        collect([Request("PUT", HERE + "1")], headers={})


def test_an_error_may_be_given_in_its_place(collect: Collect) -> None:
    first, second, third = collect([*urls(1), "nonsense", 5], wanted=True)
    assert (first.content, type(second), type(third)) == (b"1", InvalidURL, TypeError)


def test_there_are_never_more_under_way_than_allowed(collect: Collect) -> None:
    gate = Gate(0, 5, 6, 12)
    opener = Opener(gate, 7)
    assert bodies(collect(urls(*range(20)), 5, middleware=[opener, gate])) == list(range(20))
    assert gate.most <= 5


def test_a_slow_first_one_does_not_let_the_others_pile_up(collect: Collect) -> None:
    """With room for three, five others may end before the first."""
    gate = Gate(0)
    assert bodies(collect(urls(*range(100)), 3, middleware=[Opener(gate, 5), gate])) == list(range(100))

    stuck = Gate(0)
    with pytest.raises(TimeoutError):
        collect(urls(*range(100)), 3, middleware=[stuck], timeout=0.01)
    assert stuck.begun[-1] == "/5"


def test_who_ends_first_is_given_first(collect: Collect) -> None:
    gate = Gate(0)
    middleware = [Opener(gate, 3), gate]
    given = bodies(collect(urls(0, 1, 2, 3), ordered=False, middleware=middleware))
    assert sorted(given) == [0, 1, 2, 3]
    assert given.index(3) < given.index(0)


def test_an_error_of_the_source_comes_after_what_it_gave(collect: Collect) -> None:
    seen: list[str] = []

    def source() -> Iterator[str]:
        yield from urls(1, 2)
        raise KeyError("source")

    def note(request: Request) -> Any:
        answer = yield request
        seen.append(request.url.path)
        return answer

    with pytest.raises(KeyError, match="source"):
        collect(source(), wanted=True, middleware=[note])
    assert sorted(seen) == ["/1", "/2"]


@pytest.mark.parametrize("make", [mapped, async_mapped])
@pytest.mark.parametrize("concurrency", [0, -1, 1.5, "5", True, None])
def test_concurrency_is_a_number_of_requests(make: Callable[..., Any], concurrency: Any) -> None:
    with pytest.raises(ValueError, match="concurrency is a number of requests above 0"):
        make([], concurrency)


@pytest.mark.parametrize("make", [mapped, async_mapped])
@pytest.mark.parametrize("requests", [HERE, b"x", 5, None, Request("GET", HERE)])
def test_one_request_is_not_many(make: Callable[..., Any], requests: Any) -> None:
    with pytest.raises(TypeError, match=r"map\(\) takes an iterable of URLs or requests, not one \w+"):
        make(requests)


# Sync


def test_an_error_is_raised_in_its_place() -> None:
    responses = mapped([*urls(1), "nonsense", *urls(2)])
    assert int(next(responses).content) == 1
    with pytest.raises(InvalidURL):
        next(responses)
    with pytest.raises(StopIteration):
        next(responses)


def test_requests_are_taken_as_they_are_needed() -> None:
    taken: list[int] = []

    def source() -> Iterator[str]:
        for number in range(100):
            taken.append(number)
            yield f"{HERE}{number}"

    responses = mapped(source(), concurrency=3)
    assert taken == []
    assert int(next(responses).content) == 0
    assert len(taken) <= 6
    responses.close()
    assert len(taken) <= 6


def test_who_stops_early_gives_up_the_rest() -> None:
    gate = Gate(1, 2)
    responses = mapped(urls(0, 1, 2), middleware=[gate])
    next(responses)
    assert gate.under_way == 2
    responses.close()
    assert gate.under_way == 0


@pytest.mark.parametrize("where", ["source", "middleware"])
def test_what_strikes_from_outside_ends_it_all(where: str) -> None:
    gate = Gate(0)

    def strike(request: Request) -> Any:
        if request.url.path == "/2":
            raise KeyboardInterrupt
        answer = yield request
        return answer

    def source() -> Iterator[str]:
        yield from urls(0, 1)
        if where == "source":
            raise KeyboardInterrupt
        yield from urls(2)

    with pytest.raises(KeyboardInterrupt):
        list(mapped(source(), middleware=[gate, strike]))
    assert gate.under_way == 0


# Async


def test_an_async_error_is_raised_in_its_place(loop: Loop) -> None:
    async def main() -> None:
        gate = Gate(2)
        responses = async_mapped([*urls(1), "nonsense", *urls(2)], middleware=[gate])
        assert int((await anext(responses)).content) == 1
        with pytest.raises(InvalidURL):
            await anext(responses)
        assert gate.under_way == 0
        for _ in range(2):
            with pytest.raises(StopAsyncIteration):
                await anext(responses)
        await responses.aclose()

    loop.run(main)


def test_requests_go_on_while_the_caller_is_busy_but_not_far(loop: Loop) -> None:
    async def main() -> None:
        gate = Gate()
        responses = async_mapped(urls(*range(100)), 3, middleware=[gate])
        assert gate.begun == []
        for number in range(5):
            await anext(responses)
            await loop.breathe()
            assert len(gate.begun) == 7 + number
        await responses.aclose()
        assert len(gate.begun) == 11

    loop.run(main)


def test_an_async_source_is_read_as_far_as_needed(loop: Loop) -> None:
    taken: list[int] = []
    closed: list[object] = []

    async def source() -> AsyncGenerator[str, None]:
        reader = loop.task()
        try:
            for number in range(100):
                taken.append(number)
                yield f"{HERE}{number}"
                await loop.breathe()
        finally:
            assert loop.task() is reader
            closed.append(reader)

    async def main() -> None:
        responses = async_mapped(source(), 3)
        for number in range(10):
            assert int((await anext(responses)).content) == number
        for _ in range(20):
            await loop.breathe()
        assert len(taken) == 16
        assert closed == []
        await responses.aclose()
        assert len(closed) == 1

    loop.run(main)


class Slow:
    """An async iterator that is no generator, and gives something now and then."""

    def __init__(self, loop: Loop, most: int) -> None:
        self.loop = loop
        self.most = most
        self.given = 0

    def __aiter__(self) -> Slow:
        return self

    async def __anext__(self) -> str:
        await self.loop.breathe()
        if self.given == self.most:
            raise StopAsyncIteration
        self.given += 1
        return f"{HERE}{self.given}"


def test_a_slow_source_is_waited_for(loop: Loop) -> None:
    async def main() -> list[Any]:
        return [each async for each in async_mapped(Slow(loop, 5), 3)]

    assert bodies(loop.run(main)) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("how", ["close", "0", "1", "2", "3", "30"])
def test_nothing_goes_on_when_the_caller_stops(loop: Loop, how: str) -> None:
    gate = Gate(1, 2, 3)

    async def main() -> None:
        responses = async_mapped(urls(0, 1, 2, 3), middleware=[gate])

        async def consume() -> None:
            async for _ in responses:
                pass

        if how == "close":
            async with aclosing(responses):
                async for _ in responses:
                    assert gate.under_way == 3
                    break
        else:
            await loop.give_up_after(int(how), consume)
        assert gate.under_way == 0

    loop.run(main)


def test_who_lets_it_go_gives_up_the_rest(loop: Loop) -> None:
    """Also from another thread, or unread."""
    gate = Gate(1, 2)

    async def main() -> None:
        async for _ in async_mapped(urls(0, 1, 2), middleware=[gate]):
            break
        await loop.breathe()
        assert gate.under_way == 0

        kept = [async_mapped(urls(0, 1, 2), middleware=[gate]), async_mapped(urls(0))]
        await anext(kept[0])
        assert gate.under_way == 2
        thread = threading.Thread(target=kept.clear)
        thread.start()
        thread.join()
        gc.collect()
        await loop.breathe()
        assert gate.under_way == 0

    loop.run(main)


def test_closing_waits_for_what_takes_its_time(loop: Loop) -> None:
    """Even if whoever closes it is cancelled meanwhile."""
    ended: list[bool] = []

    class Stubborn:
        async def send(self, request: Request, deadline: float, /) -> Response:
            try:
                while True:
                    await loop.breathe()
            finally:
                if isinstance(loop, Trio):
                    with loop.trio.CancelScope(shield=True):
                        await loop.breathe()
                else:
                    await loop.breathe()
                ended.append(True)

    async def main() -> None:
        responses = async_mapped(urls(0, 1), transport=Stubborn())

        async def consume() -> None:
            try:
                await anext(responses)
            finally:
                assert ended == [True, True]

        await loop.give_up_after(40, consume)
        assert ended == [True, True]

    loop.run(main)


def test_a_user_finds_a_task_and_a_context_of_his_own(loop: Loop) -> None:
    variable: ContextVar[str] = ContextVar("variable")
    tasks: list[object] = []

    class Curious:
        async def send(self, request: Request, deadline: float, /) -> Response:
            task = loop.task()
            tasks.append(task)
            await loop.breathe()
            assert loop.task() is task
            return Response(200, content=variable.get().encode())

    async def main() -> None:
        variable.set("mine")
        responses = [each async for each in async_mapped(urls(0, 1), transport=Curious())]
        assert [each.content for each in responses] == [b"mine", b"mine"]
        assert len({*tasks, loop.task()}) == 3

    loop.run(main)


class Grave(BaseException):
    """No error that one could go on after."""


@pytest.mark.parametrize("where", ["middleware", "source"])
def test_what_is_no_mere_error_reaches_the_caller(loop: Loop, where: str) -> None:
    def strike(request: Request) -> Any:
        if where == "middleware" and request.url.path == "/1":
            raise Grave
        answer = yield request
        return answer

    async def source() -> AsyncIterator[str]:
        yield HERE + "0"
        yield HERE + "1"
        if where == "source":
            raise Grave

    async def main() -> None:
        responses = async_mapped(source(), wanted=True, middleware=[strike])
        await anext(responses)
        if where == "source":
            await anext(responses)
        with pytest.raises(Grave):
            await anext(responses)

    loop.run(main)


def test_only_one_task_may_wait(loop: Loop) -> None:
    async def main() -> None:
        responses = async_mapped(urls(0), middleware=[Gate(0)])

        async def consume() -> None:
            await anext(responses)

        async def meddle() -> None:
            for call in (responses.__anext__, responses.aclose):
                with pytest.raises(StreamError, match="another task is waiting"):
                    await call()

        async def both() -> None:
            if isinstance(loop, Trio):
                async with loop.trio.open_nursery() as nursery:
                    nursery.start_soon(consume)
                    await loop.breathe()
                    await meddle()
                    nursery.cancel_scope.cancel()
            else:
                task = asyncio.ensure_future(consume())
                await loop.breathe()
                await meddle()
                task.cancel()
                await asyncio.wait([task])

        await both()

    loop.run(main)


def test_what_was_never_begun_may_be_closed(loop: Loop) -> None:
    async def main() -> None:
        responses = async_mapped(urls(0))
        assert aiter(responses) is responses
        await responses.aclose()
        with pytest.raises(StopAsyncIteration):
            await anext(responses)

    loop.run(main)


def test_it_stays_in_its_loop(loop: Loop) -> None:
    async def main() -> None:
        responses = async_mapped(urls(0, 1))
        await anext(responses)

        async def elsewhere() -> None:
            for call in (responses.__anext__, responses.aclose):
                with pytest.raises(StreamError, match="another event loop"):
                    await call()

        thread = threading.Thread(target=asyncio.run, args=[elsewhere()])
        thread.start()
        thread.join()
        assert int((await anext(responses)).content) == 1

    loop.run(main)


def test_it_wants_a_loop() -> None:
    responses = async_mapped(urls(0))
    with pytest.raises(NoAsyncHost):
        responses.__anext__().send(None)


class Broken(Exception):
    """What a source raises."""


@pytest.mark.parametrize("fed", [False, True])
def test_errors_do_not_live_on_in_their_own_frames(loop: Loop, fed: bool) -> None:
    async def broken() -> AsyncIterator[Any]:
        if not fed:
            yield "nonsense"
        raise Broken

    async def main() -> None:
        gc.collect()
        gc.disable()
        try:
            try:
                await anext(async_mapped(broken()))
            except (InvalidURL, Broken) as error:
                kind, memory = type(error), ref(error)
            await loop.breathe()
            assert (kind, memory()) == (Broken if fed else InvalidURL, None)
        finally:
            gc.enable()

    loop.run(main)
