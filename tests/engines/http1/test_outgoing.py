"""T-INJ: nothing that a caller gives becomes a line that was not meant, and no error shows a secret."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from courser.engines.http1.outgoing import check_fields, check_request_fields, framing_line, request_prefix
from courser.errors import LocalProtocolError
from courser.values.fields import FieldBlock

EVIL = [b"\r", b"\n", b"\r\n", b"\x00", b"\x7f", b"\x01", b"\x0b", b"\r\nX: y", b"\r\n\r\nGET /evil HTTP/1.1"]


def test_a_prefix_is_the_request_line_and_host() -> None:
    assert request_prefix(b"GET", b"/a?b", b"h:80") == b"GET /a?b HTTP/1.1\r\nHost: h:80\r\n"
    assert request_prefix(b"OPTIONS", b"*", b"") == b"OPTIONS * HTTP/1.1\r\n"
    assert request_prefix(b"CONNECT", b"[::1]:443", b"[::1]:443").startswith(b"CONNECT [::1]:443 HTTP/1.1\r\n")


@pytest.mark.parametrize("evil", [*EVIL, b" ", b"\t", b"\xe9", b"(", b""])
def test_cve_2020_26137_and_cve_2023_49082_a_method_is_a_token(evil: bytes) -> None:
    for method in {evil, b"GE" + evil + b"T" if evil else b"", evil + b"GET" if evil else b""}:
        with pytest.raises(LocalProtocolError, match="the method is not a token"):
            request_prefix(method, b"/", b"h")


@pytest.mark.parametrize("evil", [*EVIL, b" ", b"\t", b"\xc4\x8d", b" HTTP/1.1\r\nHost: evil\r\nX:"])
@pytest.mark.parametrize("place", [b"%b", b"/a%b", b"/%bz"])
def test_cve_2019_11236_and_cve_2019_9740_a_target_is_one_word(evil: bytes, place: bytes) -> None:
    with pytest.raises(LocalProtocolError, match=r"the request target holds b'.*' at offset"):
        request_prefix(b"GET", place % evil, b"h")


def test_a_bad_target_is_told_without_its_secrets() -> None:
    with pytest.raises(LocalProtocolError) as caught:
        request_prefix(b"GET", b"/a?token=hunter2 ", b"h")
    assert "hunter2" not in str(caught.value)
    assert "holds b' ' at offset 16" in str(caught.value)
    with pytest.raises(LocalProtocolError, match="is empty"):
        request_prefix(b"GET", b"", b"h")


@pytest.mark.parametrize("evil", [*EVIL, b" ", b"/", b"@", b"?", b"#", b"\\", b"\xff"])
def test_cve_2026_1502_and_cve_2019_18348_a_host_is_a_host(evil: bytes) -> None:
    for host in (evil, b"a" + evil, evil + b"a", b"a" + evil + b"b"):
        with pytest.raises(LocalProtocolError, match="the Host is not a host name"):
            request_prefix(b"CONNECT", b"a:1", host)


@given(st.binary(max_size=12), st.binary(max_size=12), st.binary(max_size=12))
def test_a_prefix_has_the_lines_it_was_asked_for(method: bytes, target: bytes, host: bytes) -> None:
    try:
        prefix = request_prefix(method, target, host)
    except LocalProtocolError:
        return
    lines = prefix.split(b"\r\n")
    assert lines[0].split(b" ") == [method, target, b"HTTP/1.1"]
    assert lines[1:] == ([b"Host: " + host, b""] if host else [b""])


def test_a_field_block_is_trusted_and_other_bytes_are_not() -> None:
    check_fields(FieldBlock(b"nonsense"), "header")
    check_fields(b"", "header")
    check_fields(b"A: b\r\nC:\td \xff\r\n", "header")
    with pytest.raises(LocalProtocolError, match="header line 1 has no colon"):
        check_fields(b"nonsense", "header")


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        (b"A: b\r\nB: c", "the last header line does not end with CR LF"),
        (b"A: b\r\n\r\n", "header line 2 has no colon"),
        (b"A: b\nB: c\r\n", r"header line 1 has b'\\n' in the value of 'A'"),
        (b"A: b\r\n c\r\n", "header line 2 has no colon"),
        (b"A: b\r\n c: d\r\n", "header line 2 has a bad name: b' c'"),
        (b"A : b\r\n", "header line 1 has a bad name: b'A '"),
        (b": b\r\n", "header line 1 has a bad name: b''"),
        (b"A" * 100 + b"\xff: b\r\n", "has a bad name: b'A{32}'$"),
    ],
)
def test_a_bad_line_is_named(fields: bytes, why: str) -> None:
    with pytest.raises(LocalProtocolError, match=why):
        check_fields(fields, "header")


@pytest.mark.parametrize("evil", [evil for evil in EVIL if evil != b"\r\nX: y"])
def test_cve_2016_5699_no_control_character_in_a_value_and_no_secret_in_the_error(evil: bytes) -> None:
    for fields in (b"Authorization: hunter2%bhunter2\r\n" % evil, b"Authorization: %bhunter2\r\n" % evil):
        with pytest.raises(LocalProtocolError, match="header line") as caught:
            check_fields(fields, "header")
        assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("name", [b"Content-Length", b"TRANSFER-ENCODING", b"transfer-encoding"])
def test_ghsa_pf96_p4fj_6566_the_engine_alone_frames(name: bytes) -> None:
    with pytest.raises(LocalProtocolError, match="is written by the engine itself"):
        check_fields(b"A: b\r\n" + name + b": 1\r\n", "header")


def test_cve_2026_34525_a_request_has_one_host() -> None:
    check_request_fields(b"A: b\r\n", b"h")
    check_request_fields(b"HOST: h\r\n", b"")
    check_request_fields(FieldBlock(b"Host: a\r\n"), b"h")
    for fields, host, count in ((b"Host: a\r\n", b"h", 2), (b"A: b\r\n", b"", 0), (b"Host: a\r\nhost: a\r\n", b"", 2)):
        with pytest.raises(LocalProtocolError, match=f"would have {count} Host fields, not one"):
            check_request_fields(fields, host)


def test_cve_2023_29406_a_host_among_the_fields_is_a_host() -> None:
    with pytest.raises(LocalProtocolError, match="the Host is not a host name"):
        check_request_fields(b"Host: a/b\r\n", b"")


def test_framing_lines() -> None:
    assert framing_line(None) == b"Transfer-Encoding: chunked\r\n"
    assert framing_line(0) == b"Content-Length: 0\r\n"
