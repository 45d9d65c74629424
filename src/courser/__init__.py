"""courser: one HTTP client for Python, for sync code, asyncio and trio.

    import courser

    courser.get("https://example.org/").text

    with courser.Client() as client:
        for response in client.map(urls, concurrency=500):
            ...

    async with courser.AsyncClient() as client:
        response = await client.get(url)
"""

from __future__ import annotations

from .api import delete, get, head, options, patch, post, put, query, request, stream
from .client import AsyncClient, Client
from .errors import *  # noqa: F403 - the errors are all public, and listed there once
from .errors import __all__ as _errors
from .core.dial import Network
from .core.place import Transport
from .policies.flow import Call, Event, Pause, Read, Send, Wait
from .settings import DEFAULT, DIRECT, Limits, Timeout
from .streams import AsyncResponseStream, ResponseStream
from .values.headers import Headers
from .values.query import QueryParams
from .values.request import Request
from .values.response import Response
from .values.timings import Timings
from .values.url import URL
from .version import __version__

__all__ = [
    "DEFAULT",
    "DIRECT",
    "URL",
    "AsyncClient",
    "AsyncResponseStream",
    "Call",
    "Client",
    "Event",
    "Headers",
    "Limits",
    "Network",
    "Pause",
    "QueryParams",
    "Read",
    "Request",
    "Response",
    "ResponseStream",
    "Send",
    "Timeout",
    "Timings",
    "Transport",
    "Wait",
    "__version__",
    "delete",
    "get",
    "head",
    "options",
    "patch",
    "post",
    "put",
    "query",
    "request",
    "stream",
]
__all__ += _errors
