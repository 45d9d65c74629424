"""The phrases are the registered ones."""

from __future__ import annotations

from http import HTTPStatus

from courser.engines.http2.reasons import REASONS

RENAMED = {413: "Content Too Large", 414: "URI Too Long", 416: "Range Not Satisfiable", 422: "Unprocessable Content"}
"""By RFC 9110; the standard library has the older names before Python 3.13."""

LEFT_OUT = {101: "HTTP/2 does not have it", 418: "a joke", 510: "obsolete"}


def test_the_standard_library_has_the_same() -> None:
    expected = {status.value: status.phrase for status in HTTPStatus} | RENAMED

    assert {status: reason.decode() for status, reason in REASONS.items()} == {
        status: phrase for status, phrase in expected.items() if status not in LEFT_OUT
    }
