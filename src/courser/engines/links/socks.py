"""SOCKS 4, 4a and 5: a proxy is told in a few bytes whom to connect to, and answers in a few bytes.

Every answer has a known size, of at most 262 bytes, so each protocol is written down as the conversation that it is:
a generator that yields how many bytes it needs next.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from ...errors import LocalProtocolError, ProxyError
from ...hints import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator
    from typing import Final, TypeAlias

    Conversation: TypeAlias = Generator[int, bytes, None]

__all__ = ["Socks4", "Socks5", "SocksEngine"]

NO_AUTHENTICATION: Final = 0
PASSWORD: Final = 2
NOTHING_ACCEPTABLE: Final = 0xFF

GRANTED: Final = 0x5A
"""In SOCKS 4; SOCKS 5 says 0."""

REJECTED: Final = 0x5B

REFUSALS_4: Final = {
    REJECTED: "it rejected the request, or could not connect",
    0x5C: "it could not ask this machine who its user is: no identd",
    0x5D: "identd on this machine names another user",
}
"""https://www.openssh.com/txt/socks4.protocol"""

REFUSALS_5: Final = {
    1: "general failure of the SOCKS server",
    2: "its rules do not allow the connection",
    3: "the network is unreachable from there",
    4: "the host is unreachable from there",
    5: "the host refused the connection",
    6: "the time to live expired on the way to the host",
    7: "it does not know the command CONNECT",
    8: "it does not know this type of address",
}
"""RFC 1928 section 6."""

UNREACHED: Final = frozenset({1, 2, 3, 4, 5, 6, 8})
"""Refusals that may be about this very address: rules are often made for addresses of one version, too."""

ADDRESS_SIZES: Final = {1: 4, 4: 16}
"""Bytes of an address by its type, RFC 1928 section 5; type 3 is a name."""

NAME: Final = 3
LONGEST: Final = 255
"""What one byte can count: names, user names and passwords are no longer."""


class SocksEngine(ABC):
    """The conversation with a SOCKS server; no I/O.

    Args:
        host: whom it shall connect to: a name, or the 4 or 16 bytes of an address.
        port: the port there.

    Attributes:
        done: whether the way is open.
        leftover: bytes that came after the server's last word.
        reaching: whether it was told whom to connect to, and what is wrong may be that it does not get there.

    Raises:
        LocalProtocolError: the protocol cannot express what is asked for.
    """

    __slots__ = ("_conversation", "_failure", "_inbox", "_need", "_outbox", "done", "leftover", "reaching")

    def __init__(self, host: str | bytes, port: int) -> None:
        self.done = False
        self.reaching = False
        self.leftover = b""
        self._inbox = b""
        self._outbox = b""
        self._failure: ProxyError | None = None
        self._conversation = self._converse(host, port)
        self._need = next(self._conversation)

    @abstractmethod
    def _converse(self, host: str | bytes, port: int) -> Conversation: ...

    def outgoing(self) -> bytes:
        """What to write now; b"" for nothing."""
        data, self._outbox = self._outbox, b""
        return data

    def receive(self, data: bytes) -> None:
        """Take bytes of the server; b"" says that it has closed.

        Raises:
            ProxyError: it refuses, or does not speak SOCKS.
        """
        if self.done:
            self.leftover += data
            return
        try:
            if self._failure is not None:
                raise self._failure
            if not data:
                raise _failure("it closed the connection before it had answered")
            self._take(data)
        except ProxyError as failure:
            self._failure = failure
            raise

    def _take(self, data: bytes) -> None:
        self._inbox += data
        while len(self._inbox) >= self._need:
            piece, self._inbox = self._inbox[: self._need], self._inbox[self._need :]
            try:
                self._need = self._conversation.send(piece)
            except StopIteration:
                self.done = True
                self.leftover, self._inbox = self._inbox, b""
                return

    def late(self) -> Exception | None:
        """A slow server has said nothing yet that would be worth more than the timeout itself."""
        return None


class Socks4(SocksEngine):
    """SOCKS 4, and with a name as the host 4a, where the server resolves it.

    Args:
        host: see `SocksEngine`; 4 bytes of address, or a name.
        port: the port there.
        user: whom to pretend to be.
    """

    __slots__ = ("_user",)

    def __init__(self, host: str | bytes, port: int, user: bytes = b"") -> None:
        self._user = user
        super().__init__(host, port)

    def _converse(self, host: str | bytes, port: int) -> Conversation:
        if b"\0" in self._user:
            raise LocalProtocolError(detail="SOCKS 4: a NUL would end the user name")
        if isinstance(host, str):
            # An address that no host has, 0.0.0.1, says that a name follows.
            address, name = b"\0\0\0\1", _name(host) + b"\0"
        elif len(host) == 4:
            address, name = host, b""
        else:
            raise LocalProtocolError(
                detail="SOCKS 4 knows no IPv6 addresses", hint="use a socks5:// proxy, if it is one"
            )
        self._outbox = b"\4\1" + port.to_bytes(2) + address + self._user + b"\0" + name
        self.reaching = True
        version, code = yield 2
        self.reaching = version == 0 and code == REJECTED
        if version != 0:
            raise _failure(f"it does not speak SOCKS 4: its answer begins with {version:#04x}")
        if code != GRANTED:
            raise _failure(REFUSALS_4.get(code, f"it refused with the unknown code {code:#04x}"))
        yield 6


class Socks5(SocksEngine):
    """SOCKS 5 (RFC 1928), with user name and password where they are given (RFC 1929).

    Args:
        host: see `SocksEngine`; a name is resolved by the server.
        port: the port there.
        credentials: user name and password.
    """

    __slots__ = ("_credentials",)

    def __init__(self, host: str | bytes, port: int, credentials: tuple[bytes, bytes] | None = None) -> None:
        self._credentials = credentials
        super().__init__(host, port)

    def _converse(self, host: str | bytes, port: int) -> Conversation:
        request = b"\5\1\0" + _target(host) + port.to_bytes(2)
        answer = b"" if self._credentials is None else _password_message(*self._credentials)
        self._outbox = bytes((5, 2, NO_AUTHENTICATION, PASSWORD) if answer else (5, 1, NO_AUTHENTICATION))
        version, method = yield 2
        if version != 5:
            raise _failure(f"it does not speak SOCKS 5: its answer begins with {version:#04x}")
        if method == PASSWORD and answer:
            self._outbox += answer
            _, status = yield 2
            if status != 0:
                raise _failure("it did not accept the user name and password", hint="see Proxy(auth=)")
        elif method != NO_AUTHENTICATION:
            raise _unacceptable(method, bool(answer))
        self._outbox += request
        self.reaching = True
        version, code, _, kind = yield 4
        self.reaching = version == 5 and code in UNREACHED
        if version != 5:
            raise _failure(f"it does not speak SOCKS 5: its reply begins with {version:#04x}")
        if code != 0:
            raise _failure(REFUSALS_5.get(code, f"it refused with the unknown code {code:#04x}"))
        yield from self._skip_address(kind)

    def _skip_address(self, kind: int) -> Conversation:
        """Where the server's own end of the connection is, which nobody needs."""
        if kind == NAME:
            size = (yield 1)[0]
        elif kind in ADDRESS_SIZES:
            size = ADDRESS_SIZES[kind]
        else:
            raise _failure(f"its reply holds an address of the unknown type {kind:#04x}")
        yield size + 2


def _name(host: str) -> bytes:
    """A name as the server shall resolve it; one that does not fit is never resolved here instead."""
    name = host.encode("ascii", "replace")
    if not name or len(name) > LONGEST or b"\0" in name:
        raise LocalProtocolError(detail=f"SOCKS: a host name has 1 to {LONGEST} bytes, this one has {len(name)}")
    return name


def _target(host: str | bytes) -> bytes:
    if isinstance(host, bytes):
        return (b"\1" if len(host) == 4 else b"\4") + host
    name = _name(host)
    return bytes((NAME, len(name))) + name


def _password_message(user: bytes, password: bytes) -> bytes:
    """RFC 1929 section 2; servers in use take an empty password, too."""
    if not 1 <= len(user) <= LONGEST or len(password) > LONGEST:
        raise LocalProtocolError(
            detail=f"SOCKS 5: the user name has 1 to {LONGEST} bytes, the password at most {LONGEST}"
        )
    return b"\1" + bytes((len(user),)) + user + bytes((len(password),)) + password


def _unacceptable(method: int, gave_password: bool) -> ProxyError:
    if method == NOTHING_ACCEPTABLE:
        if gave_password:
            return _failure("it accepts neither a password nor an anonymous client")
        return _failure("it wants a user name and password", hint="give them: Proxy(url, auth=(user, password))")
    return _failure(f"it chose the method of authentication {method:#04x}, which was not offered")


def _failure(detail: str, hint: str = "") -> ProxyError:
    return ProxyError(phase="proxy", detail=detail, hint=hint)
