"""The client's side of an HTTP/2 connection.

`start` is hot: what is encoded for a method, an authority and fields is kept, because most requests on a connection
differ in their path only; the path is a literal between the other pseudo-header fields and the rest.
"""

from __future__ import annotations

from ...errors import LocalProtocolError
from ...hints import TYPE_CHECKING
from ..events import END
from ..hpack.tables import OVERHEAD
from .engine import Engine
from .faults import ErrorCode, StreamFault
from .frames import END_HEADERS, END_STREAM, HEADER, HEADERS, LAST_ID, PREFACE, headers
from .heads import BODILESS, read_response
from .kept import LARGEST, MOST, Kept
from .limits import HTTP2_LIMITS
from .requests import check_target, list_size, request_fields, request_pseudo
from .settings import ENABLE_PUSH
from .stream import ENDLESS, Due, Stream, Upload

if TYPE_CHECKING:
    from typing import ClassVar, Final, TypeAlias

    from ..events import ResponseHead
    from ..hpack.imprint import Imprint
    from .limits import HTTP2Limits

    Key: TypeAlias = tuple[bytes, bytes, bytes, int | None, bytes, bytes]
    Entry: TypeAlias = tuple[bytes, bytes, int, int]

__all__ = ["ClientEngine"]

_pack = HEADER.pack

_ENCLOSING: Final = frozenset((b"POST", b"PUT", b"PATCH"))
"""Methods for which no body is a body of no bytes, and is said to be so (RFC 9110 section 8.6)."""

_DUE: Final = {b"HEAD": Due.BODILESS, b"CONNECT": Due.TUNNEL}

_PATH_AND_LENGTH: Final = len(b":path" + b"content-length") + 19
"""Bytes of the names of those two, and of a length's digits."""

_DOUBT: Final = b"courserR"
"""The PING after resets: once it is back, the server has seen them."""


class ClientEngine(Engine):
    """Sends requests and receives responses, many at a time; no I/O.

    Args:
        limits: what a peer may make the engine hold or do.
    """

    __slots__ = ("_blocks", "_doubted", "_in_doubt", "_next", "_paths")

    _is_client: ClassVar[bool] = True

    def __init__(self, *, limits: HTTP2Limits = HTTP2_LIMITS) -> None:
        super().__init__(limits, PREFACE, ((ENABLE_PUSH, 0),))
        self._next = 1
        # What requests are made of: pseudo-header fields, other fields, bytes as a peer counts them, which head is due.
        self._blocks: Kept[Key, Entry] = Kept(self._encoder)
        self._paths: dict[bytes, bytes] = {}
        # Streams that were reset and that the server may still count as open: before and since the PING went out.
        self._in_doubt = self._doubted = 0

    @property
    def capacity(self) -> int:
        """How many more streams should start now.

        As many more may as were reset since the server last said that it has seen that: `start` does not count those.
        """
        if self.draining:
            return 0
        return max(self.peer.streams - len(self._streams) - self._in_doubt - self._doubted, 0)

    def start(
        self,
        method: bytes,
        target: bytes,
        authority: bytes,
        fields: bytes,
        length: int | None,
        scheme: bytes = b"https",
        protocol: bytes = b"",
    ) -> Stream:
        """Begin an exchange: queue the head of a request.

        Args:
            method: a token (RFC 9110 section 9.1).
            target: the path and query, `*` for OPTIONS; means nothing for CONNECT without protocol.
            authority: host and port; b"" where `fields` has the Host line.
            fields: the other header lines; a FieldBlock is taken as it is, other bytes are checked.
            length: of the body in bytes; -1 for no body, None for a body of unknown length. CONNECT always is the
                latter.
            scheme: of the URL.
            protocol: for extended CONNECT (RFC 8441).

        Raises:
            LocalProtocolError: no stream can start, or an argument would break the protocol; nothing has changed then.
        """
        number = self._next
        peer = self.peer
        if self.draining or len(self._streams) >= peer.streams:
            raise self._no_capacity()
        blocks = self._blocks
        if blocks.generation != self._encoder.generation:
            blocks.renew()
        path = self._paths.get(target) or self._path(method, target, protocol)
        key = (method, authority, fields, length if length is None or length < 0 else 0, scheme, protocol)
        entry = blocks.get(key) or self._entry(key, len(target))
        before, rest, size, due = entry
        if peer.head is not None and size + len(target) > peer.head:
            raise self._too_large_head()
        if due == Due.TUNNEL:
            upload: Upload | None = Upload(-1)
            flags = END_HEADERS
            path = path if protocol else b""
        elif length == -1:
            upload = None
            flags = END_HEADERS | END_STREAM
        else:
            upload = Upload(-1 if length is None else length)
            flags = END_HEADERS | END_STREAM if length == 0 else END_HEADERS
            if length is not None:
                rest += self._encoder.literal(b"content-length", b"%d" % length)
        stream = Stream(number, due, self._tuner.size, peer.window, upload)
        self._streams[number] = stream
        self._next = number + 2
        if number == LAST_ID:
            self.draining = True
        total = len(before) + len(path) + len(rest)
        if total <= peer.frame:
            self._outbox.heads += (_pack(total << 8 | HEADERS, flags, number), before, path, rest)
        else:
            self._outbox.heads.append(headers(number, before + path + rest, peer.frame, end=stream.sent))
        return stream

    def _no_capacity(self) -> LocalProtocolError:
        if self.draining:
            return LocalProtocolError(detail="the connection takes no more requests")
        return LocalProtocolError(detail=f"{self.peer.streams} requests are open, as many as the server takes")

    def _too_large_head(self) -> LocalProtocolError:
        return LocalProtocolError(
            detail=f"the head of the request is larger than the {self.peer.head} bytes that the server takes"
        )

    def _path(self, method: bytes, target: bytes, protocol: bytes) -> bytes:
        """The encoded :path, checked; b"" where there is none."""
        if method == b"CONNECT" and not protocol:
            return b""
        check_target(target, method)
        encoded = self._encoder.literal(b":path", target)
        if target[0] == 0x2F and len(target) <= LARGEST:
            if len(self._paths) >= MOST:
                self._paths.clear()
            self._paths[target] = encoded
        return encoded

    def _entry(self, key: Key, target: int) -> Entry:
        """What a request consists of besides its path: checked first, then encoded, and kept if that stays true."""
        method, authority, lines, length, scheme, protocol = key
        if length is not None and length < -1:
            raise LocalProtocolError(detail=f"a body cannot have {length} bytes")
        if protocol and (method != b"CONNECT" or not self.peer.connects):
            raise LocalProtocolError(detail="the server does not take CONNECT with a protocol, or it is no CONNECT")
        authority, fields = request_fields(lines, authority)
        pseudo = request_pseudo(method, scheme, authority, protocol)
        if length == -1 and method in _ENCLOSING:
            fields.append((b"content-length", b"0"))
        # One more for :path and one for Content-Length, whose values are not known here.
        size = list_size(pseudo) + list_size(fields) + 2 * OVERHEAD + _PATH_AND_LENGTH
        if self.peer.head is not None and size + target > self.peer.head:
            raise self._too_large_head()
        encoder = self._encoder
        entry = (encoder.encode(pseudo), encoder.encode(fields), size, _DUE.get(method, Due.PLAIN))
        self._blocks.keep(key, entry, len(lines))
        return entry

    def reset(self, stream: Stream, code: int = ErrorCode.CANCEL) -> None:
        """Give a stream up, whatever it has sent or received; the connection lives on.

        Until the server has surely seen it, the stream counts against `capacity`: who goes by that does not send so
        many resets in a hurry that they look like an attack (CVE-2023-44487).

        Args:
            stream: nothing happens where it is over.
            code: what to tell the peer.
        """
        if stream.closed:
            return
        super().reset(stream, code)
        self._doubted += 1
        if not self._in_doubt:
            self._ask()

    def _ask(self) -> None:
        self._in_doubt, self._doubted = self._doubted, 0
        self._ping(_DOUBT)

    def _take_pong(self, payload: bytes) -> None:
        if payload != _DOUBT:
            super()._take_pong(payload)
            return
        self._in_doubt = 0
        if self._doubted:
            self._ask()

    def _begun(self) -> int:
        return self._next >> 1

    def _has_begun(self, number: int) -> bool:
        return number & 1 == 1 and number < self._next

    def _last_taken(self) -> int:
        return 0

    def _take_block(self, number: int, block: bytes, is_last: bool) -> None:
        stream = self._streams.get(number)
        if stream is not None and stream.due:
            known = self._known.get(block)
            if known is None:
                head, left = self._read_head(block)
            else:
                head, left, added = known
                if added:
                    self._replay(added)
            self._begin(stream, head, left, is_last)
            return
        self._take_trailers(number, block, is_last)

    def _read_head(self, block: bytes) -> tuple[ResponseHead, int]:
        """A head, and how many bytes of body may follow it; kept where the same block means the same again."""
        before = self._decoder.generation
        fields = self._decode(block)
        head = read_response(fields)
        status = head.status
        left = 0 if status in BODILESS else ENDLESS if head.length is None else head.length
        if status >= 200 and not head.sets_cookies and len(head.fields) <= LARGEST:
            if before == self._decoder.generation:
                self._remember(block, head, left, ())
                self._passing.append(block)
            elif block == self._last_block:
                added = self._decoder.imprint(block, fields)
                if added is not None:
                    self._remember(block, head, left, added)
            self._last_block = block
        return head, left

    def _remember(self, block: bytes, head: ResponseHead, left: int, added: Imprint) -> None:
        known = self._known
        if len(known) >= MOST:
            known.clear()
            self._passing.clear()
        known[block] = (head, left, added)

    def _begin(self, stream: Stream, head: ResponseHead, left: int, is_last: bool) -> None:
        """A head is there; see what follows it (RFC 9113 section 8.1)."""
        if head.status < 200:
            self._take_interim(stream, head, is_last)
            return
        if stream.due == Due.BODILESS:
            left = 0
        elif stream.due == Due.TUNNEL and head.status < 300:
            left = ENDLESS
        stream.due = Due.NOTHING
        stream.left = left
        self._touch(stream)
        stream.events.append(head)
        if is_last:
            self._finish_receiving(stream, END)

    def _take_interim(self, stream: Stream, head: ResponseHead, is_last: bool) -> None:
        if head.status == 101:
            raise StreamFault("101 (Switching Protocols), which HTTP/2 does not have")
        if is_last:
            raise StreamFault(f"the response ends after an interim head ({head.status})")
        stream.interim += 1
        if stream.interim > self._limits.interim:
            raise StreamFault(f"more than {self._limits.interim} interim responses", ErrorCode.ENHANCE_YOUR_CALM)
        self._touch(stream)
        stream.events.append(head)
