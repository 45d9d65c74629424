"""values/reference.py: from a text to the parts of a URL."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from courser.errors import InvalidURL, UnsupportedScheme
from courser.values.reference import MAX_LENGTH, Parts, bracketed, parse, strip

BASE = parse("http://u:p@h:8080/a/b/c?q#f")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("http://h", Parts("http", "", "", "h", None, "/", None, None)),
        ("WS://H:80/", Parts("ws", "", "", "h", None, "/", None, None)),
        ("https://h:80", Parts("https", "", "", "h", 80, "/", None, None)),
        ("http:h", Parts("http", "", "", "h", None, "/", None, None)),
        ("http:\\\\/\\h\\a", Parts("http", "", "", "h", None, "/a", None, None)),
        ("http://h?#", Parts("http", "", "", "h", None, "/", "", "")),
        ("http://h#?/", Parts("http", "", "", "h", None, "/", None, "?/")),
        ("http://h/?a?b#c#d", Parts("http", "", "", "h", None, "/", "a?b", "c#d")),
        ("http://u@v:p:q@h/@", Parts("http", "u%40v", "p%3Aq", "h", None, "/@", None, None)),
        ("http://:@h/", Parts("http", "", "", "h", None, "/", None, None)),
        ("http://h:/", Parts("http", "", "", "h", None, "/", None, None)),
        ("http://h:00080/", Parts("http", "", "", "h", None, "/", None, None)),
        ("http://h:0/", Parts("http", "", "", "h", 0, "/", None, None)),
        ("http://[::1]:81/", Parts("http", "", "", "::1", 81, "/", None, None)),
        (" ht\ntp://h/a\tb \x00", Parts("http", "", "", "h", None, "/ab", None, None)),
        (
            "http://h/a b{é}?'é b`#é`'",
            Parts("http", "", "", "h", None, "/a%20b%7B%C3%A9%7D", "%27%C3%A9%20b`", "%C3%A9%60'"),
        ),
    ],
)
def test_absolute(text: str, parts: Parts) -> None:
    assert parse(text) == parts
    assert parse(text, BASE) == parts or text == "http:h"
    assert parse(str(parts)) == parts


@pytest.mark.parametrize(
    ("reference", "text"),
    [
        ("", "http://u:p@h:8080/a/b/c?q"),
        ("#x", "http://u:p@h:8080/a/b/c?q#x"),
        ("?x", "http://u:p@h:8080/a/b/c?x"),
        ("?", "http://u:p@h:8080/a/b/c?"),
        ("x", "http://u:p@h:8080/a/b/x"),
        ("./x/", "http://u:p@h:8080/a/b/x/"),
        ("..", "http://u:p@h:8080/a/"),
        ("../../../x", "http://u:p@h:8080/x"),
        ("/x?y#z", "http://u:p@h:8080/x?y#z"),
        ("\\x", "http://u:p@h:8080/x"),
        ("//x", "http://x/"),
        ("\\/x/y", "http://x/y"),
        ("http:x", "http://u:p@h:8080/a/b/x"),
        ("http:/x", "http://u:p@h:8080/x"),
        ("http:\\\\x", "http://x/"),
        ("https:x", "https://x/"),
        ("x:y/z".replace(":", "%3A"), "http://u:p@h:8080/a/b/x%3Ay/z"),
        ("1:2", "http://u:p@h:8080/a/b/1:2"),
    ],
)
def test_relative(reference: str, text: str) -> None:
    assert str(parse(reference, BASE)) == text


@pytest.mark.parametrize(
    ("path", "resolved"),
    [
        ("/.", "/"),
        ("/..", "/"),
        ("/a/.", "/a/"),
        ("/a/..", "/"),
        ("/a/%2e", "/a/"),
        ("/a/%2E%2e", "/"),
        ("/a/.%2e/b", "/b"),
        ("/a//../b", "/a/b"),
        ("/../..//", "//"),
        ("/.a/..b/c..", "/.a/..b/c.."),
        ("/.../%2e%2e%2e", "/.../%2e%2e%2e"),
        ("/%2f/%2F", "/%2f/%2F"),
        ("\\a\\..\\b", "/b"),
    ],
)
def test_dot_segments(path: str, resolved: str) -> None:
    assert parse("http://h" + path).path == resolved


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no scheme, in '' (add https:// in front)"),
        ("example.org/x", "no scheme, in 'example.org/x' (add https:// in front)"),
        ("//example.org", "no scheme, in '//example.org' (add https: in front)"),
        ("/x", "no scheme, in '/x' (a path alone needs a base URL)"),
        ("http://", "no host, in 'http://'"),
        ("http:///?x", "no host, in 'http:///'"),
        ("http://:80/", "no host, in 'http://:80/'"),
        ("http://u@/", "no host, in 'http://***@/'"),
        ("http://h:x/", "the port is not a number up to 65535, in 'http://h:x/'"),
        ("http://h:65536", "the port is not a number up to 65535, in 'http://h:65536'"),
        ("http://h:1e1", "the port is not a number up to 65535, in 'http://h:1e1'"),
        ("http://h:1234567", "the port is not a number up to 65535, in 'http://h:1234567'"),
        ("http://h:٣/", "the port is not a number up to 65535, in 'http://h:\\u0663/'"),
        ("http://a b/", "the host holds ' ', at its index 1, in 'http://a b/'"),
        ("http://[::1", "the brackets of the host hold no IPv6 address, in 'http://[::1'"),
        (
            "http://h/\ud800",
            "a lone surrogate cannot be sent, in 'http://h/\\ud800' (it often marks undecodable bytes)",
        ),
    ],
)
def test_errors_name_the_text_and_what_is_wrong(text: str, message: str) -> None:
    with pytest.raises(InvalidURL) as caught:
        parse(text)
    assert str(caught.value) == f"invalid URL: {message}"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://user:secret@h:x/", "'http://***@h:x/'"),
        ("http://secret@h:x/", "'http://***@h:x/'"),
        ("http:user:secret@h:x/", "'http:***@h:x/'"),
        ("http://user:sec/ret@h:x/", "'http://***@h:x/'"),
        ("http://user:sec?ret@h/", "'http://***@h/'"),
        ("http://user:s@e c/ret@h:x/", "'http://***@h:x/'"),
        ("\\\\user:secret@h/", "'\\\\\\\\***@h/'"),
        ("//user:secret@h/", "'//***@h/'"),
        ("user@h/", "'***@h/'"),
        ("http://h:x/?key=secret#secret", "'http://h:x/'"),
        ("http://h:x/" + "é" * 200, "'http://h:x/" + "\\xe9" * 89 + "'..."),
    ],
)
def test_errors_hide_secrets_and_are_bounded(text: str, shown: str) -> None:
    with pytest.raises(InvalidURL) as caught:
        parse(text)
    assert f"in {shown}" in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ftp://h/", "not http, https, ws or wss, in 'ftp://h/'"),
        ("FILE:///etc", "not http, https, ws or wss, in 'FILE:///etc'"),
        ("mailto:joe@h", "not http, https, ws or wss, in '***@h'"),
        ("user:secret@h", "not http, https, ws or wss, in '***@h'"),
        (
            "localhost:8080/x",
            "not http, https, ws or wss, in 'localhost:8080/x' (for a host and its port, add https:// in front)",
        ),
    ],
)
def test_other_schemes_are_not_spoken(text: str, message: str) -> None:
    for base in (None, BASE):
        with pytest.raises(UnsupportedScheme) as caught:
            parse(text, base)
        assert str(caught.value) == f"unsupported scheme: {message}"


def test_a_text_of_more_than_64_kib_is_refused() -> None:
    longest = "http://h/".ljust(MAX_LENGTH, "x")
    assert len(parse(longest).path) == MAX_LENGTH - 8
    with pytest.raises(InvalidURL, match="65537 characters, at most 65536 are taken"):
        parse(longest + "x")
    with pytest.raises(InvalidURL, match="characters, at most 65536 are taken"):
        parse("http://h/" + "é" * 11_000)
    with pytest.raises(InvalidURL, match="65549 characters, at most 65536 are taken"):
        parse("x" * 65_527, BASE)


def test_an_ipv6_address_is_written_in_brackets() -> None:
    assert bracketed("h") == "h"
    assert bracketed("::1") == "[::1]"
    assert bracketed("fe80::1%eth0") == "[fe80::1%25eth0]"


def test_white_space_is_dropped_around_and_line_ends_everywhere() -> None:
    assert strip("\x00 \x1fa b\r\n\tc \n") == "a bc"


@given(st.text(), st.sampled_from([None, BASE]))
def test_parts_hold_no_raw_character_and_read_back(text: str, base: Parts | None) -> None:
    try:
        parts = parse(text, base)
    except (InvalidURL, UnsupportedScheme):
        return
    assert all("!" <= char <= "~" for char in str(parts))
    assert parse(str(parts)) == parts
