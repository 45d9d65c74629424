"""Challenges of proxies, and how they are answered."""

from __future__ import annotations

import re
from hashlib import md5, sha256
from typing import Any

import pytest

from courser.core import digests as module
from courser.core.digests import Digests
from courser.core.route import ProxyHop
from courser.values.body import make_body
from courser.values.headers import Headers

HOP = ProxyHop("http", "p", 1, credentials=(b"user", b"secret"))
OTHER = ProxyHop("http", "q", 1, credentials=(b"user", b"secret"))


def asked(challenge: str = 'Digest realm="r", nonce="n", qop="auth"') -> Headers:
    return Headers({"Proxy-Authenticate": challenge})


def h(hash_: Any, *parts: str) -> str:
    return str(hash_(":".join(parts).encode(), usedforsecurity=False).hexdigest())


def parts(line: bytes) -> dict[str, str]:
    assert line.startswith(b"Proxy-Authorization: Digest ")
    assert line.endswith(b"\r\n")
    found = re.findall(r'([\w*]+)=(?:"([^"]*)"|([^,\s]+))', line.decode())
    return {name: quoted or plain for name, quoted, plain in found}


@pytest.mark.parametrize(("name", "hash_"), [("", md5), (", algorithm=MD5", md5), (", algorithm=SHA-256", sha256)])
def test_a_tunnel_is_asked_for_with_an_answer_rfc_7616(name: str, hash_: Any) -> None:
    digests = Digests()
    assert digests.line(HOP, "CONNECT", b"a:443") == b""
    assert digests.challenged(HOP, 407, asked(f'Digest realm="r", nonce="n", qop="auth"{name}'))

    for count in ("00000001", "00000002"):
        said = parts(digests.line(HOP, "CONNECT", b"a:443"))
        assert (said["username"], said["realm"], said["nonce"], said["uri"]) == ("user", "r", "n", "a:443")
        assert said["nc"] == count
        ha1, ha2 = h(hash_, "user", "r", "secret"), h(hash_, "CONNECT", "a:443")
        assert said["response"] == h(hash_, ha1, "n", count, said["cnonce"], "auth", ha2)


def test_curl_cve_2026_7168_2026_8927_what_one_proxy_asked_is_told_to_no_other() -> None:
    digests = Digests()
    assert digests.challenged(HOP, 407, asked())

    assert digests.line(OTHER, "CONNECT", b"a:443") == b""
    assert digests.line(HOP._replace(credentials=(b"user", b"other")), "CONNECT", b"a:443") == b""


@pytest.mark.parametrize(
    ("hop", "status", "headers"),
    [
        (HOP, 200, asked()),
        (HOP, 401, asked()),
        (HOP, 407, Headers()),
        (HOP, 407, asked("Basic realm=x")),
        (HOP, 407, asked('Digest realm="r", nonce="n", algorithm=unknown')),
        (HOP, 407, Headers({"WWW-Authenticate": 'Digest realm="r", nonce="n"'})),
        (HOP._replace(credentials=None), 407, asked()),
        (HOP._replace(scheme="socks5"), 407, asked()),
    ],
)
def test_what_is_no_challenge_that_can_be_met(hop: ProxyHop, status: int, headers: Headers) -> None:
    digests = Digests()

    assert not digests.challenged(hop, status, headers)
    assert digests.line(hop, "CONNECT", b"a:443") == b""


def test_another_challenge_replaces_the_first() -> None:
    digests = Digests()
    digests.challenged(HOP, 407, asked())
    digests.line(HOP, "GET", b"http://a/")
    digests.challenged(HOP, 407, asked('Digest realm="r", nonce="m", qop="auth", stale=true'))

    said = parts(digests.line(HOP, "GET", b"http://a/"))
    assert (said["nonce"], said["nc"]) == ("m", "00000001")


def test_a_body_is_hashed_where_the_proxy_wants_it_and_it_is_there() -> None:
    digests = Digests()
    digests.challenged(HOP, 407, asked('Digest realm="r", nonce="n", qop="auth-int"'))

    said = parts(digests.line(HOP, "PUT", b"http://a/", make_body(content=b"body")))
    ha2 = h(md5, "PUT", "http://a/", h(md5, "body"))
    assert said["response"] == h(md5, h(md5, "user", "r", "secret"), "n", said["nc"], said["cnonce"], "auth-int", ha2)
    assert parts(digests.line(HOP, "GET", b"http://a/"))["qop"] == "auth-int"
    assert digests.line(HOP, "PUT", b"http://a/", make_body(content=iter([b"body"]))) == b""


def test_not_every_proxy_is_remembered_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEPT", 2)
    digests = Digests()
    hops = [HOP._replace(port=port) for port in range(1, 5)]
    for hop in hops:
        digests.challenged(hop, 407, asked())

    assert [bool(digests.line(hop, "GET", b"http://a/")) for hop in hops] == [False, False, True, True]
