"""Heads and trailers are bounded over reads, collected in linear time, and their first fault is always the same one."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from courser.engines.http1.faults import Fault
from courser.engines.http1.head import check_request_line, check_status_line
from courser.engines.http1.limits import WireLimits
from courser.engines.http1.section import ENOUGH, Section, check_field, check_line_end, examine

LIMITS = WireLimits(line=50, fields=4, head=120)
START = b"HTTP/1.1 200 OK\r\n"


def collected(pieces: Iterable[bytes], limits: WireLimits = LIMITS, *, trailers: bool = False) -> tuple[str, bytes]:
    """(fault, section) of what is collected; a complete section is examined too."""
    check = None if trailers else check_status_line
    section = Section(limits, check)
    try:
        for piece in pieces:
            end = section.add(piece)
            if end:
                found = bytes(section.data[:end])
                examine(found, limits, check)
                return "", found
    except Fault as fault:
        return fault.detail, b""
    return "", b""


def single(wire: bytes) -> list[bytes]:
    return [wire[i : i + 1] for i in range(len(wire))]


@pytest.mark.parametrize("trailers", [False, True])
@pytest.mark.parametrize("lines", [b"", b"A: b\r\n", b"A: b\r\n" * 4])
def test_a_section_ends_with_its_empty_line(lines: bytes, trailers: bool) -> None:
    wire = (b"" if trailers else START) + lines + b"\r\n"

    assert collected([wire + b"rest"], trailers=trailers) == ("", wire)
    assert collected(single(wire), trailers=trailers) == ("", wire)


@pytest.mark.parametrize(
    ("wire", "fault"),
    [
        (START + b"A: " + b"b" * 50 + b"\r\n\r\n", "a line is longer than 50 bytes"),
        (b"HTTP/1.1 200 " + b"b" * 50 + b"\r\n\r\n", "a line is longer than 50 bytes"),
        (START + b"A: b\r\n" * 5 + b"\r\n", "more than 4 header fields"),
        (START + (b"A: " + b"b" * 40 + b"\r\n") * 3 + b"\r\n", "the header fields are larger than 120 bytes"),
        (START + b"A: b\r\nB: " + b"b" * 200, "a line is longer than 50 bytes"),
        (
            START + (b"A: " + b"b" * 40 + b"\r\n") * 2 + b"B: " + b"b" * 200,
            "the header fields are larger than 120 bytes",
        ),
        (
            b"HTTP/2.0 200 OK\r\n" + b"b" * 200,
            "this is not an HTTP/1 response, it starts with b'HTTP/2.0 200 OK\\r\\n'",
        ),
        (b"b" * 200, f"this is not an HTTP/1 response, it starts with b'{'b' * 32}'"),
        (START + b"A: b\nB: c\r\n\r\n", "header line 1 ends with LF alone, not with CR LF"),
        (START + b"A b\r\nB: c\n\r\n\r\n", "header line 1 has no colon: b'A b'"),
    ],
)
def test_cve_2026_54277_limits_count_over_reads_and_faults_do_not_depend_on_them(wire: bytes, fault: str) -> None:
    assert collected([wire]) == (fault, b"")
    assert collected(single(wire)) == (fault, b"")
    for at in range(1, len(wire)):
        assert collected([wire[:at], wire[at:]]) == (fault, b"")


@given(
    st.lists(st.sampled_from([b"\r\n", b"\n", b"\r", b":", b"A", b"A: b\r\n", b"x" * 20, b"\0", b" "]), max_size=14),
    st.integers(1, 200),
    st.booleans(),
)
def test_no_cut_changes_the_fault(parts: list[bytes], at: int, trailers: bool) -> None:
    wire = (b"" if trailers else START) + b"".join(parts) + b"\r\n\r\n"

    whole = collected([wire], trailers=trailers)

    assert collected(single(wire), trailers=trailers) == whole
    assert collected([wire[:at], wire[at:]], trailers=trailers) == whole


def test_cve_2023_38039_collecting_byte_by_byte_looks_at_each_byte_a_bounded_number_of_times() -> None:
    """Counted, not timed: `find` never starts more than three bytes before what is new."""
    starts: list[int] = []

    class Counted(bytearray):
        def find(self, *arguments: object) -> int:
            starts.append(len(self) - int(str(arguments[1])))
            return super().find(*arguments)  # type: ignore[arg-type]

    section = Section(WireLimits(), None)
    section.data = Counted()
    for _ in range(2000):
        section.add(b"A: b\r\n")

    assert len(starts) == 2000
    assert max(starts) <= len(b"A: b\r\n") + 3


def test_what_starts_no_message_is_seen_early() -> None:
    section = Section(LIMITS, check_status_line)
    section.add(b"x" * (ENOUGH - 1))
    with pytest.raises(Fault, match="not an HTTP/1 response"):
        section.add(b"x")

    with pytest.raises(Fault, match="not an HTTP/1 response"):
        Section(LIMITS, check_status_line).add(b"SSH-2.0\r\n")

    assert Section(LIMITS, check_request_line).add(b"\x16\x03\x01" * 15) == 0


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"A: b\n", "ends with LF alone"),
        (b"A: \rb\r\n", "holds a CR"),
        (b" A: b\r\n", "obsolete line folding"),
        (b"\tA: b\r\n", "obsolete line folding"),
        (b"AAA\r\n", "has no colon"),
        (b"A : b\r\n", "has a bad name"),
        (b": b\r\n", "has a bad name"),
        (b"\xc3\xa4: b\r\n", "has a bad name"),
        (b"A: \x00\r\n", r"control character b'\\x00'"),
        (b"A: \x1b\r\n", r"control character b'\\x1b'"),
    ],
)
def test_bad_field_lines(line: bytes, why: str) -> None:
    with pytest.raises(Fault, match=why):
        check_field(line, 1)


def test_good_lines() -> None:
    check_field(b"A:\tb \x80\xff\r\n", 1)
    check_line_end(b"anything\r\n", "a line")
    examine(b"A: b", LIMITS, None)
    examine(b"HTTP/1.1 2", LIMITS, check_status_line)


def test_limits_tell_the_server_what_to_answer() -> None:
    for wire in (b"A: " + b"b" * 50, b"A: b\r\n" * 5, b"A: b\r\n" * 3 + b"A: " + b"b" * 110):
        with pytest.raises(Fault) as caught:
            examine(wire, WireLimits(line=60, fields=4, head=80) if len(wire) > 100 else LIMITS, None)
        assert caught.value.status == 431
