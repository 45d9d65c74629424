"""The one pattern for a head takes plain heads only, in linear time."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from courser.engines.http1.grammar import (
    CHUNK_LINE,
    CONTROL,
    HOST,
    REQUEST_LINE,
    REQUEST_PREFIX,
    RESPONSE_HEAD,
    STATUS_LINE,
    request_head,
)
from courser.values.fields import FIELD_LINES

START = b"HTTP/1.1 200 OK\r\n"


def groups(fields: bytes) -> tuple[bytes | None, ...] | None:
    match = RESPONSE_HEAD.match(START + fields + b"\r\n")
    return None if match is None else match.groups()[4:]


@pytest.mark.parametrize(
    ("fields", "captured"),
    [
        (b"", (None, None, None, None)),
        (b"Server: x\r\nContent-Type: y\r\nTitle: z\r\ncookie: a\r\n", (None, None, None, None)),
        (b"Connection: keep-alive\r\n", (None, None, None, None)),
        (b"connection:Keep-Alive\r\n", (None, None, None, None)),
        (b"Connection: close\r\n", (b"close", None, None, None)),
        (b"Connection: keep-alive \r\n", (b"keep-alive ", None, None, None)),
        (b"Connection: keep-alive, x\r\n", (b"keep-alive, x", None, None, None)),
        (b"Content-Encoding: gzip\r\n", (None, b"gzip", None, None)),
        (b"content-length:\t 7 \r\n", (None, None, b"7", None)),
        (b"Transfer-encoding: chunked\r\n", (None, None, None, b"chunked")),
    ],
)
def test_what_frames_a_message_is_captured(fields: bytes, captured: tuple[bytes | None, ...]) -> None:
    assert groups(fields) == captured


@pytest.mark.parametrize(
    "fields",
    [
        b"Content-Length: 1\r\nContent-Length: 1\r\n",
        b"Content-Length: 1\r\ncontent-length: 2\r\n",
        b"Content-Length: 12x\r\n",
        b"Content-Length:\r\n",
        b"Content-Length: 12345678901234567890\r\n",
        b"CONTENT-LENGTH: 1\r\n",
        b"cONTENT-lENGTH: 1\r\n",
        b"Content-Encoding: a\r\nContent-Encoding: b\r\n",
        b"Content-Encoding: a, b\r\n",
        b"CONTENT-ENCODING: a\r\n",
        b"Connection: a\r\nConnection: b\r\n",
        b"CONNECTION: close\r\n",
        b"Transfer-Encoding: xchunked\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        b"TRANSFER-ENCODING: chunked\r\n",
        b"Content-Length : 1\r\n",
        b"A : b\r\n",
        b"A: b\r\n c\r\n",
        b"A: b\nC: d\r\n",
        b"A: b\rC: d\r\n",
        b"A: \x00\r\n",
        b"A: \x7f\r\n",
        b": a\r\n",
        b"a\r\n",
    ],
)
def test_nothing_doubtful_passes_as_an_ordinary_field(fields: bytes) -> None:
    assert groups(fields) is None


@given(st.binary(max_size=60) | st.from_regex(rb"([A-Ca-c]{1,3}: ?[ -~]{0,5}\r\n){0,4}", fullmatch=True))
def test_the_pattern_takes_no_more_than_the_grammar_of_fields(fields: bytes) -> None:
    match = RESPONSE_HEAD.match(START + fields + b"\r\n")

    if match is not None:
        assert FIELD_LINES.fullmatch(match[4])
    elif FIELD_LINES.fullmatch(fields):
        assert re.search(rb"(?i)^(content-length|content-encoding|connection|transfer-encoding):", fields, re.MULTILINE)


def test_a_request_head_captures_host_and_expect_too() -> None:
    match = request_head().match(b"PUT /x HTTP/1.1\r\nHost: a.b:80\r\nExpect: 100-continue\r\nEtc: x\r\nHi: y\r\n\r\n")

    assert match is not None
    assert match.groups()[:3] == (b"PUT", b"/x", b"1")
    assert match.groups()[4:] == (None, None, b"100-continue", b"a.b:80", None)
    assert request_head().match(b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n") is None
    assert request_head().match(b"GET / HTTP/1.1\r\nHOST: a\r\n\r\n") is None


@pytest.mark.parametrize("line", [b"HTTP/1.1 200\r\n", b"HTTP/1.0 999 \r\n", b"HTTP/1.1 100 a\tb\xff\r\n"])
def test_status_lines(line: bytes) -> None:
    assert STATUS_LINE.fullmatch(line)


@pytest.mark.parametrize(
    "line",
    [
        b"HTTP/1.2 200 OK\r\n",
        b"HTTP/1.1 099 OK\r\n",
        b"HTTP/1.1  200\r\n",
        b"HTTP/1.1 200OK\r\n",
        b"HTTP/1.1 200 \x0b\r\n",
    ],
)
def test_bad_status_lines(line: bytes) -> None:
    assert STATUS_LINE.fullmatch(line) is None


def test_request_lines_and_prefixes() -> None:
    assert REQUEST_LINE.fullmatch(b"M-X * HTTP/1.0\r\n")
    assert REQUEST_LINE.fullmatch(b"GET /\xc3 HTTP/1.1\r\n") is None
    assert REQUEST_PREFIX.fullmatch(b"GET / HTTP/1.1\r\n")
    assert REQUEST_PREFIX.fullmatch(b"GET / HTTP/1.1\r\nHost: [::1]:8080\r\n")
    assert REQUEST_PREFIX.fullmatch(b"GET / HTTP/1.1\r\nHost: a b\r\n") is None


def test_hosts() -> None:
    for host in (b"", b"example.org", b"[fe80::1]:80", b"a_b", b"xn--a:1"):
        assert HOST.fullmatch(host)
    for host in (b"a/b", b"a@b", b"a?b", b"a#b", b"a b", b"a\\b", b"a\r\n", b"\xff"):
        assert HOST.fullmatch(host) is None


@pytest.mark.parametrize(
    "line",
    [
        b"0\r\n",
        b"aF\r\n",
        b"5;a\r\n",
        b"5 ; a = b\r\n",
        b'5;a="\\"x\\\\";b\r\n',
        b'5;a=""\r\n',
        b"ffffffffffffffff\r\n",
    ],
)
def test_chunk_lines(line: bytes) -> None:
    assert CHUNK_LINE.fullmatch(line)


@pytest.mark.parametrize(
    "line",
    [
        b"\r\n",
        b"5\n",
        b"5 \r\n",
        b"5;\r\n",
        b"5;a=\r\n",
        b'5;a="\r\n',
        b"5 a\r\n",
        b"0x5\r\n",
        b"-5\r\n",
        b"5\r\r\n",
        b"5;a\nb\r\n",
    ],
)
def test_bad_chunk_lines(line: bytes) -> None:
    assert CHUNK_LINE.fullmatch(line) is None


def test_control_characters_are_all_but_tab() -> None:
    bad = {byte for byte in range(256) if CONTROL.match(bytes((byte,)))}

    assert bad == ({*range(0x20), 0x7F} - {0x09})
