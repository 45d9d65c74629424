"""URLs that were taken for others, or for what a client may ask for."""

from __future__ import annotations

import pytest

from courser import URL, InvalidURL, QueryParams, UnsupportedScheme


@pytest.mark.parametrize(
    "text",
    [
        "file:///etc/passwd",
        "FILE:///etc/passwd",
        "local_file:///etc/passwd",
        "local-file:///etc/passwd",
        "ftp://example.org/",
        "gopher://example.org/",
        "data:text/html,hello",
        "data:text/html\r\nX-Evil:1,hello",
        "javascript:alert(1)",
        "http+unix://socket/",
    ],
)
def test_cve_2019_9948_cve_2025_15282_only_what_is_spoken_is_taken(text: str) -> None:
    with pytest.raises((UnsupportedScheme, InvalidURL)):
        URL(text)


@pytest.mark.parametrize(
    "host",
    [
        "netloc\u2100.example",
        "example.org\uff20evil.example",
        "example.org\uff0fevil.example",
        "example.org\uff1a80",
        "example.org\u2a74.evil.example",
        "a\u2048b.example",
        "a\u2047b.example",
        "a\u2105b.example",
    ],
)
def test_cve_2019_9636_cve_2019_10160_nothing_normalises_to_a_delimiter(host: str) -> None:
    with pytest.raises(InvalidURL):
        URL(f"http://{host}/")


def test_cve_2019_9636_a_user_name_stays_one() -> None:
    url = URL("http://example.org\uff03@evil.example/")

    assert (url.host, url.raw_username) == ("evil.example", "example.org%EF%BC%83")


def test_cve_2021_23336_a_semicolon_separates_nothing() -> None:
    assert QueryParams("a=1;b=2&c=3;d") == QueryParams([("a", "1;b=2"), ("c", "3;d")])
    assert URL("http://h/?a=1;b=2").with_params({"c": "3"}).query == "a=1;b=2&c=3"


@pytest.mark.parametrize(
    "host",
    ["[1.2.3.4]", "[example.org]", "[]", "[:]", "[::1", "::1]", "[::1]]", "[1]", "[::1%]", "[::1.2.3]", "[v1.a:b]"],
)
def test_cve_2025_47912_brackets_hold_an_ipv6_address(host: str) -> None:
    with pytest.raises(InvalidURL):
        URL(f"http://{host}/")
