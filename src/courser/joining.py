"""Becoming a WebSocket: the handshake, what the server has agreed to, and trying again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from random import random
from sys import maxsize
from time import monotonic

from .core.exchange import Exchange
from .core.extended import take_stream
from .core.reader import BodyReader
from .core.talk import Talk
from .core.upgraded import take_over
from .core.waiter import Waiter
from .defaults import checked_limit
from .engines.websocket import WEBSOCKET_LIMITS, Deflate, Handshake, WebSocketEngine
from .errors import HandshakeRefused, HTTPError, InvalidRequest, TransportError
from .hints import TYPE_CHECKING, NamedTuple, cast
from .hosts.attendant import attend
from .hosts.inline import run_inline
from .policies.reconnect import Reconnect
from .responding import body_to_show
from .settings import RequestOptions, WebSocketOptions, check_names, is_number
from .websockets import AsyncWebSocket, Joined, WebSocket

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from types import TracebackType
    from typing import Any, ClassVar, Final

    from .core.place import Place
    from .core.reply import Reply
    from .core.send import Sending
    from .core.waiter import Host
    from .session import Session
    from .values.url import URL

__all__ = ["AsyncJoining", "Joining", "Terms", "join"]

BODY: Final = frozenset({"content", "data", "files", "json", "compress"})
OF_SOCKETS: Final = WebSocketOptions.__optional_keys__ - RequestOptions.__optional_keys__
OPTIONS: Final = WebSocketOptions.__optional_keys__ - BODY

USUAL: Final = Reconnect(delay=0.5, max_delay=60.0, attempts=None)
"""When the next WebSocket is opened, where the caller says no more than that there is to be one."""


class Terms(NamedTuple):
    """What the caller asks of a WebSocket.

    Attributes:
        subprotocols: the names on offer, by preference.
        deflate: how messages may be compressed (RFC 7692), None for not at all.
        heartbeat: seconds of silence after which the peer is asked whether it is there; None for never.
        max_message_size: bytes of a message, after decompression, above which the WebSocket fails; None is no limit.
        keepalive: whether a thread turns the WebSocket of plain code while nobody else does.
    """

    subprotocols: tuple[str, ...] = ()
    deflate: Deflate | None = None
    heartbeat: float | None = 20.0
    max_message_size: int | None = WEBSOCKET_LIMITS.message
    keepalive: bool = False

    @classmethod
    def of(cls, options: WebSocketOptions) -> Terms:
        """Check what a caller says.

        Raises:
            TypeError, ValueError: it is of another kind, or makes no sense.
            LocalProtocolError: a subprotocol cannot be named, or a number of `deflate` is out of range.
        """
        deflate: Any = options.get("deflate", False)
        heartbeat = options.get("heartbeat", 20.0)
        wish = Deflate() if deflate is True else deflate or None
        if wish is not None and not isinstance(wish, Deflate):
            raise TypeError(f"deflate is True, False or a courser.Deflate, not {deflate!r}")
        if heartbeat is not None and not (is_number(heartbeat) and heartbeat > 0):
            raise ValueError(f"heartbeat is a number of seconds above 0, or None for none, not {heartbeat!r}")
        given: Any = options.get("subprotocols", ())
        if isinstance(given, str):
            raise TypeError(f"subprotocols is an iterable of names, such as [{given!r}], not {given!r}")
        names = tuple(given)
        for name in names:
            if not isinstance(name, str):
                raise TypeError(f"the name of a subprotocol is a str, not {name!r}")
        keepalive: Any = options.get("keepalive", False)
        if not isinstance(keepalive, bool):
            raise TypeError(f"keepalive is True or False, not {keepalive!r}")
        Handshake(subprotocols=names, deflate=wish)
        most = checked_limit("max_message_size", options.get("max_message_size", WEBSOCKET_LIMITS.message))
        return cls(names, wish, heartbeat, most, keepalive)


async def join(session: Session, place: Place, url: str | URL, options: RequestOptions, terms: Terms) -> Joined:
    """Become a WebSocket.

    Raises:
        HandshakeRefused: the server does not agree.
        InvalidRequest: the call says what the handshake says.
    """
    handshake = Handshake(subprotocols=terms.subprotocols, deflate=terms.deflate)
    reply, sending = await session.upgrade(place, url, options, handshake.request_fields())
    host = place.host
    is_stream = reply.request.method == "CONNECT"
    opened = 200 <= reply.status_code < 300 if is_stream else reply.status_code == 101
    if not opened or not isinstance(reply, Exchange):
        raise await _refused(session, reply, sending)
    response = session.responses.make(reply, sending, b"", monotonic())
    session.responses.lead(response, reply, sending)
    try:
        check = handshake.check_connect if is_stream else handshake.check
        agreed = check(reply.status_code, reply.final.fields)
    except HandshakeRefused as error:
        reply.abort()
        error.response, error.request = response, reply.request
        raise
    carrier: Any
    early: list[bytes] = []
    if is_stream:
        carrier = take_stream(reply)
    else:
        carrier, early = take_over(reply, host)
    most = terms.max_message_size
    limits = WEBSOCKET_LIMITS._replace(message=maxsize if most is None else most)
    engine = WebSocketEngine(is_client=True, deflate=agreed.deflate, limits=limits)
    now = monotonic()
    talk = Talk(engine, carrier, terms.heartbeat, now)
    carrier.carry(talk)
    for piece in early:
        carrier.early(piece, now)
    if terms.keepalive and carrier.source is not None:
        attend(talk)
    timeout = sending.deadline.timeout
    return Joined(
        talk,
        host,
        response,
        agreed.subprotocol,
        session.responses.loads,
        session.dump_json,
        timeout.plain,
        timeout.write,
    )


def _of_request(options: WebSocketOptions) -> RequestOptions:
    """What the request of the handshake is made with.

    Raises:
        TypeError: an option that there is not, or one of a body.
    """
    if not options.keys() <= OPTIONS:
        for name in options.keys() & BODY:
            raise TypeError(f"websocket() takes no {name}: a handshake has no body, send it afterwards")
        check_names(options, OPTIONS, "a WebSocket")
    return cast("RequestOptions", {name: value for name, value in options.items() if name not in OF_SOCKETS})


async def _refused(session: Session, reply: Reply, sending: Sending) -> HandshakeRefused:
    """What tells of an answer that is no agreement, with its body, if that can be shown."""
    reader = BodyReader(reply, sending.host, sending.limit, session.responses.decoded_limit(sending))
    content = await body_to_show(reader, sending.deadline)
    response = session.responses.make(reply, sending, content or b"", monotonic())
    session.responses.lead(response, reply, sending)
    reply.abort()
    return HandshakeRefused(
        response=response,
        detail=f"it answered {reply.status_code} {response.reason_phrase}".rstrip(),
        request=reply.request,
    )


# Trying again


def _passes(error: HTTPError) -> bool:
    """Whether what went wrong may go better the next time."""
    if isinstance(error, HandshakeRefused):
        return error.response.status_code >= 500 or error.response.status_code == 429
    return isinstance(error, TransportError)


async def pause(host: Host, seconds: float) -> None:
    """Wait before the next attempt."""
    waiter = Waiter()
    waiter.deadline = monotonic() + seconds
    host.arm(waiter)
    await host.wait(waiter)


def rule_of(reconnect: Any) -> Reconnect | None:
    """When to try again, by the option `reconnect`; None for never.

    Raises:
        TypeError: it is of another kind.
    """
    if isinstance(reconnect, Reconnect):
        return reconnect
    if reconnect is not None and not isinstance(reconnect, bool):
        raise TypeError(f"reconnect is True, False, a courser.Reconnect or None, not {reconnect!r}")
    return USUAL if reconnect else None


class _Attempts:
    """What both colours share.

    Args:
        session: makes and sends the handshake.
        place: tells where.
        url: see `join`.
        options: those of the call.

    Attributes:
        colour: what a caller writes before `with` and `for`.
    """

    __slots__ = ("_options", "_place", "_rule", "_session", "_terms", "_url")

    colour: ClassVar[str] = ""

    def __init__(self, session: Session, place: Callable[[], Place], url: str | URL, options: WebSocketOptions) -> None:
        self._options = _of_request(options)
        self._terms = Terms.of(options)
        self._session = session
        self._place = place
        self._url = url
        self._rule = rule_of(options.get("reconnect", False))

    async def _alone(self) -> Joined:
        """The only WebSocket.

        Raises:
            InvalidRequest: there are to be more, or it is there already.
        """
        if hasattr(self, "_socket"):
            raise InvalidRequest(detail="its WebSocket is open already", hint="call client.websocket() for each")
        if self._rule is not None:
            raise InvalidRequest(
                detail="reconnect= gives one WebSocket after the other",
                hint=f"{self.colour}for ws in client.websocket(...):",
            )
        return await self._once()

    async def _once(self) -> Joined:
        return await join(self._session, self._place(), self._url, self._options, self._terms)

    async def _again(self, follows: bool) -> Joined:
        """The next WebSocket, after as many attempts as it takes.

        Args:
            follows: whether there was one before.
        """
        rule, host = self._rule, self._place().host
        if rule is None:
            raise InvalidRequest(
                detail="websocket() is a context manager",
                hint="reconnect=True makes one to iterate over: one WebSocket each",
            )
        failures = 0
        while True:
            if follows or failures:
                await pause(host, rule.pause(None, failures, True, random()))
            try:
                return await self._once()
            except HTTPError as error:
                failures += 1
                if not _passes(error) or rule.gives_up(failures):
                    raise

    if TYPE_CHECKING:
        pass
    else:

        def __getattr__(self, name):
            raise AttributeError(
                f"no {name} before the handshake: {type(self).colour}with client.websocket(...) as ws:"
            )


class Joining(_Attempts):
    """What `Client.websocket` gives: a context manager around a WebSocket, or an iterable of them."""

    __slots__ = ("_socket",)

    def __enter__(self) -> WebSocket:
        self._socket = socket = WebSocket(run_inline(self._alone()))
        return socket

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        socket = self._socket
        del self._socket
        socket.__exit__(kind, error, trace)

    def __iter__(self) -> Iterator[WebSocket]:
        """One WebSocket after the other; the one before is closed first.

        Raises:
            HandshakeRefused: the server does not agree, and will not do so later.
        """
        follows = False
        while True:
            with WebSocket(run_inline(self._again(follows))) as socket:
                yield socket
            follows = True


class AsyncJoining(_Attempts):
    """What `AsyncClient.websocket` gives; see `Joining`."""

    __slots__ = ("_socket",)

    colour = "async "

    async def __aenter__(self) -> AsyncWebSocket:
        self._socket = socket = AsyncWebSocket(await self._alone())
        return socket

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        socket = self._socket
        del self._socket
        await socket.__aexit__(kind, error, trace)

    def __aiter__(self) -> AsyncIterator[AsyncWebSocket]:
        """One WebSocket after the other; see `Joining.__iter__`."""
        return _Sockets(self._again)


class _Sockets:
    """The WebSockets of an AsyncJoining; no generator, for one that is left half-way would want closing."""

    __slots__ = ("_again", "_follows", "_socket")

    def __init__(self, again: Callable[[bool], Awaitable[Joined]]) -> None:
        self._again = again
        self._follows = False
        self._socket: AsyncWebSocket | None = None

    def __aiter__(self) -> _Sockets:
        return self

    async def __anext__(self) -> AsyncWebSocket:
        socket, self._socket = self._socket, None
        if socket is not None:
            await socket.close()
        self._socket = made = AsyncWebSocket(await self._again(self._follows))
        self._follows = True
        return made
