"""What is shown of header fields and URLs."""

from __future__ import annotations

import pytest

from courser.values.redaction import bounded, shown_fields, without_values


@pytest.mark.parametrize(
    ("text", "most", "shown"),
    [
        ("short", 5, "short"),
        ("longer", 5, "lo..."),
        ("a\r\nb\t", 20, "a\\r\\nb\\t"),
        ("\x1b]0;title\x07", 40, "\\x1b]0;title\\x07"),
        ("é\u202e", 20, "é\\u202e"),
    ],
)
def test_text_is_bounded_and_harmless(text: str, most: int, shown: str) -> None:
    assert bounded(text, most) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://u:p@a.example/x?k=v&t=w#access_token=z", "http://***@a.example/x?k=***&t=***#access_token=***"),
        ("http://u:p@ss@a.example/", "http://***@a.example/"),
        ("/next?code=abc", "/next?code=***"),
        (
            '<http://a.example/?page=2>; rel="next", </b?c=d>; rel=prev',
            '<http://a.example/?page=***>; rel="next", </b?c=***>; rel=***',
        ),
        ("5; url=http://a.example/?k=v", "5; url=***"),
        ("user=me&password=p", "user=***&password=***"),
        ("http://a.example/a@b", "http://a.example/a@b"),
    ],
)  # fmt: skip
def test_urls_lose_their_values(text: str, shown: str) -> None:
    assert without_values(text) == shown


def test_fields_that_may_hold_secrets_are_hidden() -> None:
    fields = [
        ("Authorization", "Basic s3cret"),
        ("COOKIE", "sid=s3cret"),
        ("Set-Cookie", "sid=s3cret"),
        ("Proxy-Authorization", "Basic s3cret"),
        ("X-Auth-Token", "s3cret"),
        ("X-Mine", "s3cret"),
        ("Location", "/x?code=s3cret"),
        ("Accept", "*/*"),
    ]

    shown = dict(shown_fields(fields, {"x-mine"}))

    assert "s3cret" not in str(shown)
    assert [*shown] == [name for name, _ in fields]
    assert (shown["Accept"], shown["X-Mine"], shown["Location"]) == ("*/*", "***", "/x?code=***")


def test_values_are_bounded() -> None:
    assert list(shown_fields([("A", "x" * 10)], (), 5)) == [("A", "xx...")]
