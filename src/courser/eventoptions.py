"""What an event source is asked for, checked before anything is sent."""

from __future__ import annotations

from collections.abc import Iterator

from .defaults import checked_limit, default_headers
from .engines.sse import EVENT_STREAM, EventParser
from .errors import InvalidRequest
from .hints import TYPE_CHECKING, cast
from .policies.reconnect import Reconnect
from .settings import RequestOptions, check_names, is_number
from .values.headers import Headers
from .values.request import method_of
from .values.text import MAX_EVENT, MAX_EVENT_LINE

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Final

    from .core.place import Place
    from .session import Session
    from .values.request import Request
    from .values.url import URL

__all__ = ["Asked", "EventOptions"]

PREFERRED: Final = {"Accept": EVENT_STREAM, "Cache-Control": "no-store"}
"""What is sent unless the caller, or the client, says something else."""


class EventOptions(RequestOptions, total=False):
    """What `sse` takes beside the URL: `RequestOptions`, and what follows.

    Attributes:
        method: of the request, GET unless you say otherwise.
        reconnect: whether to connect anew when the stream ends or breaks, or a `Reconnect`, which says how. None is
            True for GET, and False for every other method: what they ask for may not be done twice.
        last_event_id: of the last event that is known already; the stream is taken up behind it. "" and None are none.
        idle_timeout: seconds without an event after which the stream counts as broken; None is no limit. Comments,
            which servers send to keep a connection open, are no events; the read limit of `timeout` counts them.
        max_line: bytes of a line above which LimitExceeded is raised (1 Mi); None is no limit.
        max_event: bytes of data of an event above which it is (8 Mi); None is no limit.
        max_body_size: bytes of each connection's body, before and after decoding, above which it is. What the client
            says of sizes does not hold here: a stream of events has no end.
    """

    method: str
    reconnect: bool | Reconnect | None
    last_event_id: str | None
    idle_timeout: float | None
    max_line: int | None
    max_event: int | None


EVENT_OPTIONS: Final = frozenset(EventOptions.__optional_keys__)
OWN: Final = EVENT_OPTIONS - RequestOptions.__optional_keys__


class Asked:
    """What the caller of `sse` has said.

    Args:
        url: see `Client.sse`.
        options: see `EventOptions`.

    Attributes:
        method: in upper case.
        url: likewise.
        options: those of the request.
        rule: how to connect anew, None for not at all.
        last_event_id: likewise, "" for none.
        idle: seconds without an event, None for no limit.

    Raises:
        TypeError: an option that there is not, or of another type.
        InvalidRequest, ValueError: an option that makes no sense.
    """

    __slots__ = ("_limits", "idle", "last_event_id", "method", "options", "rule", "url")

    def __init__(self, url: str | URL, options: EventOptions) -> None:
        check_names(options, EVENT_OPTIONS, "sse()")
        self.url = url
        self.method = method_of(options.get("method", "GET"))[0]
        self.rule = Reconnect.of(options.get("reconnect"), self.method)
        known = options.get("last_event_id")
        self.last_event_id = "" if known is None else known
        Headers({"Last-Event-ID": self.last_event_id})  # what cannot be sent is an error here
        self.idle = _seconds(options.get("idle_timeout"))
        self._limits = (
            checked_limit("max_line", options.get("max_line", MAX_EVENT_LINE)),
            checked_limit("max_event", options.get("max_event", MAX_EVENT)),
        )
        others: dict[str, Any] = {name: value for name, value in options.items() if name not in OWN}
        if isinstance(others.get("headers"), Iterator):
            others["headers"] = list(others["headers"])  # they are looked at twice
        self.options = cast("RequestOptions", others)

    async def request(self, session: Session, place: Place) -> Request:
        """Make the request, which asks for an event stream unless the caller or the client says something else."""
        request = await session.prepare(place, self.method, self.url, self.options)
        headers, usual = request.headers, default_headers()
        said = Headers(PREFERRED).merged(self.options.get("headers"))
        for name, value in PREFERRED.items():
            if said.get(name) == value and headers.get(name) == usual.get(name):
                headers[name] = value
        if self.last_event_id and "last-event-id" in headers:
            raise InvalidRequest(detail="last_event_id= and the header Last-Event-ID were given", hint="give one")
        return request

    def parser(self, loads: Callable[..., Any] | None, request: Request) -> EventParser:
        """What makes events of the streams that answer the request."""
        last = request.headers.get("last-event-id") or self.last_event_id
        return EventParser(loads, *self._limits, last, request)


def _seconds(value: float | None) -> float | None:
    if value is None:
        return None
    if not is_number(value):
        raise TypeError(f"idle_timeout is a number of seconds or None, not {value!r}")
    if not value > 0:
        raise ValueError(f"idle_timeout is {value!r}: it must be above 0, or None for no limit")
    return value
