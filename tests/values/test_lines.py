"""What passes the gate for headers is one line; what does not is named without its value."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from courser.errors import InvalidRequest
from courser.values.fields import FIELD_LINES
from courser.values.lines import check_name, field_line, is_sensitive, split_lines


@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        ("Accept", "*/*", (b"accept", b"Accept", b"*/*")),
        (b"X-Raw", b"\x80\xff", (b"x-raw", b"X-Raw", b"\x80\xff")),
        ("X", "", (b"x", b"X", b"")),
        ("X", " \t a\tb  ", (b"x", b"X", b"a\tb")),
        (b"X", b"\t a ", (b"x", b"X", b"a")),
        ("X", "naïve", (b"x", b"X", "naïve".encode())),
        ("X", "\N{LATIN SMALL LETTER C WITH DOT ABOVE}", (b"x", b"X", b"\xc4\x8b")),
        ("!#$%&'*+-.^_`|~09", "v", (b"!#$%&'*+-.^_`|~09", b"!#$%&'*+-.^_`|~09", b"v")),
    ],
)
def test_a_header_becomes_a_line(name: str | bytes, value: str | bytes, line: tuple[bytes, bytes, bytes]) -> None:
    assert field_line(name, value) == line


BAD = ["\r", "\n", "\r\n", "\0", "\x01", "\x0b", "\x1f", "\x7f", "\r\nX-Evil: 1", "\r\n\r\nGET / HTTP/1.1"]


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("kind", [str, bytes])
@pytest.mark.parametrize("place", ["{}", "a{}", "{}a", "a{}b", " {} "])
def test_cve_2019_9740_no_control_character_passes_in_a_value(bad: str, kind: type, place: str) -> None:
    value: Any = place.format(bad)
    with pytest.raises(InvalidRequest) as caught:
        field_line("X-Name", value if kind is str else value.encode())
    position = place.index("{")
    assert f"header 'X-Name': {bad[0]!a} at position {position} of the value" in str(caught.value)


@pytest.mark.parametrize("bad", [*BAD, " ", "\t", ":", "\x80", "é", "(", "@", "[", '"', ",", "\udc80", "\u010a"])
@pytest.mark.parametrize("kind", [str, bytes])
@pytest.mark.parametrize("place", ["{}", "A{}", "{}A", "A{}B"])
def test_cve_2019_9740_only_a_token_is_a_name(bad: str, kind: type, place: str) -> None:
    name = place.format(bad)
    raw: Any = name if kind is str else name.encode("utf-8", "replace")
    with pytest.raises(InvalidRequest, match=rf"header name.* at position {place.index('{')} is not allowed"):
        field_line(raw, "v")


@pytest.mark.parametrize("name", ["", b""])
def test_a_name_is_not_empty(name: str | bytes) -> None:
    with pytest.raises(InvalidRequest, match="a header name is empty"):
        field_line(name, "v")


@pytest.mark.parametrize("name", ["Authorization", "X-Plain"])
def test_a_refused_value_is_never_shown(name: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        field_line(name, "hunter2\r\n")
    assert name in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_value_that_slipped_into_the_name_is_not_shown() -> None:
    with pytest.raises(InvalidRequest) as caught:
        field_line("Authorization: Bearer hunter2", "")
    assert "'Authorization': ':' at position 13" in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_line_end_behind_the_value_gets_a_hint() -> None:
    """A token read from a file ends in a newline."""
    with pytest.raises(InvalidRequest, match=r"strip\(\) the value"):
        field_line("Authorization", "Bearer abc\n")
    with pytest.raises(InvalidRequest, match="control characters cannot be sent"):
        field_line("Authorization", "Bearer\nabc")


def test_a_lone_surrogate_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="lone surrogate at position 2") as caught:
        field_line("X", "ab\udc80")
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        (5, r"'X' is str or bytes, not int: use str\(\)"),
        (None, "not NoneType: None removes a header only in"),
        (["a", "b"], "not list: give pairs"),
        (("a", "b"), "not tuple: give pairs"),
        (bytearray(b"a"), "not bytearray"),
    ],
)
def test_other_types_of_value_are_refused_with_the_name(value: Any, hint: str) -> None:
    with pytest.raises(TypeError, match=hint):
        field_line("X", value)


@pytest.mark.parametrize("name", [5, None, bytearray(b"a")])
def test_other_types_of_name_are_refused(name: Any) -> None:
    with pytest.raises(TypeError, match="a header name is str or bytes"):
        field_line(name, "v")


def test_subclasses_cannot_smuggle() -> None:
    """CVE-2023-49082's kin: what is checked is what is sent."""

    class Text(str):
        __slots__ = ()

        def strip(self, chars: str | None = None, /) -> str:
            return "safe"

        def encode(self, encoding: str = "", errors: str = "") -> bytes:
            return b"safe"

    class Raw(bytes):
        def strip(self, chars: Any = None, /) -> bytes:
            return b"safe"

        def decode(self, encoding: str = "", errors: str = "") -> str:
            return "safe"

    for value in (Text("a\r\nb"), Raw(b"a\r\nb")):
        with pytest.raises(InvalidRequest):
            field_line("X", value)
        with pytest.raises(InvalidRequest):
            field_line(value, "v")
    _, name, value = field_line(Raw(b"X"), Raw(b"v"))
    assert (type(name), type(value)) == (bytes, bytes)


def test_a_name_alone_can_be_checked() -> None:
    assert check_name("X-A") == check_name(b"X-A") == (b"x-a", b"X-A")


@pytest.mark.parametrize(
    ("name", "sensitive"),
    [
        (b"authorization", True),
        (b"proxy-authorization", True),
        (b"cookie", True),
        (b"set-cookie", True),
        (b"x-auth-token", True),
        (b"x-api-key", True),
        (b"x-amz-security-token", True),
        (b"client-secret", True),
        (b"x-password", True),
        (b"apikey", True),
        (b"accept", False),
        (b"etag", False),
    ],
)
def test_secrets_are_known_by_their_names(name: bytes, sensitive: bool) -> None:
    assert is_sensitive(name) is sensitive


def test_lines_of_an_engine_are_split_without_their_outer_white_space() -> None:
    block = b"A:1\r\nB-C: \t two words \t\r\nb-c: x:y\r\nEmpty:\r\nRaw: \x80\r\n"
    assert split_lines(block) == (
        (b"a", b"A", b"1"),
        (b"b-c", b"B-C", b"two words"),
        (b"b-c", b"b-c", b"x:y"),
        (b"empty", b"Empty", b""),
        (b"raw", b"Raw", b"\x80"),
    )
    assert split_lines(b"") == ()


@given(name=st.text() | st.binary(), value=st.text(max_size=30) | st.binary(max_size=30))
def test_whatever_passes_is_exactly_one_line(name: str | bytes, value: str | bytes) -> None:
    try:
        key, wire_name, wire_value = field_line(name, value)
    except InvalidRequest:
        return
    line = b"%b: %b\r\n" % (wire_name, wire_value)
    assert FIELD_LINES.fullmatch(line)
    assert split_lines(line) == ((key, wire_name, wire_value),)


@given(st.text(max_size=40))
def test_every_value_without_control_characters_passes(value: str) -> None:
    good = "".join(char for char in value if char >= " " and char != "\x7f" and not "\ud800" <= char <= "\udfff")
    assert field_line("X", good)[2] == good.strip(" \t").encode()
