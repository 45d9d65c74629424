"""values/cookies/choice.py: what is sent to one host."""

from __future__ import annotations

import pytest

from courser.values.cookies import choice
from courser.values.cookies.choice import below, choose, fitting
from courser.values.cookies.record import Cookie
from courser.values.cookies.store import Store
from courser.values.url import URL

NOW = 1_000_000_000.0


def store_of(*cookies: Cookie) -> Store:
    store = Store()
    for cookie in cookies:
        store.put(cookie, NOW)
    return store


def sent(store: Store, url: str, now: float = NOW, general: bool = True) -> str:
    return choose(store, URL(url), now, general).decode()


def host(name: str, **more: object) -> Cookie:
    return Cookie(name, "1", "example.org", host_only=False)._replace(**more)


def test_nothing_is_sent_of_an_empty_store() -> None:
    assert sent(Store(), "https://example.org/") == ""


def test_a_choice_is_made_once_and_again_after_every_change() -> None:
    store = store_of(host("a"))
    assert sent(store, "https://example.org/x") == "a=1"
    (first,) = store.choices.values()
    assert sent(store, "https://example.org/y") == "a=1"
    assert list(store.choices.values()) == [first]

    store.put(host("a", value="2"), NOW)
    assert sent(store, "https://example.org/") == "a=2"
    store.remove(host("a"))
    assert sent(store, "https://example.org/") == ""


def test_what_is_chosen_while_something_changes_is_not_kept() -> None:
    store = store_of(host("a"))
    choices = store.choices
    sent(store, "https://example.org/")
    store.put(host("b"), NOW)

    assert store.choices is not choices
    assert sent(store, "https://example.org/") == "a=1; b=1"


def test_a_choice_ends_with_the_first_of_its_cookies() -> None:
    store = store_of(
        host("a", expires=int(NOW) + 5),
        host("b", expires=int(NOW) + 9),
        host("c"),
        Cookie("g", "1", expires=int(NOW) + 7),
    )

    assert sent(store, "https://example.org/") == "g=1; a=1; b=1; c=1"
    assert sent(store, "https://example.org/", NOW + 5) == "g=1; b=1; c=1"
    assert sent(store, "https://example.org/", NOW + 7) == "b=1; c=1"
    assert sent(store, "https://example.org/", NOW + 9) == "c=1"


def test_paths_are_compared_for_every_request() -> None:
    store = store_of(host("a"), host("b", path="/x"), host("c", path="/x/y"), Cookie("g", "1", path="/x"))

    assert sent(store, "https://example.org/x/y/z") == "g=1; c=1; b=1; a=1"
    assert sent(store, "https://example.org/x") == "g=1; b=1; a=1"
    assert sent(store, "https://example.org/") == "a=1"


def test_secure_cookies_have_a_choice_of_their_own() -> None:
    store = store_of(host("a", secure=True), host("b"))

    assert sent(store, "http://example.org/") == "b=1"
    assert sent(store, "https://example.org/") == "a=1; b=1"
    assert sent(store, "http://example.org/") == "b=1"


def test_cookies_without_a_domain_go_only_where_they_may() -> None:
    store = store_of(Cookie("g", "1"), host("a"))

    assert sent(store, "https://example.org/", general=False) == "a=1"
    assert sent(store, "https://example.org/") == "g=1; a=1"
    assert sent(store, "https://example.com/") == "g=1"
    assert sent(store, "https://example.com/", general=False) == ""


def test_one_of_the_host_stands_for_one_without_a_domain() -> None:
    store = store_of(Cookie("a", "general"), host("a", path="/x"))

    assert sent(store, "https://example.org/x") == "a=1"
    assert sent(store, "https://example.org/y") == "a=general"


def test_host_only_cookies_stay_with_their_host() -> None:
    store = store_of(host("a", host_only=True), host("b"))

    assert sent(store, "https://example.org/") == "a=1; b=1"
    assert sent(store, "https://www.example.org/") == "b=1"


def test_what_was_given_by_hand_comes_first() -> None:
    store = store_of(Cookie("g", "1"), host("a"), host("b"))

    def with_hand(hand: bytes, renewed: tuple[str, ...] = ()) -> bytes:
        return choose(store, URL("https://example.org/"), NOW, True, hand, renewed)

    assert with_hand(b"x=0; b=0") == b"x=0; b=0; g=1; a=1"
    assert with_hand(b"x=0; b=0", ("b",)) == b"x=0; g=1; a=1; b=1"


def test_a_domain_that_is_sent_to_is_in_use() -> None:
    store = store_of(host("a"), Cookie("b", "1", "www.example.org"), Cookie("c", "1", "example.com"))

    sent(store, "https://www.example.org/", NOW + 5)
    sent(store, "https://www.example.org/", NOW + 6)

    assert {name: site.used - NOW for name, site in store.sites.items()} == {
        "example.org": 6,
        "www.example.org": 6,
        "example.com": 0,
    }


def test_choices_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "HOSTS", 3)
    store = store_of(Cookie("g", "1"))

    for number in range(8):
        assert sent(store, f"https://h{number}.example/") == "g=1"
        assert len(store.choices) <= 3


def test_longer_paths_come_first_then_older_cookies() -> None:
    cookies = [host("a", created=3.0), host("b", created=1.0), host("c", path="/x", created=9.0), host("d", path="/y")]

    found = fitting(cookies, URL("https://example.org/x/"), NOW)

    assert "".join(each.name for each in found) == "dcba"
    assert "".join(each.name for each in below(found, "/x/")) == "cba"


def test_what_may_not_travel_is_left_out() -> None:
    cookies = [host("a", secure=True), host("b", expires=int(NOW)), host("c", expires=int(NOW) + 1)]

    assert [each.name for each in fitting(cookies, URL("http://example.org/"), NOW)] == ["c"]
    assert [each.name for each in fitting(cookies, URL("https://example.org/"), NOW)] == ["a", "c"]
