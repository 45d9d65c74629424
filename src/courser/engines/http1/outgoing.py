"""What a caller wants to be sent, checked before any byte of it is: nothing that could smuggle a line gets out.

The texts of these errors name fields and offsets, never values: those may be secrets.
"""

from __future__ import annotations

from ...errors import LocalProtocolError
from ...hints import TYPE_CHECKING
from ...values.fields import FIELD_LINES, TOKEN, FieldBlock
from .framing import values_of
from .grammar import CONTROL, HOST, REQUEST_PREFIX

if TYPE_CHECKING:
    from typing import Final

__all__ = ["check_fields", "check_request_fields", "framing_line", "request_prefix"]

_FRAMING: Final = frozenset((b"content-length", b"transfer-encoding"))
_BAD_HOST: Final = "the Host is not a host name or address with an optional port"


def request_prefix(method: bytes, target: bytes, host: bytes) -> bytes:
    """The request line, and the Host line unless host is empty.

    Raises:
        LocalProtocolError: one of them would not be what it says.
    """
    prefix = b"%b %b HTTP/1.1\r\n" % (method, target)
    if host:
        prefix = b"%bHost: %b\r\n" % (prefix, host)
    if REQUEST_PREFIX.fullmatch(prefix) is None:
        raise _bad_prefix(method, target)
    return prefix


def _bad_prefix(method: bytes, target: bytes) -> LocalProtocolError:
    if TOKEN.fullmatch(method) is None:
        return LocalProtocolError(detail=f"the method is not a token: {method[:32]!r}")
    for offset, byte in enumerate(target):
        if not 0x21 <= byte <= 0x7E:
            return LocalProtocolError(
                detail=f"the request target holds {bytes((byte,))!r} at offset {offset}", hint="percent-encode it"
            )
    if not target:
        return LocalProtocolError(detail="the request target is empty", hint="the root of a site is '/'")
    return LocalProtocolError(detail=_BAD_HOST)


def check_fields(fields: bytes, what: str) -> None:
    """Check field lines, unless they are a FieldBlock.

    Args:
        fields: `Name: value` and CRLF each.
        what: header or trailer, for the error.

    Raises:
        LocalProtocolError: a line is not one, or is not the caller's to write.
    """
    if isinstance(fields, FieldBlock):
        return
    if FIELD_LINES.fullmatch(fields) is None:
        raise _bad_line(fields, what)
    for line in fields.split(b"\r\n"):
        name = line.partition(b":")[0].lower()
        if name in _FRAMING:
            raise LocalProtocolError(detail=f"the {what} {name.decode()!r} is written by the engine itself")


def check_request_fields(fields: bytes, host: bytes) -> None:
    """Check the fields of a request likewise, and that it has one Host (RFC 9112 section 3.2).

    Args:
        fields: `Name: value` and CRLF each.
        host: the Host that the engine writes, empty where `fields` has it.

    Raises:
        LocalProtocolError: a line is not one, or is not the caller's to write, or there is not one Host.
    """
    check_fields(fields, "header")
    if isinstance(fields, FieldBlock):
        return
    hosts = values_of(fields, b"host")
    if len(hosts) != (not host):
        raise LocalProtocolError(detail=f"the request would have {len(hosts) + bool(host)} Host fields, not one")
    if hosts and HOST.fullmatch(hosts[0]) is None:
        raise LocalProtocolError(detail=_BAD_HOST)


def _bad_line(fields: bytes, what: str) -> LocalProtocolError:
    for number, line in enumerate(fields.split(b"\r\n"), 1):
        if fault := _line_fault(line):
            return LocalProtocolError(detail=f"{what} line {number} {fault}")
    return LocalProtocolError(detail=f"the last {what} line does not end with CR LF")


def _line_fault(line: bytes) -> str:
    name, colon, value = line.partition(b":")
    if not colon:
        return "has no colon"
    if TOKEN.fullmatch(name) is None:
        return f"has a bad name: {name[:32]!r}"
    bad = CONTROL.search(value)
    return f"has {bad[0]!r} in the value of {name[:32].decode()!r}" if bad else ""


def framing_line(length: int | None) -> bytes:
    """The field that frames a body: its length, or chunked where that is None."""
    return b"Transfer-Encoding: chunked\r\n" if length is None else b"Content-Length: %d\r\n" % length
