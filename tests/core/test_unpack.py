"""A whole body is decoded in turns, within its limits and the request's."""

from __future__ import annotations

import gzip
from time import monotonic

import pytest

from courser.core.deadline import Deadline
from courser.core.unpack import unpack
from courser.errors import DeadlineExceeded, DecodingError, LimitExceeded, MissingExtra, ReadTimeout
from courser.hosts.inline import InlineHost, run_inline
from courser.settings import Timeout, TimeoutTypes

BIG = gzip.compress(bytes(10_000_000))


class Loop(InlineHost):
    """A host that counts the turns of others."""

    def __init__(self) -> None:
        self.turns = 0

    async def checkpoint(self) -> None:
        self.turns += 1


def unpacked(
    raw: bytes,
    coding: bytes = b"gzip",
    limit: int | None = None,
    host: InlineHost | None = None,
    timeout: TimeoutTypes = 60.0,
) -> bytes:
    deadline = Deadline(Timeout.of(timeout), False, monotonic())
    return run_inline(unpack(coding, raw, limit, host or InlineHost(), deadline))


@pytest.mark.parametrize("raw", [gzip.compress(b"small"), BIG])
def test_a_body_is_decoded(raw: bytes) -> None:
    assert unpacked(raw) == gzip.decompress(raw)
    assert unpacked(raw, b"unknown") == raw


def test_a_small_body_is_decoded_at_once() -> None:
    host = Loop()

    unpacked(gzip.compress(b"small"), host=host)

    assert host.turns == 0


def test_others_have_their_turn() -> None:
    host = Loop()

    unpacked(BIG, host=host)

    assert host.turns >= 4


@pytest.mark.parametrize(
    ("timeout", "error"),
    [(Timeout(total=1e-9), DeadlineExceeded), (1e-9, ReadTimeout), (Timeout(1e-9, read=None), DeadlineExceeded)],
)
def test_the_time_of_the_request_bounds_it(timeout: Timeout | float, error: type[Exception]) -> None:
    with pytest.raises(error, match="the decoding of the body"):
        unpacked(BIG, timeout=timeout)


def test_the_limit_holds() -> None:
    assert unpacked(BIG, limit=10_000_000) == bytes(10_000_000)
    with pytest.raises(LimitExceeded):
        unpacked(BIG, limit=9_999_999)


def test_errors_pass() -> None:
    with pytest.raises(DecodingError):
        unpacked(BIG[:-1])
    with pytest.raises((MissingExtra, DecodingError)):
        unpacked(b"nonsense", b"br")
