"""Real proxies for tests, as scripts of a `FaultServer`: HTTP with CONNECT and forwarding, SOCKS 4, 4a and 5.

They resolve names by a table of their own and nothing else, so a name that only they know proves who resolved it.
"""

from __future__ import annotations

import base64
import hashlib
import re
import select
import socket
import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from faultserver import Gone, Peer, Received

PATIENCE = 8.0

FRAMING = ("content-length", "transfer-encoding")

CLIENT_HELLO = b"\x16\x03"
"""What TLS begins with: a handshake record."""


@dataclass
class Seen:
    """One way that a proxy has opened.

    Attributes:
        kind: CONNECT, 4, 4a, 5 with an address, 5 with a name, or the method of a forwarded request.
        host, port: where to.
        head: the head of the request to an HTTP proxy.
        user: user name and password, as a SOCKS server got them.
        first: the first bytes that went through.
        sent: all bytes that the client sent through.
    """

    kind: str
    host: str
    port: int
    head: Received | None = None
    user: str = ""
    first: bytes = b""
    sent: bytes = b""


@dataclass
class Relay:
    """What proxies have in common.

    Args:
        names: the address of each name that it knows.
        seen: what was asked of it, in order.
    """

    names: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)

    def reach(self, host: str, port: int) -> socket.socket:
        """Connect to a host, if it is an address or a name in the table."""
        address = self.names.get(host)
        if address is None:
            if not re.fullmatch(r"[0-9.]+|[0-9a-f:]+", host):
                raise OSError(f"unknown name {host}")
            address = (host, port)
        return socket.create_connection(address, PATIENCE)

    def relay(self, peer: Peer, far: socket.socket, seen: Seen) -> None:
        """Pass bytes both ways until one end closes."""
        near = peer.socket
        while not peer.server.closing.is_set():
            ready = [near] if isinstance(near, ssl.SSLSocket) and near.pending() else []
            if not ready:
                ready, _, _ = select.select([near, far], [], [], 0.2)
            if near in ready:
                data = peer.receive()
                seen.sent += data
                seen.first = seen.first or data
                if not data:
                    return
                with suppress(ConnectionError):
                    far.sendall(data)
            if far in ready:
                try:
                    data = far.recv(65536)
                except ConnectionError:
                    peer.reset()
                    return
                if not data:
                    peer.close()
                    return
                peer.send(data)


@dataclass
class HTTPProxy(Relay):
    """An HTTP proxy.

    Args:
        user: (name, password) that it wants, None for nobody in particular.
        digest: whether by Digest (MD5 or SHA-256, by what it is called), else by Basic.
        one_use: whether each nonce of Digest is good for one request only.
        fields: more lines for its answer to CONNECT.
        challenges: how often it has asked.
    """

    user: tuple[str, str] | None = None
    digest: str = ""
    one_use: bool = False
    fields: str = "Via: 1.1 tests\r\n"
    challenges: int = 0
    _used: set[str] = field(default_factory=set)

    def __call__(self, peer: Peer) -> None:
        while True:
            head = peer.head()
            if not self._admits(head):
                self._challenge(peer, head)
            elif head.method == "CONNECT":
                self._connect(peer, head)
                return
            else:
                self._forward(peer, head)

    # Who may use it

    def _admits(self, head: Received) -> bool:
        if self.user is None:
            return True
        values = [value for name, value in head.fields if name == "proxy-authorization"]
        if len(values) != 1:
            return False
        scheme, _, rest = values[0].partition(" ")
        if self.digest:
            return scheme == "Digest" and self._is_answer(head, rest)
        return scheme == "Basic" and base64.b64decode(rest) == ":".join(self.user).encode()

    def _is_answer(self, head: Received, text: str) -> bool:
        assert self.user is not None
        said = {name: quoted or plain for name, quoted, plain in re.findall(r'(\w+)=(?:"([^"]*)"|([^,\s]+))', text)}
        if said.get("nonce") != f"nonce-{self.challenges}" or said.get("uri") != head.target:
            return False
        digest = hashlib.sha256 if self.digest == "SHA-256" else hashlib.md5

        def h(*parts: str) -> str:
            return digest(":".join(parts).encode()).hexdigest()

        ha1 = h(self.user[0], "tests", self.user[1])
        ha2 = h(head.method, said["uri"])
        right = h(ha1, said["nonce"], said["nc"], said["cnonce"], said["qop"], ha2)
        if said.get("response") != right:
            return False
        if self.one_use and said["nonce"] in self._used:
            return False
        self._used.add(said["nonce"])
        return True

    def _challenge(self, peer: Peer, head: Received) -> None:
        peer.body(head)
        self.challenges += 1
        challenge = 'Basic realm="tests"'
        if self.digest:
            challenge = f'Digest realm="tests", qop="auth", algorithm={self.digest}, nonce="nonce-{self.challenges}"'
        peer.send(
            f"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: {challenge}\r\n"
            "Content-Length: 8\r\n\r\nwho are?".encode()
        )

    # What it does

    def _connect(self, peer: Peer, head: Received) -> None:
        host, _, port = head.target.rpartition(":")
        seen = Seen("CONNECT", host.strip("[]"), int(port), head)
        self.seen.append(seen)
        try:
            far = self.reach(seen.host, seen.port)
        except OSError as error:
            body = str(error).encode()
            peer.send(b"HTTP/1.1 502 Bad Gateway\r\nX-Why: name\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
            return
        with far:
            peer.send(f"HTTP/1.1 200 Connection established\r\n{self.fields}\r\n".encode())
            self.relay(peer, far, seen)

    def _forward(self, peer: Peer, head: Received) -> None:
        match = re.fullmatch(r"http://(\[[^\]]*\]|[^:/]+)(?::(\d+))?(/.*)", head.target)
        if match is None:
            peer.send(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
            return
        seen = Seen(head.method, match[1].strip("[]"), int(match[2] or 80), head)
        self.seen.append(seen)
        body = peer.body(head)
        fields = [(name, value) for name, value in head.fields if name not in ("proxy-authorization", *FRAMING)]
        lines = "".join(f"{name}: {value}\r\n" for name, value in [*fields, ("content-length", len(body))])
        with self.reach(seen.host, seen.port) as far:
            far.sendall(f"{head.method} {match[3]} HTTP/1.1\r\n{lines}\r\n".encode("latin-1") + body)
            peer.send(_one_answer(far, head.method))


def _one_answer(far: socket.socket, method: str) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        more = far.recv(65536)
        if not more:
            return b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n"
        data += more
    head, mark, body = data.partition(b"\r\n\r\n")
    match = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
    size = int(match[1]) if match and method != "HEAD" else 0
    while len(body) < size:
        body += far.recv(65536)
    return head + mark + body


@dataclass
class SocksProxy(Relay):
    """A SOCKS server of all versions.

    Args:
        user: (name, password) that it wants of version 5, None for nobody in particular.
        refusal: the code with which it refuses everything.
    """

    user: tuple[str, str] | None = None
    refusal: int | None = None

    def __call__(self, peer: Peer) -> None:
        version = peer.exactly(1)[0]
        seen = self._ask4(peer) if version == 4 else self._ask5(peer)
        if seen is None:
            peer.wait_for_close()
            return
        self.seen.append(seen)
        if self.refusal is not None:
            self._answer(peer, version, self.refusal)
            peer.wait_for_close()
            return
        try:
            far = self.reach(seen.host, seen.port)
        except OSError:
            self._answer(peer, version, 0x5B if version == 4 else 4)
            return
        with far:
            self._answer(peer, version, 0x5A if version == 4 else 0)
            self.relay(peer, far, seen)

    def _answer(self, peer: Peer, version: int, code: int) -> None:
        if version == 4:
            peer.send(bytes((0, code)) + bytes(6))
        else:
            peer.send(bytes((5, code, 0, 3, 4)) + b"here" + bytes(2))

    def _ask4(self, peer: Peer) -> Seen:
        command, *port = peer.exactly(3)
        assert command == 1
        address = peer.exactly(4)
        user = _until_nul(peer)
        if address[:3] == b"\0\0\0":
            return Seen("4a", _until_nul(peer), int.from_bytes(bytes(port)), user=user)
        return Seen("4", socket.inet_ntoa(address), int.from_bytes(bytes(port)), user=user)

    def _ask5(self, peer: Peer) -> Seen | None:
        methods = peer.exactly(peer.exactly(1)[0])
        wanted = 0 if self.user is None else 2
        if wanted not in methods:
            peer.send(b"\5\xff")
            return None
        peer.send(bytes((5, wanted)))
        user = ""
        if wanted:
            assert peer.exactly(1) == b"\1"
            given = tuple(peer.exactly(peer.exactly(1)[0]).decode() for _ in range(2))
            user = ":".join(given)
            peer.send(b"\1\0" if given == self.user else b"\1\1")
            if given != self.user:
                return None
        version, command, _, kind = peer.exactly(4)
        assert (version, command) == (5, 1)
        if kind == 3:
            host = peer.exactly(peer.exactly(1)[0]).decode()
            how = "5 with a name"
        else:
            family, size = (socket.AF_INET, 4) if kind == 1 else (socket.AF_INET6, 16)
            host = socket.inet_ntop(family, peer.exactly(size))
            how = "5 with an address"
        return Seen(how, host, int.from_bytes(peer.exactly(2)), user=user)


def _until_nul(peer: Peer) -> str:
    text = b""
    while (byte := peer.exactly(1)) != b"\0":
        text += byte
    return text.decode()


def through(seen: list[Seen]) -> list[Any]:
    """What was asked of a proxy, in short."""
    return [(each.kind, each.host, each.port) for each in seen]


__all__ = ["CLIENT_HELLO", "Gone", "HTTPProxy", "SocksProxy", "through"]
