"""values/cookies/setcookie.py: Set-Cookie, from bytes to its parts."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from courser.values.cookies.setcookie import LONGEST, parse_set_cookie, set_cookie_lines

NOW = 1_000_000_000.5
LATEST = int(NOW) + LONGEST


def said(line: bytes) -> dict[str, Any]:
    """The parts that say something."""
    parsed = parse_set_cookie(line, NOW)
    assert parsed is not None
    return {name: value for name, value in parsed._asdict().items() if value not in ("", None, False)}


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        (b"a=1", {"name": "a", "value": "1"}),
        (b" \ta \t=\t 1 \t", {"name": "a", "value": "1"}),
        (b"a=", {"name": "a"}),
        (b"a==b=", {"name": "a", "value": "=b="}),
        (b'a="1; b"', {"name": "a", "value": '"1'}),
        (b'a="1,\\012 \\"2"', {"name": "a", "value": '"1,\\012 \\"2"'}),
        (b'g_state={"i_l":0,"i_ll":1}', {"name": "g_state", "value": '{"i_l":0,"i_ll":1}'}),
        (b"a=x\ty", {"name": "a", "value": "x\ty"}),
        ("a=é☕".encode(), {"name": "a", "value": "é☕"}),
        (b"a=\xe9", {"name": "a", "value": "\udce9"}),
        (
            b"a=1; SECURE; httponly=x; Partitioned",
            {"name": "a", "value": "1", "secure": True, "http_only": True, "partitioned": True},
        ),
        (b"a=1;\tSecure", {"name": "a", "value": "1", "secure": True}),
        (b"a=1; Secure;qux", {"name": "a", "value": "1", "secure": True}),
        (b"a=1; SameSite=STRICT", {"name": "a", "value": "1", "same_site": "Strict"}),
        (b"a=1; SameSite=lax; samesite=odd", {"name": "a", "value": "1"}),
        (b"a=1; Path=/x; Path=/y", {"name": "a", "value": "1", "path": "/y"}),
        (b"a=1; Path=/x; Path=", {"name": "a", "value": "1"}),
        (b"a=1; Domain=.Example.ORG", {"name": "a", "value": "1", "domain": "example.org"}),
        (b"a=1; Domain=example.org; Domain=", {"name": "a", "value": "1", "domain": "example.org"}),
        (b"a=1; Domain=.", {"name": "a", "value": "1"}),
        (b"a=1; unheard=of; ; ;=;", {"name": "a", "value": "1"}),
    ],
)
def test_the_parts_of_a_line(line: bytes, parts: dict[str, Any]) -> None:
    """CVE-2026-80255: SP and HTAB go from both ends of every part. CVE-2024-7592: nothing is unquoted."""
    assert said(line) == parts


@pytest.mark.parametrize(
    ("attributes", "expires"),
    [
        ("", None),
        ("Max-Age=60", int(NOW) + 60),
        ("Max-Age=0", int(NOW)),
        ("Max-Age=-1", 0),
        ("Max-Age=-0", 0),
        ("Max-Age=+1", None),
        ("Max-Age=", None),
        ("Max-Age=1.5", None),
        ("Max-Age=50,399", None),
        ("Max-Age=\u0661", None),
        ("Max-Age=" + "9" * 1000, LATEST),
        ("Max-Age=999999999", LATEST),
        ("Expires=Sun, 09 Sep 2001 01:46:41 GMT", 1_000_000_001),
        ("Expires=Thu, 01 Jan 1970 00:00:00 GMT", 0),
        ("Expires=Thu, 01-Jan-1970 00:00:01 GMT", 1),
        ("Expires=Tue, 19 Jan 2038 03:14:07 GMT", LATEST),
        ("Expires=0", None),
        ("Expires=-1", None),
        ("Expires=Sun, 09 Sep 2001 01:46:41 GMT; Max-Age=5", int(NOW) + 5),
        ("Max-Age=5; Expires=Thu, 01 Jan 1970 00:00:00 GMT", int(NOW) + 5),
        ("Max-Age=x; Expires=Thu, 01 Jan 1970 00:00:00 GMT", 0),
        ("Max-Age=5; Max-Age=x", int(NOW) + 5),
        ("Max-Age=5; Max-Age=6", int(NOW) + 6),
        ("Expires=Sun, 09 Sep 2001 01:46:41 GMT; Expires=soon", 1_000_000_001),
    ],
)
def test_max_age_comes_before_expires(attributes: str, expires: int | None) -> None:
    parsed = parse_set_cookie(f"a=1; {attributes}".encode(), NOW)

    assert parsed is not None
    assert parsed.expires == expires


@pytest.mark.parametrize("line", [b"", b"a", b"=", b"=a", b" = a", b"; a=1", b"a; b=1", b"a\tb=1"])
def test_what_has_no_name_is_ignored(line: bytes) -> None:
    assert parse_set_cookie(line, NOW) is None


@pytest.mark.parametrize("byte", [*range(9), *range(10, 32), 127])
@pytest.mark.parametrize("around", [b"a%cb=1", b"a=1%c2", b"a=1; Path=/%c", b"a=1; x%c", b"%ca=1", b"a=1%c"])
def test_control_bytes_have_the_cookie_ignored(byte: int, around: bytes) -> None:
    """CVE-2022-35252, CVE-2026-0672, CVE-2026-3644, CVE-2026-6019: ignored as a whole, and never an exception."""
    assert parse_set_cookie(around % byte, NOW) is None


def test_an_escaped_control_character_is_plain_text() -> None:
    """CVE-2026-0672: the four characters of \\012 are four characters."""
    assert said(b'a="x\\012y"') == {"name": "a", "value": '"x\\012y"'}


def test_limits_of_name_value_and_attributes() -> None:
    """CVE-2022-32205: at most 4 KiB of name and value; attributes of more than 1 KiB are ignored."""
    assert said(b"a=" + b"x" * 4095)["value"] == "x" * 4095
    assert parse_set_cookie(b"a=" + b"x" * 4096, NOW) is None
    assert parse_set_cookie(b"a" * 4097 + b"=", NOW) is None
    assert said(b"a=1; Path=/" + b"x" * 1023)["path"] == "/" + "x" * 1023
    assert said(b"a=1; Path=/y; Path=/" + b"x" * 1024)["path"] == "/y"


def test_the_lines_are_found_among_all_headers() -> None:
    block = (
        b"Content-Type: text/plain\r\nSet-Cookie: a=1\r\nX-Set-Cookie: b=2\r\nset-cookie:c=3; Path=/\r\n"
        b"X: Set-Cookie: d=4\r\nSET-COOKIE: \t\r\nSet-Cookie2: e=5\r\n"
    )

    assert set_cookie_lines(block) == [b"a=1", b"c=3; Path=/", b""]
    assert set_cookie_lines(b"Set-Cookie: a=1\r\n") == [b"a=1"]
    assert set_cookie_lines(b"") == []


@given(st.binary(max_size=200))
def test_no_line_is_an_error(line: bytes) -> None:
    """WISHES 24: whatever a server sends, the jar does not raise."""
    parsed = parse_set_cookie(line, NOW)
    if parsed is not None:
        pair = f"{parsed.name}={parsed.value}".encode("utf-8", "surrogateescape")
        name, _, value = line.partition(b";")[0].partition(b"=")
        assert pair == name.strip(b" \t") + b"=" + value.strip(b" \t")


@given(
    st.lists(
        st.sampled_from(
            ["Path=/x", "Domain=example.org", "Secure", "HttpOnly", "Max-Age=1", "Expires=x", "SameSite=Lax", "=", ""]
        ),
        max_size=8,
    ),
    st.sampled_from(["; ", ";", " ;\t"]),
)
def test_attributes_in_any_order_leave_name_and_value_alone(attributes: list[str], border: str) -> None:
    parsed = parse_set_cookie(border.join(["a=1", *attributes]).encode(), NOW)

    assert parsed is not None
    assert (parsed.name, parsed.value, parsed.secure) == ("a", "1", "Secure" in attributes)
