"""Masking is what RFC 6455 section 5.3 says, whichever way it is done."""

from __future__ import annotations

import importlib.util
import os
import warnings

import pytest
import wswire as wire
from hypothesis import given
from hypothesis import strategies as st

from courser.engines.websocket import masking
from courser.engines.websocket.masking import BLOCK, KEYS, LARGE, Keys, keys, mask, mask_in_place


def test_the_example_of_rfc_6455_5_7() -> None:
    assert mask(b"Hello", wire.KEY) == bytes.fromhex("7f9f4d5158")


@pytest.mark.parametrize("size", [0, 1, 2, 3, 4, 5, 7, 8, 125, 126, *range(LARGE - 2, LARGE + 6), 100_003])
def test_every_way_does_the_same(size: int) -> None:
    data = bytes(at * 7 + at // 256 & 0xFF for at in range(size))
    masked = mask(data, wire.KEY)

    assert masked == wire.xor(data, wire.KEY)
    assert mask(bytes(masked), wire.KEY) == data


@pytest.mark.parametrize("start", [0, 6, 14])
@pytest.mark.parametrize("size", [0, 1, 5, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 3])
def test_the_end_of_something_is_masked_where_it_is(size: int, start: int) -> None:
    data = bytes(at * 7 + at // 256 & 0xFF for at in range(size))
    frame = bytearray(b"h" * start + data)
    mask_in_place(frame, wire.KEY, start)

    assert frame == b"h" * start + wire.xor(data, wire.KEY)


@pytest.mark.parametrize("size", [16, LARGE])
def test_a_key_of_zeros_changes_nothing(size: int) -> None:
    assert mask(b"x" * size, bytes(4)) == b"x" * size


@given(data=st.binary(max_size=300), key=st.binary(min_size=4, max_size=4), large=st.booleans())
def test_whatever_the_key(data: bytes, key: bytes, large: bool) -> None:
    if large:
        data = data.ljust(LARGE, b"\xff")
    assert mask(data, key) == wire.xor(data, key)


def take() -> bytes:
    return next(keys.ready, None) or keys.more()


def test_no_key_is_used_twice() -> None:
    taken = [take() for _ in range(3 * KEYS)]

    assert {len(key) for key in taken} == {4}
    assert len(set(taken)) > len(taken) - 5


def test_what_was_fetched_can_be_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    fetched: list[int] = []

    def fetch(size: int) -> bytes:
        fetched.append(size)
        return bytes(size)

    monkeypatch.setattr(os, "urandom", fetch)
    own = Keys()
    own.more()
    assert next(own.ready, None) is not None
    own.forget()

    assert next(own.ready, None) is None
    assert fetched == [4 * KEYS]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_child_has_keys_of_its_own() -> None:
    keys.more()
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # forking with threads, from Python 3.12 on
        pid = os.fork()
    if pid == 0:
        os.write(writer, b"".join([take() for _ in range(10)]))
        os._exit(0)
    os.waitpid(pid, 0)
    theirs = os.read(reader, 1000)
    os.close(reader)
    os.close(writer)

    assert len(theirs) == 40
    assert theirs != b"".join([take() for _ in range(10)])


def test_a_system_without_fork_registers_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "register_at_fork", raising=False)
    spec = importlib.util.spec_from_file_location(masking.__name__, masking.__file__)
    assert spec is not None
    assert spec.loader is not None
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
