"""The language of policies.

A policy, and any middleware of a user's, is one generator function:

    def flow(request):
        response = yield request
        return response

It runs unchanged in sync code, asyncio and trio, because all it does is yield what it wants and go on with what it
gets. It may yield

    a Request           and gets the head of its response; a response that it held before is given up
    Send(request)       a request of its own beside the one under way: it gets the head, and keeps what it held
    Read(response)      and gets the body of that response, bounded
    Pause(seconds)      and gets nothing, later
    Wait(event)         and gets nothing, once somebody has called `event.set()`
    Call(function, ...) and gets what the function returned; in async code it runs in a worker thread, unless it is an
                        `async def`, and what it returns is awaited if it can be

An error of what it wanted is raised at the `yield`. What it returns is the response: one that a `yield` gave it, or one
of its own, a `Response` or what was `Stored`, for which nothing has to be sent. `finally` runs on cancellation too, and
must not yield.
"""

from __future__ import annotations

from collections.abc import Callable, Generator

from ..hints import TYPE_CHECKING, Any, Protocol
from ..settings import is_number
from ..values.headers import Headers
from ..values.request import Request
from ..values.response import Response

if TYPE_CHECKING:
    from typing import TypeAlias

    from ..settings import HeaderTypes
    from ..values.tracing import EventName
    from ..values.url import URL

__all__ = [
    "Answer",
    "BodyFilter",
    "Call",
    "Event",
    "Flow",
    "Middleware",
    "Note",
    "Pause",
    "Read",
    "Send",
    "Step",
    "Stored",
    "Wait",
    "Whole",
]


class BodyFilter(Protocol):
    """Sees a body pass, as it travels, until its end."""

    def feed(self, data: bytes, /) -> bytes:
        """Take a piece; what is returned goes on in its place."""
        ...

    def end(self) -> Call | None:
        """The body was whole. What blocks then is not done here: a Call is made before the caller hears of the end."""
        ...

    def abort(self) -> None:
        """The body will never be whole."""
        ...


class Answer(Protocol):
    """What a flow sees of a response: its head."""

    @property
    def request(self) -> Request: ...
    @property
    def status_code(self) -> int: ...
    @property
    def reason_phrase(self) -> str: ...
    @property
    def http_version(self) -> str: ...
    @property
    def headers(self) -> Headers: ...
    @property
    def url(self) -> URL: ...
    @property
    def ok(self) -> bool: ...
    @property
    def is_success(self) -> bool: ...
    @property
    def is_redirect(self) -> bool: ...
    @property
    def is_client_error(self) -> bool: ...
    @property
    def is_server_error(self) -> bool: ...
    @property
    def is_error(self) -> bool: ...
    @property
    def extensions(self) -> dict[str, Any]:
        """What the caller finds as `response.extensions`."""
        ...

    history: list[Any]

    def raise_for_status(self) -> Answer:
        """Give the answer back, unless its status is 4xx or 5xx; the body is in the error if it was read before.

        Raises:
            StatusError: it is.
        """
        ...

    def attach(self, body_filter: BodyFilter, /) -> None:
        """Let a filter see the body."""
        ...


class Read:
    """Read the body of a response.

    Args:
        response: whose.
        limit: bytes above which LimitExceeded is raised.
    """

    __slots__ = ("limit", "response")

    def __init__(self, response: Answer, limit: int = 1024 * 1024) -> None:
        self.response = response
        self.limit = limit


class Pause:
    """Wait for a time.

    Args:
        seconds: how long.

    Raises:
        ValueError: it is no number of seconds.
    """

    __slots__ = ("seconds",)

    def __init__(self, seconds: float) -> None:
        if not is_number(seconds) or seconds != seconds:
            raise ValueError(f"a flow pauses for a number of seconds, not {seconds!r}")
        self.seconds = seconds


class Event:
    """Something that several flows wait for, in whatever thread or loop each of them runs."""

    __slots__ = ("_is_set", "_waiting")

    def __init__(self) -> None:
        self._is_set = False
        self._waiting: list[Callable[[], None]] = []

    def is_set(self) -> bool:
        """Whether it has happened."""
        return self._is_set

    def set(self) -> None:
        """Let everybody go on who waits, now and later."""
        self._is_set = True
        while self._waiting:
            try:
                wake = self._waiting.pop()
            except IndexError:
                break
            wake()

    def notify(self, wake: Callable[[], None]) -> None:
        """Have something called once it has happened, at once if it has."""
        self._waiting.append(wake)
        if self._is_set:
            self.set()

    def forget(self, wake: Callable[[], None]) -> None:
        """Call something no more: who asked for it has given up."""
        try:
            self._waiting.remove(wake)
        except ValueError:
            pass  # it has just happened


class Wait:
    """Wait until an event is set.

    Args:
        event: the event.
    """

    __slots__ = ("event",)

    def __init__(self, event: Event) -> None:
        self.event = event


class Call:
    """Call a function that may block, or that gives something to await.

    Args:
        function: what to call.
        *args: with what.
    """

    __slots__ = ("args", "function")

    def __init__(self, function: Callable[..., Any], *args: Any) -> None:
        self.function = function
        self.args = args


class Send:
    """Send a request beside the one under way, through the policies below this one.

    Args:
        request: the request.
    """

    __slots__ = ("request",)

    def __init__(self, request: Request) -> None:
        self.request = request


class Note:
    """Have those told who follow the call on its way; nothing else comes of it.

    Args:
        name: what has happened; see `TraceEvent`.
        **facts: the attributes of the event.
    """

    __slots__ = ("facts", "name")

    def __init__(self, name: EventName, **facts: Any) -> None:
        self.name: EventName = name
        self.facts = facts


class Whole:
    """Have the whole response of a buffered call, body included; of a streamed call the head is all there is.

    Args:
        response: its head.
    """

    __slots__ = ("response",)

    def __init__(self, response: Answer) -> None:
        self.response = response


class Stored:
    """A response that was kept, for a flow to return: the body as it travelled, which is what body filters see.

    Args:
        status_code: the status.
        headers: the header fields; what Content-Encoding says is undone as if it came from the network.
        content: the body.
        reason_phrase: where it is not the registered one.
    """

    __slots__ = ("content", "headers", "reason_phrase", "status_code")

    def __init__(
        self, status_code: int, *, headers: HeaderTypes = None, content: bytes = b"", reason_phrase: str = ""
    ) -> None:
        self.status_code = status_code
        self.headers = Headers(headers)
        self.content = memoryview(content).tobytes()
        self.reason_phrase = reason_phrase


# Not in quotes: users name them, and may do so where annotations are evaluated.
Step: TypeAlias = Request | Send | Read | Pause | Wait | Call | Note | Whole
"""What a flow may yield."""

Flow: TypeAlias = Generator[Step, Any, Answer | Response | Stored]
"""What a middleware makes of a request."""

Middleware: TypeAlias = Callable[[Request], Flow]
"""What the option `middleware` is a series of."""
