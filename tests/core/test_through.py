"""Layers that lead through proxies, over socket pairs whose other end has said everything beforehand."""

from __future__ import annotations

import socket
from collections.abc import Callable
from time import monotonic
from types import SimpleNamespace
from typing import Any

import pytest

from courser.core.deadline import Deadline
from courser.core.dial import Dialer
from courser.core.handshake import Encryption, Handshake
from courser.core.link import SocketLink
from courser.core.nested import Passage
from courser.core.route import ProxyHop, Route, TLSPolicy
from courser.core.through import ProxyEncryption, Talk, Through, layers_of
from courser.engines.links.socks import Socks4
from courser.errors import (
    ConnectTimeout,
    HTTPError,
    InvalidRequest,
    LocalProtocolError,
    ProxyError,
    ResolveError,
    TLSError,
)
from courser.hosts.inline import InlineHost, run_inline
from courser.settings import Timeout

HTTP = ProxyHop("http", "p", 3128, headers=b"Proxy-Authorization: Basic eDp5\r\n")
HTTPS = ProxyHop("https", "s", 443, tls=TLSPolicy())
OPENED = b"HTTP/1.1 200 OK\r\nX-Exit: 1\r\n\r\n"
GRANTED_4 = b"\0\x5a" + bytes(6)
GRANTED_5 = b"\5\0\0\1" + bytes(6)


class World:
    """A dial whose link leads to a socket of the test's."""

    def __init__(self, hop: ProxyHop, host: str = "a.example", port: int = 443, resolve: Any = None) -> None:
        self.ours, self.peer = socket.socketpair()
        self.ours.setblocking(False)
        self.link: Any = SocketLink(self.ours)
        network = SimpleNamespace(connect=lambda route, deadline: self.link)
        contexts: Any = None
        self.dialer = Dialer(resolve or (lambda host, port: []), contexts, network)
        self.route = Route("http", host, port, proxies=(hop._replace(tunnel=True),))

    def dial(self, *said: bytes, timeout: float = 5.0, host: Any = None) -> Any:
        for each in said:
            self.peer.send(each)
        deadline = Deadline(Timeout(connect=timeout), False, monotonic())
        return run_inline(self.dialer.dial(host or InlineHost(), self.route, deadline))

    def asked(self) -> bytes:
        self.peer.settimeout(5)
        return self.peer.recv(65536)

    def close(self) -> None:
        self.ours.close()
        self.peer.close()


class Late(InlineHost):
    """A host whose time is up before anything comes, or once something has."""

    async def wait(self, waiter: Any, /) -> None:
        if not isinstance(waiter, Handshake):
            return await super().wait(waiter)
        waiter.expire(1e12)


@pytest.fixture
def worlds() -> Any:
    made: list[World] = []

    def make(*args: Any, **options: Any) -> World:
        made.append(World(*args, **options))
        return made[-1]

    yield make
    for world in made:
        world.close()


Worlds = Callable[..., World]


# Which layers there are


def kinds(route: Route) -> list[str]:
    contexts: Any = None
    return [type(layer).__name__ for layer in layers_of(route, contexts, None)]


@pytest.mark.parametrize(
    ("tls", "proxies", "layers"),
    [
        (None, (HTTP,), []),
        (None, (HTTPS,), ["ProxyEncryption"]),
        (None, (HTTP._replace(tunnel=True),), ["Through"]),
        (None, (HTTP, HTTP), ["Through"]),
        (None, (HTTPS, HTTPS), ["ProxyEncryption", "Through", "ProxyEncryption"]),
        (None, (HTTP, ProxyHop("socks5", "p", 1)), ["Through", "Through"]),
        (TLSPolicy(), (HTTP,), ["Through", "Encryption"]),
        (TLSPolicy(), (HTTPS,), ["ProxyEncryption", "Through", "Encryption"]),
        (TLSPolicy(), (ProxyHop("socks5", "p", 1), HTTPS), ["Through", "ProxyEncryption", "Through", "Encryption"]),
    ],
)
def test_layers(tls: TLSPolicy | None, proxies: tuple[ProxyHop, ...], layers: list[str]) -> None:
    assert kinds(Route("http" if tls is None else "https", "a", 80, tls, proxies)) == layers


def test_curl_cve_2021_22890_a_session_is_for_the_outermost_tls_alone() -> None:
    contexts: Any = None
    session = object()

    def sessions(route: Route) -> list[Any]:
        layers: list[Any] = layers_of(route, contexts, session)
        return [layer._session for layer in layers if isinstance(layer, Encryption)]

    assert sessions(Route("https", "a", 443, TLSPolicy(), (HTTPS,))) == [None, session]
    assert sessions(Route("http", "a", 80, None, (HTTPS, HTTPS))) == [None, session]
    assert sessions(Route("http", "a", 80, None, (HTTPS, HTTPS._replace(tunnel=True)))) == [None, None]


# What proxies are told


@pytest.mark.parametrize(
    ("hop", "host", "said", "asked"),
    [
        (
            HTTP,
            "a.example",
            OPENED,
            b"CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\nProxy-Authorization: Basic eDp5\r\n\r\n",
        ),
        (HTTP._replace(headers=b""), "::1", OPENED, b"CONNECT [::1]:443 HTTP/1.1\r\nHost: [::1]:443\r\n\r\n"),
        (HTTP._replace(headers=b""), "fe80::1%eth0", OPENED, b"CONNECT [fe80::1]:443 HTTP/1.1\r\n"),
        (ProxyHop("socks4a", "p", 1), "a.example", GRANTED_4, b"\4\1\1\xbb\0\0\0\1\0a.example\0"),
        (ProxyHop("socks4a", "p", 1, (b"me", b"")), "1.2.3.4", GRANTED_4, b"\4\1\1\xbb\1\2\3\4me\0"),
        (ProxyHop("socks5h", "p", 1), "a.example", b"\5\0" + GRANTED_5, b"\5\1\0\5\1\0\3\x09a.example\1\xbb"),
        (ProxyHop("socks5h", "p", 1), "1.2.3.4", b"\5\0" + GRANTED_5, b"\5\1\0\5\1\0\1\1\2\3\4\1\xbb"),
        (ProxyHop("socks5h", "p", 1), "fe80::1%eth0", b"\5\0" + GRANTED_5, b"\5\1\0\5\1\0\4\xfe\x80" + bytes(13)),
        (
            ProxyHop("socks5h", "p", 1, (b"me", b"pw")),
            "a",
            b"\5\2\1\0" + GRANTED_5,
            b"\5\2\0\2\1\2me\2pw\5\1\0\3\1a\1\xbb",
        ),
    ],
)
def test_what_is_asked(worlds: Worlds, hop: ProxyHop, host: str, said: bytes, asked: bytes) -> None:
    world = worlds(hop, host)

    assert world.dial(said) is world.link
    assert world.asked().startswith(asked)


@pytest.mark.parametrize(
    ("scheme", "addresses", "asked"),
    [
        (
            "socks4",
            [(socket.AF_INET6, ("::1", 443, 0, 0)), (socket.AF_INET, ("1.2.3.4", 443))],
            b"\4\1\1\xbb\1\2\3\4\0",
        ),
        ("socks5", [(socket.AF_INET, ("1.2.3.4", 443)), (socket.AF_INET6, ("::1", 443, 0, 0))], b"\5\1\0\1\1\2\3\4"),
        ("socks5", [(socket.AF_INET6, ("::1", 443, 0, 0)), (socket.AF_INET, ("1.2.3.4", 443))], b"\5\1\0\4\0"),
        ("socks5", [(socket.AF_INET6, ("fe80::1%3", 443, 0, 3))], b"\5\1\0\4\xfe\x80"),
    ],
)
def test_names_are_resolved_here_where_the_proxy_is_told_addresses(
    worlds: Worlds, scheme: str, addresses: list[Any], asked: bytes
) -> None:
    world = worlds(ProxyHop(scheme, "p", 1), resolve=lambda host, port: addresses)

    world.dial(GRANTED_4 if scheme == "socks4" else b"\5\0" + GRANTED_5)

    assert world.asked().removeprefix(b"\5\1\0" if scheme == "socks5" else b"").startswith(asked)


def test_socks_4_needs_an_address_of_version_4(worlds: Worlds) -> None:
    six = [(socket.AF_INET6, ("::1", 443, 0, 0))]

    with pytest.raises(ProxyError, match=r"a\.example has no IPv4 address"):
        worlds(ProxyHop("socks4", "p", 1), resolve=lambda host, port: six).dial()
    with pytest.raises(ResolveError, match=r"a\.example"):
        worlds(ProxyHop("socks5", "p", 1)).dial()
    with pytest.raises(LocalProtocolError, match="IPv6"):
        worlds(ProxyHop("socks4a", "p", 1), "::1").dial()


@pytest.mark.parametrize("scheme", ["socks4a", "socks5h"])
def test_cve_2023_38545_a_name_that_is_too_long_for_the_proxy_is_never_resolved_here(
    worlds: Worlds, scheme: str
) -> None:
    asked: list[str] = []
    world = worlds(ProxyHop(scheme, "p", 1), "a" * 256, resolve=lambda host, port: asked.append(host) or [])

    with pytest.raises(LocalProtocolError, match="255 bytes, this one has 256"):
        world.dial()
    world.link.close()
    assert asked == []
    assert world.asked() == b""


# Several addresses

FOUR = (socket.AF_INET, ("192.0.2.1", 443))
ALSO_FOUR = (socket.AF_INET, ("192.0.2.2", 443))
SIX = (socket.AF_INET6, ("2001:db8::1", 443, 0, 0))
ALSO_SIX_PACKED = (socket.AF_INET6, "2001:db8::2")
ALSO_SIX = (socket.AF_INET6, ("2001:db8::2", 443, 0, 0))

REFUSED_5 = b"\5\0\5\5\0\1" + bytes(6)
TOLD_NOTHING = b"\5\0"


def in_turn(worlds: Worlds, scheme: str, addresses: list[Any], *said: bytes) -> list[World]:
    """Worlds of which each dial takes the next one; what their proxies say."""
    made = [worlds(ProxyHop(scheme, "p", 1), resolve=lambda host, port: addresses) for _ in said]
    links = [world.link for world in made]
    made[0].dialer.network = SimpleNamespace(connect=lambda route, deadline: links.pop(0))
    for world, each in zip(made, said, strict=True):
        if each:
            world.peer.send(each)
        else:
            world.peer.shutdown(socket.SHUT_WR)
    return made


@pytest.mark.parametrize("code", [1, 2, 3, 4, 5, 6, 8])
def test_a_proxy_that_does_not_get_to_one_address_is_told_the_next(worlds: Worlds, code: int) -> None:
    refused = b"\5\0\5%c\0\1" % code + bytes(6)
    made = in_turn(worlds, "socks5", [SIX, ALSO_SIX, FOUR], refused, refused, b"\5\0" + GRANTED_5)

    assert made[0].dial() is made[2].link
    assert [world.link.fileno() >= 0 for world in made] == [False, False, True]
    assert made[2].asked() == b"\5\1\0\5\1\0\4" + socket.inet_pton(*ALSO_SIX_PACKED) + b"\1\xbb"


def test_names_are_resolved_once_for_all_addresses(worlds: Worlds) -> None:
    asked: list[str] = []
    made = in_turn(worlds, "socks5", [FOUR, SIX], REFUSED_5, b"\5\0" + GRANTED_5)
    made[0].dialer.resolve = lambda host, port: asked.append(host) or [FOUR, SIX]  # type: ignore[func-returns-value]
    made[0].dial()

    assert asked == ["a.example"]


def test_socks_4_tries_all_addresses_of_version_4(worlds: Worlds) -> None:
    made = in_turn(worlds, "socks4", [FOUR, SIX, ALSO_FOUR], b"\0\x5b" + bytes(6), GRANTED_4)

    assert made[0].dial() is made[1].link
    assert made[1].asked() == b"\4\1\1\xbb\xc0\0\2\2\0"


def test_a_proxy_that_breaks_off_once_it_was_told_an_address_is_told_the_next(worlds: Worlds) -> None:
    made = in_turn(worlds, "socks5", [FOUR, SIX], b"\5\0", b"\5\0" + GRANTED_5)
    made[0].peer.shutdown(socket.SHUT_WR)

    assert made[0].dial() is made[1].link
    assert made[0].peer.recv(65536) == b"\5\1\0\5\1\0\1\xc0\0\2\1\1\xbb"


def test_a_proxy_that_breaks_off_before_is_told_nothing_more(worlds: Worlds) -> None:
    with pytest.raises(ProxyError, match=r"asked for a\.example:443: it closed the connection before"):
        in_turn(worlds, "socks5", [FOUR, SIX], b"")[0].dial()


def test_all_refusals_are_told_in_the_order_of_happy_eyeballs(worlds: Worlds) -> None:
    """RFC 8305 section 4: the resolver's favourite first, then the versions in turns."""
    unreachable = b"\5\0\5\4\0\1" + bytes(6)
    made = in_turn(worlds, "socks5", [SIX, ALSO_SIX, FOUR], REFUSED_5, unreachable, REFUSED_5)

    with pytest.raises(ProxyError) as caught:
        made[0].dial()
    assert caught.value.detail == (
        "socks5://p:1, asked for a.example:443: 2001:db8::1: the host refused the connection; "
        "192.0.2.1: the host is unreachable from there; 2001:db8::2: the host refused the connection"
    )


@pytest.mark.parametrize(
    ("scheme", "said", "text"),
    [
        ("socks5", b"\5\xff", "wants a user name"),
        ("socks5", b"HTTP/1.1 400 Bad\r\n", "does not speak SOCKS 5"),
        ("socks5", b"\5\0\5\7\0\1" + bytes(6), "does not know the command"),
        ("socks5", b"\5\0" + GRANTED_5 + b"x", "1 bytes came before"),
        ("socks4", b"\0\x5d" + bytes(6), "identd"),
        ("socks4", b"HTTP/1.1 400 Bad\r\n", "does not speak SOCKS 4"),
    ],
)
def test_what_is_no_matter_of_addresses_is_not_tried_again(worlds: Worlds, scheme: str, said: bytes, text: str) -> None:
    with pytest.raises(ProxyError, match=text):
        in_turn(worlds, scheme, [FOUR, ALSO_FOUR], said)[0].dial()


def test_an_address_has_its_share_of_the_time(worlds: Worlds) -> None:
    made = in_turn(worlds, "socks5", [FOUR, SIX], TOLD_NOTHING, b"\5\0" + GRANTED_5)

    assert made[0].dial(host=Late()) is made[1].link


def test_a_proxy_that_was_told_no_address_yet_has_all_the_time(worlds: Worlds) -> None:
    world = worlds(ProxyHop("socks5", "p", 1), resolve=lambda host, port: [FOUR, SIX])

    with pytest.raises(ConnectTimeout, match="socks5://p:1 has not answered"):
        world.dial(host=Late())


@pytest.mark.parametrize(
    ("left", "final", "due"),
    [
        ([], 50.0, 50.0),
        (["a"], 50.0, 50.0),
        (["a", "b"], 50.0, 30.0),
        (["a"] * 40, 50.0, 12.0),
        (["a", "b"], 11.0, 12.0),
    ],
)
def test_the_shares(monkeypatch: pytest.MonkeyPatch, left: list[str], final: float, due: float) -> None:
    monkeypatch.setattr("courser.core.through.monotonic", lambda: 10.0)
    through = Through(ProxyHop("socks5", "p", 1), "a", 1)
    through._left = left

    assert through._due(final) == due


# What comes of it


def test_what_the_proxy_said_is_kept(worlds: Worlds) -> None:
    from courser.core.dial import Dial

    world = worlds(HTTP)
    world.peer.send(OPENED)
    dial = Dial(world.dialer, InlineHost(), world.route, Deadline(Timeout(), False, monotonic()))
    run_inline(dial.link(None))

    assert dial.answer is not None
    assert dial.answer.fields == b"X-Exit: 1\r\n"


@pytest.mark.parametrize(
    ("hop", "said", "text"),
    [
        (HTTP, b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n", "answered CONNECT with 403 No"),
        (HTTP, OPENED + b"SSH-2.0", "7 bytes came before anything was asked"),
        (HTTP, b"220 smtp.example ESMTP, and more\r\n", "not an HTTP/1 response"),
        (ProxyHop("socks5h", "p", 1), b"\5\0\5\2\0\1", "rules do not allow"),
        (ProxyHop("socks4a", "p", 1), GRANTED_4 + b"x", "1 bytes came before"),
    ],
)
def test_failures_name_the_proxy_and_what_it_was_asked_for(
    worlds: Worlds, hop: ProxyHop, said: bytes, text: str
) -> None:
    with pytest.raises(ProxyError, match=text) as caught:
        worlds(hop).dial(said)

    error = caught.value
    assert f"{hop.url}, asked for a.example:443: " in error.detail
    assert (error.phase, error.retryable) == ("proxy", True)


@pytest.mark.parametrize(
    ("hop", "said"), [(HTTP, OPENED), (ProxyHop("socks5h", "p", 1), b"\5\0" + GRANTED_5)], ids=["http", "socks"]
)
def test_a_server_of_http2_may_greet_at_once(worlds: Worlds, hop: ProxyHop, said: bytes) -> None:
    world = worlds(hop)
    world.route = world.route._replace(protocols=("h2",))

    link = world.dial(said + b"settings")
    world.peer.send(b"more")

    assert [link.receive(100), link.receive(100)] == [b"settings", b"more"]
    assert not link.encrypted


def test_nobody_else_may() -> None:
    contexts: Any = None
    hops = (ProxyHop("socks5", "p", 1), HTTP._replace(tunnel=True))

    def greets(**options: Any) -> list[bool]:
        layers = layers_of(Route("http", "a", 80, proxies=hops, **options), contexts, None)
        return [layer._greets for layer in layers if isinstance(layer, Through)]

    assert greets(protocols=("h2",)) == [False, True]
    assert greets(protocols=("h2", "http/1.1")) == [False, False]
    assert greets(protocols=("h2",), tls=TLSPolicy()) == [False, False]


@pytest.mark.parametrize(
    ("hop", "hint"),
    [
        (HTTP._replace(headers=b""), r"Proxy\(url, auth="),
        (HTTP, "did not accept the user and the password"),
        (HTTP._replace(headers=b"", credentials=(b"u", b"p")), "did not accept the user and the password"),
    ],
)
def test_whether_the_proxy_was_told_who_asks_makes_a_difference(worlds: Worlds, hop: ProxyHop, hint: str) -> None:
    with pytest.raises(ProxyError, match=hint):
        worlds(hop).dial(b"HTTP/1.1 407 Who\r\nProxy-Authenticate: Basic realm=x\r\nContent-Length: 0\r\n\r\n")


def test_a_challenge_is_met_on_another_connection_and_once(worlds: Worlds) -> None:
    hop = HTTP._replace(headers=b"", credentials=(b"user", b"secret"))
    asks = b'HTTP/1.1 407 Who\r\nProxy-Authenticate: Digest realm="r", nonce="n"\r\nContent-Length: 0\r\n\r\n'
    for last, ends in ((OPENED, False), (asks, True)):
        first, second = worlds(hop), worlds(hop)
        links = [first.link, second.link]
        first.dialer.network = SimpleNamespace(connect=lambda route, deadline, links=links: links.pop(0))
        second.peer.send(last)
        if ends:
            with pytest.raises(ProxyError, match="407 Who"):
                first.dial(asks)
        else:
            assert first.dial(asks) is second.link
        assert b"Authorization" not in first.asked()
        assert b'Proxy-Authorization: Digest username="user"' in second.asked()
        assert first.link.fileno() == -1


def test_a_link_that_breaks_is_the_proxys_failure(worlds: Worlds) -> None:
    world = worlds(HTTP)

    def broken(size: int) -> bytes:
        raise ConnectionResetError(104, "Connection reset by peer")

    world.link.receive = broken
    with pytest.raises(ProxyError, match="the connection broke: Connection reset by peer") as caught:
        world.dial()
    assert isinstance(caught.value.__cause__, ConnectionResetError)


def test_an_unforeseen_error_is_itself(worlds: Worlds) -> None:
    world = worlds(HTTP)

    def absurd(size: int) -> bytes:
        raise ValueError("absurd")

    world.link.receive = absurd
    with pytest.raises(ValueError, match="absurd"):
        world.dial()


@pytest.mark.parametrize(
    ("said", "kind", "text"),
    [
        (b"", ConnectTimeout, "http://p:3128 has not answered"),
        (b"HTTP/1.1 403 No\r\nContent-Length: 9\r\n\r\nbec", ProxyError, "403 No"),
    ],
)
def test_when_the_time_is_up(worlds: Worlds, said: bytes, kind: type[HTTPError], text: str) -> None:
    with pytest.raises(kind, match=text):
        worlds(HTTP).dial(said, host=Late())


def test_behind_an_encrypted_proxy_nothing_is_encrypted_yet(worlds: Worlds) -> None:
    world = worlds(HTTP)
    world.link = SimpleNamespace(
        **{name: getattr(world.link, name) for name in ("receive", "send", "fileno", "close", "listen", "flush")},
        encrypted=True,
        wants_write=False,
        again_above=1,
        send_most=2**20,
    )

    link = world.dial(OPENED)

    assert isinstance(link, Passage)
    assert link.below is world.link
    assert not link.encrypted


# TLS to the proxy


class Contexts:
    def __init__(self, error: Exception) -> None:
        self.error = error

    def get(self, policy: TLSPolicy, protocols: tuple[str, ...], /) -> Any:
        raise self.error


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (TLSError(detail="s: bad", hint="give verify="), r"the proxy s: bad \(give verify=; .* Proxy\(url, verify="),
        (TLSError(detail="s: bad"), "the proxy s: bad$"),
        (InvalidRequest(detail="no such file"), "invalid request: no such file"),
    ],
)
def test_tls_with_a_proxy_fails_as_the_proxys(error: Exception, told: str) -> None:
    contexts: Any = Contexts(error)
    layer = ProxyEncryption(contexts, TLSPolicy(), "s", ("http/1.1",))
    link: Any = SimpleNamespace(encrypted=False)
    dial: Any = None

    with pytest.raises(type(error), match=told):
        run_inline(layer.over(link, dial))


# Talking


class Narrow:
    """A link that takes a little at a time, and may keep something back."""

    def __init__(self, *room: int) -> None:
        self.room = list(room)
        self.sent = b""
        self.wants_write = False
        self.flushed = 0
        self.heard: list[Any] = []

    def send(self, data: bytes) -> int:
        if not self.room:
            raise BlockingIOError
        size = min(self.room.pop(0), len(data))
        self.sent += data[:size]
        return size

    def receive(self, size: int) -> bytes:
        raise BlockingIOError

    def flush(self) -> None:
        self.flushed += 1

    def fileno(self) -> int:
        return 7

    def listen(self, wake: Any) -> None:
        self.heard.append(wake)


def test_what_the_link_does_not_take_is_kept_and_sent_later() -> None:
    link = Narrow(3, 2)
    narrow: Any = link
    talk = Talk(narrow, Socks4(b"\1\2\3\4", 80))

    with pytest.raises(BlockingIOError):
        talk.shake()
    assert talk.wants_write
    link.room = [100]
    with pytest.raises(BlockingIOError):
        talk.shake()
    assert link.sent == b"\4\1\0\x50\1\2\3\4\0"
    assert not talk.wants_write
    link.wants_write = True
    assert talk.wants_write
    with pytest.raises(BlockingIOError):
        talk.shake()
    assert link.flushed == 1
    assert talk.fileno() == 7
    talk.listen(None)
    assert link.heard == [None]


def test_a_layer_shows_no_secrets() -> None:
    assert "eDp5" not in repr(HTTP)
    assert "eDp5" not in repr(Through(HTTP, "a", 1))
