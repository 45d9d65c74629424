"""Patterns of URLs, and which of several wins."""

from __future__ import annotations

import pytest

from courser.core.mounts import Mounts, Pattern
from courser.errors import InvalidRequest
from courser.values.url import URL


@pytest.mark.parametrize(
    ("pattern", "url"),
    [
        ("all://", "http://a/"),
        ("all://*", "https://a:1/"),
        ("https://", "https://a/"),
        ("http://a", "http://a:99/x"),
        ("http://A/", "http://a/"),
        ("http://a:80", "http://a/"),
        ("all://*:8080", "http://a:8080/"),
        ("all://*.a.org", "https://b.a.org/"),
        ("all://*.a.org", "https://c.b.a.org/"),
        ("http://[::1]", "http://[::1]:9/"),
        ("http://[::1]:9", "http://[::1]:9/"),
        ("http://[0:0::1]", "http://[::1]/"),
        ("all://Bücher.example", "http://xn--bcher-kva.example/"),
        ("all://*.bücher.example", "http://a.xn--bcher-kva.example/"),
        ("all://127.0.0.1", "http://127.0.0.1/"),
        ("all://*a.org", "http://a.org/"),
        ("all://*a.org", "http://b.a.org/"),
    ],
)
def test_a_pattern_matches(pattern: str, url: str) -> None:
    assert Pattern(pattern).matches(URL(url))


@pytest.mark.parametrize(
    ("pattern", "url"),
    [
        ("https://", "http://a/"),
        ("http://a", "http://b/"),
        ("http://a:81", "http://a/"),
        ("all://*.a.org", "https://a.org/"),
        ("all://*.a.org", "https://ba.org/"),
        ("all://*a.org", "https://ba.org/"),
    ],
)
def test_a_pattern_does_not_match(pattern: str, url: str) -> None:
    assert not Pattern(pattern).matches(URL(url))


@pytest.mark.parametrize(
    "text",
    ["", "a.org", "ftp://a", "http://a/b", "http://a:b", "all//", "http://a b", "all://*.", "all://a.*", "all://::1"],
)
def test_what_is_no_pattern_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match="mounts"):
        Pattern(text)


def test_the_pattern_that_says_most_wins() -> None:
    mounts = Mounts({"all://": 1, "https://": 2, "all://*.a.org": 3, "all://b.a.org": 4, "all://*:8080": 5})

    assert mounts.find(URL("http://x/")) == 1
    assert mounts.find(URL("https://x/")) == 2
    assert mounts.find(URL("https://c.a.org/")) == 3
    assert mounts.find(URL("https://b.a.org/")) == 4
    assert mounts.find(URL("https://b.a.org:8080/")) == 5


def test_nothing_answers_what_nothing_matches() -> None:
    assert Mounts({"https://": 1}).find(URL("http://x/")) is None
