"""CONNECT: an HTTP proxy is asked to pass bytes on, and to look at them no more (RFC 9110 section 9.3.6)."""

from __future__ import annotations

from ...errors import ProxyError, RemoteProtocolError
from ...hints import TYPE_CHECKING
from ...values.response import Response
from ..events import ResponseHead
from ..http1 import ClientEngine

if TYPE_CHECKING:
    from typing import Final

__all__ = ["Tunnel", "answer_of"]

REFUSAL_MOST: Final = 16 * 1024
"""Bytes of a refusal's body that are kept for the error, and waited for."""

HINTS: Final = {407: "give user name and password: Proxy(url, auth=(user, password))"}


class Tunnel:
    """Asks an HTTP proxy for a tunnel; no I/O.

    Args:
        authority: host and port of the far end, IPv6 addresses in brackets.
        fields: header lines for the proxy, and for nobody else.

    Attributes:
        done: whether the tunnel is open.
        head: the head of the proxy's final answer.
        leftover: bytes that came after that head, from the far end.
        reaching: never: a proxy that is told names looks for other addresses by itself.

    Raises:
        LocalProtocolError: the authority or a line is none.
    """

    __slots__ = ("_body", "_engine", "_outbox", "done", "head")

    reaching = False

    def __init__(self, authority: bytes, fields: bytes = b"") -> None:
        self.done = False
        self.head: ResponseHead | None = None
        self._body = b""
        self._engine = ClientEngine()
        self._outbox = self._engine.start(b"CONNECT", authority, authority, fields, -1)

    @property
    def leftover(self) -> bytes:
        return self._engine.leftover if self.done else b""

    def outgoing(self) -> bytes:
        """What to write now; b"" for nothing."""
        data, self._outbox = self._outbox, b""
        return data

    def receive(self, data: bytes) -> None:
        """Take bytes of the proxy; b"" says that it has closed.

        Raises:
            ProxyError: it refuses, or does not speak HTTP; its answer, with the beginning of the body, is its
                `response`.
        """
        try:
            events = self._engine.receive(data)
        except RemoteProtocolError as error:
            self.head = self._engine.head  # what is wrong behind it makes it no other answer
            raise self.late() or ProxyError(phase="proxy", detail=error.detail) from error
        ended = False
        for event in events:
            if isinstance(event, ResponseHead):
                self.head = event
            elif isinstance(event, bytes):
                self._body += event
            else:
                ended = True
        self.done = self._engine.is_tunnel
        refusal = self.late()
        if refusal is not None and (ended or len(self._body) > REFUSAL_MOST):
            raise refusal

    def late(self) -> ProxyError | None:
        """The refusal, if its head has come: a body that never ends does not hide it."""
        head = self.head
        if self.done or head is None or head.status < 200:
            return None
        told = f"{head.status} {head.reason.decode('latin-1')}".rstrip()
        return ProxyError(
            phase="proxy",
            detail=f"it answered CONNECT with {told}",
            hint=HINTS.get(head.status, ""),
            response=answer_of(head, self._body[:REFUSAL_MOST]),
        )


def answer_of(head: ResponseHead, body: bytes = b"") -> Response:
    """A proxy's answer to CONNECT as a response, which has no request that anybody made."""
    version = "HTTP/" + head.version.decode("ascii")
    times = (0.0, 0.0, 0.0, 0.0, None, 0.0)
    return Response.assemble(head.status, head.reason, version, head.fields, None, times, "utf-8", body, b"")
