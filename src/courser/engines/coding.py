"""Content codings of a message, decoded within bounds.

A body that ends before its coding does is an error: the length on the wire says nothing about what was compressed.
Bytes are decoded when somebody asks for the next piece, also through a chain of codings; a reader that stops leaves
the rest as it came.
"""

from __future__ import annotations

import zlib
from collections.abc import Generator, Iterator
from itertools import chain

from ..errors import DecodingError, LimitExceeded
from ..hints import TYPE_CHECKING
from .inflate import CODINGS, GZIP, PIECE, SLICE, Stage

if TYPE_CHECKING:
    from typing import Final

__all__ = ["MAX_CODINGS", "PIECE", "TURN", "Decoder", "decode_all", "decode_in_turns", "make_decoder"]

MAX_CODINGS: Final = 5
"""As in curl and urllib3 (CVE-2022-32206, CVE-2025-66418)."""

_PARTIAL_PIECES: Final = 4
"""Pieces that an error keeps of what was decoded before it: at most 1 MB."""

IDLE: Final = 1024 * 1024
TIMES: Final = 4
"""What a coding inside another one may be given for nothing, and how many times as much as it has made in all. Even
data that was flushed byte by byte makes more of itself."""

TURN: Final = 8
"""Pieces that are decoded at a stretch: up to 2 MB, which zlib makes in about 5 ms."""


class Inner:
    """A coding inside another one, which has to make something of what it is given.

    Members without content, and what follows the last one and is ignored, give nothing that whoever reads could count.
    Inside other codings a few bytes can stand for terabytes of them.

    Args:
        stage: the coding.
    """

    __slots__ = ("_given", "_made", "_stage")

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._given = 0
        self._made = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        self._given += len(data)
        if self._given > IDLE + TIMES * self._made:
            raise LimitExceeded(
                detail=f"{self._given} bytes of a coding inside another one stand for {self._made} bytes"
            )
        for piece in self._stage.feed(data):
            self._made += len(piece)
            yield piece

    def end(self) -> None:
        self._stage.end()


class Decoder:
    """Takes off all content codings of one body.

    Args:
        stages: the codings, the last one applied first.
    """

    __slots__ = ("_broken", "_stages")

    def __init__(self, stages: list[Stage]) -> None:
        self._stages = stages
        self._broken = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Decode a piece of the body, lazily.

        Args:
            data: the piece as it was transferred.

        Returns:
            Pieces of at most `PIECE` bytes, none of them empty. What has not been asked for has not been decoded.

        Raises:
            DecodingError: the data is corrupt, or the piece before was not iterated over to its end.
            LimitExceeded: several codings have next to nothing in them.
        """
        # A decompressor is not touched again after an error (CVE-2026-6100), nor after a reader left it half-way.
        self._check()
        self._broken = True
        pieces: Iterator[bytes] = iter((data,))
        for stage in self._stages:
            pieces = chain.from_iterable(map(stage.feed, pieces))
        yield from pieces
        self._broken = False

    def end(self) -> None:
        """Make sure that the body was complete.

        Raises:
            TruncatedCoding: it was not.
            DecodingError: decoding had failed before.
        """
        self._check()
        for stage in self._stages:
            stage.end()

    def _check(self) -> None:
        if self._broken:
            raise DecodingError(detail="decoding failed or was abandoned before")


def make_decoder(coding: bytes | str) -> Decoder | None:
    """Make the decoder for a body; None where it is to be handed out as it is.

    That is so without a coding, and with one that is unknown: servers send names of charsets, `none`, `aws-chunked`,
    and browsers do the same (Fetch Standard section 2.2.4).

    Args:
        coding: the value of Content-Encoding: one coding, or several in the order they were applied.

    Raises:
        LimitExceeded: there are more than five.
    """
    text = coding if isinstance(coding, str) else coding.decode("latin-1")
    names = [name for part in text.split(",") if (name := part.strip(" \t").lower()) not in ("", "identity")]
    if len(names) > MAX_CODINGS:
        raise LimitExceeded(detail=f"the body has {len(names)} content codings, {MAX_CODINGS} are allowed")
    stages: list[Stage] = []
    for name in reversed(names):
        if name not in CODINGS:
            return None
        stage = CODINGS[name]()
        stages.append(Inner(stage) if stages else stage)
    return Decoder(stages) if stages else None


def decode_all(coding: bytes | str, data: bytes, limit: int | None = None) -> bytes:
    """Decode a whole body; see `decode_in_turns`."""
    turns = decode_in_turns(coding, data, limit)
    while True:
        try:
            next(turns)
        except StopIteration as stop:
            whole: bytes = stop.value
            return whole


def decode_in_turns(coding: bytes | str, data: bytes, limit: int | None = None) -> Generator[None, None, bytes]:
    """Decode a whole body, and let go now and then: megabytes take milliseconds, in which others may want to run.

    Args:
        coding: the value of Content-Encoding.
        data: the body as it was transferred. Nothing decodes to nothing: the answer to HEAD has no body to decode.
        limit: bytes of decoded body; at most one piece more than that is ever made.

    Returns:
        The body.

    Raises:
        DecodingError: the data is corrupt or incomplete; its `partial` is the start of the body.
        LimitExceeded: the body is larger than the limit, has more than five codings, or has next to nothing in them.
        MissingExtra: a package is not installed.
    """
    if isinstance(coding, str):
        coding = coding.encode("latin-1", "replace")
    if coding == b"gzip" and len(data) <= SLICE:
        whole = _small_gzip(data)
        if whole is not None and (limit is None or len(whole) <= limit):
            return whole
    decoder = make_decoder(coding)
    if decoder is None:
        return data
    pieces: list[bytes] = []
    size = 0
    try:
        for start in range(0, len(data), PIECE):
            for piece in decoder.feed(data[start : start + PIECE]):
                pieces.append(piece)
                size += len(piece)
                if limit is not None and size > limit:
                    raise LimitExceeded(detail=f"the decoded body is larger than {limit} bytes")
                if len(pieces) % TURN == 0:
                    yield
            yield  # what decodes to nothing takes its time, too
        decoder.end()
    except DecodingError as error:
        error.partial = b"".join(pieces[:_PARTIAL_PIECES])
        raise
    return b"".join(pieces)


def _small_gzip(data: bytes) -> bytes | None:
    """Decode what most bodies are: one member, and one piece when decoded. None if it is anything else."""
    inflater = zlib.decompressobj(GZIP)
    try:
        whole = inflater.decompress(data, PIECE)
    except zlib.error:
        return None
    return whole if inflater.eof and not inflater.unused_data else None
