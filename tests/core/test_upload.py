"""Uploads: who asks for the next piece, when, and how it ends."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from time import monotonic
from typing import Any

import pytest

from courser.core.deadline import Deadline
from courser.core.upload import TURN, Upload, end_pieces, next_piece
from courser.core.waiter import Interrupted, Waiter
from courser.errors import DeadlineExceeded, LocalProtocolError, WriteError
from courser.hosts.aio import AioHost, current_host
from courser.hosts.inline import InlineHost, run_inline
from courser.settings import Timeout


class Engine:
    def send_data(self, piece: bytes) -> tuple[bytes, ...]:
        if piece == b"too much":
            raise LocalProtocolError(detail="too much")
        return (b"<", piece, b">")

    def send_end(self) -> bytes:
        return self.last

    last = b"."


class Connection:
    label = "a:80"

    def __init__(self) -> None:
        self.engine = Engine()
        self.written: list[bytes] = []
        self.pending = False
        self.exchange: Exchange | None = None

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def fail(self, error: BaseException) -> None:
        assert self.exchange is not None
        self.exchange.error = error
        self.exchange.leave()


class Exchange:
    """What an upload needs of an exchange."""

    def __init__(self, timeout: Timeout | None = None) -> None:
        self.connection: Connection | None = Connection()
        self.limits = Deadline(timeout or Timeout(), False, monotonic())
        self.upload: Upload | None = None
        self.error: BaseException | None = None
        self.told: list[str] = []

    def send(self, pieces: Any) -> Upload:
        self.upload = upload = Upload(self, pieces)  # type: ignore[arg-type]
        if self.connection is not None:
            self.connection.exchange = self
        return upload

    def rearm(self, now: float) -> None:
        self.told.append("armed")

    def offered(self, size: int) -> None:
        self.told.append(f"offered {size}")

    def sent(self, now: float) -> None:
        self.told.append("sent")
        self.upload = None

    def leave(self) -> None:
        upload, self.upload = self.upload, None
        if upload is not None:
            upload.stop()

    @property
    def wire(self) -> bytes:
        assert self.connection is not None
        return b"".join(self.connection.written)


# A piece to the connection


@pytest.mark.parametrize("last", [b".", b""])
def test_pieces_are_framed_and_the_end_is_told(last: bytes) -> None:
    exchange = Exchange()
    assert exchange.connection is not None
    exchange.connection.engine.last = last
    upload = exchange.send(iter([]))
    upload.offer(b"abc")
    assert not upload.handed
    upload.offer(None)
    assert upload.handed

    assert exchange.wire == b"<abc>" + last
    assert exchange.told == ["sent"]


def test_who_follows_the_call_is_told_of_pieces() -> None:
    exchange = Exchange()
    exchange.limits.trace = object()  # type: ignore[assignment]
    upload = exchange.send(iter([]))
    upload.offer(b"abc")
    upload.offer(None)

    assert exchange.told == ["offered 3", "sent"]


def test_the_end_is_not_there_before_the_link_has_taken_it() -> None:
    exchange = Exchange()
    upload = exchange.send(iter([]))
    assert exchange.connection is not None
    exchange.connection.pending = True
    upload.offer(None)

    assert upload.handed
    assert exchange.told == []


def test_a_source_that_never_ends_ends_with_the_time() -> None:
    exchange = Exchange(Timeout(total=1e-9))
    with pytest.raises(DeadlineExceeded, match="a:80"):
        exchange.send(iter([])).offer(b"abc")


@pytest.mark.parametrize("kind", ["stopped", "left", "gone"])
def test_what_nobody_wants_is_not_sent(kind: str) -> None:
    exchange = Exchange()
    upload = exchange.send(iter([]))
    connection = exchange.connection
    assert connection is not None
    connection.pending = True
    if kind == "stopped":
        assert upload.stop()
    elif kind == "left":
        exchange.connection = None
    else:
        connection.exchange = None
        del exchange
        gc.collect()
    upload.offer(b"abc")
    if kind != "stopped":
        assert not upload.blocked(Waiter())
        upload.fail(WriteError())

    assert connection.written == []


def test_whoever_sends_is_told_to_wait_for_room() -> None:
    exchange = Exchange()
    upload = exchange.send(iter([]))
    waiter = Waiter()
    waiter.done = True
    assert not upload.blocked(waiter)
    assert upload.room is None
    assert exchange.connection is not None
    exchange.connection.pending = True
    assert upload.blocked(waiter)

    assert upload.room is waiter
    assert not waiter.done
    assert exchange.told == ["armed"]


def test_what_is_in_memory_needs_nobody() -> None:
    upload = Exchange().send(None)
    upload.start(InlineHost())

    assert upload.handed
    run_inline(upload.gone(InlineHost()))


# Sources


async def few() -> AsyncIterator[bytes]:
    yield b"a"
    yield b"b"


def test_both_kinds_of_sources_are_asked_alike() -> None:
    for pieces in (iter([b"a", b"b"]), few()):
        asked = [run_inline(next_piece(pieces, InlineHost(), Waiter())) for _ in range(3)]
        assert asked == [b"a", b"b", None]
        run_inline(end_pieces(pieces, InlineHost()))


class Slow:
    """A source that tells that it is slow."""

    def __init__(self) -> None:
        self.left = [b"a", b"b"]
        self.threads: list[int] = []
        self.slow = False

    def __iter__(self) -> Slow:
        return self

    def __next__(self) -> bytes:
        self.threads.append(threading.get_ident())
        self.slow = True
        if not self.left:
            raise StopIteration
        return self.left.pop(0)


def test_a_source_that_was_slow_is_asked_by_a_thread() -> None:
    async def body(host: AioHost) -> None:
        pieces = Slow()
        asked = [await next_piece(pieces, host, Waiter()) for _ in range(3)]
        assert asked == [b"a", b"b", None]
        here = threading.get_ident()
        assert [thread == here for thread in pieces.threads] == [True, False, False]

    in_loop(body)


def test_plain_code_asks_it_itself() -> None:
    pieces = Slow()
    assert [run_inline(next_piece(pieces, InlineHost(), Waiter())) for _ in range(3)] == [b"a", b"b", None]
    assert set(pieces.threads) == {threading.get_ident()}


# A task of its own


def in_loop(body: Callable[[AioHost], Coroutine[Any, Any, None]]) -> None:
    async def main() -> None:
        await body(current_host(asyncio.get_running_loop()))

    asyncio.run(main())


async def until(happened: Callable[[], Any]) -> None:
    for _ in range(100):
        if happened():
            return
        await asyncio.sleep(0)
    raise AssertionError("it did not happen")


@pytest.mark.parametrize("make", [lambda: iter([b"a", b"b"]), few])
def test_a_task_sends_all_of_it(make: Callable[[], Any]) -> None:
    async def body(host: AioHost) -> None:
        exchange = Exchange()
        upload = exchange.send(make())
        upload.start(host)
        await upload.gone(host)
        assert exchange.wire == b"<a><b>."
        assert exchange.told == ["sent"]

    in_loop(body)


def test_a_task_waits_for_room() -> None:
    async def body(host: AioHost) -> None:
        exchange = Exchange()
        connection = exchange.connection
        assert connection is not None
        connection.pending = True
        upload = exchange.send(iter([b"a"]))
        upload.start(host)
        await until(lambda: upload.room is not None)
        assert connection.written == []
        connection.pending = False
        room = upload.room
        assert room is not None
        room.complete()
        await upload.gone(host)
        assert exchange.wire == b"<a>."

    in_loop(body)


def test_a_source_that_never_waits_gives_way_now_and_then() -> None:
    def endless() -> Iterator[bytes]:
        while True:
            yield b"a"

    async def body(host: AioHost) -> None:
        exchange = Exchange()
        upload = exchange.send(endless())
        upload.start(host)
        began = monotonic()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert monotonic() - began >= TURN
        assert not upload.stop()
        await upload.gone(host)
        assert exchange.told == ["sent"]

    in_loop(body)


class Sleeper:
    """A source that sleeps after its first piece, and notes how it ended."""

    def __init__(self) -> None:
        self.asleep = self.closed = False

    async def run(self) -> AsyncIterator[bytes]:
        try:
            yield b"a"
            self.asleep = True
            await asyncio.sleep(100)
        finally:
            self.closed = True


@pytest.mark.parametrize("how", ["stopped", "left", "gone"])
def test_a_source_that_sleeps_is_woken_to_clean_up(how: str) -> None:
    async def body(host: AioHost) -> None:
        exchange = Exchange()
        source = Sleeper()
        exchange.send(source.run()).start(host)
        await until(lambda: source.asleep)
        upload = exchange.upload
        assert upload is not None
        if how == "stopped":
            upload.stop()
            await upload.gone(host)
            assert exchange.told == ["sent"]
        elif how == "left":
            exchange.leave()
            await upload.gone(host)
            assert exchange.told == []
        else:
            assert exchange.connection is not None
            exchange.connection.exchange = None
            del upload, exchange
            await until(lambda: source.closed)
        assert source.closed

    in_loop(body)


def test_the_piece_of_a_source_whose_upload_is_gone_is_dropped() -> None:
    """The piece comes in the very moment in which nobody wants it any more."""

    async def body(host: AioHost) -> None:
        exchange = Exchange()
        connection = exchange.connection
        assert connection is not None

        async def last() -> AsyncIterator[bytes]:
            nonlocal exchange
            connection.exchange = None
            del exchange
            yield b"a"

        exchange.send(last()).start(host)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert connection.written == []

    in_loop(body)


def broken() -> Iterator[bytes]:
    yield b"a"
    raise ZeroDivisionError


@pytest.mark.parametrize(
    ("make", "error"), [(broken, ZeroDivisionError), (lambda: iter([b"too much"]), LocalProtocolError)]
)
def test_what_fails_in_the_task_fails_the_exchange(make: Callable[[], Any], error: type[Exception]) -> None:
    async def body(host: AioHost) -> None:
        exchange = Exchange()
        upload = exchange.send(make())
        upload.start(host)
        await upload.gone(host)
        assert isinstance(exchange.error, error)

    in_loop(body)


def test_a_cleanup_that_fails_after_the_end_of_all_is_nobody_s_matter() -> None:
    async def body(host: AioHost) -> None:
        async def stubborn() -> AsyncIterator[bytes]:
            nonlocal exchange
            try:
                yield b"a"
                del exchange
                await asyncio.sleep(100)
            finally:
                raise ZeroDivisionError

        exchange = Exchange()
        connection = exchange.connection
        assert connection is not None
        upload = exchange.send(stubborn())
        upload.start(host)
        over = upload._over
        connection.exchange = None
        del upload
        await until(lambda: over.done)
        assert connection.written == [b"<", b"a", b">"]

    in_loop(body)


@pytest.mark.parametrize("begun", [True, False])
def test_a_task_that_is_cancelled_by_others_is_an_error(begun: bool) -> None:
    async def body(host: AioHost) -> None:
        exchange = Exchange()
        source = Sleeper()
        upload = exchange.send(source.run())
        upload.start(host)
        if begun:
            await until(lambda: source.asleep)
        cancel = upload._task
        assert cancel is not None
        cancel()
        await upload.gone(host)
        await asyncio.sleep(0)
        assert isinstance(exchange.error, WriteError)
        assert source.closed is begun

    in_loop(body)


def test_a_task_may_end_when_all_is_with_the_connection() -> None:
    async def body(host: AioHost) -> None:
        exchange = Exchange()
        upload = exchange.send(iter([]))
        upload.start(host)
        assert exchange.connection is not None
        exchange.connection.pending = True
        await until(lambda: upload.room is not None)
        upload.handed = True
        upload._bell.complete()
        await upload.gone(host)
        await asyncio.sleep(0)
        assert exchange.told == ["armed"]
        assert exchange.error is None

    in_loop(body)


def test_a_loop_that_is_closed_is_not_told() -> None:
    exchange = Exchange()
    upload = exchange.send(iter([]))

    def refuse(waiter: Waiter) -> None:
        raise RuntimeError("Event loop is closed")

    upload._task, upload._deliver = (lambda: None), refuse
    exchange.upload = None
    del upload
    gc.collect()


def test_an_interruption_says_that_nothing_more_is_wanted() -> None:
    async def body(host: AioHost) -> None:
        bell = Waiter()
        bell.done = True
        with pytest.raises(Interrupted):
            await next_piece(few(), host, bell)

    in_loop(body)


def test_what_another_thread_has_sent_meanwhile_blocks_nobody() -> None:
    class Sent(Connection):
        looks = 0

        @property
        def pending(self) -> bool:  # type: ignore[override]
            self.looks += 1
            return self.looks == 1

        @pending.setter
        def pending(self, pending: bool) -> None: ...

    exchange = Exchange()
    exchange.connection = Sent()
    upload = exchange.send(iter([]))
    waiter = Waiter()

    assert not upload.blocked(waiter)
    assert upload.room is None
    assert exchange.told == []
