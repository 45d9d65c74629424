"""HTTP/1.1 as bytes: each case of the tables means the same, fed whole, byte by byte and cut at every place."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from courser.engines.events import End, Event, RequestHead, ResponseHead
from courser.engines.http1 import ClientEngine, ServerEngine
from courser.errors import RemoteProtocolError, TruncatedBody
from courser.values.fields import FieldBlock

Case = dict[str, Any]
Receive = Callable[[bytes], list[Event]]
HERE = Path(__file__).parent


def cases(name: str) -> list[Any]:
    table = tomllib.loads((HERE / name).read_text(encoding="utf-8"))["case"]
    return [pytest.param(case, id=case["name"]) for case in table]


def cuts(wire: bytes) -> Iterator[list[bytes]]:
    """The whole, single bytes, and every cut into two."""
    yield [wire] if wire else []
    yield [wire[i : i + 1] for i in range(len(wire))]
    for at in range(1, len(wire)):
        yield [wire[:at], wire[at:]]


def told(events: Iterable[Event]) -> list[str]:
    """Events as the tables write them, pieces of a body joined."""
    said: list[str] = []
    for event in events:
        match event:
            case ResponseHead():
                said.append(f"{event.status} {event.reason.decode('latin-1')}")
            case RequestHead():
                said.append(f"{event.method.decode()} {event.target.decode()}")
            case End():
                said.append(f".{event.trailers.decode('latin-1')}")
            case _:
                assert event, "an empty piece"
                if said and said[-1].startswith(":"):
                    said[-1] += event.decode("latin-1")
                else:
                    said.append(f":{event.decode('latin-1')}")
    return said


def feed(receive: Receive, pieces: list[bytes], *, close: bool) -> list[str]:
    events: list[Event] = []
    for piece in pieces:
        events += receive(piece)
    if close:
        events += receive(b"")
    return told(events)


def client(case: Case) -> ClientEngine:
    engine = ClientEngine()
    fields = FieldBlock(case.get("fields", "").encode())
    engine.start(case.get("request", "GET").encode(), b"/", b"example.org", fields, -1)
    return engine


@pytest.mark.parametrize("case", cases("http1_responses.toml"))
def test_a_response_means_the_same_however_it_is_cut(case: Case) -> None:
    wire = case["reply"].encode("latin-1")
    close = case.get("close", False)
    texts = set()

    for pieces in cuts(wire):
        engine = client(case)
        if "error" in case:
            with pytest.raises(RemoteProtocolError) as caught:
                feed(engine.receive, pieces, close=close)
            texts.add(str(caught.value))
            assert case["error"] in str(caught.value)
            assert isinstance(caught.value, TruncatedBody) == case.get("truncated", False)
            assert not engine.is_idle
            assert not engine.reusable
        else:
            assert feed(engine.receive, pieces, close=close) == case["events"]
            assert engine.is_idle == case.get("idle", True)
            assert engine.leftover == case.get("leftover", "").encode("latin-1")
            assert engine.bytes_received == len(wire)

    assert len(texts) <= 1, "the text depends on the cut"


@pytest.mark.parametrize("case", cases("http1_requests.toml"))
def test_a_request_means_the_same_however_it_is_cut(case: Case) -> None:
    wire = case["sent"].encode("latin-1")
    close = case.get("close", False)
    texts = set()

    for pieces in cuts(wire):
        engine = ServerEngine()
        if "error" in case:
            with pytest.raises(RemoteProtocolError) as caught:
                feed(engine.receive, pieces, close=close)
            texts.add(str(caught.value))
            assert case["error"] in str(caught.value)
            assert engine.status_hint == case.get("status", 400)
        else:
            assert feed(engine.receive, pieces, close=close) == case["events"]
            assert engine.reusable == case.get("reusable", True)

    assert len(texts) <= 1, "the text depends on the cut"


def test_names_are_unique() -> None:
    for table in ("http1_responses.toml", "http1_requests.toml"):
        names = sorted(str(parameters.id) for parameters in cases(table))
        assert all(one != other for one, other in pairwise(names))
