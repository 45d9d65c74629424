"""values/cookies/record.py: a cookie, and what a caller may put into one."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from courser.errors import InvalidRequest
from courser.values.cookies.record import Cookie, checked_cookie, is_address

BAD_EVERYWHERE = ["\r", "\n", "\r\n", "\x00", "\x1f", "\x7f", ";"]


def test_what_is_not_said_is_the_plainest() -> None:
    assert Cookie("a", "1") == ("a", "1", "", "/", True, False, False, None, False, None, 0.0)
    assert pickle.loads(pickle.dumps(Cookie("a", "1"))) == Cookie("a", "1")


@pytest.mark.parametrize(
    ("cookie", "shown"),
    [
        (Cookie("a", "secret"), "<Cookie a for anywhere/>"),
        (Cookie("a", "secret", "example.org", "/x"), "<Cookie a for example.org/x>"),
        (Cookie("a", "secret", "example.org", host_only=False), "<Cookie a for .example.org/>"),
    ],
)
def test_its_value_is_not_shown(cookie: Cookie, shown: str) -> None:
    assert repr(cookie) == shown


@pytest.mark.parametrize(
    "value",
    [
        "",
        "1",
        '"quoted"',
        "a b,c",
        "a=b",
        "\\012",
        "%3B",
        '{"json":1}',
        "é☕",
        "a\tb",
        "\udce9",
        "!#$%&'()*+-./:<=>?@[]^_`{|}~",
    ],
)
def test_values_are_kept_as_they_are(value: str) -> None:
    """CVE-2024-7592: no quoting, no unquoting; WISHES 24: g_state, JSON, commas, spaces, bytes that are no UTF-8."""
    assert checked_cookie(Cookie("a", value)).value == value


@pytest.mark.parametrize("name", ["a", "$Version", "foo bar", '"a', "a,b", "é", "{a}", "__Host-a"])
def test_names_are_kept_as_they_are(name: str) -> None:
    assert checked_cookie(Cookie(name, "")).name == name


@pytest.mark.parametrize("bad", [*BAD_EVERYWHERE, "\t", "="])
@pytest.mark.parametrize("around", ["a{}b", "{}b"])
def test_what_no_name_can_hold(bad: str, around: str) -> None:
    with pytest.raises(InvalidRequest, match=r"the name of a cookie (holds|begins)"):
        checked_cookie(Cookie(around.format(bad), "1"))


@pytest.mark.parametrize("bad", BAD_EVERYWHERE)
def test_what_no_value_can_hold(bad: str) -> None:
    with pytest.raises(InvalidRequest, match=r"the value of cookie 'a' holds .* at position 6") as caught:
        checked_cookie(Cookie("a", f"secret{bad}b"))
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("char", ["\u010d", "\u010a", "\u560d", "\u0000"])
def test_no_character_turns_into_a_line_end(char: str) -> None:
    """T-INJ: characters whose last byte is that of CR or LF are sent as UTF-8, or refused."""
    try:
        value = checked_cookie(Cookie("a", f"x{char}")).value
    except InvalidRequest:
        assert char == "\u0000"
    else:
        sent = value.encode("utf-8", "surrogateescape")
        assert b"\r" not in sent
        assert b"\n" not in sent


@pytest.mark.parametrize(
    ("cookie", "message"),
    [
        (Cookie("", "1"), "the name of a cookie is empty"),
        (Cookie(" a", "1"), "the name of a cookie begins or ends with white space"),
        (Cookie("a", "1 "), "the value of cookie 'a' begins or ends with white space"),
        (Cookie("a", "\ud800"), "the value of cookie 'a' holds a lone surrogate at position 0"),
        (Cookie("a\udc0a", "1"), "the name of a cookie holds a lone surrogate at position 1"),
        (Cookie("a", "1", path="x"), "the path of cookie 'a' is 'x'"),
        (Cookie("a", "1", path="/x\ny"), "the path of cookie 'a' is"),
        (Cookie("a", "1", path="/x;y"), "it begins with / and has no ;"),
        (Cookie("a", "1", "exa mple.org"), "the domain of cookie 'a' is 'exa mple.org': the host holds"),
        (Cookie("a", "1", "."), "the domain of cookie 'a'"),
        (Cookie("a", "1", "example.org\n"), "the domain of cookie 'a'"),
        (Cookie("a", "1", same_site="Loose"), "same_site of cookie 'a' is 'Loose'"),
        (Cookie("a", "1", same_site=1), "same_site of cookie 'a' is 1"),  # type: ignore[arg-type]
    ],
)
def test_what_cannot_be_sent_or_kept_is_refused(cookie: Cookie, message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        checked_cookie(cookie)


@pytest.mark.parametrize(
    ("cookie", "message"),
    [
        (("a", 1), "the value of cookie 'a' is a str, not int"),
        (("a", None), "the value of cookie 'a' is a str, not NoneType"),
        ((b"a", "1"), "the name of a cookie is a str, not bytes"),
        (("a", "1", None), "the domain of cookie 'a' is a str, not NoneType"),
        (("a", "1", "", 1), "the path of cookie 'a' is a str, not int"),
        (("a", "1", "", "/", False, False, False, None, False, "now"), "expires of cookie 'a' is a number"),
        (("a", "1", "", "/", False, False, False, None, False, True), "expires of cookie 'a' is a number"),
    ],
)
def test_other_types_are_named(cookie: tuple[Any, ...], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        checked_cookie(Cookie(*cookie))


@pytest.mark.parametrize(
    ("domain", "kept"),
    [
        ("Example.ORG", "example.org"),
        (".example.org", "example.org"),
        ("münchen.example", "xn--mnchen-3ya.example"),
        ("127.1", "127.0.0.1"),
        ("::1", "::1"),
        ("localhost", "localhost"),
    ],
)
def test_a_domain_is_spelled_as_urls_are(domain: str, kept: str) -> None:
    assert checked_cookie(Cookie("a", "1", domain)).domain == kept


@pytest.mark.parametrize(
    ("domain", "host_only", "kept"),
    [
        ("example.org", True, True),
        ("example.org", False, False),
        (".example.org", True, False),
        (".example.org", False, False),
        ("127.0.0.1", False, True),
        (".127.0.0.1", True, True),
        ("::1", False, True),
        ("", False, True),
    ],
)
def test_a_dot_in_front_of_a_domain_stands_for_the_hosts_below_it(domain: str, host_only: bool, kept: bool) -> None:
    assert checked_cookie(Cookie("a", "1", domain, host_only=host_only)).host_only is kept


@pytest.mark.parametrize(
    ("host", "address"),
    [("1.2.3.4", True), ("::1", True), ("fe80::1%eth0", True), ("1.2.3.4.example", False), ("a1", False), ("", False)],
)
def test_what_is_an_address(host: str, address: bool) -> None:
    assert is_address(host) is address


@pytest.mark.parametrize(("given_as", "kept"), [("lax", "Lax"), ("STRICT", "Strict"), ("None", "None"), (None, None)])
def test_same_site_has_one_spelling(given_as: str | None, kept: str | None) -> None:
    assert checked_cookie(Cookie("a", "1", same_site=given_as)).same_site == kept


@pytest.mark.parametrize(
    ("given_as", "kept"), [(1.5, 1), (7, 7), (float("inf"), None), (float("nan"), None), (None, None)]
)
def test_times_are_whole_seconds(given_as: Any, kept: int | None) -> None:
    assert checked_cookie(Cookie("a", "1", expires=given_as)).expires == kept


@given(st.text(), st.text())
def test_whatever_passes_is_one_pair(name: str, value: str) -> None:
    try:
        cookie = checked_cookie(Cookie(name, value))
    except InvalidRequest:
        return
    sent = f"{cookie.name}={cookie.value}".encode("utf-8", "surrogateescape")
    assert sent.partition(b"=")[0].strip(b" \t") == name.encode("utf-8", "surrogateescape")
    assert not set(sent) & {0, 10, 13, 127, ord(";")}
