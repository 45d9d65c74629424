"""Heads come as fields and leave as values (RFC 9113 section 8.3)."""

from __future__ import annotations

import pytest

from courser.engines.events import END
from courser.engines.http2.faults import StreamFault
from courser.engines.http2.fields import Fields
from courser.engines.http2.heads import read_request, read_response, read_trailers


def test_the_head_of_a_response() -> None:
    head = read_response(
        [
            (b":status", b"404"),
            (b"content-length", b"12"),
            (b"content-encoding", b"gzip"),
            (b"set-cookie", b"a=b"),
            (b"set-cookie", b"c=d"),
        ]
    )

    assert (head.status, head.reason, head.version) == (404, b"Not Found", b"2")
    assert head.fields == (b"content-length: 12\r\ncontent-encoding: gzip\r\nset-cookie: a=b\r\nset-cookie: c=d\r\n")
    assert (head.length, head.coding, head.keep_alive, head.sets_cookies) == (12, b"gzip", True, True)


def test_a_response_of_a_status_alone() -> None:
    head = read_response([(b":status", b"599")])

    assert (head.status, head.reason, head.fields, head.length, head.coding) == (599, b"", b"", None, None)
    assert read_response([(b":status", b"200"), (b"te", b"trailers")]).fields == b"te: trailers\r\n"


def test_codings_are_listed_in_their_order() -> None:
    head = read_response([(b":status", b"200"), (b"content-encoding", b"a"), (b"content-encoding", b"b, c")])
    assert head.coding == b"a, b, c"


def test_equal_lengths_are_one_length() -> None:
    head = read_response([(b":status", b"200"), (b"content-length", b"5"), (b"content-length", b"5, 5")])
    assert head.length == 5


@pytest.mark.parametrize(
    "fields",
    [
        [],
        [(b"server", b"x")],
        [(b"server", b"x"), (b":status", b"200")],
        [(b":status", b"200"), (b":status", b"200")],
        [(b":status", b"200"), (b":path", b"/")],
        [(b":status", b"20")],
        [(b":status", b"2000")],
        [(b":status", b"099")],
        [(b":status", b"2 0")],
        [(b":status", b"")],
        [(b":status", b"200"), (b"content-length", b"x")],
        [(b":status", b"200"), (b"content-length", b"1"), (b"content-length", b"2")],
    ],
)
def test_a_malformed_response(fields: Fields) -> None:
    with pytest.raises(StreamFault):
        read_response(fields)


def test_trailers() -> None:
    """CVE-2018-1000005."""
    assert read_trailers([(b"a", b"b"), (b"c", b"d")]).trailers == b"a: b\r\nc: d\r\n"
    assert read_trailers([]) is END
    with pytest.raises(StreamFault, match="stands twice, after other fields, or where it means nothing"):
        read_trailers([(b":status", b"200")])


GET: Fields = [(b":method", b"GET"), (b":scheme", b"https"), (b":authority", b"h:1"), (b":path", b"/a?b")]
CONNECT: Fields = [(b":method", b"CONNECT"), (b":authority", b"h:443")]
SOCKET: Fields = [
    (b":method", b"CONNECT"),
    (b":protocol", b"websocket"),
    (b":scheme", b"https"),
    (b":path", b"/chat"),
    (b":authority", b"h"),
]


def test_the_head_of_a_request() -> None:
    head, protocol = read_request([*GET, (b"x", b"y"), (b"content-length", b"3"), (b"expect", b"100-Continue")])

    assert (head.method, head.target, head.version) == (b"GET", b"/a?b", b"2")
    assert head.fields == b"host: h:1\r\nx: y\r\ncontent-length: 3\r\nexpect: 100-Continue\r\n"
    assert (head.length, head.keep_alive, head.expects_continue) == (3, True, True)
    assert protocol == b""


@pytest.mark.parametrize(
    ("fields", "method", "target", "protocol"),
    [
        (CONNECT, b"CONNECT", b"h:443", b""),
        (SOCKET, b"CONNECT", b"/chat", b"websocket"),
        ([(b":method", b"OPTIONS"), (b":scheme", b"https"), (b":path", b"*")], b"OPTIONS", b"*", b""),
    ],
)
def test_targets(fields: Fields, method: bytes, target: bytes, protocol: bytes) -> None:
    head, found = read_request(fields)
    assert (head.method, head.target, found) == (method, target, protocol)


def test_host_stands_in_for_authority_and_may_repeat_it() -> None:
    without = [field for field in GET if field[0] != b":authority"]

    assert read_request([*without, (b"host", b"i")])[0].fields == b"host: i\r\n"
    assert read_request(without)[0].fields == b"host: \r\n"
    assert read_request([*GET, (b"host", b"h:1")])[0].fields == b"host: h:1\r\n"


def test_cookies_are_joined() -> None:
    """RFC 9113 section 8.2.3."""
    head, _ = read_request([*GET, (b"cookie", b"a=b"), (b"x", b"y"), (b"cookie", b"c=d")])
    assert head.fields == b"host: h:1\r\nx: y\r\ncookie: a=b; c=d\r\n"
    assert read_request([*GET, (b"cookie", b"a=b"), (b"x", b"y")])[0].fields.endswith(b"cookie: a=b\r\nx: y\r\n")


def changed(fields: Fields, name: bytes, *values: bytes) -> Fields:
    return [
        *((found, value) for found, old in fields for value in (values if found == name else (old,))),
    ]


MALFORMED: dict[str, Fields] = {
    "no method": changed(GET, b":method"),
    "no scheme": changed(GET, b":scheme"),
    "no path": changed(GET, b":path"),
    "an empty path": changed(GET, b":path", b""),
    "two paths": changed(GET, b":path", b"/", b"/"),
    "a path that begins with no slash": changed(GET, b":path", b"a"),
    "a path with a space": changed(GET, b":path", b"/a b"),
    "an asterisk of GET": changed(GET, b":path", b"*"),
    "a method that is no token": changed(GET, b":method", b"G T"),
    "a scheme that is none": changed(GET, b":scheme", b"1"),
    "an authority with a slash": changed(GET, b":authority", b"h/"),
    "an authority with userinfo": changed(GET, b":authority", b"u@h"),
    "an unknown pseudo-header field": [*GET, (b":version", b"2")],
    "the status of a response": [*GET, (b":status", b"200")],
    "a pseudo-header field after a plain one": [(b"a", b"b"), *GET],
    "CVE-2026-71554 another Host": [*GET, (b"host", b"other")],
    "two Hosts": [*GET, (b"host", b"h:1"), (b"host", b"h:1")],
    "a bad Host": [*changed(GET, b":authority"), (b"host", b"a b")],
    "CONNECT with a path": [*CONNECT, (b":path", b"/")],
    "CONNECT with a scheme": [*CONNECT, (b":scheme", b"https")],
    "CONNECT without authority": changed(CONNECT, b":authority"),
    "a protocol of GET": [*GET, (b":protocol", b"websocket")],
    "a protocol without authority": changed(SOCKET, b":authority"),
    "a protocol without path": changed(SOCKET, b":path"),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_request(name: str) -> None:
    with pytest.raises(StreamFault):
        read_request(MALFORMED[name])
