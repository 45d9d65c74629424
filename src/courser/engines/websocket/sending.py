"""The sending side of a WebSocket: messages, fragments and control frames become bytes.

Data is masked by clients, always and with a new key for each frame (RFC 6455 section 5.3).
"""

from __future__ import annotations

from functools import cache

from ...errors import LocalProtocolError
from ...hints import TYPE_CHECKING
from .closing import close_payload
from .codes import CloseCode
from .compression import Deflater
from .frames import (
    BINARY,
    CLOSE,
    CONTINUATION,
    FIN,
    MASKED,
    MAX_CONTROL,
    PING,
    PONG,
    RSV1,
    TEXT,
    build_control,
    build_frame,
)
from .masking import keys
from .states import State
from .text import encode_text, no_unicode

if TYPE_CHECKING:
    from .deflate import Deflate
    from .events import Data, Frame

__all__ = ["Sending"]

_number = int.from_bytes


@cache
def _headers(first: int, masked: bool) -> tuple[bytes, ...]:
    """The headers of all payloads that have their length in the second byte."""
    bit = MASKED if masked else 0
    return tuple(bytes((first, bit | size)) for size in range(MAX_CONTROL + 1))


class Sending:
    """The part of WebSocketEngine that sends; see there."""

    __slots__ = (
        "_binary_headers",
        "_close",
        "_compresses",
        "_deflater",
        "_fragmented",
        "_pong",
        "_quick",
        "_quick_most",
        "_text_headers",
        "_threshold",
        "close_sent",
        "has_outgoing",
        "is_client",
        "state",
    )

    def __init__(self, is_client: bool, deflate: Deflate | None) -> None:
        self.is_client = is_client
        self.state = State.OPEN
        self.close_sent = False
        self.has_outgoing = False
        self._text_headers = _headers(FIN | TEXT, is_client)
        self._binary_headers = _headers(FIN | BINARY, is_client)
        self._deflater = _deflater(is_client, deflate)
        self._threshold = deflate.threshold if deflate and self._deflater else 1 << 63
        # Messages of fewer bytes need no judgement: none does while a fragmented one is being sent, or after Close.
        self._quick = self._quick_most = min(self._threshold, MAX_CONTROL + 1)
        # The opcode of the message that is being sent in fragments, 0 for none, and whether it is compressed.
        self._fragmented = 0
        self._compresses = False
        # What waits for `outgoing`: what the newest Ping said, and a Close.
        self._pong: bytes | None = None
        self._close = b""

    def send_text(self, text: str, compress: bool | None = None) -> Frame:
        """A text message, as the bytes to write.

        Args:
            text: the message.
            compress: whether to compress it where that was negotiated; None leaves it to the threshold.

        Raises:
            LocalProtocolError: it holds a lone surrogate, a fragmented message is being sent, or Close was sent.
            TypeError: it is no text.
        """
        try:
            payload = text.encode()
        except UnicodeEncodeError:
            raise no_unicode() from None
        except AttributeError:
            raise _misfit("send_text() takes str", text) from None
        size = len(payload)
        if size < self._quick and not compress:
            if not self.is_client:
                return self._text_headers[size] + payload
            key = next(keys.ready, None) or keys.more()
            masked = (_number(payload) ^ _number((key * (size // 4 + 1))[:size])).to_bytes(size)
            return self._text_headers[size] + key + masked
        return self._send(TEXT, payload, compress)

    def send_bytes(self, data: Data, compress: bool | None = None) -> Frame:
        """A binary message, as the bytes to write; like `send_text`.

        Args:
            data: the message: bytes, a bytearray, a memoryview.
            compress: whether to compress it where that was negotiated; None leaves it to the threshold.

        Raises:
            LocalProtocolError: a fragmented message is being sent, or Close was sent.
            TypeError: it has no bytes.
        """
        try:
            payload = data if type(data) is bytes else bytes(memoryview(data))
        except TypeError:
            raise _misfit("send_bytes() takes bytes", data) from None
        size = len(payload)
        if size < self._quick and not compress:
            if not self.is_client:
                return self._binary_headers[size] + payload
            key = next(keys.ready, None) or keys.more()
            masked = (_number(payload) ^ _number((key * (size // 4 + 1))[:size])).to_bytes(size)
            return self._binary_headers[size] + key + masked
        return self._send(BINARY, payload, compress)

    def send_fragment(self, data: str | Data, *, last: bool, compress: bool | None = None) -> Frame:
        """A part of a message, as the bytes to write; the first one starts it, as text where it is a `str`.

        Pings and pongs may come between fragments, another message may not (RFC 6455 section 5.4).

        Args:
            data: a part of the message, may be empty.
            last: whether it ends the message.
            compress: whether to compress the message, where that was negotiated; only the first fragment decides, and
                None means yes.

        Raises:
            LocalProtocolError: text within a binary message or the other way round, a lone surrogate, or Close was
                sent.
            TypeError: it is neither text nor bytes.
        """
        opcode, payload = _payload(data)
        self._check_open()
        first = CONTINUATION
        if not self._fragmented:
            first = opcode
            self._compresses = self._deflater is not None and compress is not False
            if self._compresses:
                first |= RSV1
        elif opcode != self._fragmented:
            raise LocalProtocolError(detail="a message is either text or binary, in all its fragments")
        if self._deflater is not None and self._compresses:
            payload = self._deflater.feed(payload, last=last)
        self._fragmented = 0 if last else opcode
        self._quick = self._quick_most if last else 0
        return build_frame(first | FIN if last else first, payload, self.is_client)

    def ping(self, payload: bytes = b"") -> bytes:
        """A Ping, as the bytes to write.

        Args:
            payload: what the Pong shall hold, at most 125 bytes.

        Raises:
            LocalProtocolError: it is longer, or Close was sent.
        """
        return self._control(PING, payload)

    def pong(self, payload: bytes = b"") -> bytes:
        """A Pong that nobody has asked for, as the bytes to write; Pings are answered without it.

        Args:
            payload: at most 125 bytes.

        Raises:
            LocalProtocolError: it is longer, or Close was sent.
        """
        return self._control(PONG, payload)

    def close(self, code: int | None = CloseCode.NORMAL_CLOSURE, reason: str = "") -> bytes:
        """Close, and what was waiting in `outgoing`, as the bytes to write.

        Args:
            code: why (RFC 6455 section 7.4); None for no code.
            reason: at most 123 bytes as UTF-8.

        Raises:
            LocalProtocolError: the code is none that may be sent, the reason is too long, or Close was sent already.
        """
        payload = close_payload(code, reason)
        self._check_open()
        self._leave(State.CLOSING)
        self.close_sent = True
        return self.outgoing() + build_control(CLOSE, payload, self.is_client)

    def outgoing(self) -> bytes:
        """What the protocol wants to be written now: answers to a Ping and to Close; b"" for nothing."""
        data = self._close
        if self._pong is not None:
            data = build_control(PONG, self._pong, self.is_client) + data
        self._pong = None
        self._close = b""
        self.has_outgoing = False
        return data

    def _leave(self, state: State) -> None:
        """Nothing more can be sent by the caller."""
        self.state = state
        self._quick = 0

    def _queue_pong(self, payload: bytes) -> None:
        """Only the newest Ping is answered (RFC 6455 section 5.5.3): any number may come while one cannot write."""
        self._pong = payload
        self.has_outgoing = True

    def _queue_close(self, payload: bytes) -> None:
        if not self.close_sent:
            self._close = build_control(CLOSE, payload, self.is_client)
            self.close_sent = self.has_outgoing = True

    def _send(self, opcode: int, payload: bytes, compress: bool | None) -> Frame:
        self._check_open()
        if self._fragmented:
            raise LocalProtocolError(detail="a fragmented message is being sent, and messages do not mix")
        deflater = self._deflater
        first = FIN | opcode
        if deflater is not None and (len(payload) >= self._threshold if compress is None else compress):
            first |= RSV1
            payload = deflater.feed(payload, last=True)
        return build_frame(first, payload, self.is_client)

    def _control(self, opcode: int, payload: bytes) -> bytes:
        if len(payload) > MAX_CONTROL:
            raise LocalProtocolError(detail=f"a control frame carries at most {MAX_CONTROL} bytes, not {len(payload)}")
        self._check_open()
        return build_control(opcode, payload, self.is_client)

    def _check_open(self) -> None:
        if self.state is not State.OPEN:
            raise LocalProtocolError(detail=f"nothing can be sent any more: {self.state.value}")


def _deflater(is_client: bool, deflate: Deflate | None) -> Deflater | None:
    """What compresses; nothing does where zlib cannot keep to the window that was agreed."""
    if deflate is None:
        return None
    if is_client:
        bits, alone = deflate.client_max_window_bits, deflate.client_no_context_takeover
    else:
        bits, alone = deflate.server_max_window_bits, deflate.server_no_context_takeover
    return Deflater(bits, not alone, deflate.level) if bits > 8 else None


def _payload(data: str | Data) -> tuple[int, bytes]:
    if isinstance(data, str):
        return TEXT, encode_text(data)
    try:
        return BINARY, bytes(memoryview(data))
    except TypeError:
        raise TypeError(f"a piece of a message is str or bytes, not {type(data).__name__}") from None


def _misfit(takes: str, given: object) -> TypeError:
    """The error for what a message of one kind cannot be made of: another one, or JSON, may be what was meant."""
    kind, other = type(given).__name__, "send_json() takes what JSON can say"
    if isinstance(given, str):
        other = "send_text() takes str"
    elif isinstance(given, bytes | bytearray | memoryview):
        other = "send_bytes() takes bytes"
    return TypeError(f"{takes}, not {kind}; {other}")
