"""What a caller wants to be sent, from lines to fields (RFC 9113 sections 8.2 and 8.3), checked before a byte of it is.

The texts of these errors name fields and offsets, never values: those may be secrets.
"""

from __future__ import annotations

from ...errors import LocalProtocolError
from ...hints import TYPE_CHECKING
from ...values.fields import TOKEN
from ...values.lines import split_lines
from ...values.pattern import late_pattern
from ..hpack.tables import OVERHEAD
from ..http1.grammar import HOST, TARGET
from ..http1.outgoing import check_fields
from .fields import CONNECTION_FIELDS

if TYPE_CHECKING:
    from typing import Final

    from ...values.lines import Line
    from .fields import Fields

__all__ = ["check_target", "list_size", "request_fields", "request_pseudo", "sent_fields"]

_SCHEME: Final = late_pattern(rb"[a-z][a-z0-9+.\-]*+")


def list_size(fields: Fields) -> int:
    """Bytes of a head as MAX_HEADER_LIST_SIZE counts them."""
    return sum([len(name) + len(value) + OVERHEAD for name, value in fields])


def sent_fields(lines: bytes, what: str) -> Fields:
    """Fields of a response or of trailers.

    Args:
        lines: `Name: value` and CRLF each; a FieldBlock is taken as it is, other bytes are checked.
        what: header or trailer, for the error.

    Raises:
        LocalProtocolError: a line is not one, or is not the caller's to write.
    """
    check_fields(lines, what)
    return _without_connection(split_lines(lines), what)


def request_fields(lines: bytes, authority: bytes) -> tuple[bytes, Fields]:
    """The authority and the fields of a request.

    Args:
        lines: as in `sent_fields`.
        authority: host and port; b"" where `lines` has a Host.

    Raises:
        LocalProtocolError: likewise, or there is not one Host.
    """
    check_fields(lines, "header")
    split = split_lines(lines)
    hosts = [value for key, _, value in split if key == b"host"]
    if not authority and len(hosts) == 1:
        authority = hosts[0]
    if not authority or len(hosts) > 1 or (hosts and hosts[0] != authority):
        raise LocalProtocolError(detail="the request would have no Host, two of them, or one that differs from its URL")
    if HOST.fullmatch(authority) is None:
        raise LocalProtocolError(detail="the Host is not a host name or address with an optional port")
    return authority, [field for field in _without_connection(split, "header") if field[0] != b"host"]


def _without_connection(lines: tuple[Line, ...], what: str) -> Fields:
    """Drop what speaks about a connection of HTTP/1.1 (RFC 9113 section 8.2.2)."""
    dropped: set[bytes] = {*CONNECTION_FIELDS}
    for key, _, value in lines:
        if key == b"connection":
            dropped.update(token.strip(b" \t").lower() for token in value.split(b","))
        elif key == b"content-length":
            raise LocalProtocolError(detail=f"the {what} 'content-length' is written by the engine itself")
    fields: Fields = []
    for key, _, value in lines:
        if key == b"te":
            if b"trailers" in [token.strip(b" \t").lower() for token in value.split(b",")]:
                fields.append((key, b"trailers"))
        elif key not in dropped:
            fields.append((key, value))
    return fields


def request_pseudo(method: bytes, scheme: bytes, authority: bytes, protocol: bytes) -> Fields:
    """The pseudo-header fields that stand before :path; without :scheme for CONNECT (RFC 9113 section 8.5).

    Raises:
        LocalProtocolError: one of them would not be what it says.
    """
    if TOKEN.fullmatch(method) is None:
        raise LocalProtocolError(detail=f"the method is not a token: {method[:32]!r}")
    if _SCHEME.fullmatch(scheme) is None:
        raise LocalProtocolError(detail=f"the scheme is not one: {scheme[:32]!r}")
    if method != b"CONNECT":
        return [(b":method", method), (b":scheme", scheme), (b":authority", authority)]
    if not protocol:
        return [(b":method", method), (b":authority", authority)]
    if TOKEN.fullmatch(protocol) is None:
        raise LocalProtocolError(detail=f"the protocol is not a token: {protocol[:32]!r}")
    return [(b":method", method), (b":protocol", protocol), (b":scheme", scheme), (b":authority", authority)]


def check_target(target: bytes, method: bytes) -> None:
    """Check what becomes :path.

    Raises:
        LocalProtocolError: it is no path.
    """
    if TARGET.fullmatch(target) is None:
        for offset, byte in enumerate(target):
            if not 0x21 <= byte <= 0x7E:
                raise LocalProtocolError(
                    detail=f"the request target holds {bytes((byte,))!r} at offset {offset}", hint="percent-encode it"
                )
        raise LocalProtocolError(detail="the request target is empty", hint="the root of a site is '/'")
    if target[0] != 0x2F and (target, method) != (b"*", b"OPTIONS"):
        raise LocalProtocolError(detail="the request target is not a path", hint="begin it with '/'")
