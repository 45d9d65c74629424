"""What is made of content codings."""

from __future__ import annotations

import gzip
import zlib
from base64 import b64decode
from typing import Final

from case import Case, judged
from cases.reading import read
from faultserver import reply
from scene import Scene, Script, Seen
from scripts import answering

TEXT: Final = b"".join(b"line %d\n" % number for number in range(2000))
LINES: Final = 310
"""Bytes of the two that follow, decoded: forty lines."""

BROTLI: Final = "GzUB+B0JNk7yue8Vy7I0NjcY+74lZRSIG8XwQP4wUCwY6TKBBaz4L11CTLk0bdcfXoTEYqzrhw1ILMa6ftSAxGKse18="
ZSTANDARD: Final = (
    "KLUv/WA2AJUDAPQCbGluZSAwCjEyMzQ1Njc4OTExMTMxMTExMTIyMjIyMjIyMjIzMzMzMzMzMzMzOQonIICT0gNZ8s0si3yZzZJPZlnky0yWfJnN"
    "kk9mZ5nIJ5VZVBaofE+ZnbIVy8iUeSmbQtgh4w42xLjBDBnHhumKWw=="
)

BOMB: Final = 64 * 1024 * 1024
"""Bytes of zeros that the bomb holds."""

ALLOWED: Final = 16 * 1024 * 1024
"""Bytes that reading it piece by piece may take."""


def coded(body: bytes, coding: str) -> Script:
    """Answer with a coded body and the right Content-Length."""
    return answering(reply(body, "200 OK", f"Content-Encoding: {coding}"))


def raw_deflate(data: bytes) -> bytes:
    """Deflate without the frame that its name stands for (RFC 9110 section 8.4.1.2), as some servers send it."""
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


def bomb(peer: object, scene: Scene) -> None:
    """Send zeros, a thousandth of what they were."""
    packer = zlib.compressobj(wbits=31)
    body = b"".join(packer.compress(bytes(1 << 20)) for _ in range(BOMB >> 20)) + packer.flush()
    coded(body, "gzip")(peer, scene)  # type: ignore[arg-type]


def _half(seen: Seen) -> str:
    return f"gives {len(seen.value)} of {len(TEXT)} bytes"


def _half_of_the_lines(seen: Seen) -> str:
    return f"gives {len(seen.value)} of {LINES} bytes"


def _whole(seen: Seen) -> str:
    if seen.value == TEXT.decode():
        return ""
    return f"gives {len(seen.value)} of {len(TEXT)} bytes" if seen.value[:4] == "line" else "gives it undecoded"


def _memory(seen: Seen) -> str:
    most = max(seen.value, seen.answers[-1]["grown"])
    return "" if most <= ALLOWED else f"holds more than {ALLOWED >> 20} MB at once"


CASES: Final = [
    Case(
        id="gzip-cut-short",
        kind="trust",
        row="1.9.7",
        does="The first half of a gzip body, with a Content-Length that says so.",
        right="An error: the other half is missing.",
        judge=judged(_half),
        error_is_right=True,
        **read(coded(gzip.compress(TEXT)[:1000], "gzip"), "content"),
    ),
    Case(
        id="deflate-cut-short",
        kind="trust",
        row="1.9.7",
        does="The first half of a deflate body, with a Content-Length that says so.",
        right="An error: the other half is missing.",
        judge=judged(_half),
        error_is_right=True,
        **read(coded(zlib.compress(TEXT)[:1000], "deflate"), "content"),
    ),
    Case(
        id="br-cut-short",
        kind="trust",
        row="1.9.7",
        does="The first half of a Brotli body, with a Content-Length that says so.",
        right="An error: the other half is missing.",
        judge=judged(_half_of_the_lines),
        error_is_right=True,
        accepts="br",
        **read(coded(b64decode(BROTLI)[:34], "br"), "content"),
    ),
    Case(
        id="zstd-cut-short",
        kind="trust",
        row="1.9.8",
        does="The first half of a Zstandard body, with a Content-Length that says so.",
        right="An error: the other half is missing.",
        judge=judged(_half_of_the_lines),
        error_is_right=True,
        accepts="zstd",
        **read(coded(b64decode(ZSTANDARD)[:62], "zstd"), "content"),
    ),
    Case(
        id="gzip-members",
        kind="loss",
        row="1.9.5",
        does="A gzip body of two members, as log shippers and parallel packers make them.",
        right="Both are decoded (RFC 1952 section 2.2).",
        judge=_whole,
        **read(coded(gzip.compress(TEXT[:5000]) + gzip.compress(TEXT[5000:]), "gzip"), "content"),
    ),
    Case(
        id="x-gzip",
        kind="refusal",
        row="1.9.3",
        does="A body with Content-Encoding: x-gzip, the old name of gzip (RFC 9110 section 8.4.1.3).",
        right="It is decoded.",
        judge=_whole,
        **read(coded(gzip.compress(TEXT), "x-gzip"), "content"),
    ),
    Case(
        id="deflate-without-frame",
        kind="refusal",
        row="1.9.1",
        does="A deflate body without its zlib frame, as some servers send it.",
        right="It is decoded, as in browsers.",
        judge=_whole,
        **read(coded(raw_deflate(TEXT), "deflate"), "content"),
    ),
    Case(
        id="coded-twice",
        kind="refusal",
        row="1.9.4",
        does="A body with Content-Encoding: gzip, gzip.",
        right="Both are taken off.",
        judge=_whole,
        **read(coded(gzip.compress(gzip.compress(TEXT)), "gzip, gzip"), "content"),
    ),
    Case(
        id="bomb-in-pieces",
        kind="trust",
        row="1.9.11",
        does=f"{BOMB >> 20} MB of zeros in 64 KB of gzip, read as a stream that throws each piece away.",
        right=f"Memory stays bounded: {ALLOWED >> 20} MB are allowed.",
        judge=_memory,
        **read(bomb, "pieces"),
    ),
]
