"""A client in either colour whose streamed responses are written down: heads, pieces of body, errors."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any

import pytest
from worlds import InlineClient

from courser.client import AsyncClient, Client
from courser.core.reply import StaticReply
from courser.engines.events import END, ResponseHead
from courser.values.request import Request

HERE = "http://a.example/"
EVENTS = b"Content-Type: text/event-stream\r\n"


class Stream(StaticReply):
    """A reply whose pieces are written down; an error among them is raised, and what can be called is."""

    __slots__ = ("given_up", "pieces")

    def __init__(self, *pieces: Any, status: int = 200, fields: bytes = EVENTS, coding: bytes | None = None) -> None:
        head = ResponseHead(status, b"", b"1.1", fields, None, coding, True)
        super().__init__(head, b"", Request("GET", HERE), 1.0)
        self.end = None
        self.pieces = list(pieces)
        self.given_up = False

    async def piece(self, host: Any) -> bytes:
        if not self.pieces:
            self.end = END
            return b""
        piece = self.pieces.pop(0)
        if isinstance(piece, BaseException):
            raise piece
        if callable(piece):
            piece = await piece()
        return bytes(piece)

    def abort(self) -> None:
        self.given_up = self.end is None


class Played:
    """A client, and what it was asked for.

    Args:
        kind: its class.
        streams: the replies, one for each connection; an error is what connecting ends with.
        options: of the client.

    Attributes:
        client: under async names.
        asked: the requests, in their order.
        told: the options that each was sent with.
    """

    def __init__(self, kind: type[Any], streams: tuple[Any, ...], options: dict[str, Any]) -> None:
        made = kind(**options)
        self.client: Any = InlineClient(made) if kind is Client else made
        self.asked: list[Request] = []
        self.told: list[Any] = []
        self._streams = list(streams)
        self._session = made._session
        self._session.open_request = self._open

    async def _open(self, place: Any, request: Request, options: Any, *, endless: bool) -> Any:
        assert endless
        self.asked.append(request)
        self.told.append(options)
        stream = self._streams.pop(0)
        if isinstance(stream, BaseException):
            raise stream
        if not isinstance(stream, Stream):
            stream = await stream()
        stream.request = request
        body = request.body
        if body is not None:
            body.open()
        sending = self._session.sending(place, options, True)
        sending.deadline.to_head()
        return stream, sending

    @property
    def left(self) -> int:
        """How many streams were not asked for."""
        return len(self._streams)


Play = Callable[..., Played]


@pytest.fixture(params=[Client, AsyncClient])
def play(request: pytest.FixtureRequest) -> Play:
    """Makes a client of streams: `play(Stream(b"data: a\\n\\n"), ..., base_url=HERE)`."""
    return lambda *streams, **options: Played(request.param, streams, options)


def in_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Make a test of an `async def`: it is run in an event loop, whatever the colour."""

    @wraps(test)
    def run(*arguments: Any, **named: Any) -> None:
        asyncio.run(test(*arguments, **named))

    return run


async def read(events: Any, given: list[str] | None = None) -> list[str]:
    """The data of all events of a source; up to an error they can be had in a list of the caller's."""
    given = [] if given is None else given
    async with events:
        async for event in events:
            given.append(event.data)
    return given
