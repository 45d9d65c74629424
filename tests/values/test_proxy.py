"""Proxies as they are written down."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

from courser.errors import HTTPError, InvalidRequest, InvalidURL, UnsupportedScheme
from courser.values.proxy import Proxy

URLS = [
    # url, scheme, host, port, auth
    ("http://p.example:3128", "http", "p.example", 3128, None),
    ("http://p.example:3128/", "http", "p.example", 3128, None),
    (" http://p.example:3128\n", "http", "p.example", 3128, None),
    ("HTTP://P.Example", "http", "p.example", 80, None),
    ("https://p.example", "https", "p.example", 443, None),
    ("https://p.example:80", "https", "p.example", 80, None),
    ("socks4://p", "socks4", "p", 1080, None),
    ("socks4a://p", "socks4a", "p", 1080, None),
    ("socks5://p", "socks5", "p", 1080, None),
    ("socks5h://p:80", "socks5h", "p", 80, None),
    ("socks://p:1081/", "socks5h", "p", 1081, None),
    ("p.example:3128", "http", "p.example", 3128, None),
    ("p.example", "http", "p.example", 80, None),
    ("127.0.0.1:8080", "http", "127.0.0.1", 8080, None),
    ("localhost:8080/", "http", "localhost", 8080, None),
    ("http:/p.example:1", "http", "p.example", 1, None),
    ("http://[::1]:8080", "http", "::1", 8080, None),
    ("[::1]:8080", "http", "::1", 8080, None),
    ("http://[fe80::1%25eth0]:1", "http", "fe80::1%eth0", 1, None),
    ("http://münchen.example:1", "http", "xn--mnchen-3ya.example", 1, None),
    ("http://u:p@h:1", "http", "h", 1, (b"u", b"p")),
    ("u:p@h:1", "http", "h", 1, (b"u", b"p")),
    ("http://u@h:1", "http", "h", 1, (b"u", b"")),
    ("http://:p@h:1", "http", "h", 1, (b"", b"p")),
    ("http://@h:1", "http", "h", 1, None),
    ("http://u%40x:p%3A%2f%E2%82%AC%@h:1", "http", "h", 1, (b"u@x", "p:/€%".encode())),
    ("http://u:a/b?c#d@e:f@h:1", "http", "h", 1, (b"u", b"a/b?c#d@e:f")),
    ("http://ü:ß@h:1", "http", "h", 1, ("ü".encode(), "ß".encode())),
    ("http://u:p%0d%0aX:y@h:1", "http", "h", 1, (b"u", b"p\r\nX:y")),
]


@pytest.mark.parametrize(("url", "scheme", "host", "port", "auth"), URLS)
def test_urls(url: str, scheme: str, host: str, port: int, auth: Any) -> None:
    proxy = Proxy(url)

    assert (proxy.scheme, proxy.host, proxy.port, proxy.auth) == (scheme, host, port, auth)
    assert Proxy(proxy.url) == Proxy(proxy.url)


BAD = [
    ("", InvalidURL),
    ("http://", InvalidURL),
    ("http://secret:secret", InvalidURL),
    ("http://u:secret@", InvalidURL),
    ("http://u:secret@h:99999", InvalidURL),
    ("http://u:secret@h:0", InvalidURL),
    ("http://u:secret@h:1x", InvalidURL),
    ("http://u:secret@h:1/path", InvalidURL),
    ("http://u:secret@h:1?query", InvalidURL),
    ("http://u:secret@a b:1", InvalidURL),
    ("http://u:secret@a\r\nb:1", InvalidURL),
    ("http://u:secret@a\x00b:1", InvalidURL),
    ("http://u:secret@[::1:1", InvalidURL),
    ("http://u:secret@[zz]:1", InvalidURL),
    ("http://u:secret@" + "a" * 254 + ":1", InvalidURL),
    ("ftp://u:secret@h:1", UnsupportedScheme),
    ("ws://u:secret@h:1", UnsupportedScheme),
    ("socks6://u:secret@h:1", UnsupportedScheme),
    ("http://u:secret\ud800@h:1", InvalidRequest),
    ("socks4://u:secret@h", InvalidRequest),
    ("socks4a://u:secret@h", InvalidRequest),
    ("socks4://secret%00@h", InvalidRequest),
    ("socks5://:secret@h", InvalidRequest),
    ("socks5://u:" + "secret" * 50 + "@h", InvalidRequest),
    ("socks5h://" + "secret" * 50 + ":p@h", InvalidRequest),
]


@pytest.mark.parametrize(("url", "kind"), BAD)
def test_what_is_no_proxy_is_told_without_its_secrets(url: str, kind: type[HTTPError]) -> None:
    with pytest.raises(kind) as caught:
        Proxy(url)

    error: BaseException | None = caught.value
    while error is not None:
        assert "secret" not in str(error)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


@pytest.mark.parametrize("url", [None, b"http://h:1", 3128])
def test_a_url_is_text(url: Any) -> None:
    with pytest.raises(TypeError, match="is a str"):
        Proxy(url)


def test_auth_beside_the_url() -> None:
    assert Proxy("http://h:1", auth=("u", "pö")).auth == (b"u", "pö".encode())
    assert Proxy("http://h:1", auth=(b"u", b"\xff")).auth == (b"u", b"\xff")
    someone = object()
    assert Proxy("http://h:1", auth=someone).auth is someone
    with pytest.raises(InvalidRequest, match="as well"):
        Proxy("http://u@h:1", auth=("u", "p"))
    with pytest.raises(TypeError, match="user, password"):
        Proxy("http://h:1", auth=("u", "p", "q"))
    with pytest.raises(TypeError, match="int"):
        Proxy("http://h:1", auth=("u", 7))
    with pytest.raises(InvalidRequest, match="surrogate"):
        Proxy("http://h:1", auth=("u", "\ud800"))


def test_who_asks_is_said_once() -> None:
    by_hand = {"Proxy-Authorization": "Bearer x"}
    with pytest.raises(InvalidRequest, match="a user as well"):
        Proxy("http://u:p@h:1", headers=by_hand)
    with pytest.raises(InvalidRequest, match="a user as well"):
        Proxy("http://h:1", auth=object(), headers=by_hand)
    assert Proxy("http://h:1", headers=by_hand).fields == b"Proxy-Authorization: Bearer x\r\n"


def test_socks_takes_no_headers_and_no_other_auth() -> None:
    with pytest.raises(InvalidRequest, match="no headers"):
        Proxy("socks5://h", headers={"X": "y"})
    with pytest.raises(InvalidRequest, match="no auth but"):
        Proxy("socks5://h", auth=object())
    assert Proxy("socks5://h", auth=("u", "")).auth == (b"u", b"")
    assert Proxy("socks4://h", auth=("u", "")).auth == (b"u", b"")


@pytest.mark.parametrize("name", ["Host", "content-length", "Transfer-Encoding"])
def test_headers_that_frame_are_not_the_callers(name: str) -> None:
    with pytest.raises(InvalidRequest, match="written by the client"):
        Proxy("http://h:1", headers={name: "1"})


@pytest.mark.parametrize("value", ["a\r\nX: y", "a\nX: y", "a\rb", "a\x00b"])
def test_cve_2026_1502_a_header_for_the_proxy_holds_no_line(value: str) -> None:
    with pytest.raises(InvalidRequest):
        Proxy("http://h:1", headers={"X-Id": value})
    with pytest.raises(InvalidRequest):
        Proxy("http://h:1", headers={f"X{value}": "y"})


def test_no_secret_is_shown() -> None:
    proxy = Proxy("http://user:secret@h:1", headers={"X-Token": "secret"}, tunnel=True)

    assert repr(proxy) == "Proxy('http://h:1', auth=***, headers=[X-Token], tunnel=True)"
    assert repr(Proxy("socks5://[::1]")) == "Proxy('socks5://[::1]:1080')"
    assert proxy.url == "http://h:1"


def test_it_is_a_value() -> None:
    proxy = Proxy("http://u:p@h:1", headers={"X": "y"}, verify="/roots", cert="/cert", tunnel=True)
    assert proxy != Proxy("http://u:p@h:1", headers={"X": "y"}, verify="/roots", cert="/cert")
    assert Proxy("https://h", server_hostname="a") != Proxy("https://h", server_hostname="b")
    same = Proxy("http://h:1", auth=("u", "p"), headers={"X": "y"}, verify="/roots", cert="/cert", tunnel=True)

    assert proxy == same
    assert hash(proxy) == hash(same)
    assert proxy != Proxy("http://u:q@h:1", headers={"X": "y"}, verify="/roots", cert="/cert", tunnel=True)
    assert proxy != "http://h:1"
    for made in (pickle.loads(pickle.dumps(proxy)), copy.copy(proxy), copy.deepcopy(proxy)):
        assert made == proxy


def test_it_does_not_change() -> None:
    proxy = Proxy("http://h:1")

    with pytest.raises(AttributeError, match="immutable"):
        proxy.host = "other"
    with pytest.raises(AttributeError, match="immutable"):
        del proxy.host
