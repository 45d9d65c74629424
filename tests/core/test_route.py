"""Routes: what tells two of them apart."""

from __future__ import annotations

import pytest

from courser.core import route as module
from courser.core.route import Routes, TLSPolicy
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


def test_what_the_client_says_of_the_way_is_part_of_it() -> None:
    route = routes(uds="/s", local_address=("127.0.0.1", 0), socket_options=((1, 2, 3),), network="n").get(
        URL("http://example.org/")
    )

    assert route.uds == "/s"
    assert route.local_address == ("127.0.0.1", 0)
    assert route.socket_options == ((1, 2, 3),)
    assert route.network == "n"


def test_not_every_origin_is_remembered_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ORIGINS_KEPT", 2)
    known = routes()
    first = known.get(URL("http://a/"))
    known.get(URL("http://b/"))
    known.get(URL("http://c/"))
    again = known.get(URL("http://a/"))

    assert again is not first
    assert again == first
