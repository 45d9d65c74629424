"""The body of a reply, piece by piece, as it travels or decoded."""

from __future__ import annotations

from collections.abc import Iterator

from ..engines.coding import make_decoder
from ..errors import HTTPError, StreamClosed, StreamConsumed
from ..hints import TYPE_CHECKING
from .reply import Reply, too_large
from .waiter import Host

if TYPE_CHECKING:
    from ..engines.coding import Decoder

__all__ = ["BodyReader"]


class BodyReader:
    """Reads the body of a reply, once.

    Args:
        reply: whose.
        host: who waits.
        limit: bytes, as they travel, above which LimitExceeded is raised.
        decoded_limit: the same for what is given decoded.

    Attributes:
        received: bytes read, as they travelled.
    """

    __slots__ = ("_decoded_limit", "_decoder", "_given", "_host", "_limit", "_pieces", "_reply", "_state", "received")

    def __init__(self, reply: Reply, host: Host, limit: int | None, decoded_limit: int | None) -> None:
        self._reply = reply
        self._host = host
        self._limit = limit
        self._decoded_limit = decoded_limit
        self._given = 0
        self._state = ""
        self._decoder: Decoder | None = None
        self._pieces: Iterator[bytes] = iter(())
        self.received = 0

    def start(self, decoded: bool) -> None:
        """Begin to read.

        Args:
            decoded: whether `next_piece` gives the body decoded.

        Raises:
            StreamConsumed: somebody has begun before.
            StreamClosed: the response was closed.
        """
        if self._state == "closed":
            raise StreamClosed(request=self._reply.request)
        if self._state:
            raise StreamConsumed(hint="a body can be read once; keep what read() gave", request=self._reply.request)
        self._state = "reading"
        if decoded:
            self._limit = self._decoded_limit
            coding = self._reply.final.coding
            if coding is not None:
                self._decoder = make_decoder(coding)

    async def next_piece(self) -> bytes:
        """The next piece, `b""` at the end."""
        try:
            if self._decoder is None:
                piece = await self._raw()
                return piece if self._limit is None else self._count(piece)
            for piece in self._pieces:
                if not self._host.blocking:
                    # A few bytes may stand for gigabytes, and nothing else in reading them waits.
                    await self._host.checkpoint()
                return self._count(piece)
            return await self._decode(self._decoder)
        except BaseException as error:
            self.close()
            if isinstance(error, HTTPError) and error.request is None:
                error.request = self._reply.request
            raise

    async def _raw(self) -> bytes:
        if self._state == "closed":
            raise StreamClosed(request=self._reply.request)
        reply, host = self._reply, self._host
        piece = await (reply.piece(host) if reply.filters is None else reply.passed(host))
        self.received += len(piece)
        if not piece:
            self._state = "ended"
        return piece

    async def _decode(self, decoder: Decoder) -> bytes:
        while self._state == "reading":
            raw = await self._raw()
            if raw:
                self._pieces = decoder.feed(raw)
                for piece in self._pieces:
                    return self._count(piece)
            else:
                decoder.end()
        if self._state == "closed":
            raise StreamClosed(request=self._reply.request)
        return b""

    def _count(self, piece: bytes) -> bytes:
        limit = self._limit
        if limit is not None:
            self._given += len(piece)
            if self._given > limit:
                raise too_large(limit)
        return piece

    def close(self) -> None:
        """Give up what has not been read."""
        if self._state != "ended":
            self._state = "closed"
            self._pieces = iter(())
        self._reply.abort()
