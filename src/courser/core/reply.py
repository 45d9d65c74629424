"""A reply: what a transport gives for a request. Its head is there, its body comes when it is asked for."""

from __future__ import annotations

from collections import deque
from time import monotonic

from ..engines.events import END, End, ResponseHead
from ..errors import HTTPError, LimitExceeded, StreamClosed
from ..hints import TYPE_CHECKING
from ..values.headers import Headers
from ..values.response import Response, Status
from .waiter import FOREVER, Host, Waiter

if TYPE_CHECKING:
    from typing import Any, ClassVar, Final, Self

    from ..policies.flow import BodyFilter, Stored
    from ..values.request import Request
    from ..values.response import Ends
    from ..values.url import URL

__all__ = ["Reply", "StaticReply", "too_large"]

DISCARD_MOST: Final = 64 * 1024
"""Bytes of an unwanted body that are read, as they travel, to save the connection; beyond, the connection goes."""


def too_large(limit: int) -> LimitExceeded:
    """What to raise for a body of more bytes than the caller allows."""
    return LimitExceeded(
        detail=f"the body is larger than {limit} bytes", hint="max_body_size or max_decoded_size allows no more"
    )


class Reply(Waiter, Status):
    """The head of a response, and the way to its body. What policies see of it is `policies.flow.Answer`.

    Attributes:
        head: the final head.
        status_code: its status.
        head_at: when it came, on the monotonic clock.
        sent_at: when the link had taken the whole request; 0.0 where it has not, or there is no link.
        heard_at: when the first byte of an answer came; 0.0 where there is no link.
        ends: the connection that it comes over, see `values.response.Ends`; None where there is none.
        opening: seconds that each phase of connecting took; None where the connection was there.
        request: what was sent.
        chunks: pieces of the body that nobody has read.
        end: set once the body is whole.
        history: the replies of redirects that led here.
        filters: those who see the body pass; None where there are none.
        extra: what transports and policies add for the caller; None where they have added nothing.
        proxied: the head with which an HTTP proxy opened the tunnel that this came through; None where there was none.
    """

    __slots__ = (
        "_headers",
        "chunks",
        "end",
        "ends",
        "extra",
        "filters",
        "head",
        "head_at",
        "heard_at",
        "history",
        "opening",
        "proxied",
        "request",
        "sent_at",
        "status_code",
    )

    version: ClassVar[str] = "HTTP/1.1"

    head: ResponseHead | None
    status_code: int
    head_at: float
    sent_at: float
    heard_at: float
    ends: Ends | None
    opening: dict[str, float] | None
    request: Request
    chunks: deque[bytes]
    end: End | None
    history: list[Any]
    filters: list[BodyFilter] | None
    extra: dict[str, Any] | None
    proxied: ResponseHead | None
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

    @property
    def url(self) -> URL:
        return self.request.url

    @property
    def extensions(self) -> dict[str, Any]:
        """What the caller finds as `response.extensions`."""
        extra = self.extra
        if extra is None:
            extra = self.extra = {}
        return extra

    def attach(self, body_filter: BodyFilter, /) -> None:
        """Let a filter see the body pass, after those that are attached already."""
        if self.filters is None:
            self.filters = []
        self.filters.append(body_filter)

    def raise_for_status(self) -> Self:
        """Give this back, unless the status is 4xx or 5xx.

        Raises:
            StatusError: it is; the error's response has the body if it was read before.
        """
        if self.status_code >= 400:
            head, times = self.final, (self.head_at, self.head_at, self.head_at, 0.0, None, 0.0)
            Response.assemble(
                head.status, head.reason, self.http_version, head.fields, self.request, times, "utf-8", self._shown, b""
            ).raise_for_status()
        return self

    def _shown(self) -> bytes:
        """The body for an error that a policy raises."""
        if self.end is None:
            raise StreamClosed(
                detail="a policy has raised for the status, and nobody has read the body",
                hint="let it `yield courser.Read(response)` first",
                request=self.request,
            )
        raw, coding = b"".join(self.chunks), self.final.coding
        if coding is None:
            return raw
        from ..engines.coding import decode_all

        return decode_all(coding, raw, None)

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
                await self._ended(filters, host)
                return b""
            for each in filters:
                piece = each.feed(piece)
            if piece:
                return piece

    @property
    def final_at(self) -> float:
        """When the call has to be over, on the monotonic clock."""
        return FOREVER

    async def _ended(self, filters: list[BodyFilter], host: Host) -> None:
        """Tell filters that the body was whole, and do what they want done then."""
        for each in filters:
            step = each.end()
            if step is not None:
                from .calls import make_call

                await make_call(step, host, self.final_at)

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
        self.sent_at = self.heard_at = 0.0
        self.ends = self.opening = None
        self.request = request
        self.chunks = deque([content] if content else ())
        self.end = END
        self.history = []
        self.filters = None
        self.proxied = self.extra = None
        self._headers = None

    @classmethod
    def of(cls, answer: Response | Stored, request: Request) -> StaticReply:
        """A reply of a response that somebody has made.

        Args:
            answer: a response with its body decoded, or one that was stored as it travelled.
            request: what it answers.
        """
        coding: str | None = None
        if not isinstance(answer, Response):
            version, coding = "HTTP/1.1", answer.headers.get("content-encoding")
        else:
            version = answer.http_version
        content = answer.content
        head = ResponseHead(
            answer.status_code,
            answer.reason_phrase.encode("latin-1", "replace"),
            version.removeprefix("HTTP/").encode("ascii"),
            answer.headers.encode(),
            len(content),
            coding.encode("latin-1", "replace") if coding and content else None,
            True,
        )
        made = cls(head, content, request, monotonic())
        if isinstance(answer, Response) and answer.extensions:
            made.extra = dict(answer.extensions)
        return made

    async def piece(self, host: Host) -> bytes:
        return self.chunks.popleft() if self.chunks else b""

    def abort(self) -> None:
        self.drop_filters()
        self.chunks.clear()
