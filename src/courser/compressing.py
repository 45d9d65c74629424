"""Bodies that are compressed before they are sent, without keeping an event loop from everything else.

A body in memory is compressed as a whole, so that its length is known. That takes some ten milliseconds for a megabyte,
so a worker thread does it where others would have to wait; zlib, brotli and zstd let go of the interpreter meanwhile.
What is compressed piece by piece, as it is sent, looks at the clock itself (`values/files.py`).
"""

from __future__ import annotations

from .hints import TYPE_CHECKING
from .values.request import complete

if TYPE_CHECKING:
    from typing import Final

    from .core.waiter import Host
    from .session import Session
    from .settings import RequestOptions
    from .values.request import Request
    from .values.url import URL

__all__ = ["compressed_request"]

LARGE: Final = 128 * 1024
"""Bytes whose compression takes some two milliseconds; a thread that is asked for it costs a tenth of one."""


async def compressed_request(
    session: Session, host: Host, method: str, url: str | URL, options: RequestOptions
) -> Request:
    """Make a request whose body is to be compressed, by its options or its client's; see `Session.request`.

    Args:
        session: makes it.
        host: who has other things to do, too.
        method, url, options: see `Client.request`.
    """
    as_it_is: RequestOptions = {**options, "compress": None}
    request = session.request(method, url, as_it_is)
    coding = options.get("compress", None if "content-encoding" in request.headers else session.compress)
    body = request.body
    if body is None or coding is None:
        return request
    if body.data is None or len(body.data) < LARGE:
        request.body = complete(request.headers, body, coding)
    else:
        request.body = await host.call(complete, request.headers, body, coding)
    return request
