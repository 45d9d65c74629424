"""Which proxies a URL is reached through: who is asked, who has the last word, and what is said of it."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from courser.core.proxies import Choice, Proxies, ProxyChoice, hop_of, hops_of, rules_of
from courser.core.route import ProxyHop, TLSPolicy
from courser.errors import InvalidRequest, InvalidURL, UnsupportedScheme
from courser.policies.auth.basic import BasicAuth
from courser.policies.auth.bearer import BearerAuth
from courser.policies.auth.digestauth import DigestAuth
from courser.policies.environment import Environment
from courser.settings import DEFAULT, DIRECT
from courser.values.proxy import Proxy
from courser.values.url import URL

P, Q, R = ProxyHop("http", "p", 1), ProxyHop("http", "q", 2), ProxyHop("socks5h", "r", 3)


def chosen(value: Any, url: str) -> tuple[ProxyHop, ...] | None:
    rules = rules_of(value)
    assert rules is not None
    choice = rules.choose(URL(url), "client")
    return None if choice is None else choice.hops


def test_one_proxy_is_for_every_url() -> None:
    for value in ("http://p:1", Proxy("http://p:1"), ["http://p:1"], (Proxy("http://p:1"),)):
        for url in ("http://a", "https://a", "ws://a", "wss://[::1]:9"):
            assert chosen(value, url) == (P,)


def test_direct_and_none() -> None:
    assert chosen(DIRECT, "http://a") == ()
    assert rules_of(None) is None


def test_a_chain_keeps_its_order() -> None:
    assert chosen(["http://p:1", Proxy("http://q:2"), "socks5h://r:3"], "http://a") == (P, Q, R)


MAPPING = {
    "http": "http://p:1",
    "https://": Proxy("http://q:2"),
    "https://deep.example": ["http://p:1", "http://q:2"],
    "all://*.corp": None,
    "wss://a.example:8443": "socks5h://r:3",
    "no_proxy": "x.example, 10.0.0.0/8",
}


@pytest.mark.parametrize(
    ("url", "hops"),
    [
        ("http://a.example", (P,)),
        ("ws://a.example", (P,)),
        ("https://a.example", (Q,)),
        ("wss://a.example", (Q,)),
        ("wss://a.example:8443", (R,)),
        ("https://a.example:8443", (Q,)),
        ("https://deep.example", (P, Q)),
        ("https://a.corp", ()),
        ("ws://a.b.corp", ()),
        ("https://x.example", ()),
        ("http://10.1.2.3", ()),
    ],
)
def test_a_mapping_goes_by_pattern_as_in_requests_and_httpx(url: str, hops: Any) -> None:
    assert chosen(MAPPING, url) == hops


def test_a_mapping_need_not_say_something_of_every_url() -> None:
    assert chosen({"https": "http://p:1"}, "http://a") is None
    assert chosen({"all": "http://p:1"}, "wss://a") == (P,)
    assert chosen({"ftp://x" if False else "ws": "http://p:1"}, "http://a") is None
    assert chosen({"no_proxy": None}, "http://a") is None


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (7, TypeError),
        (b"http://u:secret@h", TypeError),
        (DEFAULT, TypeError),
        ([b"http://u:secret@h"], TypeError),
        ([["http://p:1"]], TypeError),
        ([DIRECT], TypeError),
        ([], InvalidRequest),
        ({7: "http://p:1"}, TypeError),
        ({"http": 7}, TypeError),
        ({"http": []}, InvalidRequest),
        ({"ftp": "http://p:1"}, InvalidRequest),
        ({"http://a/path": "http://p:1"}, InvalidRequest),
        ({"no_proxy": ["a"]}, TypeError),
        ("", InvalidURL),
        ("http://u:secret@", InvalidURL),
        ("ftp://u:secret@h", UnsupportedScheme),
        ({"http": "http://u:secret@"}, InvalidURL),
    ],
)
def test_what_names_no_proxy(value: Any, kind: type[Exception]) -> None:
    with pytest.raises(kind) as caught:
        rules_of(value)
    assert "secret" not in str(caught.value)


# Who has the last word


def environment(**variables: str) -> Any:
    return lambda: Environment(variables)


def test_the_request_beats_mounts_beat_the_client_beats_the_environment() -> None:
    proxies = Proxies(
        rules_of({"all://a": "http://p:1", "all://b": None}, "mounts"),
        rules_of({"http": "http://q:2"}),
        environment(ALL_PROXY="socks5h://r:3"),
    )

    def hops(url: str, given: Any = None) -> tuple[ProxyHop, ...]:
        return proxies.choose(URL(url), rules_of(given)).hops

    assert hops("http://a") == (P,)
    assert hops("http://b") == ()
    assert hops("http://c") == (Q,)
    assert hops("https://c") == (R,)
    assert hops("https://c", DIRECT) == ()
    assert hops("http://a", "http://q:2") == (Q,)
    assert hops("http://b", "http://q:2") == (Q,)
    assert hops("http://a", {"https": "http://q:2"}) == (P,)


def test_no_proxy_of_the_environment_is_not_asked_about_explicit_proxies() -> None:
    proxies = Proxies(None, rules_of("http://p:1"), environment(NO_PROXY="*", ALL_PROXY="http://q:2"))

    assert proxies.choose(URL("http://a")).hops == (P,)


def test_without_trust_nobody_is_asked() -> None:
    choice = Proxies(None, None, None).choose(URL("http://a"))

    assert choice.hops == ()
    assert "trust_env" in choice.reason


def test_the_environment_is_asked_when_it_is_needed_and_once() -> None:
    asked: list[int] = []

    def oracle() -> Environment:
        asked.append(1)
        return Environment({"HTTP_PROXY": "http://p:1"})

    proxies = Proxies(None, rules_of({"https": "http://q:2"}), oracle)
    proxies.choose(URL("https://a"))
    assert not asked
    for _ in range(3):
        assert proxies.choose(URL("http://a")).hops == (P,)
    assert asked == [1]


@pytest.mark.parametrize(
    "value", ["http://u:secret@", "ftp://u:secret@h:1", "socks4://u:secret@h", "http://u:secret@h:1/x"]
)
def test_a_broken_variable_fails_the_requests_it_is_for_and_nothing_else(value: str) -> None:
    proxies = Proxies(None, None, environment(HTTPS_PROXY=value, NO_PROXY="b"))

    assert proxies.choose(URL("http://a")).hops == ()
    assert proxies.choose(URL("https://b")).hops == ()
    with pytest.raises(InvalidURL, match=r"HTTPS_PROXY in the environment: .*trust_env=False") as caught:
        proxies.choose(URL("https://a"))
    assert "secret" not in str(caught.value)


# Why


@pytest.mark.parametrize(
    ("url", "given", "told"),
    [
        ("http://a", DIRECT, "direct (proxy of the request)"),
        ("http://a", ["http://u:secret@p:1", "socks5h://r:3"], "http://p:1 then socks5h://r:3 (proxy of the request)"),
        ("http://a", {"http://a": "http://p:1"}, "http://p:1 (proxy of the request, 'http://a')"),
        ("http://a", {"no_proxy": "*"}, "direct (proxy of the request: no_proxy has '*')"),
        ("http://m", None, "direct (mounts of the client, 'all://m')"),
        ("http://a", None, "http://q:2 (proxy of the client, 'http://')"),
        ("https://a", None, "socks5h://r:3 (ALL_PROXY in the environment)"),
        ("https://x.corp", None, "direct (NO_PROXY has '.corp', against ALL_PROXY)"),
    ],
)
def test_a_choice_can_be_explained_without_secrets(url: str, given: Any, told: str) -> None:
    proxies = Proxies(
        rules_of({"all://m": None}, "mounts"),
        rules_of({"http": "http://u:secret@q:2"}),
        environment(ALL_PROXY="socks5h://u:secret@r:3", NO_PROXY="y,.corp"),
    )

    explained = proxies.explain(URL(url), rules_of(given))

    assert str(explained) == told
    assert "secret" not in repr(explained)


def test_what_is_explained_can_be_taken_apart() -> None:
    assert Proxies(None, rules_of("http://[::1]:1"), None).explain(URL("http://a")) == ProxyChoice(
        ("http://[::1]:1",), "proxy of the client"
    )


# Hops


def test_user_and_password_become_a_header_for_http_proxies() -> None:
    line = b"Proxy-Authorization: Basic " + base64.b64encode("u:p:ö".encode()) + b"\r\n"

    assert hop_of(Proxy("http://u:p%3A%C3%B6@h:1")) == ProxyHop("http", "h", 1, headers=line)
    assert hop_of(Proxy("https://h", auth=("u", "p:ö"), headers={"X": "y"})) == ProxyHop(
        "https", "h", 443, headers=b"X: y\r\n" + line, tls=TLSPolicy()
    )


class Silent:
    """An auth object that has nothing to say to this proxy."""

    def authorization(self, url: URL) -> None:
        assert url.host == "h"


def test_auth_objects() -> None:
    def hop(auth: Any) -> ProxyHop:
        return hop_of(Proxy("http://h:1", auth=auth))

    line = b"Proxy-Authorization: Basic " + base64.b64encode(b"u:p") + b"\r\n"
    assert hop(BasicAuth("u", "p")) == hop(("u", "p")) == ProxyHop("http", "h", 1, headers=line)
    assert hop(BearerAuth("t")) == ProxyHop("http", "h", 1, headers=b"Proxy-Authorization: Bearer t\r\n")
    assert hop(DigestAuth("u", "p")) == ProxyHop("http", "h", 1, credentials=(b"u", b"p"))
    assert hop(Silent()) == ProxyHop("http", "h", 1)
    with pytest.raises(InvalidRequest, match=r"value of type object \(give \(user, password\)"):
        hop(object())


def test_tls_with_a_proxy_is_the_proxys_own() -> None:
    proxy = Proxy("https://h", verify=False, cert="/cert", server_hostname="other.example")

    assert hop_of(proxy).tls == TLSPolicy(False, ("/cert", None, None), "other.example")


def test_a_line_in_a_password_stays_in_the_password() -> None:
    hop = hop_of(Proxy("http://u:p%0d%0aX%3A%20y@h:1"))

    assert hop.headers.count(b"\r\n") == 1


def test_user_and_password_stay_what_they_are_for_socks() -> None:
    assert hop_of(Proxy("socks5://u:p@h")) == ProxyHop("socks5", "h", 1080, credentials=(b"u", b"p"))
    assert hop_of(Proxy("socks4a://u@h")) == ProxyHop("socks4a", "h", 1080, credentials=(b"u", b""))


def test_tls_belongs_to_https_proxies() -> None:
    assert hop_of(Proxy("http://h", verify=False)).tls is None
    assert hop_of(Proxy("https://h", verify=False)).tls == TLSPolicy(verify=False)
    assert hop_of(Proxy("http://h", tunnel=True)).tunnel


def test_credentials_tell_hops_apart_curl_cve_2026_3784_2026_9079_2026_6429() -> None:
    urls = ["http://h", "http://u@h", "http://v@h", "http://u:p@h", "https://h", "socks5://h:80", "socks5://u:p@h:80"]
    hops = {hops_of(url, "proxy") for url in urls}

    assert len(hops) == len(urls)


def test_no_secret_is_shown() -> None:
    for url in ("http://user:secret@h:1", "socks5://user:secret@h"):
        choice = Choice(hops_of(url, "proxy"), "so")
        assert "secret" not in repr(choice)
        assert base64.b64encode(b"user:secret").decode() not in repr(choice)
