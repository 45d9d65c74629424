"""Routes: what tells two of them apart."""

from __future__ import annotations

import pytest

from courser.core import route as module
from courser.core.route import ProxyHop, Route, Routes, TLSPolicy
from courser.errors import InvalidRequest
from courser.values.trust import TLS
from courser.values.url import URL


def routes(**rest: object) -> Routes:
    given = {"uds": None, "local_address": None, "socket_options": (), "network": None, **rest}
    return Routes(TLSPolicy(), **given)  # type: ignore[arg-type]


def test_an_origin_has_one_route() -> None:
    known = routes()
    route = known.get(URL("https://Example.org/a"))

    assert known.get(URL("https://example.org:443/b?c")) is route
    assert (route.scheme, route.host, route.port, route.tls) == ("https", "example.org", 443, TLSPolicy())


def test_a_route_without_tls_has_no_policy() -> None:
    assert routes().get(URL("http://example.org/")).tls is None


@pytest.mark.parametrize("other", ["http://example.org/", "https://example.com/", "https://example.org:444/"])
def test_another_origin_is_another_route(other: str) -> None:
    known = routes()

    assert known.get(URL("https://example.org/")) != known.get(URL(other))


def test_another_policy_is_another_route() -> None:
    known = routes()
    url = URL("https://example.org/")

    assert known.make(url, TLSPolicy(verify=False)) != known.get(url)
    assert known.make(url, TLSPolicy()) == known.get(url)


PIN = bytes(32)

POLICIES = [
    TLSPolicy(),
    TLSPolicy(verify=False),
    TLSPolicy(verify="/ca.pem"),
    TLSPolicy(cert=("c.pem", None, None)),
    TLSPolicy(cert=("c.pem", "k.pem", None)),
    TLSPolicy(cert=("c.pem", "k.pem", "secret")),
    TLSPolicy(server_hostname="h"),
    TLSPolicy(fingerprints=(PIN,)),
    TLSPolicy(minimum_version="1.3"),
    TLSPolicy(ciphers="HIGH"),
    TLSPolicy(trust_env=False),
]


def test_cve_2016_5420_cve_2021_22924_whatever_differs_of_a_policy_is_another_route() -> None:
    """CVE-2016-7141, CVE-2022-27782, CVE-2026-8932, CVE-2026-11564, CVE-2026-80231."""
    assert len({Route("https", "a", 443, policy) for policy in POLICIES}) == len(POLICIES)


def test_a_policy_is_made_of_what_was_said() -> None:
    cert = ("c.pem", None, None)
    said = TLS("/ca.pem", fingerprints=PIN, minimum_version="1.3", ciphers="HIGH", cert="c.pem")

    assert TLSPolicy.of(True, cert, False) == TLSPolicy(True, cert, trust_env=False)
    assert TLSPolicy.of(said, None) == TLSPolicy("/ca.pem", cert, None, (PIN,), "1.3", "HIGH")
    assert TLSPolicy.of(TLS(), cert) == TLSPolicy(True, cert)
    with pytest.raises(InvalidRequest, match="cert was given, and in verify="):
        TLSPolicy.of(said, cert)


@pytest.mark.parametrize("verify", ["-----BEGIN CERTIFICATE-----\n" + "AAAA" * 1000, b"0" * 4000])
def test_a_policy_is_shown_without_secrets(verify: object) -> None:
    shown = repr(TLSPolicy(verify, ("c.pem", "k.pem", "secret"), "h", (PIN,)))

    assert shown == "<TLSPolicy verify=PEM cert='c.pem' server_hostname='h' fingerprints=1>"
    assert repr(TLSPolicy()) == "<TLSPolicy verify=True cert=None server_hostname=None fingerprints=0>"


def test_what_the_client_says_of_the_way_is_part_of_it() -> None:
    route = routes(uds="/s", local_address=("127.0.0.1", 0), socket_options=((1, 2, 3),), network="n").get(
        URL("http://example.org/")
    )

    assert route.uds == "/s"
    assert route.local_address == ("127.0.0.1", 0)
    assert route.socket_options == ((1, 2, 3),)
    assert route.network == "n"


# Proxies

HTTP = ProxyHop("http", "p", 3128)
HTTPS = ProxyHop("https", "::1", 443, tls=TLSPolicy())
SOCKS = ProxyHop("socks5", "s", 1080, credentials=(b"user", b"secret"))


def proxied(*hops: ProxyHop, **rest: object) -> Routes:
    return routes(hops=lambda url, given: given or hops, **rest)


def test_a_route_knows_its_proxies() -> None:
    given: object = (SOCKS,)
    known = proxied(HTTP, HTTPS)

    assert known.get(URL("https://a/")).proxies == (HTTP, HTTPS)
    assert known.make(URL("https://a/"), TLSPolicy(), given).proxies == (SOCKS,)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("url", "hops", "forwarder"),
    [
        ("http://a/", (), None),
        ("http://a/", (HTTP,), HTTP),
        ("http://a/", (SOCKS, HTTPS), HTTPS),
        ("http://a/", (HTTP, SOCKS), None),
        ("http://a/", (HTTP._replace(tunnel=True),), None),
        ("https://a/", (HTTP,), None),
        ("ws://a/", (HTTP,), None),
        ("wss://a/", (HTTP,), None),
    ],
)
def test_who_is_given_whole_requests(url: str, hops: tuple[ProxyHop, ...], forwarder: ProxyHop | None) -> None:
    assert proxied(*hops).get(URL(url)).forwarder == forwarder


def test_a_websocket_has_a_way_of_its_own_where_requests_are_forwarded() -> None:
    known = proxied(SOCKS, HTTP)

    assert known.get(URL("ws://a/")).proxies == (SOCKS, HTTP._replace(tunnel=True))
    assert known.get(URL("ws://a/")) != known.get(URL("http://a/"))
    assert known.get(URL("wss://a/")) == known.get(URL("https://a/"))


VARIED = [
    (),
    (HTTP,),
    (HTTP, HTTP),
    (HTTP._replace(host="q"),),
    (HTTP._replace(port=1),),
    (HTTP._replace(headers=b"A: b\r\n"),),
    (HTTP._replace(tunnel=True),),
    (HTTPS,),
    (HTTPS._replace(tls=TLSPolicy(verify=False)),),
    (SOCKS,),
    (SOCKS._replace(scheme="socks5h"),),
    (SOCKS._replace(credentials=None),),
    (SOCKS._replace(credentials=(b"user", b"other")),),
]


def test_curl_cve_2026_3784_2026_9079_2026_6429_whatever_differs_of_a_proxy_is_another_route() -> None:
    made = {Route("https", "a", 443, TLSPolicy(), hops) for hops in VARIED}

    assert len(made) == len(VARIED)


def test_an_environment_that_is_not_trusted_names_no_roots_of_proxies_either() -> None:
    known = Routes(TLSPolicy(trust_env=False), None, None, (), None, lambda url, given: (HTTP, HTTPS))

    assert known.get(URL("http://a/")).proxies == (HTTP, HTTPS._replace(tls=TLSPolicy(trust_env=False)))


@pytest.mark.parametrize(
    ("hop", "url", "tells"),
    [
        (HTTP, "http://p:3128", False),
        (HTTPS, "https://[::1]:443", False),
        (SOCKS, "socks5://s:1080", True),
        (HTTP._replace(headers=b"X: y\r\nproxy-AUTHORIZATION: Basic secret\r\n"), "http://p:3128", True),
    ],
)
def test_a_proxy_is_shown_without_secrets(hop: ProxyHop, url: str, tells: bool) -> None:
    assert hop.url == url
    assert hop.tells_who is tells
    assert hop.is_http is hop.scheme.startswith("http")
    assert repr(hop) == f"<ProxyHop {url}>"
    assert "secret" not in repr(Route("https", "a", 443, TLSPolicy(), (hop,)))


def test_not_every_origin_is_remembered_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ORIGINS_KEPT", 2)
    known = routes()
    first = known.get(URL("http://a/"))
    known.get(URL("http://b/"))
    known.get(URL("http://c/"))
    again = known.get(URL("http://a/"))

    assert again is not first
    assert again == first


ASKED = ("h2", "http/1.1")


@pytest.mark.parametrize(
    ("route", "plural"),
    [
        (Route("http", "a", 80), False),
        (Route("http", "a", 80, protocols=("h2",)), True),
        (Route("https", "a", 443, TLSPolicy(), protocols=("http/1.1",)), False),
        (Route("https", "a", 443, TLSPolicy(), protocols=ASKED), None),
        (Route("https", "a", 443, TLSPolicy(), proxies=(HTTP,), protocols=ASKED), None),
        (Route("http", "a", 80, proxies=(HTTP,), protocols=("h2",)), False),
        (Route("http", "a", 80, proxies=(SOCKS,), protocols=("h2",)), True),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_whether_one_connection_is_enough_is_known_or_the_peers_to_say(route: Route, plural: bool | None) -> None:
    assert route.plural is plural


@pytest.mark.parametrize(
    ("route", "agreed", "spoken"),
    [
        (Route("http", "a", 80), None, False),
        (Route("http", "a", 80, protocols=("h2",)), None, True),
        (Route("https", "a", 443, TLSPolicy(), protocols=ASKED), "h2", True),
        (Route("https", "a", 443, TLSPolicy(), protocols=ASKED), "http/1.1", False),
        (Route("https", "a", 443, TLSPolicy(), protocols=ASKED), None, False),
        (Route("https", "a", 443, TLSPolicy(), proxies=(HTTP,), protocols=ASKED), "h2", True),
        (Route("http", "a", 80, proxies=(HTTP,), protocols=("h2",)), None, False),
        (Route("http", "a", 80, proxies=(SOCKS,), protocols=("h2",)), None, True),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_what_is_spoken_is_agreed_on_or_known_beforehand(route: Route, agreed: str | None, spoken: bool) -> None:
    assert route.speaks_http2(agreed) is spoken


def test_the_handshake_of_a_websocket_is_spoken_in_http_1() -> None:
    known = routes(protocols=("h2",))

    assert known.make(URL("wss://a/"), TLSPolicy()).protocols == ("http/1.1",)
    assert known.make(URL("ws://a/"), TLSPolicy()).protocols == ("http/1.1",)
    assert known.make(URL("https://a/"), TLSPolicy()).protocols == ("h2",)
    assert known.make(URL("http://a/"), TLSPolicy()).protocols == ("h2",)
