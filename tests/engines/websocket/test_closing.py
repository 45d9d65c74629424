"""What Close frames hold, RFC 6455 section 5.5.1."""

from __future__ import annotations

import pytest

from courser.engines.websocket.closing import close_payload, fault_payload, read_close
from courser.engines.websocket.codes import CloseCode
from courser.engines.websocket.events import Close
from courser.engines.websocket.faults import Fault
from courser.errors import LocalProtocolError

REASON = "\xe9" * 61 + "e"  # 123 bytes


@pytest.mark.parametrize(
    ("code", "reason", "payload"),
    [
        (None, "", b""),
        (1000, "", b"\x03\xe8"),
        (CloseCode.GOING_AWAY, "bye", b"\x03\xe9bye"),
        (4999, REASON, b"\x13\x87" + REASON.encode()),
    ],
)
def test_what_is_written_is_read(code: int | None, reason: str, payload: bytes) -> None:
    assert close_payload(code, reason) == payload
    assert read_close(payload) == Close(1005 if code is None else code, reason)


@pytest.mark.parametrize(
    ("code", "reason", "text"),
    [
        (None, "why", "needs a close code"),
        (1005, "", "1005 is no close code"),
        (1006, "", "1006 is no close code"),
        (1015, "", "1015 is no close code"),
        (999, "", "999 is no close code"),
        (70_000, "", "70000 is no close code"),
        (1000, REASON + "!", "at most 123 bytes, not 124"),
        (1000, "\udfff", "lone surrogate"),
    ],
)
def test_what_may_not_be_written(code: int | None, reason: str, text: str) -> None:
    with pytest.raises(LocalProtocolError, match=text):
        close_payload(code, reason)


@pytest.mark.parametrize(
    ("payload", "code", "text"),
    [
        (b"\x03", 1002, "half a code"),
        (b"\x03\xed", 1002, "1005, which may not be sent"),
        (b"\x00\x00", 1002, "0, which may not be sent"),
        (b"\x03\xe8\xff", 1007, "not UTF-8"),
        (b"\x03\xe8ab\xc3", 1007, "not UTF-8"),
    ],
)
def test_what_may_not_be_read(payload: bytes, code: int, text: str) -> None:
    with pytest.raises(Fault, match=text) as caught:
        read_close(payload)
    assert caught.value.code == code


def test_a_fault_is_told_in_as_many_words_as_fit() -> None:
    assert fault_payload(Fault("why")) == b"\x03\xeawhy"
    assert fault_payload(Fault("\xe9" + "w" * 200, CloseCode.INVALID_DATA)) == b"\x03\xef?" + b"w" * 122
