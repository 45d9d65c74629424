"""What a caller gives becomes fields, or is refused before a byte of it is sent."""

from __future__ import annotations

import pytest

from courser.engines.http2.requests import check_target, list_size, request_fields, request_pseudo, sent_fields
from courser.errors import LocalProtocolError
from courser.values.fields import FieldBlock


def test_names_become_lower_case_and_values_lose_outer_white_space() -> None:
    assert sent_fields(b"X-Y:  a b \r\nSet-Cookie:c\r\n", "header") == [(b"x-y", b"a b"), (b"set-cookie", b"c")]
    assert sent_fields(b"", "trailer") == []


@pytest.mark.parametrize(
    ("lines", "kept"),
    [
        (b"Connection: close\r\n", []),
        (b"Connection: keep-alive, X-Hop\r\nx-hop: 1\r\nX-Other: 2\r\n", [(b"x-other", b"2")]),
        (b"X-Hop: 1\r\nConnection: x-hop\r\n", []),
        (b"Keep-Alive: a\r\nProxy-Connection: b\r\nUpgrade: c\r\n", []),
        (b"TE: gzip, Trailers\r\n", [(b"te", b"trailers")]),
        (b"TE: trailers\r\nConnection: TE\r\n", [(b"te", b"trailers")]),
        (b"TE: gzip\r\n", []),
        (b"Expect: 100-continue\r\n", [(b"expect", b"100-continue")]),
    ],
)
def test_what_speaks_about_a_connection_is_left_out(lines: bytes, kept: list[tuple[bytes, bytes]]) -> None:
    """RFC 9113 section 8.2.2."""
    assert sent_fields(lines, "header") == kept
    assert sent_fields(FieldBlock(lines), "header") == kept


def test_a_block_that_is_checked_may_hold_what_is_left_out_anyway() -> None:
    assert sent_fields(FieldBlock(b"Transfer-Encoding: chunked\r\n"), "header") == []
    with pytest.raises(LocalProtocolError, match="written by the engine itself"):
        sent_fields(b"Transfer-Encoding: chunked\r\n", "header")


@pytest.mark.parametrize("kind", [bytes, FieldBlock])
def test_the_length_is_the_engines_to_write(kind: type[bytes]) -> None:
    with pytest.raises(LocalProtocolError, match="the trailer 'content-length' is written by the engine itself"):
        sent_fields(kind(b"Content-Length: 5\r\n"), "trailer")


@pytest.mark.parametrize("lines", [b"A: b", b"A b\r\n", b"A b: c\r\n", b"A: b\0\r\n", b"A: b\nC: d\r\n", b": a\r\n"])
def test_cve_2025_57804_lines_that_are_none(lines: bytes) -> None:
    with pytest.raises(LocalProtocolError):
        sent_fields(lines, "header")


def test_the_host_becomes_the_authority() -> None:
    assert request_fields(b"Host: h\r\nA: b\r\n", b"") == (b"h", [(b"a", b"b")])
    assert request_fields(b"Host: h\r\nA: b\r\n", b"h") == (b"h", [(b"a", b"b")])
    assert request_fields(b"A: b\r\n", b"h:1") == (b"h:1", [(b"a", b"b")])


@pytest.mark.parametrize(
    ("lines", "authority"),
    [
        (b"", b""),
        (b"Host: h\r\nHost: h\r\n", b""),
        (b"Host: h\r\nHost: h\r\n", b"h"),
        (b"Host: i\r\n", b"h"),
        (b"Host:\r\n", b""),
        (b"Host: a b\r\n", b""),
        (b"", b"a/b"),
        (b"", b"a\r\nb"),
        (b"", b"u@h"),
    ],
)
def test_cve_2026_71554_there_is_one_host(lines: bytes, authority: bytes) -> None:
    with pytest.raises(LocalProtocolError, match="Host"):
        request_fields(lines, authority)


def test_pseudo_header_fields() -> None:
    assert request_pseudo(b"GET", b"https", b"h", b"") == [
        (b":method", b"GET"),
        (b":scheme", b"https"),
        (b":authority", b"h"),
    ]
    assert request_pseudo(b"CONNECT", b"https", b"h:1", b"") == [(b":method", b"CONNECT"), (b":authority", b"h:1")]
    assert request_pseudo(b"CONNECT", b"https", b"h", b"websocket") == [
        (b":method", b"CONNECT"),
        (b":protocol", b"websocket"),
        (b":scheme", b"https"),
        (b":authority", b"h"),
    ]


@pytest.mark.parametrize(
    ("method", "scheme", "protocol"),
    [(b"G T", b"https", b""), (b"", b"https", b""), (b"GET", b"ht\ntp", b""), (b"CONNECT", b"https", b"a b")],
)
def test_pseudo_header_fields_that_would_be_others(method: bytes, scheme: bytes, protocol: bytes) -> None:
    """CVE-2023-49082."""
    with pytest.raises(LocalProtocolError, match="is not"):
        request_pseudo(method, scheme, b"h", protocol)


def test_targets() -> None:
    check_target(b"/a?b=%20", b"GET")
    check_target(b"*", b"OPTIONS")


@pytest.mark.parametrize(
    ("target", "method", "text"),
    [
        (b"", b"GET", "is empty"),
        (b"/a b", b"GET", r"b' ' at offset 2"),
        (b"/\r\n", b"GET", "offset 1"),
        (b"/\xff", b"GET", "offset 1"),
        (b"*", b"GET", "is not a path"),
        (b"https://h/", b"GET", "is not a path"),
    ],
)
def test_cve_2020_11078_targets_that_are_no_paths(target: bytes, method: bytes, text: str) -> None:
    with pytest.raises(LocalProtocolError, match=text):
        check_target(target, method)


def test_the_size_of_a_head_counts_32_bytes_for_each_field() -> None:
    assert list_size([(b"ab", b"c"), (b"d", b"")]) == 2 * 32 + 4
