"""What others test their HTTP/1 parsers with: fixtures of llhttp, of the web platform, and replies of curl's tests."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from courser.engines.events import Event
from courser.engines.http1 import ClientEngine, Phase, ServerEngine
from courser.engines.http1.framing import values_of
from courser.errors import RemoteProtocolError, TruncatedBody
from courser.values.fields import FieldBlock

Fixture = dict[str, Any]

UPGRADE = FieldBlock(b"Connection: upgrade\r\nUpgrade: h2c\r\n")


def load(vectors: Path, name: str) -> Any:
    path = vectors / name
    if not path.is_file():
        pytest.skip(f"no {path}")
    return json.loads(path.read_text(encoding="utf-8"))


def begun(method: bytes = b"GET") -> ClientEngine:
    engine = ClientEngine()
    engine.start(method, b"/", b"example.org", UPGRADE, -1)
    return engine


def body_of(events: list[Event]) -> bytes:
    return b"".join(event for event in events if isinstance(event, bytes))


# llhttp

LLHTTP_STRICTER: dict[str, str] = {
    "HTTP version 0.9": "only 1.0 and 1.1 are versions of this protocol",
    "SOURCE request with ICE": "another protocol",
    "OPTIONS request with RTSP": "another protocol",
    "ANNOUNCE request with RTSP": "another protocol",
    "RTSP response": "another protocol",
    "ICE response": "another protocol",
    "PRI request HTTP2": "the preface of HTTP/2 begins no tunnel here",
    "No HTTP version": "HTTP/0.9",
    "Response starting with CRLF": "nothing may come before a status line",
    "Should parse multiple events": "an empty line between responses is bytes that nobody asked for",
    "HTTP 304 with Content-Length": "an empty line between responses is bytes that nobody asked for",
    "HTTP 100 first, then 400": "an empty line between responses is bytes that nobody asked for",
    "POST with `chunked` as last transfer-encoding": "a coding that is not understood",
    "POST with `chunked` as last transfer-encoding (multiple headers)": "a coding that is not understood",
    "`chunked` before other transfer-encoding": "chunked has to be the last coding, and the only one",
    "multiple transfer-encoding where chunked is not the last one": "chunked has to be the last coding",
    "`chunkedchunked` transfer-encoding does not enable chunked enconding": "a coding that is not understood",
}
"""What llhttp takes and this engine does not, by the end of the fixture's title, and why."""

LLHTTP_LAXER: dict[str, str] = {
    "HTTP protocol and ANNOUNCE method": "any token is a method",
    "Invalid method": "any token is a method",
    "No restart when keep-alive is off (1.0)": "what follows the last request is dropped, never read",
    "CRLF between requests, explicit `close`": "what follows the last request is dropped, never read",
    "CRLF between requests, explicit `close` followed by tab": "what follows the last request is dropped, never read",
}
"""What llhttp refuses and this engine does not."""


def last(title: str, table: dict[str, str]) -> str | None:
    return table.get(title.rpartition(" / ")[2])


def with_host(wire: bytes) -> bytes:
    """Most of the fixtures have no Host, which llhttp leaves to others."""
    if b"host:" in wire.lower():
        return wire
    return wire.replace(b" HTTP/1.1\r\n", b" HTTP/1.1\r\nHost: h\r\n")


def serve(wire: bytes, close: bool) -> None:
    engine = ServerEngine()
    engine.receive(wire)
    while engine.phase is Phase.DONE and engine.head is not None:
        upgrade = values_of(engine.head.fields, b"upgrade") and values_of(engine.head.fields, b"connection")
        engine.start_response(101 if upgrade else 200, b"", b"", 0)
        engine.resume()
    if close:
        engine.receive(b"")


def fetch(wire: bytes, close: bool) -> None:
    rest = wire
    while rest:
        engine = begun()
        engine.receive(rest)
        if engine.is_tunnel:
            return
        if close:
            engine.receive(b"")
        rest = engine.leftover
        if rest and engine.head is not None and not engine.head.keep_alive:
            engine.receive(rest)


def refused(kind: str, wire: bytes, *, close: bool) -> str:
    """The error of feeding this, and then closing where the input is only wrong by its end; "" if there is none."""
    try:
        if kind.startswith("request"):
            serve(with_host(wire), close)
        else:
            fetch(wire, close)
    except RemoteProtocolError as error:
        return str(error)
    return ""


def test_llhttp_strict_verdicts_are_ours(vectors: Path) -> None:
    """T-PARSE; also CVE-2021-22959, CVE-2022-32213 to 32215, CVE-2022-35256, CVE-2023-30589, CVE-2025-23167."""
    used: set[str] = set()
    wrong: list[str] = []
    judged = 0
    for fixture in load(vectors, "llhttp/llhttp-fixtures.json"):
        kind, title = fixture["meta"]["type"], fixture["title"]
        if "lenient" in kind or fixture["meta"].get("skipBody"):
            continue
        text = fixture["bytes_latin1"]
        wire = text.encode("utf-8" if any(ord(letter) > 255 for letter in text) else "latin-1")
        error = re.search(r'error code=\d+ reason="(.*)"', fixture["log"])
        bad = error is not None and "pause" not in error[1].lower()
        said = refused(kind, wire, close=bad)
        judged += 1
        if bool(said) == bad:
            continue
        reason = last(title, LLHTTP_LAXER if bad else LLHTTP_STRICTER)
        if reason is None:
            wrong.append(
                f"{fixture['file']}: {title}: {wire[:80]!r}: llhttp {'refuses' if bad else 'takes'}, we {said}"
            )
        else:
            used.add(title.rpartition(" / ")[2])

    assert not wrong, "\n" + "\n".join(wrong)
    assert judged > 150
    assert used == {*LLHTTP_STRICTER, *LLHTTP_LAXER}, "an exception without need"


def test_llhttp_lenient_leniency_is_not_ours(vectors: Path) -> None:
    """What llhttp takes in a lenient mode only is refused; what follows the last request is dropped, never read."""
    dropped = {
        "Resetting flags when keep-alive is off (1.0, lenient)",
        "CRLF between requests, explicit `close` (lenient)",
    }
    taken: set[str] = set()
    for fixture in load(vectors, "llhttp/llhttp-fixtures.json"):
        kind = fixture["meta"]["type"]
        wire = fixture["bytes_latin1"]
        if "lenient" in kind and not refused(kind, wire.encode("latin-1"), close=True):
            taken.add(fixture["title"].rpartition(" / ")[2])

    assert taken == dropped


# The web platform


def test_wpt_content_lengths(vectors: Path) -> None:
    """Where browsers read a number so do we, where they refuse so do we; where they ignore garbage we refuse."""
    body = b"x" * 42
    for case in load(vectors, "h1-parsing/wpt-content-lengths.json"):
        lines, expected = case["input"].encode(), case["output"]
        numbers = re.fullmatch(rb"[\d,:\s A-Za-z-]*", lines) and not re.search(rb": *(?:[a-z-]|0x|\d+s)", lines)
        wire = b"HTTP/1.1 200 OK\r\n%b\r\n\r\n%b" % (lines, body)
        if expected is None or not numbers:
            with pytest.raises(RemoteProtocolError, match="Content-Length"):
                begun().receive(wire)
        else:
            assert body_of(begun().receive(wire)) == body[:expected]


def test_wpt_lone_cr_and_incomplete_heads(vectors: Path) -> None:
    table = load(vectors, "h1-parsing/wpt-lone-cr-and-status.json")
    for text in (*table["must_network_error_lone_cr"], *table["must_network_error_incomplete"]):
        for wire in (text.encode(), text.replace("\n", "\r\n").encode()):
            engine = begun()
            with pytest.raises(RemoteProtocolError):
                engine.receive(wire) + engine.receive(b"")


def test_wpt_status_lines(vectors: Path) -> None:
    """Browsers take statuses below 100; RFC 9110 section 15 has three digits, the first of them 1 to 9."""
    for case in load(vectors, "h1-parsing/wpt-lone-cr-and-status.json")["status_line_after_HTTP11"]:
        wire = f"HTTP/1.1 {case['input']}\r\nContent-Length: 0\r\n\r\n".encode()
        if case["expected"] is None or case["expected"][0] < 100:
            with pytest.raises(RemoteProtocolError, match="bad status line"):
                begun().receive(wire)
        else:
            engine = begun()
            engine.receive(wire)
            assert engine.head is not None
            assert [engine.head.status, engine.head.reason.decode()] == case["expected"]


# curl

CURL_LAXER = {
    580: "two different Location fields are no matter of HTTP/1",
    772: "likewise",
    1479: "the first response is good, and it is the only one that is read",
}
"""Replies that curl refuses and this engine does not."""


def outcome(wire: bytes, pieces: int) -> tuple[str, bytes, str]:
    """What a client makes of a reply after which the server closes: the error, the body, the phase."""
    engine = begun()
    body = b""
    try:
        for start in range(0, len(wire), pieces):
            body += body_of(engine.receive(wire[start : start + pieces]))
            if engine.phase is Phase.IDLE or engine.is_tunnel:
                return "", body, "complete"
        body += body_of(engine.receive(b""))
    except RemoteProtocolError as error:
        return f"{type(error).__name__}: {error}", b"", "dead"
    return "", body, "complete"


def test_curl_replies_give_documented_errors_only(vectors: Path) -> None:
    """Any other exception would fail this test; and reading in pieces changes nothing."""
    replies = load(vectors, "curl/curl-http-replies.json")
    good = 0
    for reply in replies:
        wire = reply["reply"].encode("latin-1", "replace")
        whole = outcome(wire, len(wire) or 1)
        assert outcome(wire, 7) == whole, reply["name"]
        good += whole[2] == "complete"

    assert good > 250


def test_curl_verdicts_about_http_are_ours(vectors: Path) -> None:
    """Replies in CR LF that curl calls weird (8) or partial (18) are errors here too, but for the tabled ones."""
    laxer: set[int] = set()
    for reply in load(vectors, "curl/curl-http-replies.json"):
        wire = reply["reply"].encode("latin-1", "replace")
        if reply["errorcode"] in (8, 18) and not outcome(wire, len(wire) or 1)[0]:
            laxer.add(reply["n"])

    assert laxer == CURL_LAXER.keys()


def test_a_truncated_body_is_told_from_a_broken_head() -> None:
    for wire, truncated in ((b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc", True), (b"HTTP/1.1 200", False)):
        engine = begun()
        engine.receive(wire)
        with pytest.raises(RemoteProtocolError) as caught:
            engine.receive(b"")
        assert isinstance(caught.value, TruncatedBody) == truncated
