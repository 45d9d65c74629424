"""A WebSocket after its handshake, in either role: bytes in, messages out (RFC 6455).

`receive` is hot, as are the two ways to send a whole message: a small message that is one frame, all there and not
compressed, is handled in the one frame of Python that the caller enters. They may only take what needs no judgement;
whatever is unusual goes through `_step`, which takes everything.
"""

from __future__ import annotations

from ...hints import TYPE_CHECKING
from .frames import BINARY, FIN, TEXT
from .limits import WEBSOCKET_LIMITS, WebSocketLimits
from .masking import mask
from .receiving import Receiving

if TYPE_CHECKING:
    from typing import Final

    from .deflate import Deflate
    from .events import Event, Frame

__all__ = ["WebSocketEngine"]

_WHOLE_TEXT: Final = FIN | TEXT
_WHOLE_BINARY: Final = FIN | BINARY


class WebSocketEngine(Receiving):
    """Sends and receives messages; no I/O.

    Args:
        is_client: the role: a client masks what it sends.
        deflate: how messages are compressed, as both sides agreed in the handshake; None where they do not.
        limits: what a peer may make the engine hold.

    Attributes:
        is_client: the role.
        state: OPEN, CLOSING, CLOSED or FAILED.
        has_outgoing: whether something waits in `outgoing`: an answer to Ping or Close, or the Close after a fault.
        close_sent: whether our Close was made or queued.
        close_received: whether the peer's has come.
        close_code: what the peer's Close says, 1005 if it has no code; 1006 if the link ended without one.
        close_reason: what it says to that.
        error: what the peer did wrong, once the state is FAILED.
        failed_code: the close code for it, 0 before.
    """

    __slots__ = ()

    def __init__(
        self, *, is_client: bool, deflate: Deflate | None = None, limits: WebSocketLimits = WEBSOCKET_LIMITS
    ) -> None:
        super().__init__(is_client, deflate, limits)

    def receive(self, data: Frame) -> list[Event]:
        """Take bytes of the peer; b"" says that it has closed its side of the link.

        Returns:
            what they mean, in order. After a fault `error` is set, and Close waits in `outgoing`; what came before it
            is handed out nevertheless.
        """
        if type(data) is not bytes:
            data = bytes(data)
        events: list[Event] = []
        size = len(data)
        if not size:
            self._end()
        position = 0
        while position < size:
            if self._plain:
                mask_bit, key_size, most = self._mask_bit, self._key_size, self._limits.message
                try:
                    while size - position > 1:
                        first = data[position]
                        # What is not masked as it must be has 128 or more here.
                        length = data[position + 1] ^ mask_bit
                        start = position + 2 + key_size
                        if length > 125:
                            if length != 126 or size - position < 4:
                                break
                            length = data[position + 2] << 8 | data[position + 3]
                            if length < 126:
                                break
                            start += 2
                        end = start + length
                        if end > size or length > most or (first != _WHOLE_TEXT and first != _WHOLE_BINARY):
                            break
                        payload = data[start:end]
                        if mask_bit:
                            key = data[start - 4 : start]
                            if length < 126:
                                key = (key * (length // 4 + 1))[:length]
                                payload = (int.from_bytes(payload) ^ int.from_bytes(key)).to_bytes(length)
                            else:
                                payload = mask(payload, key)
                        events.append(payload if first == _WHOLE_BINARY else payload.decode())
                        position = end
                except UnicodeDecodeError:
                    pass  # the careful way says what is wrong
                if position == size:
                    break
            position = self._step(data, position, events)
        return events
