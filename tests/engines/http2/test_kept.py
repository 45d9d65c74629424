"""What is kept is what a head was encoded to, for as long as that stays true."""

from __future__ import annotations

import pytest

from courser.engines.hpack import Encoder
from courser.engines.http2 import kept as module
from courser.engines.http2.kept import LARGEST, Kept

FIELD = [(b"server", b"mirror")]


def begun() -> tuple[Encoder, Kept[str, bytes]]:
    encoder = Encoder()
    return encoder, Kept(encoder)


def test_what_comes_again_is_kept() -> None:
    _, kept = begun()
    kept.keep("a", b"1", 1)
    assert kept == {"a": None}
    kept.keep("a", b"1", 1)
    assert kept == {"a": b"1"}


def test_what_has_changed_the_table_is_not_kept() -> None:
    encoder, kept = begun()
    encoder.encode(FIELD)
    assert kept.generation == encoder.generation
    encoder.encode(FIELD)
    kept.keep("a", b"1", 1)

    assert kept == {}
    assert kept.generation != encoder.generation


def test_nothing_of_it_is_left_when_the_table_has_changed() -> None:
    encoder, kept = begun()
    kept.keep("a", b"1", 1)
    kept.keep("a", b"1", 1)
    encoder.resize(0)
    assert kept.generation != encoder.generation
    kept.renew()

    assert kept == {}
    assert kept.generation == encoder.generation


def test_a_block_that_resizes_the_table_is_not_kept() -> None:
    encoder, kept = begun()
    encoder.resize(0)
    kept.renew()
    block = encoder.encode(FIELD)
    kept.keep("a", block, 1)

    assert kept == {}


def test_it_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 3)
    _, kept = begun()
    for number in range(20):
        kept.keep(str(number), b"1", LARGEST)
        assert 0 < len(kept) <= 3
    kept.keep("large", b"1", LARGEST + 1)
    assert "large" not in kept
