"""What an HTTP engine hands out: heads, pieces of body, ends.

An engine's `receive` returns a list in which

- a `ResponseHead` or `RequestHead` starts a message (a response head below 200 is an interim one: more will follow),
- `bytes` are a piece of the message's body, never empty,
- an `End` ends the message.

Plain `bytes` and a shared `END` are used because they cost nothing: most responses are one head, one piece, one end.
"""

from __future__ import annotations

from ..hints import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TypeAlias

__all__ = ["END", "End", "Event", "RequestHead", "ResponseHead"]


class ResponseHead:
    """The head of a response.

    Attributes:
        status: the status code, 100 to 999.
        reason: the reason phrase, may be empty.
        version: b"1.0", b"1.1", b"2" or b"3".
        fields: the header lines as they came, each with its CRLF, names and values validated.
        length: the Content-Length, None where there is none.
        coding: the value of Content-Encoding, None where there is none.
        keep_alive: whether the message's own headers let the connection live on.
        sets_cookies: whether there may be a Set-Cookie among the fields.
    """

    __slots__ = ("coding", "fields", "keep_alive", "length", "reason", "sets_cookies", "status", "version")

    def __init__(
        self,
        status: int,
        reason: bytes,
        version: bytes,
        fields: bytes,
        length: int | None,
        coding: bytes | None,
        keep_alive: bool,
    ) -> None:
        self.status = status
        self.reason = reason
        self.version = version
        self.fields = fields
        self.length = length
        self.coding = coding
        self.keep_alive = keep_alive
        self.sets_cookies = b"set-cookie" in fields.lower()

    def __repr__(self) -> str:
        return f"<ResponseHead {self.status} {self.reason.decode('latin-1')}>"


class RequestHead:
    """The head of a request.

    Attributes:
        method: the method, as it came.
        target: the request target (RFC 9112 section 3.2).
        version: b"1.0", b"1.1", b"2" or b"3".
        fields: the header lines as they came, each with its CRLF, names and values validated.
        length: the Content-Length, None where there is none.
        keep_alive: whether the client lets the connection live on.
        expects_continue: whether the client waits for 100 (Continue) before it sends the body.
    """

    __slots__ = ("expects_continue", "fields", "keep_alive", "length", "method", "target", "version")

    def __init__(
        self,
        method: bytes,
        target: bytes,
        version: bytes,
        fields: bytes,
        length: int | None,
        keep_alive: bool,
        expects_continue: bool,
    ) -> None:
        self.method = method
        self.target = target
        self.version = version
        self.fields = fields
        self.length = length
        self.keep_alive = keep_alive
        self.expects_continue = expects_continue

    def __repr__(self) -> str:
        return f"<RequestHead {self.method.decode('latin-1')} {self.target.decode('latin-1')}>"


class End:
    """The end of a message.

    Attributes:
        trailers: the trailer lines as they came, validated; empty where there are none.
    """

    __slots__ = ("trailers",)

    def __init__(self, trailers: bytes = b"") -> None:
        self.trailers = trailers

    def __repr__(self) -> str:
        return f"<End trailers={self.trailers!r}>" if self.trailers else "<End>"


END = End()

Event: TypeAlias = ResponseHead | RequestHead | bytes | End
