"""The verbs as functions of the module, over one client that all share."""

from __future__ import annotations

from .client import Client
from .hints import TYPE_CHECKING
from .policies.keeper import PER_CALL
from .settings import RequestOptions, WebSocketOptions
from .values.response import Response

if TYPE_CHECKING:
    from typing import Never, Unpack

    from .eventoptions import EventOptions
    from .eventsource import EventSource
    from .joining import Joining
    from .streams import Streaming
    from .values.url import URL

__all__ = [
    "delete",
    "get",
    "head",
    "options",
    "patch",
    "post",
    "put",
    "query",
    "request",
    "sse",
    "stream",
    "websocket",
]

_clients: list[Client] = []


def _client() -> Client:
    """The client of the module: it keeps connections; what servers set is forgotten when the call is over."""
    if not _clients:
        _clients.append(Client(cookies=PER_CALL))
    return _clients[0]


def request(method: str, url: str | URL, *wrong: Never, **options: Unpack[RequestOptions]) -> Response:
    """Send a request, and give its response with the whole body; see `Client.request`."""
    return _client().request(method, url, *wrong, **options)


def get(url: str | URL, *wrong: Never, **options: Unpack[RequestOptions]) -> Response:
    """GET; see `Client.request`."""
    return _client().get(url, *wrong, **options)


def head(url: str | URL, *wrong: Never, **options: Unpack[RequestOptions]) -> Response:
    """HEAD; see `Client.request`."""
    return _client().head(url, *wrong, **options)


def post(url: str | URL, *wrong: Never, **options: Unpack[RequestOptions]) -> Response:
    """POST; see `Client.request`."""
    return _client().post(url, *wrong, **options)


def put(url: str | URL, *wrong: Never, **options: Unpack[RequestOptions]) -> Response:
    """PUT; see `Client.request`."""
    return _client().put(url, *wrong, **options)


def patch(url: str | URL, *wrong: Never, **options: Unpack[RequestOptions]) -> Response:
    """PATCH; see `Client.request`."""
    return _client().patch(url, *wrong, **options)


def delete(url: str | URL, *wrong: Never, **options: Unpack[RequestOptions]) -> Response:
    """DELETE; see `Client.request`."""
    return _client().delete(url, *wrong, **options)


def options(url: str | URL, *wrong: Never, **options: Unpack[RequestOptions]) -> Response:
    """OPTIONS; see `Client.request`."""
    return _client().options(url, *wrong, **options)


def query(url: str | URL, *wrong: Never, **options: Unpack[RequestOptions]) -> Response:
    """QUERY (RFC 10008); see `Client.request`."""
    return _client().query(url, *wrong, **options)


def stream(method: str, url: str | URL, *wrong: Never, **options: Unpack[RequestOptions]) -> Streaming:
    """Send a request, and read the body as it comes; see `Client.stream`."""
    return _client().stream(method, url, *wrong, **options)


def websocket(url: str | URL, *wrong: Never, **options: Unpack[WebSocketOptions]) -> Joining:
    """Open a WebSocket; see `Client.websocket`."""
    return _client().websocket(url, *wrong, **options)


def sse(url: str | URL, *wrong: Never, **options: Unpack[EventOptions]) -> EventSource:
    """Read the events of a server, and go on where the stream ends or breaks; see `Client.sse`."""
    return _client().sse(url, *wrong, **options)
