"""The client's side of the opening handshake, over HTTP/1.1 (RFC 6455 section 4.1) and HTTP/2 (RFC 8441).

Over HTTP/1.1 a request asks to upgrade the connection, and the answer proves with a digest of the request's key that
it comes from a WebSocket server and was made for this request. Over HTTP/2 an extended CONNECT says `websocket` in
`:protocol`, any 2xx opens the stream, and there is neither upgrade nor key nor proof.

A connection that does not agree in every point is not a WebSocket: nothing that follows is to be read as frames.
"""

from __future__ import annotations

from binascii import b2a_base64
from hashlib import sha1
from hmac import compare_digest
from os import urandom

from ...errors import HandshakeRefused, LocalProtocolError
from ...hints import TYPE_CHECKING, NamedTuple
from ...values.fields import TOKEN
from ..http1.framing import values_of
from .deflate import PERMESSAGE_DEFLATE, Deflate, agree_deflate, offer_deflate
from .faults import Fault
from .fields import has_token, read_extensions, read_tokens

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Final, TypeAlias

    Pairs: TypeAlias = list[tuple[str, str]]

__all__ = ["VERSION", "Agreement", "Handshake", "accept_of", "check_subprotocols"]

VERSION: Final = "13"
"""Of the WebSocket protocol; there is no other (RFC 6455 section 11.6)."""

_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Agreement(NamedTuple):
    """What both sides have agreed on.

    Attributes:
        subprotocol: one of those that were offered, or None.
        deflate: how messages are compressed; None where they are not.
    """

    subprotocol: str | None
    deflate: Deflate | None


def accept_of(key: bytes) -> bytes:
    """The value of Sec-WebSocket-Accept that answers a key (RFC 6455 section 4.2.2)."""
    return b2a_base64(sha1(key + _GUID, usedforsecurity=False).digest(), newline=False)


def check_subprotocols(subprotocols: Sequence[str]) -> None:
    """Make sure that these can be written (RFC 6455 section 4.1).

    Raises:
        LocalProtocolError: one is no token, or comes twice.
    """
    if isinstance(subprotocols, str):
        raise LocalProtocolError(detail="subprotocols are a list of names, not one string")
    for name in subprotocols:
        if not TOKEN.fullmatch(name.encode("utf-8", "surrogatepass")):
            raise LocalProtocolError(detail=f"{name!r} is no name of a subprotocol")
    if len(set(subprotocols)) < len(subprotocols):
        raise LocalProtocolError(detail="a subprotocol is named twice")


class Handshake:
    """What a client asks for, and whether it got it; one for each request.

    Args:
        subprotocols: by preference.
        deflate: what to offer; None for no compression.

    Attributes:
        key: the value of Sec-WebSocket-Key, new for each handshake.

    Raises:
        LocalProtocolError: a subprotocol or a number is none that may be written.
    """

    __slots__ = ("_deflate", "_offers", "_subprotocols", "key")

    def __init__(self, *, subprotocols: Sequence[str] = (), deflate: Deflate | None = None) -> None:
        check_subprotocols(subprotocols)
        self._subprotocols = tuple(subprotocols)
        self._deflate = deflate
        self._offers: Pairs = [("Sec-WebSocket-Version", VERSION)]
        if subprotocols:
            self._offers.append(("Sec-WebSocket-Protocol", ", ".join(subprotocols)))
        if deflate is not None:
            self._offers.append(("Sec-WebSocket-Extensions", offer_deflate(deflate)))
        self.key = b2a_base64(urandom(16), newline=False).decode("ascii")

    def request_fields(self) -> Pairs:
        """The fields of a GET over HTTP/1.1, besides those of any request."""
        return [
            ("Connection", "Upgrade"),
            ("Upgrade", "websocket"),
            ("Sec-WebSocket-Key", self.key),
            *self._offers,
        ]

    def connect_fields(self) -> Pairs:
        """The fields of an extended CONNECT with `:protocol` = `websocket` (RFC 8441 section 5)."""
        return [*self._offers]

    def check(self, status: int, fields: bytes) -> Agreement:
        """Judge the answer to `request_fields`.

        Args:
            status: of the response.
            fields: its header lines, validated, each with its CRLF.

        Raises:
            HandshakeRefused: the server does not agree, or not to what it was asked.
        """
        if status != 101:
            raise HandshakeRefused(detail=f"it answered with {status}, not with 101")
        upgrades = values_of(fields, b"upgrade")
        if len(upgrades) != 1 or upgrades[0].lower() != b"websocket":
            raise HandshakeRefused(detail="it does not upgrade to websocket")
        if not has_token(values_of(fields, b"connection"), b"upgrade"):
            raise HandshakeRefused(detail="its Connection field does not say Upgrade")
        accepts = values_of(fields, b"sec-websocket-accept")
        if len(accepts) != 1 or not compare_digest(accepts[0], accept_of(self.key.encode("ascii"))):
            raise HandshakeRefused(detail="its Sec-WebSocket-Accept does not answer our key")
        return self._agree(fields)

    def check_connect(self, status: int, fields: bytes) -> Agreement:
        """Judge the answer to `connect_fields`; arguments and errors are those of `check`."""
        if not 200 <= status <= 299:
            raise HandshakeRefused(detail=f"it answered with {status}, not with 2xx")
        return self._agree(fields)

    def _agree(self, fields: bytes) -> Agreement:
        try:
            return Agreement(self._agree_subprotocol(fields), self._agree_deflate(fields))
        except Fault as fault:
            raise HandshakeRefused(detail=fault.detail) from None

    def _agree_subprotocol(self, fields: bytes) -> str | None:
        values = values_of(fields, b"sec-websocket-protocol")
        if not values:
            return None
        chosen = read_tokens(values)
        if len(values) > 1 or len(chosen) != 1:
            raise Fault("it does not choose one subprotocol")
        if chosen[0] not in self._subprotocols:
            raise Fault(f"it chose the subprotocol {chosen[0][:32]}, which was not offered")
        return chosen[0]

    def _agree_deflate(self, fields: bytes) -> Deflate | None:
        extensions = read_extensions(values_of(fields, b"sec-websocket-extensions"))
        if not extensions:
            return None
        name, parameters = extensions[0]
        if self._deflate is None or name != PERMESSAGE_DEFLATE or len(extensions) > 1:
            raise Fault("it uses an extension that was not offered")
        return agree_deflate(self._deflate, parameters)
