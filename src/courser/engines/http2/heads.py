"""Heads, from fields to values (RFC 9113 section 8.3)."""

from __future__ import annotations

from ...hints import TYPE_CHECKING
from ...values.fields import TOKEN
from ...values.pattern import late_pattern
from ...values.response import REASONS
from ..events import END, End, RequestHead, ResponseHead
from ..http1.grammar import HOST, TARGET
from .faults import StreamFault
from .fields import Meaning, excerpt, is_length, read_length, translate

if TYPE_CHECKING:
    from typing import Final

    from .fields import Fields

__all__ = ["BODILESS", "read_request", "read_response", "read_trailers"]

BODILESS: Final = frozenset((204, 304))
"""Statuses of final responses that have no body, whatever their fields say (RFC 9110 section 6.4.1)."""

_REASONS: Final = {status: reason.encode("ascii") for status, reason in REASONS.items()}
"""Reason phrases, which HTTP/2 does not carry."""

_SCHEME: Final = late_pattern(rb"[A-Za-z][A-Za-z0-9+.\-]*+")

_PSEUDO: Final = {
    b":method": TOKEN,
    b":scheme": _SCHEME,
    b":authority": HOST,
    b":path": TARGET,
    b":protocol": TOKEN,
}
"""The pseudo-header fields of requests, and what their values are made of."""


def read_response(fields: Fields) -> ResponseHead:
    """The head of a response, interim or final.

    Raises:
        StreamFault: it is malformed.
    """
    if not fields or fields[0][0] != b":status":
        raise StreamFault("a response that does not begin with :status")
    digits = fields[0][1]
    if not digits.isdigit() or len(digits) != 3 or digits < b"100":
        raise StreamFault(f":status is {excerpt(digits)}")
    lines, special = translate(fields[1:])
    length: int | None = None
    coding: bytes | None = None
    for meaning, value in special:
        if meaning == Meaning.LENGTH:
            length = int(value) if length is None and is_length(value) else read_length(special)
        elif meaning == Meaning.CODING:
            coding = value if coding is None else b"%b, %b" % (coding, value)
    status = int(digits)
    return ResponseHead(status, _REASONS.get(status, b""), b"2", lines, length, coding, True)


def read_trailers(fields: Fields) -> End:
    """The end of a message that has trailers, or an empty section of them.

    Raises:
        StreamFault: they are malformed.
    """
    lines, _ = translate(fields)
    return End(lines) if lines else END


def read_request(fields: Fields) -> tuple[RequestHead, bytes]:
    """The head of a request, and the protocol of an extended CONNECT or b"".

    Raises:
        StreamFault: it is malformed.
    """
    pseudo: dict[bytes, bytes] = {}
    for name, value in fields:
        if name not in _PSEUDO or name in pseudo:
            break
        if _PSEUDO[name].fullmatch(value) is None:
            raise StreamFault(f"{name.decode()} is {excerpt(value)}")
        pseudo[name] = value
    plain = fields[len(pseudo) :]
    authority = _take_host(pseudo, plain)
    method, protocol = pseudo.get(b":method", b""), pseudo.get(b":protocol", b"")
    target = _target(method, protocol, pseudo, authority)
    lines, special = translate([(b"host", authority), *_join_cookies(plain)])
    waits = any(meaning == Meaning.EXPECT and value.lower() == b"100-continue" for meaning, value in special)
    return RequestHead(method, target, b"2", lines, read_length(special), True, waits), protocol


def _target(method: bytes, protocol: bytes, pseudo: dict[bytes, bytes], authority: bytes) -> bytes:
    """What HTTP/1.1 calls the request target (RFC 9113 section 8.5 for CONNECT, RFC 8441 section 4)."""
    path = pseudo.get(b":path", b"")
    if method == b"CONNECT" and not protocol:
        if path or b":scheme" in pseudo or not authority:
            raise StreamFault("CONNECT has :authority and neither :scheme nor :path")
        return authority
    if protocol and (method != b"CONNECT" or not authority):
        raise StreamFault(":protocol goes with CONNECT and :authority")
    if not method or not path or b":scheme" not in pseudo:
        raise StreamFault("a request without :method, :scheme or :path")
    if path[0] != 0x2F and (path, method) != (b"*", b"OPTIONS"):
        raise StreamFault(f":path is {excerpt(path)}")
    return path


def _take_host(pseudo: dict[bytes, bytes], plain: Fields) -> bytes:
    """The authority; Host may say the same, and stands in where it is missing (RFC 9113 section 8.3.1)."""
    hosts = [value for name, value in plain if name == b"host"]
    authority = pseudo.get(b":authority", hosts[0] if hosts else b"")
    if len(hosts) > 1 or (hosts and hosts[0] != authority):
        raise StreamFault("Host differs from :authority, or stands twice")
    if HOST.fullmatch(authority) is None:
        raise StreamFault(f"Host is {excerpt(authority)}")
    return authority


def _join_cookies(plain: Fields) -> Fields:
    """Fields without Host, and with one Cookie: HTTP/2 lets it be split, others do not (RFC 9113 section 8.2.3)."""
    rest = [field for field in plain if field[0] != b"host"]
    cookies = [value for name, value in rest if name == b"cookie"]
    if len(cookies) < 2:
        return rest
    return [*(field for field in rest if field[0] != b"cookie"), (b"cookie", b"; ".join(cookies))]
