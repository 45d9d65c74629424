"""Where bodies are compressed: large ones not in the thread of an event loop."""

from __future__ import annotations

import asyncio
import gzip
import threading
from typing import Any

import pytest
from calls import HERE, Calls

from courser import compressing
from courser.client import AsyncClient, Client
from courser.compressing import LARGE
from courser.errors import InvalidRequest
from courser.testing import MockTransport
from courser.values.request import Request, complete
from courser.values.response import Response


class Noting:
    """Answers, and notes in which threads bodies were compressed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.threads: list[int] = []
        self.transport = MockTransport(lambda request: Response(200))

        def noted(*given: Any) -> Any:
            self.threads.append(threading.get_ident())
            return complete(*given)

        monkeypatch.setattr(compressing, "complete", noted)

    @property
    def asked(self) -> Request:
        return self.transport.requests[-1]


@pytest.fixture
def noting(monkeypatch: pytest.MonkeyPatch) -> Noting:
    return Noting(monkeypatch)


def post(noting: Noting, client: Any = None, streamed: bool = False, **options: Any) -> None:
    async def main() -> None:
        async with AsyncClient(transport=noting.transport, **(client or {})) as made:
            if streamed:
                async with made.stream("POST", HERE, **options):
                    pass
            else:
                await made.post(HERE, **options)

    asyncio.run(main())


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("size", [LARGE - 1, LARGE])
def test_a_large_body_is_compressed_by_another_thread(noting: Noting, size: int, streamed: bool) -> None:
    post(noting, streamed=streamed, content=bytes(size), compress="gzip")

    sent = noting.asked
    assert gzip.decompress(sent.content or b"") == bytes(size)
    assert sent.headers["content-encoding"] == "gzip"
    assert sent.framing() == len(sent.content or b"")
    assert [thread == threading.get_ident() for thread in noting.threads] == [size < LARGE]


@pytest.mark.parametrize(
    ("client", "options", "coding"),
    [
        ({"compress": "gzip"}, {"json": [0] * LARGE}, "gzip"),
        ({"compress": "gzip"}, {"content": bytes(LARGE), "compress": None}, None),
        ({"compress": "gzip"}, {"content": bytes(LARGE), "compress": "deflate"}, "deflate"),
        ({"compress": "gzip"}, {"content": bytes(LARGE), "headers": {"Content-Encoding": "br"}}, "br"),
        ({"compress": "gzip"}, {}, None),
        ({}, {"compress": "gzip"}, None),
        ({}, {"content": iter([b"a"]), "compress": "gzip"}, "gzip"),
    ],
)
def test_it_is_that_of_plain_code(noting: Noting, client: Any, options: Any, coding: str | None) -> None:
    post(noting, client, **options)

    assert noting.asked.headers.get("content-encoding") == coding
    if "content" not in options or isinstance(options["content"], bytes):
        later = noting.asked
        with Client(transport=noting.transport, **client) as plain:
            plain.post(HERE, **options)
        assert (noting.asked.content, noting.asked.headers) == (later.content, later.headers)


def test_two_codings_are_refused_as_ever(noting: Noting) -> None:
    with pytest.raises(InvalidRequest, match="Content-Encoding"):
        post(noting, content=bytes(LARGE), compress="gzip", headers={"Content-Encoding": "br"})


def test_plain_code_does_it_where_it_is(noting: Noting) -> None:
    Calls(compress="gzip")("POST", HERE, content=bytes(LARGE))

    assert noting.threads == []
