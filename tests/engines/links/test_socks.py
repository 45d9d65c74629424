"""SOCKS 4, 4a and 5, byte by byte."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from courser.engines.links.socks import REFUSALS_4, REFUSALS_5, Socks4, Socks5, SocksEngine
from courser.errors import LocalProtocolError, ProxyError

V6 = bytes(range(16))

TALKS: dict[str, tuple[Callable[[], SocksEngine], list[tuple[bytes, bytes]]]] = {
    "4": (
        lambda: Socks4(b"\x7f\0\0\1", 80, b"me"),
        [(b"\4\1\0\x50\x7f\0\0\1me\0", b"\0\x5a\0\0\0\0\0\0")],
    ),
    "4 without a user": (
        lambda: Socks4(b"\x0a\0\0\2", 65535),
        [(b"\4\1\xff\xff\x0a\0\0\2\0", b"\0\x5a\1\2\3\4\5\6")],
    ),
    "4a": (
        lambda: Socks4("a.example", 443, b"me"),
        [(b"\4\1\1\xbb\0\0\0\1me\0a.example\0", b"\0\x5a\0\0\0\0\0\0")],
    ),
    "5 to IPv4": (
        lambda: Socks5(b"\x7f\0\0\1", 80),
        [(b"\5\1\0", b"\5\0"), (b"\5\1\0\1\x7f\0\0\1\0\x50", b"\5\0\0\1\1\2\3\4\5\6")],
    ),
    "5 to IPv6, answered from IPv6": (
        lambda: Socks5(V6, 80),
        [(b"\5\1\0", b"\5\0"), (b"\5\1\0\4" + V6 + b"\0\x50", b"\5\0\0\4" + V6 + b"\5\6")],
    ),
    "5 to a name, answered with a name": (
        lambda: Socks5("a.example", 443),
        [(b"\5\1\0", b"\5\0"), (b"\5\1\0\3\x09a.example\1\xbb", b"\5\0\0\3\x03abc\5\6")],
    ),
    "5 answered with an empty name": (
        lambda: Socks5("a", 1),
        [(b"\5\1\0", b"\5\0"), (b"\5\1\0\3\1a\0\1", b"\5\0\0\3\0\5\6")],
    ),
    "5 with a password": (
        lambda: Socks5("a", 1, (b"me", b"secret")),
        [(b"\5\2\0\2", b"\5\2"), (b"\1\2me\6secret", b"\1\0"), (b"\5\1\0\3\1a\0\1", b"\5\0\0\1\0\0\0\0\0\0")],
    ),
    "5 with an empty password": (
        lambda: Socks5("a", 1, (b"me", b"")),
        [(b"\5\2\0\2", b"\5\2"), (b"\1\2me\0", b"\1\0"), (b"\5\1\0\3\1a\0\1", b"\5\0\0\1\0\0\0\0\0\0")],
    ),
    "5 with a password that nobody wants": (
        lambda: Socks5("a", 1, (b"me", b"secret")),
        [(b"\5\2\0\2", b"\5\0"), (b"\5\1\0\3\1a\0\1", b"\5\0\0\1\0\0\0\0\0\0")],
    ),
    "5 to the longest name, with the longest words": (
        lambda: Socks5("a" * 255, 1, (b"u" * 255, b"p" * 255)),
        [
            (b"\5\2\0\2", b"\5\2"),
            (b"\1\xff" + b"u" * 255 + b"\xff" + b"p" * 255, b"\1\0"),
            (b"\5\1\0\3\xff" + b"a" * 255 + b"\0\1", b"\5\0\0\3\xff" + b"b" * 255 + b"\0\0"),
        ],
    ),
}


def one_by_one(data: bytes) -> Iterator[bytes]:
    for byte in data:
        yield bytes((byte,))


def feed(engine: SocksEngine, pieces: list[bytes]) -> None:
    for piece in pieces:
        engine.receive(piece)


@pytest.mark.parametrize("name", TALKS)
def test_talks_whole_and_byte_by_byte(name: str) -> None:
    make, talk = TALKS[name]
    for cut in (lambda data: [data], one_by_one):
        engine = make()
        for asked, answer in talk:
            assert not engine.done
            assert engine.outgoing() == asked
            assert engine.outgoing() == b""
            for piece in cut(answer):
                engine.receive(piece)
        assert engine.done
        assert engine.outgoing() == b""
        assert engine.leftover == b""


@pytest.mark.parametrize("name", TALKS)
def test_every_split_and_what_follows(name: str) -> None:
    make, talk = TALKS[name]
    *before, (_, last) = talk
    for at in range(1, len(last)):
        engine = make()
        for _, answer in before:
            engine.receive(answer)
        engine.receive(last[:at])
        assert not engine.done
        engine.receive(last[at:] + b"from the ")
        engine.receive(b"far end")
        assert engine.done
        assert engine.leftover == b"from the far end"


def test_a_server_that_is_late_has_said_nothing_better() -> None:
    assert Socks4(b"\1\2\3\4", 1).late() is None


FAILURES: dict[str, tuple[Callable[[], SocksEngine], list[bytes], str]] = {
    **{
        f"4 refuses with {code:#x}": (lambda: Socks4("a", 1), [bytes((0, code))], text)
        for code, text in REFUSALS_4.items()
    },
    "4 refuses with a code of its own": (lambda: Socks4("a", 1), [b"\0\1"], "the unknown code 0x01"),
    "not SOCKS 4": (lambda: Socks4("a", 1), [b"HT"], "does not speak SOCKS 4: its answer begins with 0x48"),
    **{
        f"5 refuses with {code}": (lambda: Socks5("a", 1), [b"\5\0", bytes((5, code, 0, 1))], text)
        for code, text in REFUSALS_5.items()
    },
    "5 refuses with a code of its own": (lambda: Socks5("a", 1), [b"\5\0", b"\5\xf0\0\1"], "the unknown code 0xf0"),
    "not SOCKS 5": (lambda: Socks5("a", 1), [b"HT"], "does not speak SOCKS 5: its answer begins with 0x48"),
    "not SOCKS 5 any more": (lambda: Socks5("a", 1), [b"\5\0", b"\4\0\0\1"], "its reply begins with 0x04"),
    "an unknown address type": (lambda: Socks5("a", 1), [b"\5\0", b"\5\0\0\2"], "the unknown type 0x02"),
    "nothing acceptable": (lambda: Socks5("a", 1), [b"\5\xff"], r"wants a user name and password.*Proxy\("),
    "nothing acceptable but more": (
        lambda: Socks5("a", 1, (b"u", b"p")),
        [b"\5\xff"],
        "neither a password nor an anonymous",
    ),
    "a method not offered": (lambda: Socks5("a", 1), [b"\5\2"], "method of authentication 0x02, which was not"),
    "an unknown method": (lambda: Socks5("a", 1, (b"u", b"p")), [b"\5\1"], "authentication 0x01"),
    "a wrong password": (lambda: Socks5("a", 1, (b"u", b"p")), [b"\5\2", b"\1\1"], "did not accept the user name"),
    "an end at once": (lambda: Socks5("a", 1), [b""], "closed the connection before"),
    "an end in the middle": (lambda: Socks4("a", 1), [b"\0", b""], "closed the connection before"),
}


@pytest.mark.parametrize("name", FAILURES)
def test_failures_say_what_is_wrong_and_stay(name: str) -> None:
    make, answers, text = FAILURES[name]
    for cut in (lambda data: [data], lambda data: one_by_one(data) if data else [b""]):
        engine = make()
        pieces = [piece for answer in answers for piece in cut(answer)]
        with pytest.raises(ProxyError, match=text) as caught:
            feed(engine, pieces)
        assert caught.value.phase == "proxy"
        assert not engine.done
        with pytest.raises(ProxyError, match=text):
            engine.receive(b"\0\x5a\0\0\0\0\0\0")


@pytest.mark.parametrize(
    "make",
    [
        lambda: Socks4(V6, 1),
        lambda: Socks4("a", 1, b"m\0e"),
        lambda: Socks4("", 1),
        lambda: Socks4("a\0b", 1),
        lambda: Socks4("a" * 256, 1),
        lambda: Socks5("", 1),
        lambda: Socks5("a", 1, (b"", b"p")),
        lambda: Socks5("a", 1, (b"u" * 256, b"p")),
        lambda: Socks5("a", 1, (b"u", b"p" * 256)),
    ],
)
def test_what_the_protocol_cannot_say_is_not_said(make: Callable[[], SocksEngine]) -> None:
    with pytest.raises(LocalProtocolError, match="SOCKS"):
        make()


def test_a_name_that_is_too_long_is_refused_and_not_resolved_here_cve_2023_38545() -> None:
    with pytest.raises(LocalProtocolError, match="255 bytes, this one has 256"):
        Socks5("a" * 256, 443)


@pytest.mark.parametrize(
    ("engine", "answers", "reaching"),
    [
        (lambda: Socks5(V6, 80), [], False),
        (lambda: Socks5(V6, 80), [b"\5\0"], True),
        (lambda: Socks5(V6, 80), [b"\5\0", b"\5\0\0\1" + bytes(6)], False),
        (lambda: Socks5(V6, 80, (b"me", b"pw")), [b"\5\2"], False),
        (lambda: Socks4(b"\1\2\3\4", 80), [], True),
        (lambda: Socks4(b"\1\2\3\4", 80), [b"\0\x5a" + bytes(6)], False),
        *((lambda: Socks5(V6, 80), [b"\5\0", b"\5%c\0\1" % code], code != 7) for code in sorted(REFUSALS_5)),
        *((lambda: Socks4(b"\1\2\3\4", 80), [b"\0%c" % code], code == 0x5B) for code in sorted(REFUSALS_4)),
    ],
)
def test_whether_it_may_be_the_address(engine: Callable[[], SocksEngine], answers: list[bytes], reaching: bool) -> None:
    socks = engine()
    for each in answers:
        try:
            socks.receive(each)
        except ProxyError:
            pass

    assert socks.reaching is reaching
