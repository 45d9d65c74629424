"""What a client makes of replies: responses that are whole or under way, with what led to them and where they lead."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from time import monotonic

from .core.reply import too_large
from .errors import HTTPError, RequestTimeout, StreamClosed
from .hints import TYPE_CHECKING
from .values.response import REDIRECTS, HeadView, Response

if TYPE_CHECKING:
    from collections.abc import Awaitable, Container
    from typing import Any, Final

    from .core.deadline import Deadline
    from .core.reader import BodyReader
    from .core.reply import Reply
    from .core.send import Sending
    from .engines.events import ResponseHead
    from .values.request import Request
    from .values.text import DefaultEncoding

__all__ = ["PATIENCE", "SHOWN_MOST", "Responses", "Shown", "body_to_show", "not_kept", "said_by_proxy", "to_show"]

PATIENCE: Final = 5.0
"""Seconds for which a body is waited for that only an error is to show: it may never end."""

SHOWN_MOST: Final = 1024 * 1024
"""Bytes of such a body that are read and kept, after decoding."""

VERSIONS: Final = {b"1.1": "HTTP/1.1", b"2": "HTTP/2"}
"""The usual ones, ready made."""


class Responses:
    """Makes the responses of one client.

    Args:
        default_encoding: for text whose charset nobody names.
        loads: reads JSON; None is the standard library.
        max_decoded_size: bytes of decoded body, where another number holds for them than for what travels.
        secrets: names of fields, in lower case, that redirects do not carry to another origin; more may come.
    """

    __slots__ = ("_secrets", "default_encoding", "loads", "max_decoded_size")

    def __init__(
        self,
        default_encoding: DefaultEncoding,
        loads: Callable[..., Any] | None,
        max_decoded_size: int | None,
        secrets: Container[str],
    ) -> None:
        self.default_encoding = default_encoding
        self.loads = loads
        self.max_decoded_size = max_decoded_size
        self._secrets = secrets

    # Bodies

    def travelling(self, limit: int | None) -> int | None:
        """The limit for a body as it travels: what was said, or more than an honest coding makes of what is allowed."""
        decoded = self.max_decoded_size
        return limit if limit is not None or decoded is None else decoded + decoded // 256 + 65536

    def decoded_limit(self, sending: Sending) -> int | None:
        """Bytes of decoded body that a call allows."""
        return sending.limit if self.max_decoded_size is None else self.max_decoded_size

    async def content(self, coding: bytes | None, raw: bytes, sending: Sending) -> bytes:
        """The body of a reply as its response has it.

        Raises:
            DecodingError: it is not what its coding says.
            LimitExceeded: it is larger than the call allows, as it travelled or decoded.
        """
        if sending.limit is not None and len(raw) > sending.limit:
            raise too_large(sending.limit)
        limit = self.decoded_limit(sending)
        if coding is not None:
            from .core.unpack import unpack

            return await unpack(coding, raw, limit, sending.host, sending.deadline)
        if limit is not None and len(raw) > limit:
            raise too_large(limit)
        return raw

    # Responses

    def make(self, reply: Reply, sending: Sending, content: bytes | Callable[[], bytes], ended: float) -> Response:
        """A response of a reply that is whole.

        Args:
            reply: the head, and what is around it.
            sending: the call.
            content: the decoded body, or what decodes it when somebody asks.
            ended: when the body had come.
        """
        head = reply.head or reply.final
        end = reply.end
        response = Response.assemble(
            head.status,
            head.reason,
            VERSIONS.get(head.version) or reply.http_version,
            head.fields,
            reply.request,
            (sending.deadline.started, reply.head_at, ended, reply.sent_at, reply.opening, reply.heard_at),
            self.default_encoding,
            content,
            b"" if end is None else end.trailers,
            self.loads,
            reply.ends,
        )
        if reply.extra is not None or reply.proxied is not None:
            self.extend(response, reply)
        return response

    def extend(self, view: HeadView, reply: Reply) -> None:
        """Give a response what transports, proxies and policies have added."""
        view.extensions = dict(reply.extra or ())
        if reply.proxied is not None:
            view.extensions["proxy"] = said_by_proxy(reply.proxied)

    def lead(self, view: HeadView, reply: Reply, sending: Sending) -> None:
        """Say of a response which redirects have led to it, and of a redirect where it leads."""
        replies = [*reply.history, reply]
        view.history = [self._past(each, sending, replies[at + 1].request) for at, each in enumerate(reply.history)]
        self._lead_on(view, reply, None)

    def _past(self, reply: Reply, sending: Sending, following: Request) -> Response:
        """The response of a redirect that was followed."""
        response = None if sending.shown is None else sending.shown.of(reply)
        if response is None:
            # What a redirect carries as its body is decoded only if somebody asks for it.
            raw, coding, request = b"".join(reply.chunks), reply.final.coding, reply.request
            content: bytes | Callable[[], bytes] = raw
            if reply.end is None:
                content = partial(not_kept, request)
            elif coding is not None:
                content = partial(_decoded, coding, raw, self.decoded_limit(sending), request)
            response = self.make(reply, sending, content, reply.head_at)
        self._lead_on(response, reply, following)
        return response

    def _lead_on(self, view: HeadView, reply: Reply, following: Request | None) -> None:
        """Say of a redirect where it leads, and what it leaves behind.

        Args:
            view: its response.
            reply: what that is made of.
            following: the request that was sent next, where one was.
        """
        if reply.status_code not in REDIRECTS:
            return
        from .policies.redirect import left_behind

        view.next_request = self._follow_up(reply)
        following = following or view.next_request
        if following is not None:
            view.stripped = left_behind(reply.request, following, self._secrets)

    def _follow_up(self, reply: Reply) -> Request | None:
        """The request that a redirect asks for, where there is one that can be sent."""
        from .policies.redirect import next_request, redirects

        if not redirects(reply):
            return None
        try:
            return next_request(getattr(reply.request, "unsigned", reply.request), reply, self._secrets)
        except HTTPError:
            return None


class Shown:
    """The responses of one call that hooks are shown before its caller is: he gets the very same ones.

    Args:
        responses: makes them.
    """

    __slots__ = ("_made", "_responses")

    def __init__(self, responses: Responses) -> None:
        self._responses = responses
        self._made: list[tuple[Reply, bytes, Response]] = []

    async def whole(self, reply: Reply, sending: Sending) -> Response:
        """The response of a reply, body included; the body can be read again afterwards.

        Raises:
            HTTPError: the body breaks off, cannot be decoded, or is larger than the call allows.
        """
        try:
            raw = await reply.collect(sending.host)
            if raw:
                reply.chunks.append(raw)
            content = await self._responses.content(reply.final.coding, raw, sending)
        except HTTPError as error:
            if error.request is None:
                error.request = reply.request
            raise
        response = self._responses.make(reply, sending, content, monotonic())
        self._made.append((reply, raw, response))
        return response

    def of(self, reply: Reply, raw: bytes | None = None) -> Response | None:
        """The response of a reply, if it was shown, with what was added to it since.

        Args:
            reply: the reply.
            raw: its body as it has come to the caller; where filters have changed it, another response has to be made.
        """
        for each, before, response in self._made:
            if each is reply and (raw is None or raw == before):
                response.extensions.update(reply.extra or ())
                return response
        return None


def said_by_proxy(head: ResponseHead) -> Response:
    """The answer with which an HTTP proxy opened a tunnel."""
    from .engines.links.tunnel import answer_of

    return answer_of(head)


async def body_to_show(reader: BodyReader, deadline: Deadline) -> bytes | None:
    """The body of a response that is raised as an error, or what has come of it when the time is up.

    Args:
        reader: reads it.
        deadline: the limits of the call; they are what they were afterwards.

    Returns:
        None where somebody has begun to read it, and where it is large, breaks off or cannot be decoded.
    """
    final, deadline.final = deadline.final, deadline.within(PATIENCE, monotonic())
    try:
        reader.start(decoded=True)
        content = await to_show(reader.next_piece)
    except HTTPError:
        return None
    finally:
        deadline.final = final
    if content is None:
        reader.close()
    return content


async def to_show(next_piece: Callable[[], Awaitable[bytes]]) -> bytes | None:
    """What comes of a body until its end, or until the time is up; None where it is large or breaks off.

    Args:
        next_piece: gives it piece by piece, `b""` at the end.
    """
    pieces: list[bytes] = []
    size = 0
    try:
        while piece := await next_piece():
            pieces.append(piece)
            size += len(piece)
            if size > SHOWN_MOST:
                return None
    except RequestTimeout:
        pass
    except HTTPError:
        return None
    return b"".join(pieces)


def not_kept(request: Request) -> bytes:
    """Stands for a body that nobody can have any more."""
    raise StreamClosed(detail="the body of this response was not kept", request=request)


def _decoded(coding: bytes, raw: bytes, limit: int | None, request: Request) -> bytes:
    from .engines.coding import decode_all

    try:
        return decode_all(coding, raw, limit)
    except HTTPError as error:
        error.request = request
        raise
