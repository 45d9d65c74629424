"""values/cookies/store.py: the cookies of a jar, by the domains they belong to."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from courser.values.cookies import suffixes
from courser.values.cookies.choice import choose
from courser.values.cookies.record import Cookie
from courser.values.cookies.store import KEPT, PER_DOMAIN, TOTAL, Site, Store
from courser.values.url import URL

NOW = 1_000_000_000.0


@pytest.fixture(autouse=True, scope="module")
def without_list() -> Iterator[None]:
    """The rule of this library judges suffixes, whatever is installed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "publicsuffixlist", None)
        suffixes._judge.cache_clear()
        yield
    suffixes._judge.cache_clear()


def receive(store: Store, url: str, *lines: str, now: float = NOW) -> list[str]:
    return store.receive(URL(url), [line.encode() for line in lines], now)


def sent(store: Store, url: str, now: float = NOW) -> str:
    return choose(store, URL(url), now, True).decode()


def names(store: Store) -> list[str]:
    return [cookie.name for cookie in store.records(NOW)]


def test_what_is_received_is_sent_back() -> None:
    store = Store()

    assert receive(store, "https://www.example.org/", "a=1", "b=2; Domain=example.org") == ["a", "b"]

    assert sent(store, "https://www.example.org/") == "a=1; b=2"
    assert sent(store, "https://example.org/") == "b=2"
    assert sent(store, "https://a.b.example.org/") == "b=2"
    assert sent(store, "https://a.www.example.org/") == "b=2"
    assert sent(store, "https://example.com/") == ""


def test_a_cookie_replaces_one_of_its_name_domain_path_and_reach() -> None:
    store = Store()
    receive(store, "https://example.org/x/", "a=1", "b=1", "a=2; Path=/", "a=3; Domain=example.org")
    assert sent(store, "https://example.org/x/") == "a=1; b=1; a=3; a=2"

    assert receive(store, "https://example.org/x/", "a=4") == ["a"]
    assert sent(store, "https://example.org/x/") == "a=4; b=1; a=3; a=2"


def test_a_replaced_cookie_keeps_its_time_of_creation() -> None:
    store = Store()
    receive(store, "https://example.org/", "a=1", "b=1")
    receive(store, "https://example.org/", "a=2", now=NOW + 100)

    assert [(cookie.name, cookie.created) for cookie in store.records(NOW)] == [("a", NOW), ("b", pytest.approx(NOW))]


def test_an_end_in_the_past_removes() -> None:
    store = Store()
    receive(store, "https://example.org/", "a=1", "b=1", "c=1")

    assert receive(store, "https://example.org/", "a=; Max-Age=0", "b=; Expires=Thu, 01 Jan 1970 00:00:00 GMT") == []
    assert sent(store, "https://example.org/") == "c=1"
    assert receive(store, "https://example.org/", "c=; Max-Age=0", "never=; Max-Age=0") == []
    assert receive(store, "https://example.org/", "x=; Max-Age=0") == []
    assert store.sites == {}


# Cookies without a domain, and what servers make of them


GENERAL = Cookie("session", "given")


def test_a_server_that_deletes_what_was_given_is_not_sent_it_again() -> None:
    """Logging out is no way back to an older session; other servers, and other paths, have not said so."""
    store = Store()
    store.put(GENERAL, NOW)
    store.receive(URL("https://a.example/"), [b"session=new; Path=/", b"other=1"], NOW)
    assert sent(store, "https://a.example/x") == "session=new; other=1"

    assert store.receive(URL("https://a.example/logout"), [b"session=; Path=/; Max-Age=0"], NOW) == []

    assert sent(store, "https://a.example/x") == "other=1"
    assert sent(store, "https://b.example/") == "session=given"
    assert [(cookie.name, cookie.domain) for cookie in store.records(NOW)] == [("session", ""), ("other", "a.example")]


def test_a_server_may_delete_what_it_has_never_set() -> None:
    store = Store()
    store.put(GENERAL, NOW)
    store.receive(URL("https://a.example/"), [b"session=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT"], NOW)

    assert sent(store, "https://a.example/") == ""


def test_what_a_server_set_in_its_place_may_end_by_itself() -> None:
    store = Store()
    store.put(GENERAL, NOW)
    store.receive(URL("https://a.example/"), [b"session=new; Max-Age=10"], NOW)

    assert sent(store, "https://a.example/", NOW + 9) == "session=new"
    assert sent(store, "https://a.example/", NOW + 11) == ""


@pytest.mark.parametrize(
    ("line", "url", "expected"),
    [
        (b"session=; Max-Age=0; Path=/app", "https://a.example/app/x", ""),
        (b"session=; Max-Age=0; Path=/app", "https://a.example/", "session=given"),
        (b"session=; Max-Age=0; Domain=a.example; Path=/", "https://www.a.example/", ""),
        (b"session=; Max-Age=0; Path=/", "https://www.a.example/", "session=given"),
        (b"session=; Max-Age=0; Domain=example; Path=/", "https://a.example/", "session=given"),
        (b"another=; Max-Age=0; Path=/", "https://a.example/", "session=given"),
    ],
)
def test_it_is_taken_over_where_the_server_says(line: bytes, url: str, expected: str) -> None:
    store = Store()
    store.put(GENERAL, NOW)
    store.receive(URL("https://a.example/"), [line], NOW)

    assert sent(store, url) == expected


def test_the_callers_next_word_holds_for_all_again() -> None:
    store = Store()
    store.put(GENERAL, NOW)
    store.receive(URL("https://a.example/"), [b"session=; Path=/; Max-Age=0"], NOW)
    store.put(GENERAL, NOW)

    assert sent(store, "https://a.example/") == "session=given"
    assert set(store.sites) == {""}


def test_deletions_are_within_the_limits_of_a_domain() -> None:
    store = Store()
    store.put(GENERAL, NOW)
    store.receive(URL("https://a.example/"), [b"session=; Max-Age=0; Path=/%d" % number for number in range(200)], NOW)

    assert len(store.sites["a.example"]) == PER_DOMAIN


def test_an_expired_cookie_is_there_no_more() -> None:
    store = Store()
    receive(store, "https://example.org/", "a=1; Max-Age=10", "b=1")

    assert sent(store, "https://example.org/", NOW + 9) == "a=1; b=1"
    assert sent(store, "https://example.org/", NOW + 10) == "b=1"
    assert [cookie.name for cookie in store.records(NOW + 10)] == ["b"]


@pytest.mark.parametrize("path", ["/", "/x", "/login/en"])
def test_a_secure_cookie_is_left_alone_by_open_connections(path: str) -> None:
    """CVE-2025-9086: nor does a path help; RFC 6265bis section 5.7, step 17."""
    store = Store()
    receive(store, "https://example.org/", "sid=good; Secure; Path=/")

    for line in ("sid=bad", "sid=; Max-Age=0", f"sid=bad; Path={path}", "sid=bad; Domain=example.org"):
        assert receive(store, "http://example.org" + path, line) == []
        assert receive(store, "http://www.example.org/", line) in ([], ["sid"] if "Domain" not in line else [])

    assert sent(store, "https://example.org/login/en") == "sid=good"
    assert sent(store, "http://example.org/") == ""
    assert receive(store, "http://example.org/", "other=1", "more=2") == ["other", "more"]
    assert receive(store, "https://example.org/", "sid=new; Path=/") == ["sid"]


def test_localhost_counts_as_encrypted() -> None:
    store = Store()
    receive(store, "http://localhost:8000/", "a=1; Secure", "a=2; Secure")

    assert sent(store, "http://localhost:9000/") == "a=2"
    assert sent(store, "http://127.0.0.1/") == ""


def test_hosts_that_are_addresses_have_cookies_of_their_own() -> None:
    """FEATURES 1.8, "IP hosts": accepted."""
    store = Store()
    receive(store, "http://127.0.0.1/", "a=1")
    receive(store, "http://[::1]/", "b=1")
    store.put(Cookie("c", "1", "0.0.1", host_only=False), NOW)

    assert sent(store, "http://127.0.0.1/") == "a=1"
    assert sent(store, "http://[::1]/") == "b=1"


def test_at_most_50_cookies_of_a_domain() -> None:
    """CVE-2022-32205: what goes first has expired; then it is not Secure; then it is the oldest."""
    store = Store()
    receive(store, "https://example.org/", "ends=1; Max-Age=1", "kept=1; Secure")
    for number in range(PER_DOMAIN - 2):
        receive(store, "https://example.org/", f"{number}=1")
    assert len(store.sites["example.org"]) == PER_DOMAIN

    receive(store, "https://example.org/", "more=1", now=NOW + 2)
    assert "ends" not in names(store)
    receive(store, "https://example.org/", "even=1", now=NOW + 3)
    assert names(store)[:3] == ["kept", "1", "2"]
    for number in range(PER_DOMAIN):
        receive(store, "https://example.org/", f"s{number}=1; Secure")
    assert len(store.sites["example.org"]) == PER_DOMAIN
    assert "kept" not in names(store)
    assert names(store)[-1] == f"s{PER_DOMAIN - 1}"
    receive(store, "https://example.org/", "open=1")
    assert "open" in names(store)


def test_what_the_caller_puts_in_is_not_evicted_by_being_much() -> None:
    store = Store()
    for number in range(PER_DOMAIN + 10):
        store.put(Cookie(str(number), "1"), NOW)

    assert len(names(store)) == PER_DOMAIN + 10


def test_at_most_3000_cookies_altogether() -> None:
    """CVE-2022-32205: the domains that were used longest ago go first, the caller's own cookies never."""
    store = Store()
    store.put(Cookie("own", "1"), NOW)
    first, second = "https://h0.example/", "https://h1.example/"
    for number in range(TOTAL // PER_DOMAIN + 2):
        lines = [f"c{each}=1" for each in range(PER_DOMAIN)]
        receive(store, f"https://h{number}.example/", *lines, now=NOW + number)
        assert len(sent(store, first, NOW + number + 0.5)) > 0

    assert KEPT - PER_DOMAIN <= len(store.records(NOW)) - 1 <= TOTAL
    assert sent(store, second) == "own=1"
    assert "own" in names(store)


def test_cookies_that_came_and_went_are_not_counted_for_ever() -> None:
    store = Store()
    receive(store, "https://kept.example/", "a=1")
    for _ in range(2):
        for number in range(TOTAL):
            receive(store, "https://example.org/", f"c{number}=1", f"c{number}=; Max-Age=0")

    assert sent(store, "https://kept.example/") == "a=1"


def test_a_bad_cookie_does_not_stop_the_next() -> None:
    """CVE-2025-69230: thousands of bad cookies are no exception and no log, and the good one among them counts."""
    store = Store()

    assert receive(store, "http://example.org/", *["\x01=1", "bad", "x=1; Domain=org"] * 1000, "good=1") == ["good"]


def test_whatever_comes_in_between_is_not_lost() -> None:
    """A domain is forgotten by one thread just when another puts a cookie there."""
    store = Store()
    old, late, newer = (
        Cookie("old", "1", "x.example"),
        Cookie("late", "1", "x.example"),
        Cookie("late", "2", "x.example"),
    )

    class Racing(dict[str, Site]):
        """Stands for the sites while other threads are as quick as can be."""

        def pop(self, domain: str, default: object = None) -> Site:  # type: ignore[override]
            site = self[domain]
            store.put(late, NOW)
            del self[domain]
            store.put(newer, NOW)
            return site

    store.put(old, NOW)
    store.sites = Racing(store.sites)
    store.remove(old)

    assert [(cookie.name, cookie.value) for cookie in store.records(NOW)] == [("late", "2")]


def test_a_cookie_is_put_once_more_when_its_domain_was_forgotten() -> None:
    store = Store()

    class Forgetful(dict[str, Site]):
        calls = 0

        def get(self, domain: str, default: object = None) -> Site | None:  # type: ignore[override]
            self.calls += 1
            if self.calls == 2:
                self.clear()
            return super().get(domain)

    store.sites = Forgetful()
    store.put(Cookie("a", "1", "x.example"), NOW)

    assert names(store) == ["a"]


def test_removing_what_is_not_there_changes_nothing() -> None:
    store = Store()
    store.put(Cookie("a", "1", "x.example"), NOW)

    store.remove(Cookie("a", "1", "y.example"))
    store.remove(Cookie("b", "1", "x.example"))

    assert names(store) == ["a"]


def test_two_that_remove_the_last_cookie_at_once() -> None:
    store = Store()

    class Gone(dict[str, Site]):
        def pop(self, domain: str, default: object = None) -> None:  # type: ignore[override]
            del self[domain]

    store.put(Cookie("a", "1", "x.example"), NOW)
    store.sites = Gone(store.sites)
    store.remove(Cookie("a", "1", "x.example"))

    assert store.sites == {}


def test_a_domain_that_goes_while_it_is_looked_at() -> None:
    store = Store()
    receive(store, "https://example.org/", *[f"c{number}=1" for number in range(PER_DOMAIN)])

    class Leaving(dict[str, Site]):
        def get(self, domain: str, default: object = None) -> None:  # type: ignore[override]
            return None

    store.sites = Leaving(store.sites)
    store._limit_site(Cookie("c0", "1", "example.org", host_only=True), NOW)
    store._limit_all()

    assert len(store.sites["example.org"]) == PER_DOMAIN


def test_many_threads_lose_nothing() -> None:
    """FEATURES 1.8, "Thread safety"."""
    store = Store()
    errors: list[BaseException] = []

    def work(number: int) -> None:
        try:
            url = f"https://h{number % 3}.example/"
            for turn in range(150):
                receive(store, url, f"keep{number}={turn}; Path=/", f"temp{number}=1; Domain=d{turn % 2}.h.example")
                assert f"keep{number}={turn}" in sent(store, url)
                receive(store, f"https://own{turn % 2}.example/", f"x{number}=1")
                receive(store, f"https://own{turn % 2}.example/", f"x{number}=1; Max-Age=0")
                store.records(NOW)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)

    assert errors == []
    assert sorted(names(store)) == [f"keep{number}" for number in range(6)]


HOSTS = ["a.example", "b.a.example", "c.b.a.example", "other.example"]
LINES = st.builds(
    "{}={}{}{}{}".format,
    st.sampled_from("xyz"),
    st.integers(0, 9),
    st.sampled_from(["", "; Domain=a.example", "; Domain=b.a.example"]),
    st.sampled_from(["", "; Path=/", "; Path=/p/q"]),
    st.sampled_from(["", "; Secure", "; Max-Age=5", "; Max-Age=0"]),
)
STEPS = st.tuples(st.sampled_from(["http", "https"]), st.sampled_from(HOSTS), st.sampled_from(["/", "/p/q/r"]), LINES)


@given(st.lists(STEPS, max_size=20))
def test_what_is_sent_is_what_the_rules_say_of_each_cookie(steps: list[tuple[str, str, str, str]]) -> None:
    """What is remembered for a host is what looking at every cookie in turn gives."""
    store = Store()
    for number, (scheme, host, path, line) in enumerate(steps):
        receive(store, f"{scheme}://{host}{path}", line, now=NOW + number)
        for target in (f"{scheme}://{host}{path}", "https://c.b.a.example/p/q"):
            url, now = URL(target), NOW + number
            expected = [
                cookie
                for cookie in store.records(now)
                if (url.host == cookie.domain or (not cookie.host_only and url.host.endswith("." + cookie.domain)))
                and (cookie.path == "/" or (url.path + "/").startswith(cookie.path + "/"))
                and (url.is_secure or not cookie.secure)
            ]
            expected.sort(key=lambda cookie: (-len(cookie.path), cookie.created))
            assert sent(store, target, now) == "; ".join(f"{each.name}={each.value}" for each in expected)


def test_what_is_set_once_more_changes_nothing() -> None:
    store = Store()
    receive(store, "https://example.org/", "a=1")
    sent(store, "https://example.org/")
    choices = store.choices

    assert receive(store, "https://example.org/", "a=1", now=NOW + 5) == ["a"]
    assert store.choices is choices
    assert store.sites["example.org"].used == NOW + 5
    receive(store, "https://example.org/", "a=1; Secure")
    assert store.choices is not choices
