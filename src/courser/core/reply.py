"""A reply: what a transport gives for a request. Its head is there, its body comes when it is asked for."""

from __future__ import annotations

from collections import deque

from ..engines.events import END, End, ResponseHead
from ..errors import HTTPError, LimitExceeded
from ..hints import TYPE_CHECKING
from ..values.headers import Headers
from .waiter import Host, Waiter

if TYPE_CHECKING:
    from typing import Any, ClassVar, Final

    from ..policies.flow import BodyFilter
    from ..values.request import Request

__all__ = ["Reply", "StaticReply"]

DISCARD_MOST: Final = 64 * 1024
"""Bytes of an unwanted body that are read, as they travel, to save the connection; beyond, the connection goes."""


class Reply(Waiter):
    """The head of a response, and the way to its body. What policies see of it is `policies.flow.Answer`.

    Attributes:
        head: the final head.
        status_code: its status.
        head_at: when it came, on the monotonic clock.
        request: what was sent.
        chunks: pieces of the body that nobody has read.
        end: set once the body is whole.
        history: the replies of redirects that led here.
        filters: those who see the body pass; None where there are none.
    """

    __slots__ = ("_headers", "chunks", "end", "filters", "head", "head_at", "history", "request", "status_code")

    version: ClassVar[str] = "HTTP/1.1"

    head: ResponseHead | None
    status_code: int
    head_at: float
    request: Request
    chunks: deque[bytes]
    end: End | None
    history: list[Any]
    filters: list[BodyFilter] | None
    _headers: Headers | None

    # The head, as policies see it

    @property
    def final(self) -> ResponseHead:
        """The head, which is there by the time that anybody sees the reply."""
        head = self.head
        if head is None:
            raise RuntimeError("the head has not come yet")
        return head

    @property
    def reason_phrase(self) -> str:
        return self.final.reason.decode("latin-1")

    @property
    def http_version(self) -> str:
        return "HTTP/" + self.final.version.decode("ascii")

    @property
    def headers(self) -> Headers:
        headers = self._headers
        if headers is None:
            headers = self._headers = Headers.from_block(self.final.fields)
        return headers

    def attach(self, body_filter: BodyFilter, /) -> None:
        """Let a filter see the body pass, after those that are attached already."""
        if self.filters is None:
            self.filters = []
        self.filters.append(body_filter)

    # The body

    async def piece(self, host: Host) -> bytes:
        """The next piece of the body as it travels, `b""` at its end."""
        raise NotImplementedError

    async def collect(self, host: Host) -> bytes:
        """The rest of the body in one piece."""
        pieces: list[bytes] = []
        while piece := await self.piece(host):
            pieces.append(piece)
        return b"".join(pieces)

    def abort(self) -> None:
        """Give up what has not come yet."""
        raise NotImplementedError

    async def passed(self, host: Host) -> bytes:
        """The next piece, as the filters let it through."""
        filters = self.filters
        if filters is None:
            return await self.piece(host)
        while True:
            try:
                piece = await self.piece(host)
            except BaseException:
                self.drop_filters()
                raise
            if not piece:
                self.filters = None
                for each in filters:
                    each.end()
                return b""
            for each in filters:
                piece = each.feed(piece)
            if piece:
                return piece

    def drop_filters(self) -> None:
        """Tell the filters that the body will never be whole."""
        filters, self.filters = self.filters, None
        for each in filters or ():
            each.abort()

    async def whole(self, host: Host) -> bytes:
        """The rest of the body, as the filters let it through."""
        if self.filters is None:
            return await self.collect(host)
        pieces: list[bytes] = []
        while piece := await self.passed(host):
            pieces.append(piece)
        return b"".join(pieces)

    async def peek(self, host: Host, limit: int) -> bytes:
        """The body, which can be read again afterwards.

        Raises:
            LimitExceeded: it has more than `limit` bytes.
        """
        pieces: list[bytes] = []
        size = 0
        while piece := await self.piece(host):
            pieces.append(piece)
            size += len(piece)
            if size > limit:
                self.abort()
                raise LimitExceeded(detail=f"a policy reads at most {limit} bytes of a body")
        body = b"".join(pieces)
        if body:
            self.chunks.append(body)
        return body

    async def discard(self, host: Host) -> None:
        """Keep a small body, and give up a large one."""
        self.drop_filters()
        head = self.head
        length = None if head is None else head.length
        if self.end is None and (length is None or length > DISCARD_MOST):
            self.abort()
            return
        if self.end is None:
            try:
                self.chunks.append(await self.collect(host))
            except HTTPError:
                self.abort()
        self.settle()

    def settle(self) -> None:
        """The body is whole: give back what carried it."""


class StaticReply(Reply):
    """A reply whose body is in memory.

    Args:
        head: the head.
        content: the body as it would travel.
        request: what this answers.
        now: the time.
    """

    __slots__ = ()

    def __init__(self, head: ResponseHead, content: bytes, request: Request, now: float) -> None:
        super().__init__()
        self.head = head
        self.status_code = head.status
        self.head_at = now
        self.request = request
        self.chunks = deque([content] if content else ())
        self.end = END
        self.history = []
        self.filters = None
        self._headers = None

    async def piece(self, host: Host) -> bytes:
        return self.chunks.popleft() if self.chunks else b""

    def abort(self) -> None:
        self.drop_filters()
        self.chunks.clear()
