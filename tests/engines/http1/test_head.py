"""Both ways to read a head agree, and the careful one says what is wrong."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from courser.engines.events import RequestHead, ResponseHead
from courser.engines.http1.faults import Fault
from courser.engines.http1.grammar import RESPONSE_HEAD, request_head
from courser.engines.http1.head import (
    careful_request_head,
    careful_response_head,
    check_request_line,
    check_status_line,
    plain_request_head,
    plain_response_head,
)
from courser.engines.http1.limits import WIRE_LIMITS


def facts(parse: Callable[[], tuple[ResponseHead | RequestHead, bool]]) -> Any:
    try:
        head, chunked = parse()
    except Fault as fault:
        return fault.detail
    return [getattr(head, name) for name in type(head).__slots__], chunked


def matched(pattern: re.Pattern[bytes], head: bytes) -> re.Match[bytes]:
    match = pattern.fullmatch(head)
    assert match is not None, head
    return match


LINES = st.lists(
    st.sampled_from(
        [
            b"Content-Length: 5",
            b"content-length:7 ",
            b"Transfer-Encoding: chunked",
            b"Content-Encoding: gzip\t",
            b"Connection: keep-alive",
            b"Connection: Close",
            b"Connection: x, keep-alive",
            b"Host: a:80",
            b"Expect: 100-continue",
            b"Expect: 100-Continue",
            b"X: y",
            b"",
        ]
    ),
    max_size=5,
    unique=True,
).map(lambda lines: b"".join(line + b"\r\n" for line in lines if line))


@given(LINES, st.sampled_from([b"0", b"1"]), st.sampled_from([b" OK", b" ", b""]))
def test_the_plain_and_the_careful_way_read_the_same_response(fields: bytes, minor: bytes, reason: bytes) -> None:
    head = b"HTTP/1.%b 200%b\r\n%b\r\n" % (minor, reason, fields)
    match = RESPONSE_HEAD.fullmatch(head)

    if match:
        plain = facts(lambda: plain_response_head(match))
        assert plain == facts(lambda: careful_response_head(head, WIRE_LIMITS))


@given(LINES, st.sampled_from([b"0", b"1"]))
def test_the_plain_and_the_careful_way_read_the_same_request(fields: bytes, minor: bytes) -> None:
    head = b"GET / HTTP/1.%b\r\n%b\r\n" % (minor, fields)
    match = request_head().fullmatch(head)

    if match:
        plain = facts(lambda: plain_request_head(match))
        assert plain == facts(lambda: careful_request_head(head, WIRE_LIMITS))


@pytest.mark.parametrize(
    ("head", "expected", "chunked"),
    [
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Encoding: br\r\n\r\n",
            (200, b"OK", b"1.1", b"Content-Length: 5\r\nContent-Encoding: br\r\n", 5, b"br", True),
            False,
        ),
        (b"HTTP/1.0 404\r\n\r\n", (404, b"", b"1.0", b"", None, None, False), False),
        (
            b"HTTP/1.1 200 \r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n",
            (200, b"", b"1.1", b"Connection: close\r\nTransfer-Encoding: chunked\r\n", None, None, False),
            True,
        ),
    ],
)
def test_response_heads(head: bytes, expected: tuple[object, ...], chunked: bool) -> None:
    names = ("status", "reason", "version", "fields", "length", "coding", "keep_alive")
    for found, is_chunked in (
        plain_response_head(matched(RESPONSE_HEAD, head)),
        careful_response_head(head, WIRE_LIMITS),
    ):
        assert tuple(getattr(found, name) for name in names) == expected
        assert is_chunked is chunked


def test_what_is_unusual_is_read_carefully() -> None:
    fields = b"CONTENT-LENGTH: 5\r\nContent-Length: 5, 5\r\nContent-Encoding: gzip\r\nContent-Encoding: br\r\n"
    head, chunked = careful_response_head(b"HTTP/1.1 200 OK\r\n" + fields + b"\r\n", WIRE_LIMITS)

    assert (head.length, head.coding, head.fields, chunked) == (5, b"gzip, br", fields, False)

    request, _ = careful_request_head(b"GET / HTTP/1.1\r\nHOST: h\r\nexpect:100-CONTINUE\r\n\r\n", WIRE_LIMITS)
    assert request.expects_continue


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"HTTP/1.1 200 OK\n", "LF alone"),
        (b"HTTP/1.1 200\rOK\r\n", "holds a CR"),
        (b"HTTP/1.1 20 OK\r\n", "a bad status line"),
        (b"http/1.1 200 OK\r\n", "not an HTTP/1 response"),
        (b"x", "not an HTTP/1 response"),
    ],
)
def test_bad_status_lines(line: bytes, why: str) -> None:
    with pytest.raises(Fault, match=why):
        check_status_line(line)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"GET / HTTP/1.1\n", "LF alone"),
        (b"GET / HTTP/1.1\r\r\n", "holds a CR"),
        (b"GET / HTTP/1.1 \r\n", "a bad request line"),
    ],
)
def test_bad_request_lines(line: bytes, why: str) -> None:
    with pytest.raises(Fault, match=why):
        check_request_line(line)


def test_a_line_that_has_not_ended_is_not_judged() -> None:
    check_status_line(b"HTTP/1.1 nonsense")
    check_request_line(b"nonsense")


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        (b"", "without Host"),
        (b"Host: a\r\nHOST: a\r\n", "2 Host fields"),
        (b"Host: a b\r\n", "a bad Host"),
        (b"Host: a, b@c\r\n", "a bad Host"),
    ],
)
def test_cve_2026_34525_a_request_has_one_host(fields: bytes, why: str) -> None:
    with pytest.raises(Fault, match=why):
        careful_request_head(b"GET / HTTP/1.1\r\n" + fields + b"\r\n", WIRE_LIMITS)


def test_http_1_0_may_do_without_host_but_not_have_two() -> None:
    careful_request_head(b"GET / HTTP/1.0\r\n\r\n", WIRE_LIMITS)
    with pytest.raises(Fault, match="2 Host fields"):
        careful_request_head(b"GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", WIRE_LIMITS)


def test_the_plain_way_refuses_what_its_pattern_cannot() -> None:
    both = b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
    with pytest.raises(Fault, match="one of them lies"):
        plain_response_head(matched(RESPONSE_HEAD, b"HTTP/1.1 200 OK\r\n" + both))
    with pytest.raises(Fault, match="one of them lies"):
        plain_request_head(matched(request_head(), b"GET / HTTP/1.1\r\nHost: h\r\n" + both))
    with pytest.raises(Fault, match="without Host"):
        plain_request_head(matched(request_head(), b"GET / HTTP/1.1\r\n\r\n"))
    with pytest.raises(Fault, match=r"HTTP/1\.0"):
        plain_response_head(matched(RESPONSE_HEAD, b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"))
    with pytest.raises(Fault, match=r"HTTP/1\.0"):
        plain_request_head(matched(request_head(), b"GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"))
