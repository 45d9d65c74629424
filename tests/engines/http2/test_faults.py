"""Codes have the numbers of RFC 9113 section 7, and faults carry what to tell the peer."""

from __future__ import annotations

import pytest

from courser.engines.http2.faults import ConnectionFault, ErrorCode, StreamFault, code_hint, code_name


def test_codes_are_numbered_in_their_order() -> None:
    names = (
        "NO_ERROR PROTOCOL_ERROR INTERNAL_ERROR FLOW_CONTROL_ERROR SETTINGS_TIMEOUT STREAM_CLOSED FRAME_SIZE_ERROR "
        "REFUSED_STREAM CANCEL COMPRESSION_ERROR CONNECT_ERROR ENHANCE_YOUR_CALM INADEQUATE_SECURITY HTTP_1_1_REQUIRED"
    )
    assert [code.name for code in ErrorCode] == names.split()
    assert [code.value for code in ErrorCode] == list(range(14))


@pytest.mark.parametrize(("code", "name"), [(0, "NO_ERROR"), (13, "HTTP_1_1_REQUIRED"), (14, "code 14")])
def test_any_code_has_a_name(code: int, name: str) -> None:
    assert code_name(code) == name


def test_some_codes_say_what_can_be_done() -> None:
    assert {code.name: code_hint(code) for code in ErrorCode if code_hint(code)} == {
        "HTTP_1_1_REQUIRED": "use HTTP/1.1: http2=False"
    }
    assert code_hint(-1) == ""


def test_faults_of_a_connection_and_of_a_stream() -> None:
    whole = ConnectionFault("why", ErrorCode.FRAME_SIZE_ERROR)
    one = StreamFault("why", ErrorCode.CANCEL, truncated=True)

    assert (whole.detail, whole.code, str(whole)) == ("why", ErrorCode.FRAME_SIZE_ERROR, "why")
    assert (one.detail, one.code, one.truncated, str(one)) == ("why", ErrorCode.CANCEL, True, "why")
    assert ConnectionFault("x").code is StreamFault("x").code is ErrorCode.PROTOCOL_ERROR
    assert not StreamFault("x").truncated
