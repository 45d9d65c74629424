"""What a broken link means."""

from __future__ import annotations

import ssl

import pytest

from courser.core.broken import broken, silent, unforeseen
from courser.core.link import TruncatedStream
from courser.errors import ReadError, RemoteProtocolError, TransportError, TruncatedBody, WriteError


@pytest.mark.parametrize(
    ("error", "sending", "begun", "kind", "why"),
    [
        (ConnectionResetError(104, "reset"), False, False, ReadError, "reset"),
        (ConnectionResetError(104, "reset"), False, True, ReadError, "reset"),
        (BrokenPipeError(), True, False, WriteError, "BrokenPipeError"),
        (TruncatedStream("no close_notify"), False, False, RemoteProtocolError, "no close_notify"),
        (TruncatedStream("no close_notify"), False, True, TruncatedBody, "no close_notify"),
    ],
)
def test_it_is_told_by_what_was_done(
    error: OSError, sending: bool, begun: bool, kind: type[TransportError], why: str
) -> None:
    failure = broken("a:80", error, sending=sending, begun=begun)

    assert type(failure) is kind
    assert failure.detail == f"a:80: {why}"
    assert failure.phase == ("write" if sending else "read")
    assert failure.__cause__ is error


@pytest.mark.parametrize(
    ("reason", "hint"), [("TLSV13_ALERT_CERTIFICATE_REQUIRED", "cert="), ("DECRYPTION_FAILED_OR_BAD_RECORD_MAC", "")]
)
def test_what_tls_says_is_told(reason: str, hint: str) -> None:
    error = ssl.SSLError(1, "[SSL: X] x (_ssl.c:2580)")
    error.reason = reason
    failure = broken("a:443", error, sending=False, begun=False)

    assert failure.detail == f"a:443: {reason}"
    assert hint in failure.hint
    assert bool(failure.hint) is bool(hint)


def test_a_silent_peer_is_told_of() -> None:
    assert silent("a:80", 20.04).detail == "a:80: nothing for 20 s, not even the answer to a PING"


def test_what_is_unforeseen_is_told_with_its_name() -> None:
    error = ZeroDivisionError("by zero")
    failure = unforeseen("a:80", error)

    assert (type(failure), failure.phase, failure.detail) == (ReadError, "read", "a:80: ZeroDivisionError: by zero")
    assert failure.__cause__ is error
