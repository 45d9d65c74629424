"""Extended parameters are decoded, or not at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from courser.values.parameters import decode_extended, unescape


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("UTF-8''%c2%a3%20and%20%e2%82%ac%20rates", "£ and € rates"),
        ("iso-8859-1'en'%A3%20rates", "£ rates"),
        ("utf-8'de-AT'plain", "plain"),
        ("utf8''x", "x"),
        ("UTF-8''", ""),
        ("UTF-8''%", None),
        ("UTF-8''%4", None),
        ("UTF-8''%zz", None),
        ("UTF-8''%E4", None),
        ("UTF-8'x", None),
        ("x", None),
        ("", None),
        ("koi8-r''x", None),
        ("UTF-8''€", None),
        ("UTF-8''%\u0664\u0661", None),
    ],
)
def test_decode_extended(value: str, text: str | None) -> None:
    """RFC 8187 section 3.2."""
    assert decode_extended(value) == text


@given(st.text())
def test_every_text_survives(text: str) -> None:
    escaped = "".join(f"%{octet:02x}" for octet in text.encode())

    assert decode_extended(f"UTF-8''{escaped}") == text


@given(st.text("utf-8'%aAe4 "))
def test_no_value_is_too_odd(value: str) -> None:
    decode_extended(value)


@pytest.mark.parametrize(("quoted", "text"), [("a", "a"), (r"\"a\\b\c", '"a\\bc'), ("a\\", "a\\"), ("", "")])
def test_unescape(quoted: str, text: str) -> None:
    assert unescape(quoted) == text
