"""WebSockets (RFC 6455): one class per colour, the same names in both."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator, Mapping
from itertools import count

from .core.talk import NORMAL, Talk
from .core.waiter import UNBROKEN
from .engines.websocket import CloseCode
from .errors import ConnectionClosed, InvalidRequest, WebSocketError
from .hints import TYPE_CHECKING
from .hosts.inline import run_inline
from .values.codec import read_json

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any, Final, NoReturn, Self, TypeAlias

    from .core.waiter import Host
    from .engines.websocket.events import Frame
    from .values.response import Response

    Fragments: TypeAlias = "Iterable[str | bytes] | AsyncIterable[str | bytes]"

__all__ = ["AsyncWebSocket", "Joined", "WebSocket"]

CLOSE_TIMEOUT: Final = 10.0
"""Seconds that a peer has to answer a close frame."""

_pings = count(1)


class Joined:
    """What a handshake has brought.

    Args:
        talk: the WebSocket.
        host: who waits for it.
        response: the one that switched protocols.
        subprotocol: the one that was agreed on, None where there is none.
        loads: reads JSON; None is the standard library.
        dumps: writes it.
        wait: seconds for which a message is waited for, where nobody says otherwise; None is for ever.
        write: seconds that the peer has to take what is sent.
    """

    __slots__ = ("dumps", "host", "loads", "response", "subprotocol", "talk", "wait", "write")

    def __init__(
        self,
        talk: Talk,
        host: Host,
        response: Response,
        subprotocol: str | None,
        loads: Callable[..., Any] | None,
        dumps: Callable[[Any], str | bytes],
        wait: float | None,
        write: float | None,
    ) -> None:
        self.talk = talk
        self.host = host
        self.loads = loads
        self.response = response
        self.subprotocol = subprotocol
        self.dumps = dumps
        self.wait = wait
        self.write = write


class _Socket:
    """What both colours share."""

    __slots__ = ("_host", "_joined", "_talk")

    def __init__(self, joined: Joined) -> None:
        self._joined = joined
        self._talk = joined.talk
        self._host = joined.host

    @property
    def response(self) -> Response:
        """The response that switched protocols."""
        return self._joined.response

    @property
    def subprotocol(self) -> str | None:
        """The subprotocol that was agreed on; None where there is none."""
        return self._joined.subprotocol

    @property
    def closed(self) -> bool:
        """Whether it has come to its end."""
        return self._talk.closed is not None

    @property
    def close_code(self) -> int | None:
        """The code with which the peer has closed it, 1006 where the connection broke; None while it is open."""
        closed = self._talk.closed
        return None if closed is None else closed.code

    @property
    def close_reason(self) -> str | None:
        """The reason that came with the code; None while it is open."""
        closed = self._talk.closed
        return None if closed is None else closed.reason

    def __repr__(self) -> str:
        state = "open" if self._talk.closed is None else f"closed, {self._talk.closed.code}"
        return f"<{type(self).__name__} [{state}] {self.response.url.redacted()}>"

    # The procedures behind both

    async def _say(self, make: Callable[..., Frame], message: Any, compress: bool | None) -> None:
        talk, host, seconds = self._talk, self._host, self._joined.write
        await talk.send(host, seconds, make, message, compress)
        if host.blocking:
            await talk.settle(host, seconds)

    async def _say_pieces(self, fragments: Fragments, compress: bool | None) -> None:
        talk, host, seconds = self._talk, self._host, self._joined.write
        pieces = _Pieces(fragments, host.blocking)
        empty: str | bytes = b""
        try:
            await talk.speak(host, seconds, pieces)
            while (piece := await pieces.next()) is not None:
                await talk.utter(host, seconds, piece, last=False, compress=compress)
                empty = "" if isinstance(piece, str) else b""
                if talk.unbroken > UNBROKEN:
                    await talk.rest(host)
            await talk.utter(host, seconds, empty, last=True, compress=compress)
        finally:
            talk.spoken(pieces)
        if host.blocking:
            await talk.settle(host, seconds)

    def _refuse(self, message: str | bytes) -> NoReturn:
        """Say that it is of the other kind than was asked for, and keep it."""
        self._talk.put_back(message)
        came, wanted = ("text", "binary") if isinstance(message, str) else ("binary", "text")
        raise WebSocketError(
            detail=f"a {came} message has come where a {wanted} one was asked for", hint="receive() gives it, too"
        )

    def _loaded(self, message: str | bytes) -> Any:
        data = message.encode() if isinstance(message, str) else message
        return read_json(data, self._joined.loads, {}, "a message", self.response.request)

    def _dumped(self, value: Any) -> str:
        text = self._joined.dumps(value)
        return text if isinstance(text, str) else bytes(text).decode()

    async def _ping(self, timeout: float | None) -> float:
        return await self._talk.ping(self._host, b"%08d" % (next(_pings) % 10**8), timeout)

    async def _close(self, code: int, reason: str) -> None:
        await self._talk.close(self._host, code, reason, CLOSE_TIMEOUT)

    async def _leave(self, error: BaseException | None) -> None:
        """The end of a `with`: a goodbye, which nobody waits for where it ends with an error.

        Where the error tells of an end that was agreed on, or of a peer that was told what it does wrong, the goodbyes
        are said, and it is only the link whose end is waited for.
        """
        if error is None or (self.closed and isinstance(error, ConnectionClosed)):
            await self._close(CloseCode.NORMAL_CLOSURE, "")
        else:
            self._talk.abandon(CloseCode.GOING_AWAY)


class WebSocket(_Socket):
    """A WebSocket in plain code. Any thread may send; one at a time receives.

    Nothing runs while nobody calls it: pings are answered, and the heartbeat is kept, while somebody receives. With
    keepalive=True a thread sees to that.
    """

    __slots__ = ()

    def send_text(self, text: str, *, compress: bool | None = None) -> None:
        """Send a text message.

        Args:
            text: the message.
            compress: whether to compress it, where that was agreed on; None compresses what gets smaller by it.

        Raises:
            ConnectionClosed: the WebSocket is closed.
            WriteTimeout: the peer reads nothing.
        """
        talk = self._talk
        if not talk.carrier.enter(talk.offer, talk.engine.send_text, text, compress):
            run_inline(self._say(talk.engine.send_text, text, compress))
        elif talk.blocked:
            run_inline(talk.settle(self._host, self._joined.write))

    def send_bytes(self, data: bytes | bytearray | memoryview, *, compress: bool | None = None) -> None:
        """Send a binary message; see `send_text`."""
        talk = self._talk
        if not talk.carrier.enter(talk.offer, talk.engine.send_bytes, data, compress):
            run_inline(self._say(talk.engine.send_bytes, data, compress))
        elif talk.blocked:
            run_inline(talk.settle(self._host, self._joined.write))

    def send_json(self, value: Any, *, compress: bool | None = None) -> None:
        """Send a value as JSON, in a text message, written by the client's codec; see `send_text`.

        Raises:
            InvalidRequest: JSON has nothing for it, as for NaN.
        """
        self.send_text(self._dumped(value), compress=compress)

    def send(self, fragments: Iterable[str | bytes], *, compress: bool | None = None) -> None:
        """Send one message in pieces, each as soon as it is there; the first one says whether it is text.

        Others who send wait for its end. Where the pieces end with an error, so does the WebSocket.
        """
        run_inline(self._say_pieces(fragments, compress))

    def receive(self, timeout: float | None = None) -> str | bytes:
        """The next message: str where it is text, bytes where it is binary.

        Args:
            timeout: seconds to wait; None for as long as the WebSocket is open, or as the client's plain timeout says.

        Raises:
            ConnectionClosed: none will come.
            ReadTimeout: none has come in time.
            StreamConsumed: another thread receives.
        """
        talk = self._talk
        if not talk.messages or talk.receiver is not None:
            run_inline(talk.wait_for_one(self._host, self._joined.wait if timeout is None else timeout))
        return talk.take()

    def receive_text(self, timeout: float | None = None) -> str:
        """The next message, which is text; see `receive`.

        Raises:
            WebSocketError: it is binary, and still to be received.
        """
        message = self.receive(timeout)
        return message if isinstance(message, str) else self._refuse(message)

    def receive_bytes(self, timeout: float | None = None) -> bytes:
        """The next message, which is binary; see `receive_text`."""
        message = self.receive(timeout)
        return message if isinstance(message, bytes) else self._refuse(message)

    def receive_json(self, timeout: float | None = None) -> Any:
        """The next message, read as JSON by the client's codec; see `receive`.

        Raises:
            JSONError: it is not JSON.
        """
        return self._loaded(self.receive(timeout))

    def ping(self, timeout: float | None = 20.0) -> float:
        """Ask the peer for an answer; gives the seconds that it took.

        Raises:
            ConnectionClosed: the WebSocket is closed.
            ReadTimeout: there was no answer in time.
        """
        return run_inline(self._ping(timeout))

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Close it, and wait until the peer has done so, too (RFC 6455 section 7); twice is once.

        Args:
            code: why, one that may be sent (RFC 6455 section 7.4).
            reason: a word on it, of at most 123 bytes in UTF-8.

        Raises:
            LocalProtocolError: code or reason cannot be sent.
        """
        run_inline(self._close(code, reason))

    def __iter__(self) -> Iterator[str | bytes]:
        """The messages, up to the end of the conversation.

        Raises:
            ConnectionClosed: it ended otherwise than by a close frame with 1000 or 1001.
        """
        while True:
            try:
                message = self.receive()
            except ConnectionClosed as closed:
                if closed.code in NORMAL:
                    return
                raise
            yield message

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        run_inline(self._leave(error))


class AsyncWebSocket(_Socket):
    """A WebSocket in async code; one task may receive while others send. See `WebSocket`."""

    __slots__ = ()

    async def send_text(self, text: str, *, compress: bool | None = None) -> None:
        """Send a text message; see `WebSocket.send_text`."""
        talk = self._talk
        if not talk.offer(talk.engine.send_text, text, compress):
            await self._say(talk.engine.send_text, text, compress)
        elif talk.unbroken > UNBROKEN:
            await talk.rest(self._host)

    async def send_bytes(self, data: bytes | bytearray | memoryview, *, compress: bool | None = None) -> None:
        """Send a binary message; see `WebSocket.send_text`."""
        talk = self._talk
        if not talk.offer(talk.engine.send_bytes, data, compress):
            await self._say(talk.engine.send_bytes, data, compress)
        elif talk.unbroken > UNBROKEN:
            await talk.rest(self._host)

    async def send_json(self, value: Any, *, compress: bool | None = None) -> None:
        """Send a value as JSON, in a text message; see `WebSocket.send_json`."""
        await self.send_text(self._dumped(value), compress=compress)

    async def send(self, fragments: Fragments, *, compress: bool | None = None) -> None:
        """Send one message in pieces, of an iterable that may be asynchronous; see `WebSocket.send`."""
        await self._say_pieces(fragments, compress)

    async def receive(self, timeout: float | None = None) -> str | bytes:
        """The next message; see `WebSocket.receive`."""
        talk = self._talk
        if talk.unbroken > UNBROKEN:
            await talk.rest(self._host)
        if not talk.messages or talk.receiver is not None:
            await talk.wait_for_one(self._host, self._joined.wait if timeout is None else timeout)
        return talk.take()

    async def receive_text(self, timeout: float | None = None) -> str:
        """The next message, which is text; see `WebSocket.receive_text`."""
        message = await self.receive(timeout)
        return message if isinstance(message, str) else self._refuse(message)

    async def receive_bytes(self, timeout: float | None = None) -> bytes:
        """The next message, which is binary; see `WebSocket.receive_text`."""
        message = await self.receive(timeout)
        return message if isinstance(message, bytes) else self._refuse(message)

    async def receive_json(self, timeout: float | None = None) -> Any:
        """The next message, read as JSON; see `WebSocket.receive_json`."""
        return self._loaded(await self.receive(timeout))

    async def ping(self, timeout: float | None = 20.0) -> float:
        """Ask the peer for an answer; see `WebSocket.ping`."""
        return await self._ping(timeout)

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close it; see `WebSocket.close`."""
        await self._close(code, reason)

    aclose = close

    def __aiter__(self) -> Self:
        """The messages, up to the end of the conversation; see `WebSocket.__iter__`."""
        return self

    async def __anext__(self) -> str | bytes:
        try:
            return await self.receive()
        except ConnectionClosed as closed:
            if closed.code in NORMAL:
                raise StopAsyncIteration from None
            raise

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._leave(error)


class _Pieces:
    """The pieces of an iterable, one after the other.

    Args:
        fragments: the iterable.
        blocking: whether there is no event loop, and so nobody who could wait for an asynchronous one.

    Raises:
        InvalidRequest: it is no iterable of pieces, or nobody can iterate over it here.
    """

    __slots__ = ("_ahead", "_next")

    def __init__(self, fragments: Fragments, blocking: bool) -> None:
        self._ahead: AsyncIterator[str | bytes] | None = None
        self._next: Iterator[str | bytes] = iter(())
        if not isinstance(fragments, AsyncIterable):
            self._next = _pieces(fragments)
        elif blocking:
            raise InvalidRequest(
                detail="an asynchronous iterable was given to a WebSocket of plain code", hint="use AsyncClient"
            )
        else:
            self._ahead = aiter(fragments)

    async def next(self) -> str | bytes | None:
        """The next piece, None at the end."""
        if self._ahead is None:
            return next(self._next, None)
        try:
            return await anext(self._ahead)
        except StopAsyncIteration:
            return None


def _pieces(given: Any) -> Iterator[str | bytes]:
    kind, hint = type(given).__name__, ""
    if isinstance(given, str):
        hint = "send_text() takes a whole one"
    elif isinstance(given, bytes | bytearray | memoryview):
        hint = "send_bytes() takes a whole one"
    elif isinstance(given, Mapping):
        hint = "send_json() takes a value"  # to iterate over it gives its keys
    else:
        try:
            return iter(given)
        except TypeError:
            pass
    raise InvalidRequest(detail=f"send() takes the pieces of a message, not {kind}", hint=hint)
