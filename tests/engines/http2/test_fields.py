"""Fields that come out of HPACK become lines, and nothing but the lines they are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from courser.engines.http2 import fields as module
from courser.engines.http2.faults import ErrorCode, StreamFault
from courser.engines.http2.fields import Meaning, excerpt, is_length, read_length, translate


def test_fields_become_lines() -> None:
    lines, special = translate([(b"a", b"b c"), (b"content-length", b"5"), (b"x-y", b""), (b"a", b"\xe9\td")])

    assert lines == b"a: b c\r\ncontent-length: 5\r\nx-y: \r\na: \xe9\td\r\n"
    assert special == [(Meaning.LENGTH, b"5")]
    assert translate([]) == (b"", [])


BAD = {
    "CVE-2019-9516 an empty name": (b"", b"b"),
    "upper case": (b"X-Y", b"b"),
    "a colon in the name": (b"a:b", b"c"),
    "a space in the name": (b"a b", b"c"),
    "a line break in the name": (b"a\r\nb", b"c"),
    "NUL in the name": (b"a\0", b"c"),
    "a pseudo-header field": (b":status", b"200"),
    "CVE-2025-57804 CR LF in the value": (b"a", b"b\r\nc: d"),
    "LF in the value": (b"a", b"b\nc"),
    "CR in the value": (b"a", b"b\rc"),
    "NUL in the value": (b"a", b"b\0c"),
    "DEL in the value": (b"a", b"\x7f"),
    "a space before the value": (b"a", b" b"),
    "a tab after the value": (b"a", b"b\t"),
    "nothing but white space": (b"a", b" "),
    "Connection": (b"connection", b"close"),
    "Keep-Alive": (b"keep-alive", b"timeout=5"),
    "Proxy-Connection": (b"proxy-connection", b"close"),
    "Transfer-Encoding": (b"transfer-encoding", b"chunked"),
    "Upgrade": (b"upgrade", b"h2c"),
    "TE": (b"te", b"gzip"),
}


@pytest.mark.parametrize("name", BAD)
def test_fields_that_may_not_come(name: str) -> None:
    """RFC 9113 section 8.2."""
    with pytest.raises(StreamFault) as caught:
        translate([(b"good", b"value"), BAD[name], (b"good", b"value")])

    assert caught.value.code is ErrorCode.PROTOCOL_ERROR
    assert caught.value.detail.isprintable()


def test_te_may_ask_for_trailers() -> None:
    assert translate([(b"te", b"Trailers")])[0] == b"te: Trailers\r\n"


@given(st.lists(st.tuples(st.binary(max_size=6), st.binary(max_size=6)), max_size=4))
def test_what_passes_reads_back_as_it_was(fields: list[tuple[bytes, bytes]]) -> None:
    """No name or value can become another line, or another name."""
    try:
        lines, _ = translate(fields)
    except StreamFault:
        return
    back = [line.split(b": ", 1) for line in lines.split(b"\r\n")[:-1]]

    assert [(name, value) for name, value in back] == fields


def test_names_that_are_remembered_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_KNOWN", 3)
    for turn in range(10):
        assert translate([(b"name-%d" % turn, b""), (b"content-length", b"5")])[1] == [(Meaning.LENGTH, b"5")]
        assert len(module._known) <= 3
    translate([(b"n" * 65, b"")])
    assert b"n" * 65 not in module._known


@pytest.mark.parametrize(("values", "length"), [([], None), ([b"0"], 0), ([b"5", b"5"], 5), ([b"5, 5", b"5"], 5)])
def test_equal_lengths_are_one(values: list[bytes], length: int | None) -> None:
    special = [(Meaning.CODING, b"gzip"), *((Meaning.LENGTH, value) for value in values)]
    assert read_length(special) == length


@pytest.mark.parametrize("value", [b"", b"-1", b"+1", b"1 2", b"0x1", b"1,", b"1" * 20, b"\xd9\xa5", b"1, 2"])
def test_h2_4_4_0_a_length_that_is_none_or_two(value: bytes) -> None:
    with pytest.raises(StreamFault, match="Content-Length"):
        read_length([(Meaning.LENGTH, value)])


def test_a_length_has_19_digits_at_most() -> None:
    assert is_length(b"9" * 19)
    assert not is_length(b"9" * 20)
    assert not is_length(b"")
    assert not is_length("٥".encode())


def test_an_excerpt_is_bounded_and_escaped() -> None:
    assert excerpt(b"a\n") == r"b'a\n'"
    assert excerpt(b"x" * 33) == f"b'{'x' * 32}'..."
