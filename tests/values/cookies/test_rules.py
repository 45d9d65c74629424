"""values/cookies/rules.py: who may set which cookie, and who gets it back."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from courser.values.cookies import suffixes
from courser.values.cookies.record import Cookie
from courser.values.cookies.rules import (
    accept,
    default_path,
    domain_matches,
    is_confidential,
    overlays,
    path_matches,
)
from courser.values.url import URL

NOW = 1_000_000_000.0


@pytest.fixture(autouse=True)
def without_list(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The rule of this library judges suffixes, whatever is installed."""
    monkeypatch.setitem(sys.modules, "publicsuffixlist", None)
    suffixes._judge.cache_clear()
    yield
    suffixes._judge.cache_clear()


@pytest.mark.parametrize(
    ("host", "domain", "matches"),
    [
        ("example.com", "example.com", True),
        ("www.example.com", "example.com", True),
        ("a.b.example.com", "example.com", True),
        ("pythonicexample.com", "example.com", False),
        ("example.com", "www.example.com", False),
        ("example.com.evil.example", "example.com", False),
        ("1.2.3.4", "1.2.3.4", True),
        ("1.2.3.4", "3.4", False),
        ("::1", "1", False),
        ("a.example.com.", "example.com", False),
    ],
)
def test_domains_match_at_a_dot(host: str, domain: str, matches: bool) -> None:
    """CVE-2018-20852, CVE-2013-1944, CVE-2014-3613: `pythonicexample.com` is not below `example.com`, nor are IPs."""
    assert domain_matches(host, domain) is matches


@pytest.mark.parametrize(
    ("path", "prefix", "matches"),
    [
        ("/any", "/any", True),
        ("/any/", "/any", True),
        ("/any/x", "/any", True),
        ("/any/x", "/any/", True),
        ("/anybad", "/any", False),
        ("/any", "/any/", False),
        ("/", "/", True),
        ("/x", "/", True),
        ("/ANY", "/any", False),
        ("/f%6Fo", "/foo", False),
    ],
)
def test_paths_match_at_a_slash(path: str, prefix: str, matches: bool) -> None:
    """PSF-2019-17 / bpo-35647: a cookie for `/any` does not go to `/anybad`."""
    assert path_matches(path, prefix) is matches


@pytest.mark.parametrize(
    ("path", "folder"), [("/", "/"), ("/x", "/"), ("/x/", "/x"), ("/x/y", "/x"), ("/x/y/", "/x/y")]
)
def test_the_default_path_is_the_folder(path: str, folder: str) -> None:
    assert default_path(path) == folder


@pytest.mark.parametrize(
    ("url", "confidential"),
    [
        ("https://example.org/", True),
        ("wss://example.org/", True),
        ("http://example.org/", False),
        ("ws://example.org/", False),
        ("http://localhost:8000/", True),
        ("http://127.0.0.1/", True),
        ("http://127.9.9.9/", True),
        ("http://[::1]/", True),
        ("http://localhost.example/", False),
        ("http://127.0.0.1.example/", False),
        ("http://notlocalhost/", False),
    ],
)
def test_secure_cookies_travel_encrypted_or_not_at_all_from_this_machine(url: str, confidential: bool) -> None:
    """FEATURES 1.8, "Secure on http://localhost": yes, as in browsers."""
    assert is_confidential(URL(url)) is confidential


def set_by(url: str, line: str) -> Cookie | None:
    return accept(line.encode(), URL(url), NOW)


def test_a_cookie_without_attributes_is_for_the_host_and_the_folder() -> None:
    assert set_by("http://www.example.org/a/b?c", "a=1") == Cookie("a", "1", "www.example.org", "/a", host_only=True)


def test_all_attributes_are_kept() -> None:
    line = "a=1; Domain=example.org; Path=/x; Secure; HttpOnly; SameSite=None; Partitioned; Max-Age=5"

    assert set_by("https://www.example.org/", line) == Cookie(
        "a", "1", "example.org", "/x", False, True, True, "None", True, int(NOW) + 5
    )


@pytest.mark.parametrize(
    ("host", "domain", "kept"),
    [
        ("www.example.org", "example.org", ".example.org"),
        ("www.example.org", "EXAMPLE.org", ".example.org"),
        ("example.org", "example.org", ".example.org"),
        ("example.org", "www.example.org", None),
        ("www.example.org", "other.org", None),
        ("www.example.org", "example.org.", None),
        ("www.example.org.", "example.org.", ".example.org."),
        ("www.example.org", "ample.org", None),
        ("www.example.org", "org", None),
        ("www.example.co.uk", "co.uk", None),
        ("www.example.co.uk", "CO.UK", None),
        ("www.example.co.uk.", "co.uk.", None),
        ("www.example.co.uk", "co.uk.", None),
        ("co.uk", "co.uk", "co.uk"),
        ("co.uk.", "co.uk.", "co.uk."),
        ("localhost", "localhost", "localhost"),
        ("a.localhost", "localhost", None),
        ("intranet", ".intranet", "intranet"),
        ("1.2.3.4", "1.2.3.4", "1.2.3.4"),
        ("1.2.3.4", "2.3.4", None),
        ("1.2.3.4", "4", None),
        ("[::1]", "::1", "::1"),
        ("www.example.org", "1.2.3.4", None),
        ("xn--mnchen-3ya.example", "münchen.example", None),
    ],
)
def test_which_domains_a_host_may_set_cookies_for(host: str, domain: str, kept: str | None) -> None:
    """CVE-2014-3613 (IP), CVE-2014-3620 (TLD), CVE-2022-27779 and CVE-2026-8924 (trailing dot), CVE-2023-46218 (mixed
    case), CVE-2026-82209 (the host is itself a suffix), CVE-2022-23607: refused, or for the very host.
    """
    cookie = set_by(f"http://{host}/", f"a=1; Domain={domain}")

    if kept is None:
        assert cookie is None
    else:
        assert cookie is not None
        assert (cookie.domain, cookie.host_only) == (kept.removeprefix("."), not kept.startswith("."))


@pytest.mark.parametrize(
    ("url", "line", "accepted"),
    [
        ("https://example.org/", "a=1; Secure", True),
        ("http://example.org/", "a=1; Secure", False),
        ("http://localhost/", "a=1; Secure", True),
        ("https://example.org/", "__Secure-a=1; Secure", True),
        ("https://example.org/", "__Secure-a=1", False),
        ("https://example.org/", "__SECURE-a=1", False),
        ("http://example.org/", "__Secure-a=1; Secure", False),
        ("https://example.org/", "__Host-a=1; Secure; Path=/", True),
        ("https://example.org/", "__Host-a=1; Secure", False),
        ("https://example.org/", "__Host-a=1; Secure; Path=/x", False),
        ("https://example.org/", "__Host-a=1; Path=/", False),
        ("https://example.org/", "__host-a=1; Path=/", False),
        ("https://example.org/", "__Host-a=1; Secure; Path=/; Domain=example.org", False),
        ("https://example.org/", "__Hosta=1", True),
        ("https://example.org/", "a=1; Path=/x\ty", False),
        ("https://example.org/", "", False),
    ],
)
def test_prefixes_promise_and_secure_needs_encryption(url: str, line: str, accepted: bool) -> None:
    """SECURITY "Cookie/PSL": the rules of `__Host-` and `__Secure-`, in whatever case they are written."""
    assert (set_by(url, line) is not None) is accepted


@pytest.mark.parametrize(
    ("new", "old", "does"),
    [
        (Cookie("a", "", "example.org"), Cookie("a", "", "example.org", secure=True), True),
        (Cookie("a", "", "example.org"), Cookie("a", "", "example.org"), False),
        (Cookie("b", "", "example.org"), Cookie("a", "", "example.org", secure=True), False),
        (Cookie("A", "", "example.org"), Cookie("a", "", "example.org", secure=True), False),
        (Cookie("a", "", "www.example.org"), Cookie("a", "", "example.org", secure=True), True),
        (Cookie("a", "", "example.org"), Cookie("a", "", "www.example.org", secure=True), True),
        (Cookie("a", "", "example.org"), Cookie("a", "", "example.com", secure=True), False),
        (Cookie("a", "", "example.org", "/x"), Cookie("a", "", "example.org", "/", secure=True), True),
        (Cookie("a", "", "example.org", "/"), Cookie("a", "", "example.org", "/x", secure=True), False),
        (Cookie("a", "", "example.org", "/x"), Cookie("a", "", "example.org", "/x/", secure=True), False),
    ],
)
def test_what_would_stand_before_a_secure_cookie(new: Cookie, old: Cookie, does: bool) -> None:
    """CVE-2025-9086, CVE-2016-8615: secure cookies are left alone; names differ by case, `/` is a path as well."""
    assert overlays(new, old) is does
