"""values/cookies/jar.py: the jar."""

from __future__ import annotations

import copy
import json
import os
import pickle
from pathlib import Path
from typing import Any

import pytest

from courser.errors import CookieConflict, InvalidRequest
from courser.values.cookies import jar
from courser.values.cookies.choice import choose
from courser.values.cookies.jar import Cookies
from courser.values.cookies.record import Cookie
from courser.values.cookies.store import Store
from courser.values.url import URL

VECTORS = Path(os.environ.get("COURSER_VECTORS", Path(__file__).parents[3] / "../shared/vectors")) / "cookies"

THEN = 1_300_000_000.0
"""When the suite was written: some of its cookies have expired since."""

DIFFERENT = {
    "DISABLED_CHROMIUM0022": "a control byte: the cookie is ignored, not cut (RFC 6265bis section 5.6, step 1)",
    "DISABLED_CHROMIUM0023": "likewise; such a byte never comes out of an HTTP engine",
    "DISABLED_PATH0029": "escapes in paths are compared as they are (RFC 6265bis section 5.1.4)",
}
"""Cases that the suite itself has switched off, and why they are not met."""


def vectors() -> list[Any]:
    path = VECTORS / "parser.json"
    if not path.exists():
        return [pytest.param(None, marks=pytest.mark.skip(reason=f"the vectors {path} are absent"))]
    return [pytest.param(case, id=case["test"]) for case in json.loads(path.read_text("utf-8"))]


@pytest.mark.parametrize("case", vectors())
def test_the_http_state_suite(case: dict[str, Any]) -> None:
    base = URL("http://home.example.org:8888/cookie-parser?" + case["test"].lower())
    target = base.join(case.get("sent-to", "/cookie-parser-result?" + case["test"].lower()))
    store = Store()

    store.receive(base, [line.encode() for line in case["received"]], THEN)
    field = choose(store, target, THEN, True).decode()

    sent = [tuple(pair.split("=", 1)) for pair in field.split("; ")] if field else []
    expected = [(pair["name"], pair["value"]) for pair in case["sent"]]
    assert (sent == expected) is (case["test"] not in DIFFERENT)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, which tests may change."""
    now = [THEN]
    monkeypatch.setattr(jar, "time", lambda: now[0])
    return now


def full() -> Cookies:
    made = Cookies({"general": "0"})
    made.receive("https://www.example.org/x/", ["own=1", b"wide=2; Domain=example.org; Path=/", "own=3; Path=/"])
    return made


def test_it_reads_like_a_mapping_of_names() -> None:
    cookies = Cookies({"a": "1", "b": "2"})

    assert (cookies["a"], cookies.get("a"), cookies.get("x"), cookies.get("x", "y")) == ("1", "1", None, "y")
    assert (list(cookies), len(cookies), bool(cookies)) == (["a", "b"], 2, True)
    assert dict(cookies) == {"a": "1", "b": "2"}
    assert (list(cookies.keys()), list(cookies.values())) == (["a", "b"], ["1", "2"])
    assert list(cookies.items()) == cookies.multi_items() == [("a", "1"), ("b", "2")]
    assert "a" in cookies
    assert "x" not in cookies
    assert 1 not in cookies
    assert not Cookies()
    with pytest.raises(KeyError, match="x"):
        cookies["x"]


def test_an_ambiguous_name_is_an_error_that_says_where_it_is_set() -> None:
    """FEATURES 1.8, "Dup name access"."""
    cookies = full()

    with pytest.raises(
        CookieConflict, match=r"'own' is set for www.example.org /x, www.example.org /.*path="
    ) as caught:
        cookies["own"]
    assert isinstance(caught.value, LookupError)
    assert not isinstance(caught.value, KeyError)
    with pytest.raises(CookieConflict):
        cookies.get("own")
    with pytest.raises(CookieConflict):
        cookies["own"] = "4"
    assert cookies.get("own", path="/x") == "1"
    assert cookies.get("own", path="/") == "3"
    assert cookies.get("own", "none", domain="example.com") == "none"
    assert cookies.get("wide", domain=".Example.org") == "2"
    assert list(cookies) == ["general", "own", "wide"]
    assert cookies.multi_items() == [("general", "0"), ("own", "1"), ("wide", "2"), ("own", "3")]


def test_a_name_that_always_means_the_same_is_not_ambiguous() -> None:
    cookies = Cookies([Cookie("a", "1", "example.org"), Cookie("a", "1", "example.com")])

    assert cookies["a"] == "1"
    assert len(cookies) == 1


def test_what_a_server_has_set_stands_before_what_has_no_domain() -> None:
    cookies = Cookies({"sid": "given"})
    cookies.receive("https://example.org/", ["sid=renewed"])

    assert cookies["sid"] == "renewed"
    assert cookies.get("sid", domain="") == "given"
    assert cookies.header("https://example.org/") == "sid=renewed"
    assert cookies.header("https://example.com/") == "sid=given"


def test_setting_a_name_changes_the_cookie_there_is() -> None:
    cookies = full()
    cookies["wide"] = "4"
    cookies["new"] = "5"

    assert cookies.header("https://example.org/") == "general=0; new=5; wide=4"
    assert [cookie.domain for cookie in cookies.records("wide")] == ["example.org"]
    assert [cookie.domain for cookie in cookies.records("new")] == [""]


def test_setting_with_all_that_can_be_said(clock: list[float]) -> None:
    cookies = Cookies()
    cookies.set(
        "a",
        "1",
        "Example.org",
        "/x",
        secure=True,
        http_only=True,
        same_site="lax",
        partitioned=True,
        expires=THEN + 5.5,
    )

    assert cookies.records() == [
        Cookie("a", "1", "example.org", "/x", True, True, True, "Lax", True, int(THEN) + 5, THEN)
    ]
    clock[0] += 6
    assert cookies.records() == []
    assert cookies.header("https://example.org/x") == ""


def test_a_callers_cookie_replaces_one_of_other_reach() -> None:
    cookies = Cookies()
    cookies.receive("https://example.org/", ["a=server"])
    cookies.set("a", "mine", domain=".example.org")

    assert cookies.header("https://example.org/") == "a=mine"
    assert cookies.header("https://www.example.org/") == "a=mine"


@pytest.mark.parametrize(
    ("where", "left"),
    [
        ({}, ["general", "wide"]),
        ({"path": "/x"}, ["general", "wide", "own"]),
        ({"domain": "www.example.org"}, ["general", "wide"]),
        ({"domain": "example.org"}, ["general", "own", "wide", "own"]),
    ],
)
def test_deleting(where: dict[str, str], left: list[str]) -> None:
    cookies = full()
    cookies.delete("own", **where)
    cookies.delete("never")

    assert [cookie.name for cookie in cookies.records()] == left


def test_deleting_by_the_mapping() -> None:
    cookies = full()
    del cookies["own"]

    assert "own" not in cookies
    assert cookies.pop("wide") == "2"
    assert cookies.pop("wide", "none") == "none"
    with pytest.raises(KeyError):
        del cookies["own"]


def test_clearing() -> None:
    cookies = full()
    cookies.clear(domain="www.example.org", path="/x")
    assert cookies["own"] == "3"
    cookies.clear(domain="www.example.org")
    assert list(cookies) == ["general", "wide"]
    cookies.clear(domain="")
    assert list(cookies) == ["wide"]
    cookies.clear()
    assert not cookies
    assert cookies.store.sites == {}


def test_update_takes_what_the_constructor_takes() -> None:
    cookies = Cookies([("a", "1")])
    cookies.update({"a": "2"}, b="3")
    cookies.update(full())
    cookies.update()

    assert cookies.multi_items()[:2] == [("a", "2"), ("b", "3")]
    assert cookies.get("own", path="/x") == "1"
    with pytest.raises(InvalidRequest):
        cookies.update({"c": "1", "d": "\n"})
    assert "c" not in cookies


def test_update_is_what_setting_each_name_is() -> None:
    """Beside a server's cookie, one without a domain would never be sent."""
    for change in ({"a": "mine"}, None):
        cookies = Cookies()
        cookies.receive("https://example.org/", ["a=server"])
        if change:
            cookies.update(change)
        else:
            cookies.update(a="mine")

        assert cookies["a"] == "mine"
        assert cookies.header("https://example.org/") == "a=mine"


def test_update_refuses_a_name_that_is_ambiguous_and_changes_nothing() -> None:
    cookies = Cookies()
    cookies.receive("https://a.example/", ["a=1"])
    cookies.receive("https://b.example/", ["a=2"])

    with pytest.raises(CookieConflict):
        cookies.update({"b": "1", "a": "3"})
    assert "b" not in cookies


def test_records_are_put_where_they_say() -> None:
    """A jar that is read from a file, or copied, is the same jar."""
    general, own = Cookie("a", "1"), Cookie("a", "2", "example.org")
    for given in ([own, general], [general, own], Cookies([own, general])):
        cookies = Cookies(given)
        cookies.update(given)
        assert cookies.get("a", domain="") == "1"
        assert cookies.get("a", domain="example.org") == "2"


@pytest.mark.parametrize("domain", ["", "example.org"])
def test_what_cannot_be_sent_is_refused(domain: str) -> None:
    with pytest.raises(InvalidRequest, match="the value of cookie 'a'"):
        Cookies().set("a", "1\r\nHost: evil", domain)


def test_a_response_sets_only_what_it_may() -> None:
    """CVE-2015-2296, CVE-2022-23607: it is the host of the request that counts."""
    cookies = Cookies()
    cookies.receive(
        "https://a.example/", ["sid=1", "x=1; Domain=b.example", "y=1; Domain=example", "", "\ud800=\u010a"]
    )

    assert cookies.header("https://a.example/") == "sid=1"
    assert cookies.header("https://b.example/") == ""


def test_a_jar_that_accepts_nothing() -> None:
    """FEATURES 1.8, "Disable"."""
    cookies = Cookies({"a": "1"}, accept=False)
    cookies.receive("https://example.org/", ["b=2"])

    assert cookies.header(URL("https://example.org/")) == "a=1"
    assert not cookies.copy().accept
    assert not pickle.loads(pickle.dumps(cookies)).accept


def test_values_go_out_as_they_came_in() -> None:
    """CVE-2024-7592; WISHES 24: `g_state`, commas, quotes, spaces, bytes beyond ASCII."""
    values = [b'"1\\054 2"', b'{"i_l":0}', b"a b", b"\xe9\xff", "☕".encode(), b"a%20b==", b"\\\\" * 500]
    cookies = Cookies()
    cookies.receive("http://example.org/", [b"v%d=%b" % pair for pair in enumerate(values)])

    sent = cookies.header("http://example.org/").encode("utf-8", "surrogateescape")

    assert sent == b"; ".join(b"v%d=%b" % pair for pair in enumerate(values))


@pytest.mark.parametrize(
    "copied", [Cookies.copy, copy.copy, copy.deepcopy, lambda each: pickle.loads(pickle.dumps(each))]
)
def test_a_copy_is_equal_and_apart(copied: Any) -> None:
    cookies = full()
    twin = copied(cookies)

    assert twin == cookies
    assert twin.records() == cookies.records()
    assert twin.accept
    twin["new"] = "1"
    assert twin != cookies
    assert "new" not in cookies


def test_equality() -> None:
    assert Cookies({"a": "1"}) == Cookies([("a", "1")]) == {"a": "1"}
    assert Cookies({"a": "1"}) != {"a": "2"}
    assert Cookies({"a": "1"}) != {1: "2"}
    assert Cookies({"a": "1"}) != Cookies([Cookie("a", "1", "example.org")])
    assert Cookies() != []
    with pytest.raises(TypeError, match="unhashable"):
        hash(Cookies())


def test_values_are_not_shown() -> None:
    assert repr(Cookies({"a": "secret"})) == "<Cookies [<Cookie a for anywhere/>]>"


@pytest.mark.parametrize("layout", ["json", "netscape"])
def test_files(tmp_path: Path, layout: str) -> None:
    cookies = full()
    cookies.save(tmp_path / "jar", format=layout)

    loaded = Cookies.load(str(tmp_path / "jar"))

    assert loaded == cookies
    assert loaded.records() == cookies.records()


def test_an_expired_cookie_is_not_saved(tmp_path: Path, clock: list[float]) -> None:
    cookies = Cookies()
    cookies.receive("https://example.org/", ["a=1; Max-Age=5", "b=2"])
    clock[0] += 5
    cookies.save(tmp_path / "jar")

    assert list(Cookies.load(tmp_path / "jar")) == ["b"]


def test_other_formats_are_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="format is 'json' or 'netscape', not 'pickle'"):
        Cookies().save(tmp_path / "jar", format="pickle")
    assert os.listdir(tmp_path) == []
    with pytest.raises(OSError, match="jar"):
        Cookies.load(tmp_path / "jar")
